"""The registrations of all accounts and their history, as the page shows them; read-only.

The history of models comes from the undo records that the store keeps for stale reads; the other kinds have a history
of their own. Nothing here knows HTTP.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from .database import Database
from .store import Document, Identity, Model, find_in, undo_of


@dataclass(frozen=True)
class Registered:
    """A registration of a kind, such as `model`, and its account. `number` is unique; only models have a version."""

    kind: str
    account: str
    name: str
    version: str
    project_name: str
    number: int
    created_at: str
    updated_at: str
    document: Document


@dataclass(frozen=True)
class Change:
    """One change of one registration: `before` is None if it was created, `after` if it was deleted."""

    number: str
    at: str
    before: Registered | None
    after: Registered | None

    @property
    def of(self) -> Registered:
        """The registration after the change, or before it if the change was a deletion."""
        return cast(Registered, self.after or self.before)


_COLUMNS = "kind, account, name, version, project_name, number, created_at, updated_at, document"
# The scope of a deployment is its whole account; it is shown with its project, like the other kinds.
_ACCOUNT = "CASE WHEN {0} = 'default' OR instr(scope, '/') THEN scope ELSE scope || '/' || {0} END"
_ALL = f"""(
    SELECT 'model' AS kind, account, model_saved_name AS name, model_version AS version, project_name,
        model_id AS number, created_at, updated_at, document
    FROM models
    UNION ALL SELECT kind, {_ACCOUNT.format("project_name")},
        name, '', project_name, number, created_at, updated_at, document
    FROM objects WHERE NOT is_deleted
)"""
# The searchable text, which has no keys.
_TEXT = " || ' ' || ".join(
    ["name", "version"]
    + [
        f"coalesce(json_extract(document, '$.{path}'), '')"
        for path in (
            "model_name", "model_config.is_compatible_with", "model_config.endpoint.host", "description",
            "model_saved_name", "input_guardrails_policy.policy_name", "output_guardrails_policy.policy_name",
        )
    ]
)  # fmt: skip
_WHERE = f"WHERE kind = ?1 AND (?2 = '' OR account = ?2) AND (?3 = '' OR instr(lower({_TEXT}), lower(?3)))"


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self) -> list[str]:
        """Return the accounts that have a registration."""
        with self._database.connection() as connection:
            return [account for (account,) in connection.execute(f"SELECT DISTINCT account FROM {_ALL} ORDER BY 1")]

    def count(self, kind: str, account: str = "", words: str = "") -> int:
        """Count the registrations of a kind that contain `words`, in one account or in all."""
        with self._database.connection() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM {_ALL} {_WHERE}", (kind, account, words)).fetchone()
        return int(count)

    def registered(self, kind: str, account: str, words: str, limit: int, offset: int) -> list[Registered]:
        """Return one page of those registrations, ordered by name."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM {_ALL} {_WHERE} ORDER BY lower(name), version, account LIMIT ?4 OFFSET ?5",
                (kind, account, words, limit, offset),
            )
            return [_registered(row) for row in rows]

    def find(self, kind: str, number: int) -> list[Registered]:
        """Return the registration with this number, as a list of at most one."""
        with self._database.connection() as connection:
            query = f"SELECT {_COLUMNS} FROM {_ALL} WHERE kind = ? AND number = ?"
            return [_registered(row) for row in connection.execute(query, (kind, number))]

    def count_changes(self) -> int:
        """Count the changes that are kept."""
        with self._database.connection() as connection:
            query = "SELECT (SELECT count(*) FROM changes) + (SELECT count(*) FROM object_changes)"
            return int(connection.execute(query).fetchone()[0])

    def changes(self, limit: int | None = None, offset: int = 0) -> list[Change]:
        """Return the changes, newest first."""
        with self._database.reading() as connection:
            found = heapq.merge(
                _of_models(connection), _of_objects(connection), key=lambda change: change.at, reverse=True
            )
            return list(islice(found, offset, None if limit is None else offset + limit))

    def changes_of(self, kind: str, number: int) -> list[Change]:
        """Return the changes of one registration, newest first."""
        return [change for change in self.changes() if (change.of.kind, change.of.number) == (kind, number)]


def _registered(row: tuple[Any, ...]) -> Registered:
    *columns, document = row
    return Registered(*(*columns, json.loads(document)))


def registered_model(account: str, model: Model) -> Registered:
    """Convert a model to a `Registered`."""
    identity = (model.model_saved_name, model.model_version, model.project_name)
    times = (model.created_at, model.updated_at)
    return Registered("model", account, *identity, model.model_id, *times, model.document)


def _of_models(connection: sqlite3.Connection) -> Iterator[Change]:
    """Walk back from the current registrations; each step undoes one change."""
    now: dict[tuple[str, Identity], Model | None] = {}

    def was(account: str, undo: Mapping[Identity, Model | None]) -> Model | None:
        """Return the model after the change, which is the model before the next change."""
        for identity in undo:
            if (account, identity) not in now:
                now[account, identity] = next(iter(find_in(connection, account, identity)), None)
        return next((model for identity in undo if (model := now[account, identity])), None)

    rows = connection.execute("SELECT number, account, at, undo FROM changes ORDER BY number DESC")
    for number, account, at, text in rows:
        undo = undo_of(text)
        after = was(account, undo)
        before = next((model for model in undo.values() if model), None)
        now.update({(account, identity): model for identity, model in undo.items()})
        old, new = (registered_model(account, model) if model else None for model in (before, after))
        yield Change(str(number), at, old, new)


def _of_objects(connection: sqlite3.Connection) -> Iterator[Change]:
    account = _ACCOUNT.format("json_extract(coalesce(after, before), '$.project_name')")
    query = f"SELECT number, at, kind, {account}, before, after FROM object_changes ORDER BY number DESC"
    for number, at, kind, account, *texts in connection.execute(query):
        before, after = (_object(kind, account, json.loads(text)) if text else None for text in texts)
        yield Change(f"{kind}-{number}", at, before, after)


def _object(kind: str, account: str, it: dict[str, Any]) -> Registered:
    name, *others = it.values()
    return Registered(kind, account, name, "", *others)
