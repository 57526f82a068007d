"""Isolates all tests from the API keys and the state of the user who runs them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A background job of a shell ignores interrupts, and so would the tests' child processes: the engine, for example,
# interrupts its language host at the end, and would wait 5 s for it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: slowness on a loaded machine is not a bug.
settings.register_profile("tests", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that use the engine first: short tests then keep every core busy until the end."""
    items.sort(key=lambda item: "engine" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        for name in ("ENKRYPTAI_API_KEY", "ENKRYPT_API_KEY", "ENKRYPTAI_BASE_URL"):
            patch.delenv(name, raising=False)
        yield
