"""What this run of the engine has seen: which resource declares which identity, and which object the state has.

It lives in the provider's process, for one `preview` or `up`. It is asked where a wrong guess would cost a
live registration: the engine may hold two objects of one identity, and deletes the older one. A replacement that
moves to another provider is created by one process and deleted by another: they share a file, for that run alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .journal import append, state_folder
from .schema import Identifier

KEPT: Final = 86_400.0
"""Seconds after which the file of a run is removed: longer than any run."""


class Ledger:
    """Safe for the threads of one process. An owner is a resource, `PROJECT/STACK/NAME`; a token names one
    object of the state, and is written there by the create that made it. `run` is the file that the provider
    processes of one run share."""

    def __init__(self, run: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._owners: dict[Identifier, str] = {}
        self._tokens: dict[Identifier, str] = {}
        self._run = run

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
            if self._tokens.setdefault(identity, token) == token:
                self._share(identity, token)

    def hold(self, identity: Identifier, token: str) -> None:
        """Notes the object by which the state holds `identity` from now on: this run has created it."""
        with self._lock:
            self._tokens[identity] = token
            self._share(identity, token)

    def is_superseded(self, identity: Identifier, token: str) -> bool:
        """True where the state holds `identity` by another object than `token`'s: to delete that would cost
        the other its registration."""
        with self._lock:
            holder = self._tokens[identity] if identity in self._tokens else self._shared(identity)
        return holder is not None and holder != token

    def _share(self, identity: Identifier, token: str) -> None:
        if self._run:
            with contextlib.suppress(OSError):
                append(self._run, f"{_hashed(identity)} {token}\n")

    def _shared(self, identity: Identifier) -> str | None:
        """What the other processes of this run said last."""
        with contextlib.suppress(OSError, ValueError):
            lines = self._run.read_text().splitlines() if self._run else []
            said = (line.partition(" ") for line in reversed(lines))
            return next((token for hashed, _, token in said if hashed == _hashed(identity)), None)
        return None


def this_run(arguments: Sequence[str], folder: Path | None = None) -> Path | None:
    """The file of this run: the engine tells every provider process its own address, `HOST:PORT`."""
    address = arguments[1] if len(arguments) > 1 else ""
    if not re.fullmatch(r"[A-Za-z0-9_.\[\]:-]+:\d+", address):
        return None
    runs = folder or state_folder("runs")
    with contextlib.suppress(OSError):
        for path in runs.iterdir():
            if path.stat().st_mtime < time.time() - KEPT:
                path.unlink()
    return runs / hashlib.sha256(address.encode()).hexdigest()[:24]


def _hashed(identity: Identifier) -> str:
    return hashlib.sha256(str(identity).encode()).hexdigest()[:24]
