"""What an import leaves out: the secrets, which generated code would show in the clear."""

from __future__ import annotations

from typing import Final

from ...core import diff as differences
from ...core.controller import Request
from ...errors import plain
from ...kinds.kind import Kind, Properties, at
from ...kinds.secrets import place_of
from ..package_names import package_steps, property_path

WITHHELD: Final = "__withheld"
"""An output that no person sees: the secret fields that an import left out. A storage format."""


def noted(kind: Kind, inputs: Properties) -> Properties:
    """The output that names the secrets in the inputs of an import; none where there are none."""
    paths = [place_of(path) for path in kind.secret_paths(inputs)]
    return {WITHHELD: paths} if paths else {}


def kept(state: Properties) -> Properties:
    """The same output after a refresh."""
    return {WITHHELD: state[WITHHELD]} if WITHHELD in state else {}


def warn(kind: Kind, asked: Request, changes: list[differences.Change]) -> None:
    """Warn of an update that would send the whole object without what the import left out."""
    missing = [path for path in asked.state.get(WITHHELD, ()) if at(asked.inputs, path) in (None, [], {}, "")]
    if missing and any(change.rule is not differences.Rule.OPTION for change in changes):
        names = ", ".join(property_path(package_steps(kind, tuple(path.split(".")))) for path in missing)
        asked.report(
            "warning",
            f"{plain(asked.id)}: the import left out {names}, and an update sends the whole object: declare it, "
            "or the API no longer has it",
        )
