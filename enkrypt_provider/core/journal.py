"""What this machine sent and could not confirm: creates, updates and deletions that no state shows yet.

The engine writes a resource to the state only after its operation has returned. Where it is killed in between, or
the response is lost for good, an entry here tells the next run what was sent.
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
"""Seconds for which a deletion is remembered: one that reached the state is not told from one that did not."""


@dataclass(frozen=True)
class Entry:
    """What one resource sent to one identity and no state has shown.

    `key` is that of the registration (`Holding.key`), or "" where no response told it. `began` is in seconds since
    1970 by this machine's clock. `checksum` is that of what was sent; until a response said that it was done
    it is None, or "" where the registration was there before. `written` is the API's time of it, in seconds since
    1970, None where that tells nothing.
    """

    key: str
    began: float
    checksum: str | None = None
    written: float | None = None


@dataclass
class Sending:
    """What is being sent. `before` is what was noted until then; `began` is in seconds since 1970."""

    before: Entry | None
    began: float
    in_doubt: bool = False

    def doubt(self) -> None:
        """Note that the work may have been done without a response."""
        self.in_doubt = True


class Journal:
    """The entries of one account. `place` tells apart stacks of one name, and the keys of one endpoint. A resource
    without a URN has none."""

    def __init__(self, database: Database, account: str, place: str) -> None:
        self._database = database
        self._account = account
        self._place = place
        self._now: Callable[[], float] = time.time

    # ---- by resource and identity

    def entry(self, urn: str, identity: Identifier | str) -> Entry | None:
        """Return what a resource sent to an identity."""
        rows = self._database.execute(f"SELECT number, began, checksum, written {_OWN}", *self._own(urn, identity))
        return Entry(*rows[0]) if rows else None

    def put(self, urn: str, identity: Identifier | str, entry: Entry | None) -> None:
        """Put an entry in the place of the one that is there; None removes it."""
        own = self._own(urn, identity)
        if urn and entry:
            self._database.execute(_PUT, *own, entry.key, entry.began, entry.checksum, entry.written)
        else:
            self._database.execute(f"DELETE {_OWN}", *own)

    def others(self, urn: str, identity: Identifier) -> list[str]:
        """Return the ids of the other identities to which a resource sent something."""
        rows = self._database.execute(
            "SELECT identity FROM journal WHERE account = ? AND place = ? AND urn = ? AND identity != ?",
            *self._own(urn, identity),
        )
        return [str(other) for (other,) in rows]

    def unfinished(self, urn: str) -> list[tuple[str, str]]:
        """Return resources of the same stack, each with the id of what it was making and no response confirmed."""
        stack = "".join(f"{part}::" for part in urn.split("::")[:2])
        return self._database.execute(
            "SELECT urn, identity FROM journal "
            "WHERE account = ? AND place = ? AND substr(urn, 1, ?) = ? AND checksum IS NULL",
            self._account, self._place, len(stack), stack,
        )  # fmt: skip

    @contextmanager
    def sending(self, urn: str, identity: Identifier, key: str = "") -> Iterator[Sending]:
        """Note what is about to be sent. What was noted before is put back where that fails beyond doubt."""
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
        """Note the response, which overwrites whatever was noted of the registration, until a state shows it."""
        is_told = before is None or before.updated_at != written.updated_at
        written_at = seconds(written.updated_at) if is_told else None
        self.forget(written.key)
        self.end_creates(written.identity)
        self.put(urn, written.identity, Entry(written.key, sending.began, checksum, written_at))
        self.end_deletion(written.key)

    # ---- by registration

    def is_pending(self, key: str) -> bool:
        """Whether something was sent to the registration that no state has shown yet."""
        return bool(self._database.execute(f"SELECT urn {_OF}", self._account, key))

    def is_of_another(self, urn: str, key: str) -> bool:
        """Whether another resource of this machine wrote the registration, and no state has shown that yet."""
        others = f"SELECT urn {_OF} AND NOT (place = ? AND urn = ?)"
        return bool(self._database.execute(others, self._account, key, self._place, urn))

    def end_creates(self, identity: Identifier) -> None:
        """Forget creates of an identity that no response confirmed: by now a response shows what is registered."""
        unknown = "DELETE FROM journal WHERE account = ? AND place = ? AND identity = ? AND number = '' AND urn != ?"
        self._database.execute(unknown, self._account, self._place, str(identity), _DELETION)

    def forget(self, key: str) -> None:
        """Forget every entry of a registration: it is gone, or was just written as a whole."""
        self._database.execute(f"DELETE {_OF}", self._account, key)

    def confirm(self, held: Holding, checksum: str) -> None:
        """Forget the entries that a state shows: it holds just what was sent, or is of the time of it or later."""
        shown = f"DELETE {_OF} AND (checksum = ? OR written BETWEEN 0 AND ?)"
        self._database.execute(shown, self._account, held.key, checksum, seconds(held.updated_at))

    def keep(self, key: str) -> None:
        """Let no later time confirm what was noted so far: a refresh sees the time of a write, but not its keys."""
        self._database.execute(
            "UPDATE journal SET written = NULL WHERE account = ? AND number = ?", self._account, key
        )

    def begin_deletion(self, key: str) -> None:
        """Note that a registration is about to be deleted."""
        now = self._now()
        self._database.execute("DELETE FROM journal WHERE urn = ? AND began < ?", _DELETION, now - DELETIONS_KEPT)
        self.put(_DELETION, key, Entry("", now))

    def end_deletion(self, key: str) -> None:
        """Note that a registration is not to be deleted any more."""
        self.put(_DELETION, key, None)

    def began_deletion(self, key: str) -> bool:
        """Whether this machine sent a deletion of the registration."""
        return self.entry(_DELETION, key) is not None

    def _own(self, urn: str, identity: Identifier | str) -> tuple[str, str, str, str]:
        return self._account, self._place, urn, str(identity)


_DELETION: Final = "a deletion"
"""Stands for the URN: not every engine names the resource whose object it deletes."""
_OWN: Final = "FROM journal WHERE account = ? AND place = ? AND urn = ? AND identity = ?"
_OF: Final = "FROM journal WHERE account = ? AND number = ?"
_PUT: Final = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
