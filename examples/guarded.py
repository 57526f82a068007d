"""What a stack of a guarded model did, and what it left behind. No test lives here."""

from __future__ import annotations

from pathlib import Path

from enkrypt_provider.testing import Registry


def names(database: Path) -> list[list[str]]:
    """What is registered: models, policies, deployments."""
    registry = Registry(database)
    return [list(registry.models()), list(registry.policies()), list(registry.deployments())]


def done(text: str) -> list[tuple[str, str]]:
    """What the engine did to which kind, in order."""
    lines = [line.split() for line in text.splitlines() if "enkrypt:" in line]
    return [
        (words[1].rpartition(":")[2], words[3]) for words in lines if words[3] in ("created", "updated", "deleted")
    ]
