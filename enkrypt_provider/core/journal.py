"""What this machine sent and could not confirm: creates and updates that no state shows yet.

The engine writes a resource to the state only after `create` has returned. Where it is killed in between, or the
response is lost for good, an entry here tells the next run what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ..kinds.kind import Identifier
from .database import Database

Sent = Literal["create", "update"]


@dataclass(frozen=True)
class Entry:
    """What one resource sent last.

    `number` is the API's number of the registration, or "" where no response told it. `began` is in seconds since
    1970 by this machine's clock. `updated_at` is the API's, or "" where no response came.
    """

    operation: Sent
    identity: str
    number: str
    began: float
    updated_at: str = ""


class Journal:
    """The entries of one account, one for each resource. `place` tells apart stacks of one name.

    A resource without a URN has no entry.
    """

    def __init__(
        self, database: Database, account: str, place: str = "", now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._account = account
        self._place = place
        self._now = now

    def entry(self, urn: str) -> Entry | None:
        """Return what is known of a resource."""
        rows = self._database.rows(f"{_SELECT} AND place = ? AND urn = ?", *self._key(urn))
        return Entry(*rows[0]) if rows else None

    def begin(self, urn: str, operation: Sent, identity: Identifier, number: object = None) -> float:
        """Note what is about to be sent, and return since when: an earlier attempt's time is kept."""
        before = self.entry(urn)
        if before and (before.operation, before.identity) == (operation, str(identity)):
            self.put(urn, Entry(operation, str(identity), before.number, before.began))
            return before.began
        began = self._now()
        self.put(urn, Entry(operation, str(identity), _text(number), began))
        return began

    def finish(self, urn: str, operation: Sent, identity: Identifier, number: object, updated_at: object) -> None:
        """Note the response, which overwrites whatever was noted of the registration.

        The entry stays until a state shows it. Without a number or a time nothing could be compared: none is kept.
        """
        self.forget(number)
        is_comparable = number is not None and updated_at is not None
        self.put(
            urn,
            Entry(operation, str(identity), _text(number), self._now(), _text(updated_at)) if is_comparable else None,
        )

    def put(self, urn: str, entry: Entry | None) -> None:
        """Put an entry in the place of the resource's; None removes it."""
        if entry is None:
            return self.remove(urn)
        if urn:
            self._database.write(
                "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *self._key(urn), *vars(entry).values(),
            )  # fmt: skip
        return None

    def remove(self, urn: str) -> None:
        """Forget a resource's entry."""
        self._database.write("DELETE FROM journal WHERE account = ? AND place = ? AND urn = ?", *self._key(urn))

    def forget(self, number: object) -> None:
        """Forget every entry of a registration: it is gone, or was just written as a whole."""
        if number is not None:
            self._database.write("DELETE FROM journal WHERE account = ? AND number = ?", self._account, _text(number))

    def confirm(self, identity: Identifier, number: object, updated_at: object) -> None:
        """Forget the entries that a state shows: of the same write, or a create of an identity that it holds."""
        self._database.write(
            "DELETE FROM journal WHERE account = ? AND number = ? AND updated_at = ?",
            self._account, _text(number), _text(updated_at),
        )  # fmt: skip
        self._database.write(
            "DELETE FROM journal WHERE account = ? AND place = ? AND identity = ? AND number = ''",
            self._account, self._place, str(identity),
        )  # fmt: skip

    def is_pending(self, number: object) -> bool:
        """Whether something was sent to the registration that no state has shown yet."""
        if number is None:
            return False
        return bool(self._database.rows(f"{_SELECT} AND number = ?", self._account, _text(number)))

    def is_of_another(self, urn: str, number: object) -> bool:
        """Whether another resource of this machine wrote the registration, and no state has shown that yet."""
        return bool(self._database.rows(f"{_SELECT} AND number = ? AND urn != ?", self._account, _text(number), urn))

    def _key(self, urn: str) -> tuple[str, str, str]:
        return self._account, self._place, urn


def _text(value: object) -> str:
    return "" if value is None else str(value)


_SELECT: Final = "SELECT operation, identity, number, began, updated_at FROM journal WHERE account = ?"
