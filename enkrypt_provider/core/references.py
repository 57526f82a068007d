"""Checks the references of a declaration to registrations of other kinds: that they exist and fit together.

Declarations are noted as the run checks them, so that both sides are compared whichever comes first.
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
"""Note about a policy: the detectors that it enables."""
_AWAITS: Final = "awaits"
"""Note about a name that is not declared yet: who refers to it, at which path, and the detectors in its `block`."""


class References:
    """The references in declarations of one kind. `connect` returns the account's registrations of another kind."""

    def __init__(
        self, own: Registrations, connect: Callable[[Kind], Registrations], report_once: Callable[[str], None]
    ) -> None:
        self._kind: Final = own.kind
        self._by_kind: Final = {own.kind: own, **{it.kind: connect(it.kind) for it in own.kind.references}}
        self._report_once: Final = report_once

    def problems(self, identity: Identifier | None, inputs: Properties, *, is_online: bool) -> list[str]:
        """Warn about mismatches with other declarations; with `is_online`, return dangling references."""
        if identity:
            self._note(identity, inputs)
        found = list(self._kind.named(inputs))
        for reference, other in found:
            self._compare(str(identity or f"a {self._kind.noun}"), reference, other, inputs)
        return [*filter(None, (self._missing(*it) for it in found))] if is_online else []

    def _note(self, identity: Identifier, inputs: Properties) -> None:
        """Note the detectors that this one enables, and compare it with earlier declarations that refer to it."""
        run, enabled = self._by_kind[self._kind].run, _enabled(inputs)
        if enabled is not None:
            run.note(_ENABLES, identity, json.dumps(enabled))
        for who, path, blocked in map(json.loads, run.notes(_AWAITS, identity)):
            operation.report(
                "warning",
                f"{who}: {path} names the {self._kind.noun} {identity} as a plain string, so it may be registered "
                f"before that {self._kind.noun}: pass the output of that resource instead",
            )
            _warn_if_disabled(who, path, blocked, identity, enabled)

    def _compare(self, who: str, reference: Reference, other: Identifier, inputs: Properties) -> None:
        """Compare a reference with the declaration that it names, now or as soon as that is declared."""
        path, run = reference.paths[0], self._by_kind[reference.kind].run
        blocked = list(_blocked(reference.kind, holder_of(inputs, path) or {}))
        waiting = json.dumps([who, path, blocked])
        if not run.declarer(other):
            run.note(_AWAITS, other, waiting)
        elif waiting not in run.notes(_AWAITS, other):
            noted = run.notes(_ENABLES, other)
            _warn_if_disabled(who, path, blocked, other, json.loads(noted[-1]) if noted else None)

    def _missing(self, reference: Reference, other: Identifier) -> str:
        account, noun = self._by_kind[reference.kind], reference.kind.noun
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
    """Return the detectors that a policy enables or may enable; None if it has none or they are not known yet."""
    detectors = inputs.get("detectors")
    if not isinstance(detectors, dict):
        return None
    return [name for name, detector in detectors.items() if at(detector, "enabled") is not False]


def _blocked(kind: Kind, used: Properties) -> Iterable[str]:
    """Return the detectors whose findings a deployment blocks by this use of a policy."""
    names: Json = None if used.get("enabled") is False else used.get("block")
    known = names if isinstance(names, list) else []
    return (name for name in known if f"detectors.{name}" in kind.fields)


def _warn_if_disabled(who: str, path: str, blocked: list[str], policy: Identifier, enabled: list[str] | None) -> None:
    """Warn about detectors in `blocked` that are not enabled; `enabled` is None if they are not known."""
    place = path.rpartition(".")[0]
    for name in [] if enabled is None else [name for name in blocked if name not in enabled]:
        operation.report(
            "warning",
            f"{who}: {place}.block names {name}, which blocks nothing: the policy {policy} does not enable it. Set "
            f"detectors.{name}.enabled there, or remove it from block",
        )
