"""The engine, once per session, and a `Story` for each test, which ends with the search for secrets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import REPOSITORY, Story, new_story

HERE = Path(__file__).parent
TEST_LIMIT = 600.0
"""Time limit of one test, in seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives tests that need the engine a time limit that excludes its set-up, which may take minutes."""
    for item in items:
        if HERE in item.path.parents and "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_LIMIT, func_only=True))


@pytest.fixture(scope="session")
def engine() -> Path:
    """The folder with the engine. Without it the tests fail rather than skip: they would prove nothing."""
    get = subprocess.run(
        [sys.executable, str(REPOSITORY / "engine" / "get.py")], stdout=subprocess.PIPE, text=True, check=False
    )
    if get.returncode:
        pytest.fail(f"engine/get.py found no engine (exit code {get.returncode}): see above", pytrace=False)
    return Path(get.stdout.strip())


@pytest.fixture
def story(tmp_path: Path, engine: Path) -> Iterator[Story]:
    with new_story(tmp_path, engine) as it:
        yield it
