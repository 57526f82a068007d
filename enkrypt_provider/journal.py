"""Which resource of this machine made which registration: it outlives a killed process.

The engine writes a new resource to the state only after `create` has returned. Killed in between, the next
`up` finds a registration that nobody seems to own; an entry here proves that this very resource made it.
The entries are one small file each, in a folder for each identity under `$XDG_STATE_HOME/enkrypt-provider/creates`:
no key, no field of the model but its identity, and that hashed. Where nothing can be written, nothing is remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .schema import Identifier

_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@dataclass(frozen=True)
class Entry:
    """What one resource, `PROJECT/STACK/NAME`, has to do with one identity.

    `made` is the API's number of the registration that it made or adopted last. `began` is since when it is making
    one and has not heard what came of it: seconds since 1970 by this machine's clock. `place` tells apart stacks
    of one name whose states are not the same. `lost` is true once another resource took it over.
    """

    owner: str
    made: int | None = None
    began: float | None = None
    place: str = ""
    lost: bool = False


class Journal:
    """The creates of one endpoint, as one `place` sees them. Safe for many processes: each resource has a file for
    each identity, whose last line is its entry."""

    def __init__(
        self, endpoint: str, folder: Path | None = None, now: Callable[[], float] = time.time, place: str = ""
    ) -> None:
        self._endpoint = endpoint
        self._place = place
        self._folder = folder or state_folder("creates")
        self._now = now

    def begin(self, identity: Identifier, owner: str) -> tuple[Entry, float]:
        """To be called before the model is sent: the owner's entry as it was, and since when it is being made.

        That entry must be written again where the API refuses for certain.
        """
        before = self.entry(identity, owner)
        began = self._now() if before.began is None else before.began
        self.write(identity, replace(before, began=began))
        return before, began

    def finish(self, identity: Identifier, owner: str, made: int | None) -> None:
        """To be called once the registration is the owner's for certain. Without its number the time is kept."""
        if made is not None:
            self.write(identity, Entry(owner, made, place=self._place))

    def take_over(self, identity: Identifier, owner: str, made: object) -> None:
        """To be called once `owner` has the registration `made`, keys and all: every other resource has lost it."""
        for path, entry in self._entries(identity):
            if made is not None and entry.made == made:
                is_other = (entry.owner, entry.place) != (owner, self._place)
                self._put(path, replace(entry, lost=is_other))

    def forget(self, identity: Identifier, made: int | None = None) -> None:
        """To be called once the registration `made` is not there for certain; None is any."""
        for path, entry in self._entries(identity):
            if made is None or entry.made == made:
                _remove(path)

    def entry(self, identity: Identifier, owner: str) -> Entry:
        """What is known of `owner` and `identity`."""
        found = _read(self._path(identity, owner))
        nothing = Entry(owner, place=self._place)
        return found if found and (found.owner, found.place) == (owner, self._place) else nothing

    def knows(self, identity: Identifier, owner: str) -> bool:
        """Whether `owner` has to do with `identity` at all."""
        return not _is_empty(self.entry(identity, owner))

    def maker(self, identity: Identifier, made: object) -> Entry | None:
        """What is known of the resource of this machine that made or adopted the registration `made`."""
        entries = (entry for _, entry in self._entries(identity) if made is not None and entry.made == made)
        return min(entries, key=lambda entry: entry.lost, default=None)

    def write(self, identity: Identifier, entry: Entry) -> None:
        """Puts `entry` in the place of its owner's; one that says nothing is none."""
        path = self._path(identity, entry.owner)
        if _is_empty(entry) or not entry.owner:
            return _remove(path)
        return self._put(path, entry)

    def _put(self, path: Path, entry: Entry) -> None:
        with contextlib.suppress(OSError):
            append(path, f"\n{json.dumps(vars(entry))}\n")  # a full disk may have cut the line before

    def _entries(self, identity: Identifier) -> Iterator[tuple[Path, Entry]]:
        with contextlib.suppress(OSError):
            for path in sorted((self._folder / self._hash(str(identity))).glob("*.json")):
                if entry := _read(path):
                    yield path, entry

    def _path(self, identity: Identifier, owner: str) -> Path:
        return self._folder / f"{self._hash(str(identity))}/{self._hash(f'{self._place}{owner}')}.json"

    def _hash(self, text: str) -> str:
        return hashlib.sha256(f"{self._endpoint}\n{text}".encode()).hexdigest()[:24]


def _read(path: Path) -> Entry | None:
    try:
        lines = _bytes(path).splitlines()
    except OSError:
        return None
    return next(filter(None, map(_entry, reversed(lines))), None)


def _entry(line: bytes) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None
    is_known = isinstance(entry.owner, str) and isinstance(entry.place, str) and isinstance(entry.lost, bool)
    is_sound = isinstance(entry.made, int | None) and isinstance(entry.began, int | float | None)
    return entry if is_known and is_sound else None


def _bytes(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _is_empty(entry: Entry) -> bool:
    return entry.made is None and entry.began is None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # where others have no entry


def this_place() -> str:
    """The project's folder, in which the engine runs us, and, hashed, the backend that the environment names: its
    URL may hold a password."""
    folder = ""
    with contextlib.suppress(OSError):
        folder = str(Path.cwd())
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    return f"{folder}\n{hashlib.sha256(backend.encode()).hexdigest()[:12]}" if backend else folder


def append(path: Path, line: str) -> None:
    """Adds a line to a file for its owner alone, both made where they are missing. Raises OSError.

    It is one write: a process that is killed leaves the line whole or none of it.
    """
    file = _opened(path)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _opened(path: Path, tries: int = 4) -> int:
    try:
        return os.open(path, _APPEND, 0o600)
    except FileNotFoundError:
        if not tries:
            raise
        _make(path.parent)
        return _opened(path, tries - 1)  # another process may remove the folder, empty still, in between


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
    except FileNotFoundError:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def state_folder(name: str) -> Path:
    """Where this machine keeps what outlives a process."""
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state")
    return Path(state).expanduser() / "enkrypt-provider" / name
