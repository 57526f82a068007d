"""What this run of the engine has seen: which resource declares which identity, and which object the state has.

It lives in the provider's process, for one `preview` or `up`. It is asked where a wrong guess would cost a
live registration: the engine may hold two objects of one identity, and deletes the older one.
"""

from __future__ import annotations

import threading

from .schema import Identifier


class Ledger:
    """Safe for the threads of one process. An owner is a resource, `PROJECT/STACK/NAME`; a token names one
    object of the state, and is written there by the create that made it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: dict[Identifier, str] = {}
        self._tokens: dict[Identifier, str] = {}

    def declare(self, identity: Identifier, owner: str) -> str:
        """Notes that `owner` declares `identity`. Answers who declared it first: `owner`, or another resource."""
        with self._lock:
            return self._owners.setdefault(identity, owner)

    def owner(self, identity: Identifier) -> str:
        """The resource that declares `identity`, or "" where none did in this run."""
        return self._owners.get(identity, "")

    def keep(self, identity: Identifier, token: str) -> None:
        """Notes the object by which the state held `identity` before this run, and is to hold it on."""
        with self._lock:
            self._tokens.setdefault(identity, token)

    def hold(self, identity: Identifier, token: str) -> None:
        """Notes the object by which the state holds `identity` from now on: this run has created it."""
        with self._lock:
            self._tokens[identity] = token

    def is_superseded(self, identity: Identifier, token: str) -> bool:
        """True where the state holds `identity` by another object than `token`'s: to delete that would cost
        the other its registration."""
        return self._tokens.get(identity, token) != token
