"""What one run of the engine has seen: which resource declares an identity, and which registrations are held.

A run may have several provider processes, one for each account that a program names: they share a database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ..errors import EnkryptError
from ..kinds.kind import Identifier, Properties
from .database import Database
from .holding import Holding

_ADOPTS: Final = "adopts"


@dataclass(frozen=True)
class _Object:
    """An object of the state, for which a diff asked: nothing of it is sent where it `stays`, and it `goes` where a
    new one is to replace it."""

    registration: Holding
    state: Properties
    stays: bool = False
    goes: bool = False


class RunOwnership:
    """The claims of one account in one run. `tenant` tells apart the keys of one endpoint."""

    def __init__(self, database: Database, account: str, tenant: str = "") -> None:
        self.database = database
        self._account = account
        self._tenant = f"{account} {tenant}"
        self._new: set[str] = set()  # by URN: what is about to be made
        self._objects: dict[str, _Object] = {}  # by URN: what the last diff was about

    # ---- what a program declares

    def declare(self, identity: Identifier, urn: str) -> str:
        """Note that a resource declares `identity`, and return the one that did so first."""
        self.note("declares", identity, urn)
        return self.declarer(identity)

    def declarer(self, identity: Identifier) -> str:
        """Return the resource that declares `identity` in this run, or ""."""
        return next(iter(self.notes("declares", identity)), "")

    def declared(self) -> list[str]:
        """Return what is declared in this run so far."""
        rows = self.database.execute(
            "SELECT DISTINCT identity FROM claims WHERE run LIKE ? AND account = ? AND claim = 'declares'",
            self.database.processes, self._tenant,
        )  # fmt: skip
        return [str(identity) for (identity,) in rows]

    def note(self, what: str, identity: Identifier, text: str = "") -> None:
        """Note something of the registration that is, or may be, declared in this run under `identity`."""
        self._claim(what, self._tenant, Holding(identity), text)

    def notes(self, what: str, identity: Identifier) -> list[str]:
        """Return what was noted, the last at the end."""
        return [text for text, *_ in self._claims(what, self._tenant, identity)]

    # ---- what an object of the state stands for

    def hold(self, urn: str, registration: Holding) -> None:
        """Note that an object of a resource stands for the registration from now on."""
        self._claim("holds", self._account, registration, urn)

    def is_held(self, registration: Holding) -> bool:
        """Whether an object of the state that was seen in this run stands for the registration."""
        return bool(self._claimants("holds", registration))

    def is_released(self, registration: Holding) -> bool:
        """Whether an object gives the registration up in this run, and no other has taken it over."""
        return bool(self._claimants("releases", registration)) and not self.is_held(registration)

    def is_seen(self, registration: Holding) -> bool:
        """Whether an object of the state that was seen in this run stands, or stood, for the registration."""
        return self.is_held(registration) or self.is_released(registration)

    def is_made(self, urn: str, registration: Holding) -> bool:
        """Whether an object of the resource stands for the very registration: one API may have two addresses."""
        rows = self.database.execute(
            "SELECT number, created_at FROM claims "
            "WHERE run LIKE ? AND claim = 'holds' AND identity = ? AND text = ?",
            self.database.processes, str(registration.identity), urn,
        )  # fmt: skip
        return any(registration.is_very_same(Holding(registration.identity, *row)) for row in rows)

    def may_stay(self, registration: Holding) -> bool:
        """Whether a resource whose create failed may stand for the registration as well, by an object that stays.

        A forced replacement asks for no diff, so nobody has seen that object. Where another one gives the
        registration up, that of a resource which adopts may stand for it still.
        """
        failed = self.notes("fails", registration.identity)
        return _ADOPTS in failed or (bool(failed) and not self.is_released(registration))

    # ---- what becomes of it

    def stay(self, urn: str, registration: Holding, state: Properties, *, is_updated: bool = False) -> None:
        """Note that a resource's object stands for the registration from now on, unless it is replaced."""
        self.hold(urn, registration)
        self._objects[urn] = _Object(registration, state, stays=not is_updated)

    def give_up(self, urn: str, registration: Holding, state: Properties) -> None:
        """Note that an object is to be replaced: once the engine begins with it, the registration is given up."""
        self._objects[urn] = _Object(registration, state, goes=True)

    def staying(self, registration: Holding) -> tuple[str, Properties]:
        """Return the resource whose object stays for the registration as it is, and its state; or nothing."""
        for urn in self._claimants("holds", registration):
            if (it := self._objects.get(urn)) and it.stays:
                return urn, it.state
        return "", {}

    def is_kept(self, registration: Holding) -> bool:
        """Whether a diff of this process found an object to stand for the registration and not to be replaced."""
        kept = [it.registration for it in [*self._objects.values()] if not it.goes]
        return any(it.identity == registration.identity and it.is_same(registration) for it in kept)

    def check(self, urn: str, *, is_new: bool) -> None:
        """Note that the engine checks a resource: anew where it replaces its object, whatever a diff found.

        It does not where it refuses to: another resource may then not take over what stays.
        """
        (self._new.add if is_new else self._new.discard)(urn)
        if is_new and (it := self._objects.get(urn)):
            self._drop(urn, it.registration.identity)
            self._release(urn, it)

    def is_new(self, urn: str) -> bool:
        """Whether the resource is about to be made: no diff is about it.

        With --run-program a refresh asks of an object whose name its next resource may have declared already.
        """
        return urn in self._new

    @contextmanager
    def changing(self, urn: str, *, makes: Identifier | None = None, adopts: bool = False) -> Iterator[None]:
        """Let the object of a resource stay as it is where its update, or the create of its replacement, fails.

        With --continue-on-error the engine goes on to the deletes.
        """
        try:
            yield
        except EnkryptError:
            if makes:
                self.note("fails", makes, _ADOPTS if adopts else "")
                self._drop(urn, makes)
            if it := self._objects.get(urn):
                self.stay(urn, it.registration, it.state)
            raise

    def forget(self, state: Properties) -> None:
        """Note that the engine deletes the object of a state: it no longer stays, whatever fails."""
        for urn, it in [*self._objects.items()]:
            if it.state == state:
                self._objects.pop(urn, None)
                self._release(urn, it)

    def _release(self, urn: str, it: _Object) -> None:
        if it.goes:
            self._claim("releases", self._account, it.registration, urn)

    # ---- the claims, of this process and of the others of the run

    def _claim(self, claim: str, account: str, registration: Holding, text: str) -> None:
        created_at = registration.created_at if math.isfinite(registration.made) else ""  # an API may put a key there
        told = str(registration.identity), registration.number, created_at
        process = self.database.process
        self.database.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)", process, account, claim, *told, text)

    def _claimants(self, claim: str, registration: Holding) -> list[str]:
        """Return the resources that claim the registration. A response may leave out what another one told."""
        claims = self._claims(claim, self._account, registration.identity)
        return [urn for urn, *told in claims if registration.is_same(Holding(registration.identity, *told))]

    def _claims(self, claim: str, account: str, identity: Identifier) -> list[tuple[Any, ...]]:
        return self.database.execute(
            "SELECT text, number, created_at FROM claims "
            "WHERE run LIKE ? AND account = ? AND claim = ? AND identity = ? ORDER BY rowid",
            self.database.processes, account, claim, str(identity),
        )  # fmt: skip

    def _drop(self, urn: str, identity: Identifier) -> None:
        """Note that no object of the resource stands for what is registered under an identity."""
        self.database.execute(
            "DELETE FROM claims WHERE run LIKE ? AND account = ? AND claim = 'holds' AND text = ? AND identity = ?",
            self.database.processes, self._account, urn, str(identity),
        )  # fmt: skip
