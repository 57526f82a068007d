"""An API, and machines that use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .machines import SAMPLES, Api, Machine, Run, Sample


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """An API where nothing is registered."""
    return Api(tmp_path / "api.sqlite")


@pytest.fixture
def there(tmp_path: Path) -> Api:
    """An API at another address, where nothing is registered."""
    return Api(tmp_path / "there.sqlite", "http://127.0.0.2")


@pytest.fixture
def machine(tmp_path: Path, api: Api) -> Machine:
    """A machine that remembers nothing."""
    return Machine(tmp_path / "here", api)


@pytest.fixture
def elsewhere(tmp_path: Path, api: Api) -> Machine:
    """Another machine, which knows nothing of what the first one did."""
    return Machine(tmp_path / "elsewhere", api)


@pytest.fixture
def run(machine: Machine) -> Run:
    """One run of the engine."""
    return machine.run()


@pytest.fixture(params=SAMPLES.values(), ids=lambda it: it.kind.noun)
def sample(request: pytest.FixtureRequest, api: Api) -> Sample:
    """Each kind; what the runs of the test register is of it, for an engine that names each resource."""
    api.sample, api.names_resources = request.param, True
    return api.sample
