"""examples/typescript: a TypeScript program, with the real engine and the native plugin."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from native import run_life_cycle

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
def test_life_cycle(project: Callable[[Path], Any], speaking: Callable[[str], None]) -> None:
    """Registers both models, finds no change in a preview, shows no key, and deletes them."""
    speaking("nodejs")
    copy = project(HERE)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=copy.folder, check=True)
    run_life_cycle(copy, HERE)
