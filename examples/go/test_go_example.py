"""examples/go: a Go program, with the real engine and the native plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from native import run_life_cycle

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
def test_life_cycle(project: Callable[[Path], Any], speaking: Callable[[str], None]) -> None:
    """Registers both models, finds no change in a preview, shows no key, and deletes them."""
    speaking("go")
    run_life_cycle(project(HERE), HERE)
