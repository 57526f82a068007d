"""Fixtures: an API, and machines that use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .machines import SAMPLES, Api, Machine, Run, Sample


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """An API without registrations."""
    return Api(tmp_path / "api.sqlite")


@pytest.fixture
def there(tmp_path: Path) -> Api:
    """An API without registrations at another address."""
    return Api(tmp_path / "there.sqlite", "http://127.0.0.2")


@pytest.fixture
def machine(tmp_path: Path, api: Api) -> Machine:
    """A machine with an empty journal."""
    return Machine(tmp_path / "here", api)


@pytest.fixture
def elsewhere(tmp_path: Path, api: Api) -> Machine:
    """Another machine, with a journal of its own."""
    return Machine(tmp_path / "elsewhere", api)


@pytest.fixture
def run(machine: Machine) -> Run:
    """One run of the engine."""
    return machine.run()


@pytest.fixture(params=SAMPLES.values(), ids=lambda it: it.kind.noun)
def sample(request: pytest.FixtureRequest, api: Api) -> Sample:
    """Each kind. The test's runs use it by default, with an engine that gives the URN with each request."""
    api.sample, api.names_resources = request.param, True
    return api.sample
