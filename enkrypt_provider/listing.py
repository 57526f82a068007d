"""One list for all reads of a refresh: fetched once, shared by the threads that wait for it, soon forgotten.

It never outlives a write of ours, and what it does not say in full is asked for one by one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from .client import EnkryptClient
from .errors import EnkryptError, UnexpectedResponse
from .schema import Identifier, Json, Live, identity_in, is_whole, read

FRESH: Final = 10.0
"""Seconds for which a list may be read."""


class Listing:
    """The account's registrations as of a moment ago."""

    def __init__(self, client: EnkryptClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._write, self._seen = object(), object()
        self._models: dict[Identifier, Json] = {}
        self._error: EnkryptError | None = None

    def find(self, identity: Identifier) -> Live | None:
        """The registration, or None where it is not there.

        A model that the list lacks is asked for by itself before it is said to be gone: a list may lag.
        """
        with self._lock:
            if self._clock() > self._until or self._seen is not self._write:
                self._seen = self._write  # before the call: a write that ends during it makes the list old
                self._fetch()
                self._until = self._clock() + FRESH
            if self._error:
                raise self._error
            found = self._models.get(identity)
        if found is None:
            return self._client.find_model(identity)
        try:
            return read(found)
        except UnexpectedResponse as error:
            raise UnexpectedResponse(f"{identity}: {error}") from None

    def forget(self) -> None:
        """Must be called after every write."""
        self._write = object()

    def _fetch(self) -> None:
        # The threads that wait get the same error at once: each would only spend the same retries again.
        self._models, self._error = {}, None
        try:
            models = self._client.list_models()
        except UnexpectedResponse:
            return
        except EnkryptError as error:
            self._error = error
            return
        self._models = {identity_in(item): item for item in models if is_whole(item)}
