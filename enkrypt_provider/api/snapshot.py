"""One list call for many reads: fetched once, shared by the threads that wait for it, used for a few seconds.

A list that is older than one of our own changes is only used for registrations that we did not change (`listed`).
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
"""Seconds for which a list is used."""
STILL_FRESH: Final = 60.0
"""Seconds for which a list is used for registrations that we did not change ourselves."""


@dataclass
class _List:
    items: dict[Identifier, Json] = field(default_factory=dict)
    known: frozenset[Identifier] = frozenset()
    error: EnkryptError | None = None
    read_at: float = float("-inf")
    change: object = None
    """Our last change when the list was requested."""


class Snapshot:
    """The account's registrations as of a moment ago. Thread-safe."""

    def __init__(self, client: EnkryptClient, kind: Kind, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._kind = kind
        self._clock = clock
        self._lock = threading.Lock()
        self._change = object()  # a new object for each change; a counter could lose one of two concurrent changes
        self._changed: set[Identifier] = set()
        self._list = _List()

    def find(self, identity: Identifier) -> Live | None:
        """Return the registration, or None if it does not exist.

        A registration that is not in the list is read individually, since a list may lag. Raise `UnexpectedResponse`
        if that read does not find it although a new list has it.
        """
        found = self._current(FRESH, after_changes=True).items.get(identity)
        if found is None:
            return self.read(identity)
        try:
            return codec.read(self._kind, found)
        except UnexpectedResponse as error:
            raise UnexpectedResponse(f"{identity}: {error}") from None

    def read(self, identity: Identifier) -> Live | None:
        """Read one registration individually, and again after a while if it is not found but a new list has it."""
        live = self._client.find(self._kind, identity)
        if live is None and identity in self.identities():
            self.changed(identity)
            if identity in self.identities():
                live = self._client.find(self._kind, identity, VISIBILITY_WAITS)
                if live is None:
                    raise UnexpectedResponse(f"{identity}: the API lists it but does not return it; try again")
        return live

    def listed(self, identity: Identifier) -> Live | None:
        """Return a registration from the list unless we changed it; None means that it must be read."""
        item = self._current(STILL_FRESH, after_changes=False).items.get(identity)
        with contextlib.suppress(UnexpectedResponse):
            return codec.read(self._kind, item) if item and identity not in self._changed else None
        return None

    def identities(self) -> Iterable[Identifier]:
        """Return the identities in the list."""
        return self._current(FRESH, after_changes=True).known

    def changed(self, identity: Identifier) -> None:
        """Note a change; must be called after every call that may have changed a registration."""
        self._changed.add(identity)
        self._change = object()

    def _current(self, seconds: float, *, after_changes: bool) -> _List:
        """Return the list, refetched if it is older than `seconds` or, with `after_changes`, than our last change."""
        began = self._clock()
        with self._lock:
            operation.current().waited += self._clock() - began  # the thread that fetches may wait for its turn
            is_old = self._clock() > self._list.read_at + (FRESH if self._list.error else seconds)
            if is_old or (after_changes and self._list.change is not self._change):
                change = self._change  # before the call: a change during it outdates the list
                self._list = self._fetch()
                self._list.read_at, self._list.change = self._clock(), change
            if self._list.error:
                raise self._list.error
            return self._list

    def _fetch(self) -> _List:
        # Waiting threads get the same error at once: each would only repeat the same retries.
        try:
            items = self._client.list_all(self._kind)
        except UnexpectedResponse:
            return _List()  # each registration is read by itself
        except EnkryptError as error:
            return _List(error=error)
        known = [(self._kind.identity_in(item), item) for item in items if isinstance(item, dict)]
        whole = {identity: item for identity, item in known if codec.is_whole(self._kind, item)}
        return _List(whole, frozenset(identity for identity, _ in known))
