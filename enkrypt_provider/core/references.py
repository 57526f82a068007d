"""What a declaration says of registrations of other kinds: are they there, and do they do what it asks of them?

A run's declarations are noted as they are checked, so that those of one program are compared, whichever comes first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final

from ..api import operation
from ..errors import AuthenticationFailed, EnkryptError, near_match, plain
from ..kinds.kind import Identifier, Json, Kind, Properties, Reference, at, holder_of
from .registrations import Registrations

_ENABLES: Final = "enables"
"""What is noted of a policy: the detectors that it enables."""
_AWAITS: Final = "awaits"
"""What is noted where none of that name is declared yet: who names it, at which path, and what it blocks."""


class References:
    """The references of the declarations of one kind. `connect` returns the account's registrations of another."""

    def __init__(
        self, own: Registrations, connect: Callable[[Kind], Registrations], report_once: Callable[[str], None]
    ) -> None:
        self._kind: Final = own.kind
        self._of: Final = {own.kind: own, **{it.kind: connect(it.kind) for it in own.kind.references}}
        self._report_once: Final = report_once

    def problems(self, identity: Identifier | None, inputs: Properties, *, is_online: bool) -> list[str]:
        """Warn of what other declarations of the run do not fit; with `is_online` return what is nowhere."""
        if identity:
            self._note(identity, inputs)
        found = list(self._kind.named(inputs))
        for reference, other in found:
            self._compare(str(identity or f"a {self._kind.noun}"), reference, other, inputs)
        return [*filter(None, (self._missing(*it) for it in found))] if is_online else []

    def _note(self, identity: Identifier, inputs: Properties) -> None:
        """Note what this one enables, and compare it with what was declared before it and names it."""
        run, enabled = self._of[self._kind].run, _enabled(inputs)
        if enabled is not None:
            run.note(_ENABLES, identity, json.dumps(enabled))
        for who, path, blocked in map(json.loads, run.notes(_AWAITS, identity)):
            operation.report(
                "warning",
                f"{who}: {path} names the {self._kind.noun} {identity} as a text, and may be registered before it: "
                "give it the output of that resource",
            )
            _warn_of_idle(who, path, blocked, identity, enabled)

    def _compare(self, who: str, reference: Reference, other: Identifier, inputs: Properties) -> None:
        """Compare what a reference asks for with what is declared, now or once it is."""
        path, run = reference.paths[0], self._of[reference.kind].run
        blocked = list(_blocked(reference.kind, holder_of(inputs, path) or {}))
        waiting = json.dumps([who, path, blocked])
        if not run.declarer(other):
            run.note(_AWAITS, other, waiting)
        elif waiting not in run.notes(_AWAITS, other):
            noted = run.notes(_ENABLES, other)
            _warn_of_idle(who, path, blocked, other, json.loads(noted[-1]) if noted else None)

    def _missing(self, reference: Reference, other: Identifier) -> str:
        account, noun = self._of[reference.kind], reference.kind.noun
        declared = account.run.declared()
        try:
            if str(other) in declared or account.snapshot.find(other):
                return ""
            near = near_match(str(other), (*declared, *map(str, account.snapshot.identities())))
        except AuthenticationFailed as error:
            return str(error)
        except EnkryptError as error:
            self._report_once(f"enkrypt:checkOnline: {error}")
            return ""
        return (
            f"{reference.paths[0]}: no {noun} {plain(other)} is registered with this account or declared before this "
            f"{self._kind.noun}{near or f': declare it, and give this {self._kind.noun} its output'}"
        )


def _enabled(inputs: Properties) -> list[str] | None:
    """The detectors that a policy enables, or may enable; None where there are none, or they are not known yet."""
    detectors = inputs.get("detectors")
    if not isinstance(detectors, dict):
        return None
    return [name for name, detector in detectors.items() if at(detector, "enabled") is not False]


def _blocked(kind: Kind, used: Properties) -> Iterable[str]:
    """The detectors of a policy on whose findings a deployment that uses it relies."""
    names: Json = None if used.get("enabled") is False else used.get("block")
    known = names if isinstance(names, list) else []
    return (name for name in known if f"detectors.{name}" in kind.fields)


def _warn_of_idle(who: str, path: str, blocked: list[str], policy: Identifier, enabled: list[str] | None) -> None:
    """Warn of detectors that are relied on and switched off; `enabled` is None where they are not known."""
    place = path.rpartition(".")[0]
    for name in [] if enabled is None else [name for name in blocked if name not in enabled]:
        operation.report(
            "warning",
            f"{who}: {place}.block names {name}, which blocks nothing: the policy {policy} does not enable it. Set "
            f"detectors.{name}.enabled there, or take it out of block",
        )
