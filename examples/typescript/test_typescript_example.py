"""examples/typescript: a program in TypeScript, with the real engine and the native plugin."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from native import lives

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
def test_it_lives(project: Callable[[Path], Any], speaking: Callable[[str], None]) -> None:
    """It registers, changes nothing the second time, shows no key, and deletes."""
    speaking("nodejs")
    copy = project(HERE)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=copy.folder, check=True)
    lives(copy, HERE)
