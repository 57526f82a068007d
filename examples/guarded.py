"""Helpers for the tests of guarded models: registered names and the engine's steps. Contains no tests."""

from __future__ import annotations

from pathlib import Path

from enkrypt_provider.testing import Registry


def names(database: Path) -> list[list[str]]:
    """The names of the registered models, policies and deployments."""
    registry = Registry(database)
    return [list(registry.models()), list(registry.policies()), list(registry.deployments())]


def done(text: str) -> list[tuple[str, str]]:
    """Each kind and what the engine did to it, in order."""
    lines = [line.split() for line in text.splitlines() if "enkrypt:" in line]
    return [
        (words[1].rpartition(":")[2], words[3]) for words in lines if words[3] in ("created", "updated", "deleted")
    ]
