"""What one run of the engine has seen: which resource declares an identity, and which registrations are held.

A run may have several provider processes, one for each account that a program names: they share a database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from ..errors import EnkryptError
from ..kinds.kind import Identifier, Properties
from .database import Database
from .holding import Holding, is_same_time


class _Fate(Enum):
    """What becomes of an object of the state in this run, as far as is known."""

    STAYS = "nothing of it is sent"
    IS_UPDATED = "an update is to come"
    GOES = "it gives the registration up"


@dataclass(frozen=True)
class _Object:
    """An object of the state, for which a diff asked."""

    registration: Holding
    state: Properties
    fate: _Fate


class RunOwnership:
    """The claims of one account in one run. `tenant` tells apart the keys of one endpoint."""

    def __init__(self, database: Database, account: str, tenant: str = "") -> None:
        self.database = database
        self._account = account
        self._tenant = f"{account} {tenant}"
        self._new: set[str] = set()  # by URN: what is about to be made
        self._objects: dict[str, _Object] = {}  # by URN: what the last diff was about

    def declare(self, identity: Identifier, urn: str) -> str:
        """Note that a resource declares `identity`, and return the one that did so first."""
        self._claim("declares", self._tenant, identity, urn)
        return self.declarer(identity) or urn

    def declarer(self, identity: Identifier) -> str:
        """Return the resource that declares `identity` in this run, or ""."""
        return next(iter(self._claims("declares", self._tenant, identity)), "")

    def declared(self) -> list[str]:
        """Return what is declared in this run so far."""
        rows = self.database.rows(
            "SELECT DISTINCT subject FROM claims WHERE run LIKE ? AND account = ? AND claim = 'declares'",
            self.database.processes, self._tenant,
        )  # fmt: skip
        return [str(subject) for (subject,) in rows]

    def note(self, what: str, identity: Identifier, text: str) -> None:
        """Note something of the registration that is, or may be, declared in this run under `identity`."""
        self._claim(what, self._tenant, identity, text)

    def notes(self, what: str, identity: Identifier) -> list[str]:
        """Return what was noted, the last at the end."""
        return self._claims(what, self._tenant, identity)

    def hold(self, registration: Holding) -> None:
        """Note that an object of the state stands for the registration from now on."""
        self._claim("holds", self._account, registration.key, str(registration.made))
        self._claim("holds the name", self._account, registration.identity, str(registration.made))

    def is_held(self, registration: Holding) -> bool:
        """Whether an object of the state that was seen in this run stands for the registration.

        Where one of the two knows no number, identity and time decide.
        """
        if registration.number is None:
            return self._is_claimed("holds the name", registration.identity, registration)
        subjects = (registration.key, registration.identity)
        return any(self._is_claimed("holds", subject, registration) for subject in subjects)

    # ---- what a diff says

    def stay(self, urn: str, registration: Holding, state: Properties, *, is_updated: bool = False) -> None:
        """Note that an object of a resource stands for the registration from now on, unless it is replaced."""
        self.hold(registration)
        fate = _Fate.IS_UPDATED if is_updated else _Fate.STAYS
        self._objects[urn] = _Object(registration, state, fate)

    def give_up(self, urn: str, registration: Holding, state: Properties) -> None:
        """Note that an object gives the registration up: another resource of this run may take it over."""
        self._claim("releases", self._account, registration.key, str(registration.made))
        self._objects[urn] = _Object(registration, state, _Fate.GOES)

    def staying(self, registration: Holding) -> tuple[str, Properties]:
        """Return the resource whose object stays for the registration as it is, and its state; or nothing."""
        for urn, it in [*self._objects.items()]:
            held = it.registration
            is_meant = held.identity == registration.identity and held.is_same(registration)
            if it.fate is _Fate.STAYS and is_meant:
                return urn, it.state
        return "", {}

    def check(self, urn: str, *, is_new: bool) -> None:
        """Note that the engine checks a resource: anew where it replaces what a diff found to stay."""
        (self._new.add if is_new else self._new.discard)(urn)
        it = self._objects.get(urn)
        if is_new and it and it.fate is not _Fate.GOES:
            self.drop(it.registration)
            self._objects[urn] = replace(it, fate=_Fate.GOES)

    def is_new(self, urn: str) -> bool:
        """Whether the resource is about to be made: no diff is about it.

        With --run-program a refresh asks of an object whose name its next resource may have declared already.
        """
        return urn in self._new

    @contextmanager
    def changing(self, urn: str) -> Iterator[None]:
        """Let the object of a resource stay as it is where its update, or the create of its replacement, fails.

        With --continue-on-error the engine goes on to the deletes.
        """
        try:
            yield
        except EnkryptError:
            if it := self._objects.get(urn):
                self.stay(urn, it.registration, it.state)
            raise

    def forget(self, state: Properties) -> None:
        """Note that the engine deletes the object of a state: what was given up no longer stays, whatever fails."""
        for urn, it in [*self._objects.items()]:
            if it.fate is _Fate.GOES and it.state == state:
                self._objects.pop(urn, None)

    # ---- what a create says

    def fail(self, identity: Identifier) -> None:
        """Note that a create failed: with --continue-on-error the engine goes on to the deletes."""
        self.note("fails", identity, "")

    def may_stay(self, registration: Holding) -> bool:
        """Whether a resource whose create failed may stand for the registration as well, by an object that stays.

        A forced replacement asks for no diff, so nobody has seen that object.
        """
        return bool(self.notes("fails", registration.identity)) and not self.is_released(registration)

    def make(self, urn: str, registration: Holding) -> None:
        """Note that a create of the resource ended with the registration, whatever its account is called."""
        self._claim("makes", urn, registration.key, str(registration.made))

    def is_made(self, urn: str, registration: Holding) -> bool:
        """Whether a create of the resource ended with the very registration: one API may have two addresses."""
        times = self._claims("makes", urn, registration.key)
        return any(float(time) == registration.made > -math.inf for time in times)

    def drop(self, registration: Holding) -> None:
        """Note that no object stands for the registration any more: the engine deletes the one that was seen."""
        self.database.write(
            "DELETE FROM claims WHERE run LIKE ? AND account = ? AND claim LIKE 'holds%' AND subject IN (?, ?)",
            self.database.processes, self._account, registration.key, str(registration.identity),
        )  # fmt: skip

    def is_released(self, registration: Holding) -> bool:
        """Whether an object gives the registration up in this run, and no other has taken it over."""
        return self._is_claimed("releases", registration.key, registration) and not self.is_held(registration)

    def is_seen(self, registration: Holding) -> bool:
        """Whether an object of the state that was seen in this run stands, or stood, for the registration."""
        return self.is_held(registration) or self._is_claimed("releases", registration.key, registration)

    def _is_claimed(self, claim: str, subject: object, registration: Holding) -> bool:
        times = self._claims(claim, self._account, subject)
        return any(is_same_time(registration.made, float(time)) for time in times)  # the number may be another key's

    def _claim(self, claim: str, account: str, subject: object, value: str) -> None:
        self.database.write(
            "INSERT OR IGNORE INTO claims VALUES (?, ?, ?, ?, ?)",
            self.database.process, account, claim, str(subject), value,
        )  # fmt: skip

    def _claims(self, claim: str, account: str, subject: object) -> list[str]:
        rows = self.database.rows(
            "SELECT value FROM claims WHERE run LIKE ? AND account = ? AND claim = ? AND subject = ? ORDER BY rowid",
            self.database.processes, account, claim, str(subject),
        )  # fmt: skip
        return [str(value) for (value,) in rows]
