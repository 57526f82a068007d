"""What the plugin keeps in a state beside the registration, hidden from people by its `__`: a storage format."""

from __future__ import annotations

from typing import Final

from ...core.controller import ACCOUNT
from ...kinds import codec
from ...kinds.kind import Kind, Properties

UNHEALTHY: Final = "__unhealthy"
"""An output: the model did not answer when it was last asked. A refresh asks again, and otherwise would forget it."""


def unhealthy(problem: str) -> Properties:
    """The output of a registration with this problem; none where there is none."""
    return {UNHEALTHY: True} if problem else {}


def with_account(inputs: Properties, account: str) -> Properties:
    """Inputs that say whose they are, where they are protected: a check is given no outputs."""
    return {**inputs, ACCOUNT: account} if inputs.get("deletion_protection") is True else inputs


def leaving(kind: Kind, olds: Properties, account: str) -> list[str]:
    """What is wrong with leaving the account of a protected registration. The engine asks no diff about it."""
    if not account or olds.get(ACCOUNT, account) == account:
        return []
    identity = kind.known_identity(codec.from_state(kind, olds))
    return [
        f"{identity} is protected from deletion and replacement, and enkrypt:endpoint names another account: set the "
        "endpoint back and deletion_protection to false, run `pulumi up`, then move it"
    ]
