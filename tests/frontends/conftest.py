"""An emulator for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from enkrypt_provider.testing import Emulator, emulator


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Emulator]:
    with emulator(tmp_path / "api.db") as found:
        yield found
