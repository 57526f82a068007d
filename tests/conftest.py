"""What every test of this folder may rely on: no key and no state of the person who runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A shell's background job ignores interrupts, and so would all that the tests start: the engine, for one, interrupts
# its language host at the end, and would wait 5 s for it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: what a loaded machine takes longer for is no bug.
settings.register_profile("tests", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that use the engine first: short tests then keep every core busy until the end."""
    items.sort(key=lambda item: "engine" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _nobodys_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        for name in ("ENKRYPTAI_API_KEY", "ENKRYPT_API_KEY", "ENKRYPTAI_BASE_URL"):
            patch.delenv(name, raising=False)
        yield
