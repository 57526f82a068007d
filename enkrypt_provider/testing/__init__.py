"""A kit for testing programs: stacks without the engine, an emulator, and a search for leaked secrets.

As a pytest plugin it provides the fixture `enkrypt_emulator`: automatically if this package is installed, otherwise
through `pytest_plugins = ["enkrypt_provider.testing"]`. See docs/testing.md.

PYTEST_DONT_REWRITE: a test module may import this before it is loaded as a plugin.
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
    """An empty emulator of the API for one test: `.url`, `.key`, `.endpoint`, `.models()`, `.fault(…)`."""
    with emulator(tmp_path / "enkrypt.sqlite") as api:
        yield api
