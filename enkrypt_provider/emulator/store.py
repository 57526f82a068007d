"""Stores the registered models; each write is one transaction.

A row's document is neutral between the dialects (dialects.py) and is stored as it is. Nothing here knows HTTP.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .database import Database

Clock = Callable[[], datetime]
Document = dict[str, Any]
PROJECT = "default"
UNDOABLE = 1000  # changes that are kept for stale reads and the history
COLUMNS = "model_saved_name, model_version, project_name, model_id, created_at, updated_at, document"
_IDENTITY = "account = ? AND model_saved_name = ? AND model_version = ? AND project_name = ?"


class Unknown(Exception):
    """No registration has this identity."""

    def __init__(self, identity: str, noun: str = "model") -> None:
        super().__init__(f"no {noun} {identity} is registered")


class Taken(Exception):
    """Another registration of the same kind has this identity."""

    def __init__(self, identity: str, noun: str = "model") -> None:
        super().__init__(f"a {noun} {identity} is already registered")


@dataclass(frozen=True)
class Identity:
    """The primary key of a model within its account: everything that refers to a model uses it."""

    model_saved_name: str
    model_version: str
    project_name: str = PROJECT

    def __str__(self) -> str:
        return f"{self.model_saved_name}/{self.model_version}"


@dataclass(frozen=True)
class Model:
    model_saved_name: str
    model_version: str
    project_name: str
    model_id: int
    created_at: str
    updated_at: str
    document: Document


Undo = Mapping[Identity, Model | None]
"""The undo record of a change: each identity that it touched, with the model that had it before."""


class Store:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, account: str, identity: Identity, document: Document) -> Model:
        """Store a new model; raise `Taken` if its identity is taken. A deletion frees it [G]."""
        now, kept = self._now(), json.dumps(document)
        with self._database.writing() as connection:
            while True:
                model = Model(*_key(identity), random_id(), now, now, document)
                try:
                    connection.execute(
                        f"INSERT INTO models (account, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (account, *_key(identity), model.model_id, now, now, kept),
                    )
                except sqlite3.IntegrityError as error:
                    if not str(error).endswith("models.model_id"):
                        raise Taken(str(identity)) from error
                else:
                    _save_undo(connection, account, now, {identity: None})
                    return model

    def find(self, account: str, identity: Identity) -> list[Model]:
        """Return the model with this identity, as a list of at most one."""
        with self._database.connection() as connection:
            return find_in(connection, account, identity)

    def models(self, account: str) -> list[Model]:
        """Return every model of the account, in order of creation [G]."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM models WHERE account = ? ORDER BY rowid",
                (account,),
            )
            return [model_of(row) for row in rows]

    def modify(self, account: str, old: Identity, new: Identity, change: Callable[[Document], Document]) -> Model:
        """Replace the document and the identity; raise `Taken` if another model has the identity `new`."""
        with self._database.writing() as connection:
            before = _one(connection, account, old)
            model = replace(before, **vars(new), updated_at=self._now(), document=change(before.document))
            try:
                connection.execute(
                    "UPDATE models SET model_saved_name = ?, model_version = ?, project_name = ?,"
                    f" updated_at = ?, document = ? WHERE {_IDENTITY}",
                    (*_key(new), model.updated_at, json.dumps(model.document), account, *_key(old)),
                )
            except sqlite3.IntegrityError as error:
                raise Taken(str(new)) from error
            _save_undo(connection, account, model.updated_at, {new: None, old: before})
            return model

    def delete(self, account: str, identity: Identity) -> Model:
        with self._database.writing() as connection:
            model = _one(connection, account, identity)
            connection.execute(f"DELETE FROM models WHERE {_IDENTITY}", (account, *_key(identity)))
            _save_undo(connection, account, self._now(), {identity: model})
            return model

    def find_before(self, account: str, identity: Identity) -> list[Model]:
        """Like `find`, before the last write to that identity."""
        with self._database.connection() as connection:
            for undo in _undos(connection, account):
                if identity in undo:
                    return [model for model in [undo[identity]] if model]
            return find_in(connection, account, identity)

    def models_before(self, account: str) -> list[Model]:
        """Like `models`, before the account's last write."""
        with self._database.connection() as connection:
            undo = next(_undos(connection, account), {})
        now = {_identity(model): model for model in self.models(account)}
        before = {**now, **undo}
        return sorted((model for model in before.values() if model), key=lambda model: model.created_at)

    def cached(self, account: str, question: str, read: Callable[[], list[Model]], *, refresh: bool) -> list[Model]:
        """Return the last result for `question`, however old; `refresh` drops all results of the account [G]."""
        if not refresh and (models := self._last_result(account, question)) is not None:
            return models
        models = read()
        with self._database.writing() as connection:
            if refresh:
                connection.execute("DELETE FROM cache WHERE account = ?", (account,))
            connection.execute(
                "INSERT OR REPLACE INTO cache VALUES (?, ?, ?)",
                (account, question, json.dumps([vars(model) for model in models])),
            )
        return models

    def _last_result(self, account: str, question: str) -> list[Model] | None:
        with self._database.connection() as connection:
            row = connection.execute(
                "SELECT answer FROM cache WHERE account = ? AND question = ?", (account, question)
            ).fetchone()
        return None if row is None else [Model(**model) for model in json.loads(row[0])]

    def _now(self) -> str:
        return self._clock().isoformat(timespec="microseconds")


def random_id() -> int:
    return 10**9 + secrets.randbelow(9 * 10**9)


def _key(identity: Identity) -> tuple[str, str, str]:
    return identity.model_saved_name, identity.model_version, identity.project_name


def model_of(row: Sequence[Any]) -> Model:
    """Build a model from the values of `COLUMNS`."""
    *columns, document = row
    return Model(*(*columns, json.loads(document)))


def find_in(connection: sqlite3.Connection, account: str, identity: Identity) -> list[Model]:
    """Like `Store.find`, within a transaction."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM models WHERE {_IDENTITY}",
        (account, *_key(identity)),
    )
    return [model_of(row) for row in rows]


def _one(connection: sqlite3.Connection, account: str, identity: Identity) -> Model:
    if not (found := find_in(connection, account, identity)):
        raise Unknown(str(identity))
    return found[0]


def _save_undo(connection: sqlite3.Connection, account: str, at: str, before: Undo) -> None:
    """Store the undo record of a change, for stale reads and the history."""
    undo = [(_key(identity), model and vars(model)) for identity, model in before.items()]
    number = connection.execute(
        "INSERT INTO changes (account, at, undo) VALUES (?, ?, ?)", (account, at, json.dumps(undo))
    ).lastrowid
    if number and number % 64 == 0:
        connection.execute("DELETE FROM changes WHERE number <= ?", (number - UNDOABLE,))


def _undos(connection: sqlite3.Connection, account: str) -> Iterator[Undo]:
    """Return the undo records of the account, newest first."""
    rows = connection.execute("SELECT undo FROM changes WHERE account = ? ORDER BY number DESC", (account,))
    return (undo_of(undo) for (undo,) in rows)


def undo_of(text: str) -> Undo:
    """Parse a stored undo record."""
    return {Identity(*key): model and Model(**model) for key, model in json.loads(text)}


def _identity(model: Model) -> Identity:
    return Identity(model.model_saved_name, model.model_version, model.project_name)
