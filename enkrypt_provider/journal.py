"""Which resource of this machine created which registration: it outlives a killed process.

The engine writes a new resource to the state only after `create` has returned. Killed in between, the next
`up` finds a registration that nobody seems to own; an entry here proves that this very resource began it.
The entries are one small file each under `$XDG_STATE_HOME/enkrypt-provider/creates`: no key, no field of the
model but its identity, and that hashed. Where nothing can be written, nothing is remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from .schema import Identifier


@dataclass(frozen=True)
class Entry:
    """A create: by which resource, `PROJECT/STACK/NAME`, and since when, in seconds since 1970 by this
    machine's clock."""

    owner: str
    began: float


class Journal:
    """The creates of one endpoint. Safe for many processes: a file is replaced as a whole."""

    def __init__(self, endpoint: str, folder: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._endpoint = endpoint
        self._folder = folder or _folder()
        self._now = now

    def begin(self, identity: Identifier, owner: str) -> tuple[Entry, Entry | None]:
        """To be called before the model is sent: the entry of this create, or of the one that it repeats; and
        the entry that stood there, to be `restored` where the API refuses."""
        before = self.entry(identity)
        if before and before.owner == owner:
            return before, before
        entry = Entry(owner, self._now())
        self._write(identity, entry)
        return entry, before

    def restore(self, identity: Identifier, before: Entry | None) -> None:
        """To be called where the API refused for certain."""
        if before:
            self._write(identity, before)
        else:
            self.forget(identity)

    def forget(self, identity: Identifier) -> None:
        """To be called once the registration is not there for certain."""
        with contextlib.suppress(OSError):
            self._path(identity).unlink()

    def entry(self, identity: Identifier) -> Entry | None:
        """The last create of this identity."""
        try:
            return Entry(**json.loads(self._path(identity).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, identity: Identifier, entry: Entry) -> None:
        path = self._path(identity)
        fresh = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.write_text(json.dumps(asdict(entry)))
            fresh.replace(path)

    def _path(self, identity: Identifier) -> Path:
        name = hashlib.sha256(f"{self._endpoint}\n{identity}".encode()).hexdigest()[:32]
        return self._folder / f"{name}.json"


def _folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state")
    return Path(state).expanduser() / "enkrypt-provider" / "creates"
