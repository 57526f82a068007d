"""What the plugin keeps in a state besides the registration, hidden from users by its `__`: a storage format."""

from __future__ import annotations

from typing import Final

from ...core.controller import ACCOUNT, WITHHELD, Request
from ...core.diff import Change, Rule
from ...errors import plain
from ...kinds import codec
from ...kinds.kind import Kind, Properties, at
from ...kinds.secrets import place_of
from ..package_names import package_steps, property_path

UNHEALTHY: Final = "__unhealthy"
"""An output: the model did not answer when last asked. A refresh asks again; otherwise it would drop the error."""


def with_account(inputs: Properties, account: str) -> Properties:
    """Add the account to the inputs of a protected registration, because a check gets no outputs."""
    return {**inputs, ACCOUNT: account} if inputs.get("deletion_protection") is True else inputs


def leaving(kind: Kind, olds: Properties, account: str) -> list[str]:
    """The problem if a protected registration would leave its account, for which the engine asks for no diff."""
    if not account or olds.get(ACCOUNT, account) == account:
        return []
    identity = kind.known_identity(codec.from_state(kind, olds))
    return [
        f"{identity} is protected from deletion and replacement, and enkrypt:endpoint names another account: restore "
        "the endpoint, set deletion_protection to false, run `pulumi up`, then move it"
    ]


def withheld(kind: Kind, inputs: Properties) -> Properties:
    """The output that lists the secrets in the inputs of an import; empty if there are none."""
    paths = [place_of(path) for path in kind.secret_paths(inputs)]
    return {WITHHELD: paths} if paths else {}


def warn_of_withheld(kind: Kind, asked: Request, changes: list[Change]) -> None:
    """Warn about an update that would send the whole object without the secrets that the import left out."""
    missing = [path for path in asked.state.get(WITHHELD, ()) if at(asked.inputs, path) in (None, [], {}, "")]
    if missing and any(change.rule is not Rule.OPTION for change in changes):
        names = ", ".join(property_path(package_steps(kind, tuple(path.split(".")))) for path in missing)
        asked.report(
            "warning",
            f"{plain(asked.id)}: the import left out {names}, and an update sends the whole object: declare it, "
            "or the update removes it",
        )
