"""An emulator of each test's own, and the engine for what only it can say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.conftest import engine

from enkrypt_provider.testing import Emulator, emulator

__all__ = ["api", "engine"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Emulator]:
    with emulator(tmp_path / "api.db") as found:
        yield found
