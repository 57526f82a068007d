"""For the tests of programs: stacks without the engine, an emulator, the search for secrets.

As a pytest plugin it brings the fixture `enkrypt_emulator`: by itself where this package is installed, else by
`pytest_plugins = ["enkrypt_provider.testing"]`. For users: docs/testing.md.

PYTEST_DONT_REWRITE: a test's module may import this before it names it as a plugin.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi.output import UNKNOWN

from ..frontends.property_values import Secret
from .emulator import Emulator, Registry, emulator
from .leaks import Secrets, assert_no_secret
from .mocks import CheckFailed, EnkryptMocks
from .stack import MockStack, Resource, Result

__all__ = [
    "UNKNOWN",
    "CheckFailed",
    "Emulator",
    "EnkryptMocks",
    "MockStack",
    "Registry",
    "Resource",
    "Result",
    "Secret",
    "Secrets",
    "assert_no_secret",
    "emulator",
]


@pytest.fixture
def enkrypt_emulator(tmp_path: Path) -> Iterator[Emulator]:
    """The API on this machine, empty, for one test: `.url`, `.key`, `.endpoint`, `.models()`, `.fault(…)`."""
    with emulator(tmp_path / "enkrypt.sqlite") as api:
        yield api
