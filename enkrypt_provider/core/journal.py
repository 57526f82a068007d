"""The writes that this machine sent and no state reflects yet: creates, updates and deletions.

The engine writes a resource to the state only after its operation has returned. If it is killed in between, or no
response ever arrives, an entry here tells the next run what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ..errors import EnkryptError
from ..kinds.kind import Identifier
from .database import Database
from .holding import Holding, seconds

DELETIONS_KEPT: Final = 30 * 86_400.0
"""Seconds for which a deletion is remembered, as it is never known whether it reached the state."""


@dataclass(frozen=True)
class Entry:
    """A write of one resource to one identity that no state reflects yet.

    `key` is the registration's (`Holding.key`), or "" if no response has given it. `began` is in seconds since 1970
    by this machine's clock. `checksum` is that of the body, once a response has confirmed the write; until then it is
    None, or "" if the registration existed before. `written` is the API's time of the write, in seconds since 1970,
    or None if that proves nothing.
    """

    key: str
    began: float
    checksum: str | None = None
    written: float | None = None


@dataclass
class Sending:
    """A write in progress. `before` is the entry that it replaces; `began` is in seconds since 1970."""

    before: Entry | None
    began: float
    in_doubt: bool = False

    def doubt(self) -> None:
        """Note that the API may have done the work although no response came."""
        self.in_doubt = True


class Journal:
    """The entries of one account. `place` distinguishes stacks of the same name, and API keys of the same endpoint.
    A resource without a URN has no entries."""

    def __init__(self, database: Database, account: str, place: str) -> None:
        self._database = database
        self._account = account
        self._place = place
        self._now: Callable[[], float] = time.time

    # ---- by resource and identity

    def entry(self, urn: str, identity: Identifier | str) -> Entry | None:
        """Return the entry of a resource for an identity."""
        rows = self._database.execute(f"SELECT number, began, checksum, written {_OWN}", *self._own(urn, identity))
        return Entry(*rows[0]) if rows else None

    def put(self, urn: str, identity: Identifier | str, entry: Entry | None) -> None:
        """Replace the entry of a resource for an identity; None removes it."""
        own = self._own(urn, identity)
        if urn and entry:
            self._database.execute(_PUT, *own, entry.key, entry.began, entry.checksum, entry.written)
        else:
            self._database.execute(f"DELETE {_OWN}", *own)

    def others(self, urn: str, identity: Identifier) -> list[str]:
        """Return the ids of the other identities for which a resource has entries."""
        rows = self._database.execute(
            "SELECT identity FROM journal WHERE account = ? AND place = ? AND urn = ? AND identity != ?",
            *self._own(urn, identity),
        )
        return [str(other) for (other,) in rows]

    def unfinished(self, urn: str) -> list[tuple[str, str]]:
        """Return the unconfirmed creates of the resource's stack, as pairs of URN and id."""
        stack = "".join(f"{part}::" for part in urn.split("::")[:2])
        return self._database.execute(
            "SELECT urn, identity FROM journal "
            "WHERE account = ? AND place = ? AND substr(urn, 1, ?) = ? AND checksum IS NULL",
            self._account, self._place, len(stack), stack,
        )  # fmt: skip

    @contextmanager
    def sending(self, urn: str, identity: Identifier, key: str = "") -> Iterator[Sending]:
        """Record a write that is about to be sent. If it fails beyond doubt, restore the previous entry."""
        before = self.entry(urn, identity)
        known = before or Entry("", self._now())
        is_new = not key and known.checksum is None
        self.put(urn, identity, Entry(key or known.key, known.began, None if is_new else ""))
        sending = Sending(before, known.began)
        try:
            yield sending
        except EnkryptError:
            if not sending.in_doubt:
                self.put(urn, identity, before)
            raise

    def finish(self, urn: str, sending: Sending, before: Holding | None, written: Holding, checksum: str) -> None:
        """Record the response, in place of all earlier entries of the registration, until a state reflects it."""
        is_new_time = before is None or before.updated_at != written.updated_at
        written_at = seconds(written.updated_at) if is_new_time else None
        self.forget(written.key)
        self.drop_lost_creates(written.identity)
        self.put(urn, written.identity, Entry(written.key, sending.began, checksum, written_at))
        self.end_deletion(written.key)

    # ---- by registration

    def is_pending(self, key: str) -> bool:
        """Whether there is a write to the registration that no state reflects yet."""
        return bool(self._database.execute(f"SELECT urn {_OF}", self._account, key))

    def is_pending_elsewhere(self, urn: str, key: str) -> bool:
        """Whether another resource of this machine wrote the registration, and no state reflects that yet."""
        others = f"SELECT urn {_OF} AND NOT (place = ? AND urn = ?)"
        return bool(self._database.execute(others, self._account, key, self._place, urn))

    def drop_lost_creates(self, identity: Identifier) -> None:
        """Drop the creates of an identity that got no response, once a response shows the registration."""
        unknown = "DELETE FROM journal WHERE account = ? AND place = ? AND identity = ? AND number = '' AND urn != ?"
        self._database.execute(unknown, self._account, self._place, str(identity), _DELETION)

    def forget(self, key: str) -> None:
        """Drop all entries of a registration that is gone or was just written as a whole."""
        self._database.execute(f"DELETE {_OF}", self._account, key)

    def confirm(self, held: Holding, checksum: str) -> None:
        """Drop the entries that a state reflects: it holds what was sent, or its time is the write's or later."""
        reflected = f"DELETE {_OF} AND (checksum = ? OR written BETWEEN 0 AND ?)"
        self._database.execute(reflected, self._account, held.key, checksum, seconds(held.updated_at))

    def distrust_times(self, key: str) -> None:
        """Let no time confirm the entries so far: a refresh sees the time of a write, but not its keys."""
        self._database.execute(
            "UPDATE journal SET written = NULL WHERE account = ? AND number = ?", self._account, key
        )

    def begin_deletion(self, key: str) -> None:
        """Record that a registration is about to be deleted."""
        now = self._now()
        self._database.execute("DELETE FROM journal WHERE urn = ? AND began < ?", _DELETION, now - DELETIONS_KEPT)
        self.put(_DELETION, key, Entry("", now))

    def end_deletion(self, key: str) -> None:
        """Drop the entry of a deletion that was called off, or after which the registration was written."""
        self.put(_DELETION, key, None)

    def began_deletion(self, key: str) -> bool:
        """Whether this machine began to delete the registration."""
        return self.entry(_DELETION, key) is not None

    def _own(self, urn: str, identity: Identifier | str) -> tuple[str, str, str, str]:
        return self._account, self._place, urn, str(identity)


_DELETION: Final = "a deletion"
"""Takes the place of the URN: not every engine names the resource whose object it deletes."""
_OWN: Final = "FROM journal WHERE account = ? AND place = ? AND urn = ? AND identity = ?"
_OF: Final = "FROM journal WHERE account = ? AND number = ?"
_PUT: Final = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
