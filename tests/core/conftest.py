"""An API, and machines that use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .machines import Api, Machine


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """An API where nothing is registered."""
    return Api(tmp_path / "api.sqlite")


@pytest.fixture
def machine(tmp_path: Path, api: Api) -> Machine:
    """A machine that remembers nothing."""
    return Machine(tmp_path / "here", api)


@pytest.fixture
def elsewhere(tmp_path: Path, api: Api) -> Machine:
    """Another machine, which knows nothing of what the first one did."""
    return Machine(tmp_path / "elsewhere", api)
