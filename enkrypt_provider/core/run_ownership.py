"""What one engine run knows about ownership: who declares an identity, and who holds or releases a registration.

A state object holds its registration once a diff keeps it or a create returns it, and releases it when the engine
begins to replace the object. While some object holds a registration, deleting another object does not delete it; once
it is released and no object holds it, another resource may take it over. A run may have several provider processes,
one for each account; they share these claims in the database.
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
    """A state object that a diff was about. If it `stays`, nothing is sent for it; if it `is_replaced`, a new object
    is to replace it."""

    registration: Holding
    state: Properties
    stays: bool = False
    is_replaced: bool = False


class RunOwnership:
    """The claims of one account in one run. `tenant` distinguishes API keys of the same endpoint."""

    def __init__(self, database: Database, account: str, tenant: str = "") -> None:
        self.database = database
        self._account = account
        self._tenant = f"{account} {tenant}"
        self._new: set[str] = set()  # URNs of the resources about to be created
        self._objects: dict[str, _Object] = {}  # by URN: the object of the last diff

    # ---- what a program declares

    def declare(self, identity: Identifier, urn: str) -> str:
        """Record that a resource declares `identity`, and return the first one that did."""
        self.note("declares", identity, urn)
        return self.declarer(identity)

    def declarer(self, identity: Identifier) -> str:
        """Return the resource that declares `identity` in this run, or ""."""
        return next(iter(self.notes("declares", identity)), "")

    def declared(self) -> list[str]:
        """Return the ids declared in this run so far."""
        rows = self.database.execute(
            "SELECT DISTINCT identity FROM claims WHERE run LIKE ? AND account = ? AND claim = 'declares'",
            self.database.processes, self._tenant,
        )  # fmt: skip
        return [str(identity) for (identity,) in rows]

    def note(self, what: str, identity: Identifier, text: str = "") -> None:
        """Attach a note to an identity, which need not be declared yet. `what` is the type of note."""
        self._claim(what, self._tenant, Holding(identity), text)

    def notes(self, what: str, identity: Identifier) -> list[str]:
        """Return the notes of one type, the latest last."""
        return [text for text, *_ in self._claims(what, self._tenant, identity)]

    # ---- who holds a registration

    def hold(self, urn: str, registration: Holding) -> None:
        """Record that a state object of the resource holds the registration from now on."""
        self._claim("holds", self._account, registration, urn)

    def is_held(self, registration: Holding) -> bool:
        """Whether a state object seen in this run holds the registration."""
        return bool(self._claimants("holds", registration))

    def is_released(self, registration: Holding) -> bool:
        """Whether an object has released the registration in this run, and no other has taken it over."""
        return bool(self._claimants("releases", registration)) and not self.is_held(registration)

    def is_seen(self, registration: Holding) -> bool:
        """Whether a state object seen in this run holds or held the registration."""
        return self.is_held(registration) or self.is_released(registration)

    def is_held_by(self, urn: str, registration: Holding) -> bool:
        """Whether the resource holds this very registration, in any account: one API may have two addresses."""
        rows = self.database.execute(
            "SELECT number, created_at FROM claims "
            "WHERE run LIKE ? AND claim = 'holds' AND identity = ? AND text = ?",
            self.database.processes, str(registration.identity), urn,
        )  # fmt: skip
        return any(registration.is_proven_same(Holding(registration.identity, *row)) for row in rows)

    def may_be_held_unseen(self, registration: Holding) -> bool:
        """Whether a resource whose create failed may hold the registration through an object not seen in this run.

        A forced replacement brings no diff that would show its old object. If another object has released the
        registration, only a resource that adopts may hold it still.
        """
        failed = self.notes("fails", registration.identity)
        return _ADOPTS in failed or (bool(failed) and not self.is_released(registration))

    # ---- what happens to state objects

    def stay(self, urn: str, registration: Holding, state: Properties, *, is_updated: bool = False) -> None:
        """Record that a resource's object holds the registration from now on, until it is replaced."""
        self.hold(urn, registration)
        self._objects[urn] = _Object(registration, state, stays=not is_updated)

    def plan_release(self, urn: str, registration: Holding, state: Properties) -> None:
        """Record that an object is to be replaced; the registration is released once the engine begins that."""
        self._objects[urn] = _Object(registration, state, is_replaced=True)

    def staying(self, registration: Holding) -> tuple[str, Properties]:
        """Return the resource whose object holds the registration and is not updated, and its state; or nothing."""
        for urn in self._claimants("holds", registration):
            if (it := self._objects.get(urn)) and it.stays:
                return urn, it.state
        return "", {}

    def is_kept(self, registration: Holding) -> bool:
        """Whether a diff of this process found an object that holds the registration and is not replaced."""
        kept = [it.registration for it in [*self._objects.values()] if not it.is_replaced]
        return any(it.identity == registration.identity and it.is_same(registration) for it in kept)

    def check(self, urn: str, *, is_new: bool) -> None:
        """Record a check. With `is_new`, the engine creates or replaces the resource, whatever a diff found.

        A replacement that the engine refuses gets no such check, so its registration is not released.
        """
        (self._new.add if is_new else self._new.discard)(urn)
        if is_new and (it := self._objects.get(urn)):
            self._drop(urn, it.registration.identity)
            self._release(urn, it)

    def is_new(self, urn: str) -> bool:
        """Whether the resource is about to be created, so that no diff can be about it.

        With --run-program, a refresh may diff an object whose name the next resource has already declared.
        """
        return urn in self._new

    @contextmanager
    def changing(self, urn: str, *, makes: Identifier | None = None, adopts: bool = False) -> Iterator[None]:
        """Keep a resource's object as it is if its update, or the create of its replacement, fails.

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
        """Record that the engine deletes the object with this state, so that no failure keeps it any more."""
        for urn, it in [*self._objects.items()]:
            if it.state == state:
                self._objects.pop(urn, None)
                self._release(urn, it)

    def _release(self, urn: str, it: _Object) -> None:
        if it.is_replaced:
            self._claim("releases", self._account, it.registration, urn)

    # ---- the claims of all processes of the run

    def _claim(self, claim: str, account: str, registration: Holding, text: str) -> None:
        process, is_time = self.database.process, math.isfinite(registration.created)
        created_at = registration.created_at if is_time else ""  # an API may put a key there
        row = process, account, claim, str(registration.identity), registration.number, created_at, text
        self.database.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)", *row)

    def _claimants(self, claim: str, registration: Holding) -> list[str]:
        """Return the resources that claim the registration. A response may omit what another one included."""
        claims = self._claims(claim, self._account, registration.identity)
        return [urn for urn, *known in claims if registration.is_same(Holding(registration.identity, *known))]

    def _claims(self, claim: str, account: str, identity: Identifier) -> list[tuple[Any, ...]]:
        return self.database.execute(
            "SELECT text, number, created_at FROM claims "
            "WHERE run LIKE ? AND account = ? AND claim = ? AND identity = ? ORDER BY rowid",
            self.database.processes, account, claim, str(identity),
        )  # fmt: skip

    def _drop(self, urn: str, identity: Identifier) -> None:
        """Drop the resource's claims to hold the registration of an identity."""
        self.database.execute(
            "DELETE FROM claims WHERE run LIKE ? AND account = ? AND claim = 'holds' AND text = ? AND identity = ?",
            self.database.processes, self._account, urn, str(identity),
        )  # fmt: skip
