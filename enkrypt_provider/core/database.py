"""The SQLite file with this machine's journal and with the claims that the processes of one run share.

It holds names, numbers, times and short checksums, but no key and no other field of a model. A database in memory
mirrors this process's writes: if the file is unusable, only earlier runs and other processes are unknown.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final

import psutil

_NAME: Final = "provider-3.sqlite"
"""Contains the version of the tables: package versions with different tables do not share a file."""
_SETUP: Final = """
PRAGMA synchronous = NORMAL;  -- a power cut may lose the last entries, and nothing else
CREATE TABLE IF NOT EXISTS journal (
    account TEXT, place TEXT, urn TEXT, identity TEXT, number TEXT, began REAL, checksum TEXT, written REAL,
    PRIMARY KEY (account, place, urn, identity)
);
CREATE INDEX IF NOT EXISTS journal_number ON journal (account, number);
CREATE TABLE IF NOT EXISTS claims (
    run TEXT, account TEXT, claim TEXT, identity TEXT, number INTEGER, created_at TEXT, text TEXT
);
CREATE INDEX IF NOT EXISTS claims_identity ON claims (identity);
"""  # a storage format
_ENGINE: Final = re.compile(r"\W*pulumi(?!-(?:language|resource|analyzer|converter|tool|watch))")
"""Matches the start of the engine's process name (`.pulumi-wrapped` with Nix), but not a plugin's."""
_BUSY: Final = 5.0
"""Seconds that a process waits for another one's write."""


class Database:
    """Safe for threads and for processes. `run` names the engine's run to which this process belongs.

    Claims end with the process that made them, because one engine may run many updates (`pulumi watch`), each in
    processes of its own. The column `run` holds `process`; `LIKE processes` matches all processes of the run.
    """

    def __init__(self, path: Path | None = None, run: str | None = None) -> None:
        self.run = run or this_run()
        self.process = f"{self.run} {_name(psutil.Process())}"
        self.processes = f"{self.run} %"
        self._lock = threading.Lock()
        path = path or default_path()
        self._connections = [*(_opened(path) if path else ()), _connected(":memory:")]
        self._drop_ended_claims()

    @property
    def is_over(self) -> bool:
        """Whether the engine of the run has died: nothing done from now on will reach a state."""
        is_named = ":" in self.run
        return is_named and not _is_alive(self.run)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows, those of the file first.

        If the disk is full or the file locked, only this process knows about the write.
        """
        found: list[tuple[Any, ...]] = []
        for connection in self._connections:
            with self._lock, contextlib.suppress(sqlite3.Error):
                found += connection.execute(statement, values).fetchall()
        return list(dict.fromkeys(found))

    def _drop_ended_claims(self) -> None:
        for (run,) in self.execute("SELECT DISTINCT run FROM claims"):
            if not _is_alive(run.rpartition(" ")[2]):
                self.execute("DELETE FROM claims WHERE run = ?", run)


@functools.cache
def shared_database(path: Path | None, run: str) -> Database:
    """Return the one database of this process, even if it is only in memory."""
    return Database(path, run)


def this_run() -> str:
    """Return `PID:START` of the engine that started this process, or of this process if none did."""
    process = psutil.Process()
    with contextlib.suppress(psutil.Error):
        ancestors = process.parents()
        process = next((it for it in ancestors if _ENGINE.match(it.name())), process)
    return _name(process)


def _name(process: psutil.Process) -> str:
    """Return `PID:START`, since a PID may be reused. psutil's hash does not change when the clock is set."""
    return f"{process.pid}:{hash(process):x}"


def _is_alive(name: str) -> bool:
    with contextlib.suppress(psutil.Error, ValueError):
        process = psutil.Process(int(name.partition(":")[0]))
        return _name(process) == name and process.status() != psutil.STATUS_ZOMBIE
    return False


def default_path() -> Path | None:
    """Return the file's path by the XDG rules; None if there is no home folder."""
    configured = os.environ.get("XDG_STATE_HOME", "")
    with contextlib.suppress(RuntimeError):
        home = Path(configured) if Path(configured).is_absolute() else Path.home() / ".local" / "state"
        return home / "enkrypt-provider" / _NAME
    return None


def _opened(path: Path) -> list[sqlite3.Connection]:
    """Return a connection to the file, or nothing if the file cannot be used.

    A corrupt file stays, and the next name is used: other processes may be opening it, too, and would lose the file
    that the first of them puts in its place.
    """
    for name in (path.name, *(f"{path.stem}-{number}{path.suffix}" for number in range(2, 6))):
        file = path.with_name(name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            return [_connected(file)]
        except (OSError, sqlite3.OperationalError):
            return []
        except sqlite3.DatabaseError:
            continue
    return []


def _connected(where: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(where, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_wal(connection)
        connection.executescript(_SETUP)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Retry, because SQLite does not wait here: if two processes create the file together, it refuses one at once."""
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
