"""The official client, once per session, and the API that it calls: the emulator in v2 on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from frontends.plugin_engine import running as running_plugin

from enkrypt_provider.emulator import create_app, serve_in_thread
from enkrypt_provider.frontends.property_values import Secret

from .client import NoPython, OfficialClient, Person, running
from .native import NativeStack
from .stack import Stack

HERE = Path(__file__).parent
KEY = "stand-in-key-of-the-account"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Exclude fixtures from the time limit: creating the client's environment may take minutes the first time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture(scope="session")
def official() -> Iterator[OfficialClient]:
    """Run the client. No test is skipped without it: nothing would be proven."""
    try:
        with running() as client:
            yield client
    except NoPython as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "models.db"


@pytest.fixture
def url(database: Path) -> Iterator[str]:
    """Serve the API in dialect v2, which accepts one key."""
    with serve_in_thread(create_app(database, dialect="v2", keys={KEY: "default"})) as served:
        yield served


@pytest.fixture
def person(official: OfficialClient, url: str) -> Person:
    """A user of the official client."""
    return Person(official, url, KEY)


@pytest.fixture(params=["dynamic", "native"])
def stack(request: pytest.FixtureRequest, url: str) -> Iterator[Stack]:
    """A stack in v2 on the same API, with each front end."""
    if request.param == "dynamic":
        yield Stack.configured("v2", url, KEY)
        return
    with running_plugin() as engine:
        engine.configure(endpoint=url, apiKey=Secret(KEY), dialect="v2")
        yield NativeStack(engine)
