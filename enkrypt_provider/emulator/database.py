"""One SQLite file, shared by any number of threads and processes: its tables, connections and transactions.

This module handles WAL, waiting for locks, one connection for each call in progress, and full disks. The meaning of
the rows is in store, objects, history, faults and request_log.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS models (
    account TEXT NOT NULL,
    model_saved_name TEXT NOT NULL CHECK (length(model_saved_name) <= 32),
    model_version TEXT NOT NULL,
    project_name TEXT NOT NULL,
    model_id INTEGER NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, model_saved_name, model_version, project_name)
);
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 32),
    project_name TEXT NOT NULL,
    number INTEGER NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    document TEXT NOT NULL,
    is_deleted INTEGER NOT NULL,
    PRIMARY KEY (kind, scope, name)
);
CREATE TABLE IF NOT EXISTS cache (
    account TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (account, question)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    at TEXT NOT NULL,
    undo TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS object_changes (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    before TEXT,
    after TEXT
);
DROP TABLE IF EXISTS writes;
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY,
    fault TEXT NOT NULL,
    met INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY,
    entry TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS account (
    id TEXT NOT NULL
);
INSERT INTO account SELECT lower(hex(randomblob(8))) WHERE NOT EXISTS (SELECT * FROM account)
"""
TIMEOUT = 30.0  # seconds to wait for the locks of other processes


APPLICATION_ID = 0x656E6B31  # SQLite's application_id: "enk" and the schema's version


class DatabaseFailed(Exception):
    """SQLite failed; the call changed nothing."""


class DatabaseFull(DatabaseFailed):
    """The disk is full; the call changed nothing."""


class NotOurs(Exception):
    """The file cannot be used as the emulator's database; it was left unchanged."""


class Database:
    """The file at `path`, created with its folder if missing. Only its owner can read it, because it holds keys."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        # By process id: a connection must not cross a fork.
        self._idle: dict[int, list[sqlite3.Connection]] = {}
        self._one_writer = threading.Lock()  # threads queue here, fairly; SQLite's own wait is a sleep
        weakref.finalize(self, _close, self._idle)
        try:
            self._create()
        except (OSError, sqlite3.Error, DatabaseFailed) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise NotOurs(f"{self.path} cannot be used as the emulator's database: {why}") from error

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        with self.connection() as connection:
            _check_application_id(connection)
            _switch_to_wal(connection)
        with self.writing() as connection:
            _check_application_id(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in SCHEMA.split(";"):
                connection.execute(statement)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one statement, or for several that need no common snapshot."""
        idle = self._idle.setdefault(os.getpid(), [])
        try:
            try:
                connection = idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                idle.append(connection)
        except sqlite3.OperationalError as error:
            raise _failure(error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: all statements see the same snapshot, whatever others write meanwhile."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, only one at a time: committed at the end, rolled back on any exception."""
        with self._one_writer, self.connection() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def write(self, statement: str, values: Sequence[object] = ()) -> int | None:
        """Execute one statement in its own transaction; return the rowid of the inserted row."""
        with self._one_writer, self.connection() as connection:
            return connection.execute(statement, values).lastrowid

    @cached_property
    def id(self) -> str:
        """16 hex digits, generated once and stored in the file, so they survive a move."""
        with self.connection() as connection:
            return str(connection.execute("SELECT id FROM account").fetchone()[0])

    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""
        _close(self._idle)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            # With WAL, a killed process then loses nothing; a power cut may lose the last commits, never the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            # A checkpoint waits for the disk; SQLite's default of 1000 pages holds hardly 200 new models.
            connection.execute("PRAGMA wal_autocheckpoint = 8000")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def database_id(path: str | os.PathLike[str]) -> str:
    """Return the id of the database at `path`, created if missing; raise `NotOurs` for any other file."""
    database = Database(path)
    try:
        return database.id
    finally:
        database.close()


def _close(idle: dict[int, list[sqlite3.Connection]]) -> None:
    mine = idle.pop(os.getpid(), [])
    while mine:
        mine.pop().close()


def _failure(error: sqlite3.OperationalError) -> DatabaseFailed:
    if "full" in str(error):
        return DatabaseFull("the disk that holds the emulator's database is full")
    return DatabaseFailed(f"the emulator's database failed: {error}")


def _check_application_id(connection: sqlite3.Connection) -> None:
    # In this order: another process that creates the file in between sets its mark together with its tables.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID and (mark or tables):
        raise sqlite3.DatabaseError("it belongs to another application")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Retry: of two processes that switch together, SQLite refuses one without its usual wait."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
