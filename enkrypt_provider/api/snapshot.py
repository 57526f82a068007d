"""One list for many reads: fetched once, shared by the threads that wait for it, read for a few seconds.

A list that is older than a call of ours that changed something is not read for what a registration says.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ..errors import EnkryptError, UnexpectedResponse
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Kind, Live
from . import operation
from .client import VISIBILITY_WAITS, EnkryptClient

FRESH: Final = 10.0
"""Seconds for which a list is read."""
STILL_FRESH: Final = 60.0
"""Seconds for which a list is read for what we did not change ourselves."""


@dataclass
class _List:
    items: dict[Identifier, Json] = field(default_factory=dict)
    known: frozenset[Identifier] = frozenset()
    error: EnkryptError | None = None
    read_at: float = float("-inf")
    change: object = None
    """The last change of ours when it was asked for."""


class Snapshot:
    """The account's registrations as of a moment ago. Safe for threads."""

    def __init__(self, client: EnkryptClient, kind: Kind, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._kind = kind
        self._clock = clock
        self._lock = threading.Lock()
        self._change = object()  # another one for each change; a count could lose one of two threads'
        self._changed: set[Identifier] = set()
        self._list = _List()

    def find(self, identity: Identifier) -> Live | None:
        """Return the registration, or None where it is not there.

        What the list lacks is read by itself before it is said to be gone: a list may lag. Raise
        `UnexpectedResponse` where that says that it is gone and a new list shows it.
        """
        found = self._current(FRESH, ours_too=True).items.get(identity)
        if found is None:
            return self.read(identity)
        try:
            return codec.read(self._kind, found)
        except UnexpectedResponse as error:
            raise UnexpectedResponse(f"{identity}: {error}") from None

    def read(self, identity: Identifier) -> Live | None:
        """Read one registration by itself: again, after a while, where it is not there and a new list shows it."""
        live = self._client.find(self._kind, identity)
        if live is None and identity in self.identities():
            self.changed(identity)
            if identity in self.identities():
                live = self._client.find(self._kind, identity, VISIBILITY_WAITS)
                if live is None:
                    raise UnexpectedResponse(f"{identity}: the API lists it and says that it is not there; try again")
        return live

    def listed(self, identity: Identifier) -> Live | None:
        """Return what the list shows of a registration that we did not change; None means that it must be read."""
        item = self._current(STILL_FRESH, ours_too=False).items.get(identity)
        with contextlib.suppress(UnexpectedResponse):
            return codec.read(self._kind, item) if item and identity not in self._changed else None
        return None

    def identities(self) -> Iterable[Identifier]:
        """Return the identities that the list shows."""
        return self._current(FRESH, ours_too=True).known

    def changed(self, identity: Identifier) -> None:
        """Must be called after every call that may have changed a registration."""
        self._changed.add(identity)
        self._change = object()

    def _current(self, seconds: float, *, ours_too: bool) -> _List:
        """Return the list, fetched anew where it is older than `seconds` or, with `ours_too`, than our changes."""
        began = self._clock()
        with self._lock:
            operation.current().waited += self._clock() - began  # the thread that fetches may wait for its turn
            is_old = self._clock() > self._list.read_at + (FRESH if self._list.error else seconds)
            if is_old or (ours_too and self._list.change is not self._change):
                change = self._change  # before the call: a change during it makes the list old
                self._list = self._fetch()
                self._list.read_at, self._list.change = self._clock(), change
            if self._list.error:
                raise self._list.error
            return self._list

    def _fetch(self) -> _List:
        # Threads that wait get the same error at once: each would only spend the same retries again.
        try:
            items = self._client.list_all(self._kind)
        except UnexpectedResponse:
            return _List()  # each registration is read by itself
        except EnkryptError as error:
            return _List(error=error)
        known = [(self._kind.identity_in(item), item) for item in items if isinstance(item, dict)]
        whole = {identity: item for identity, item in known if codec.is_whole(self._kind, item)}
        return _List(whole, frozenset(identity for identity, _ in known))
