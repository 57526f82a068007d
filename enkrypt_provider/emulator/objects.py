"""Stores the registered policies and deployments; each write is one transaction.

A deletion leaves its row behind, as in the API's database [P]. Nothing here knows HTTP or the contents of a document.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .database import Database
from .store import UNDOABLE, Clock, Document, Taken, Unknown, random_id

_COLUMNS = "name, project_name, number, created_at, updated_at, document"
_KEY = "kind = ? AND scope = ? AND name = ?"


@dataclass(frozen=True)
class Scope:
    """Where a name is unique: in `owner`, an account or one of its projects. Only `project_name` sees the objects."""

    kind: str
    owner: str
    project_name: str


@dataclass(frozen=True)
class Object:
    name: str
    project_name: str
    number: int
    created_at: str
    updated_at: str
    document: Document


class Objects:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, scope: Scope, document: Document, *, revives: bool) -> Object:
        """Store a new object or raise `Taken`. It replaces a deleted one [G]; `revives` keeps its number and time."""
        now, name = self._now(), str(document["name"])
        with self._database.writing() as connection:
            deleted, there = _rows(connection, scope, name, 1), _rows(connection, scope, name, 0)
            if there:
                raise Taken(name, scope.kind)
            made = Object(name, scope.project_name, random_id(), now, now, document)
            if deleted and revives:
                made = replace(made, number=deleted[0].number, created_at=deleted[0].created_at)
            _put(connection, scope, made)
            _remember(connection, scope, now, None, made)
            return made

    def find(self, scope: Scope, name: str) -> Object:
        with self._database.connection() as connection:
            return _one(connection, scope, name)

    def all(self, scope: Scope) -> list[Object]:
        """Return every object of the project, in order of creation [G]."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE kind = ? AND scope = ? AND project_name = ? AND is_deleted = 0"
                " ORDER BY created_at, rowid",
                (scope.kind, scope.owner, scope.project_name),
            )
            return [_object(row) for row in rows]

    def modify(self, scope: Scope, name: str, change: Callable[[Document], Document]) -> Object:
        """Replace the document, and with it the name; raise `Taken` if another object has that name."""
        with self._database.writing() as connection:
            before = _one(connection, scope, name)
            document = change(before.document)
            new = replace(before, name=document["name"], document=document, updated_at=self._now())
            if new.name != name and _rows(connection, scope, new.name, 0):
                raise Taken(new.name, scope.kind)
            connection.execute(f"DELETE FROM objects WHERE {_KEY}", (scope.kind, scope.owner, name))
            _put(connection, scope, new)
            _remember(connection, scope, new.updated_at, before, new)
            return new

    def delete(self, scope: Scope, name: str) -> Object:
        with self._database.writing() as connection:
            gone = _one(connection, scope, name)
            connection.execute(f"UPDATE objects SET is_deleted = 1 WHERE {_KEY}", (scope.kind, scope.owner, name))
            _remember(connection, scope, self._now(), gone, None)
            return gone

    def _now(self) -> str:
        return self._clock().isoformat(timespec="microseconds")


def _one(connection: sqlite3.Connection, scope: Scope, name: str) -> Object:
    """Return an object of this project; those of other projects are unknown [G]."""
    found = [it for it in _rows(connection, scope, name, 0) if it.project_name == scope.project_name]
    if not found:
        raise Unknown(name, scope.kind)
    return found[0]


def _rows(connection: sqlite3.Connection, scope: Scope, name: str, is_deleted: int) -> list[Object]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM objects WHERE {_KEY} AND is_deleted = ?",
        (scope.kind, scope.owner, name, is_deleted),
    )
    return [_object(row) for row in rows]


def _put(connection: sqlite3.Connection, scope: Scope, it: Object) -> None:
    """Insert an object, or replace a deleted one of that name."""
    connection.execute(
        f"INSERT OR REPLACE INTO objects (kind, scope, is_deleted, {_COLUMNS}) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)",
        (
            scope.kind, scope.owner, it.name, it.project_name, it.number, it.created_at, it.updated_at,
            json.dumps(it.document),
        ),
    )  # fmt: skip


def _remember(
    connection: sqlite3.Connection, scope: Scope, at: str, before: Object | None, after: Object | None
) -> None:
    """Store a change for the history."""
    texts = [it and json.dumps(vars(it)) for it in (before, after)]
    number = connection.execute(
        "INSERT INTO object_changes (at, kind, scope, before, after) VALUES (?, ?, ?, ?, ?)",
        (at, scope.kind, scope.owner, *texts),
    ).lastrowid
    if number and number % 64 == 0:
        connection.execute("DELETE FROM object_changes WHERE number <= ?", (number - UNDOABLE,))


def _object(row: Sequence[Any]) -> Object:
    *columns, document = row
    return Object(*(*columns, json.loads(document)))
