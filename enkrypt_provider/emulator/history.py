"""What became of the models, as the page and a person read it: over all accounts, and only to read.

The history is what the store keeps for stale reads: each change with what it replaced. Nothing here knows HTTP.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

from .database import Database
from .store import COLUMNS, Identity, Model, find_in, model_of, undo_of


@dataclass(frozen=True)
class Registered:
    """A model, and whose it is."""

    account: str
    model: Model


@dataclass(frozen=True)
class Change:
    """What one call made of one model: None before is a registration, None after a deletion."""

    number: int
    at: str
    account: str
    before: Model | None
    after: Model | None

    @property
    def model(self) -> Model:
        """The model as the change left it, or as it was when it was deleted."""
        return cast(Model, self.after or self.before)


# What a person may look for; no key is among it.
_TEXT = " || ' ' || ".join(
    ["model_saved_name", "model_version"]
    + [
        f"coalesce(json_extract(document, '$.{path}'), '')"
        for path in ("model_name", "model_config.is_compatible_with", "model_config.endpoint.host")
    ]
)
_WHERE = f"WHERE (?1 = '' OR account = ?1) AND (?2 = '' OR instr(lower({_TEXT}), lower(?2)))"


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self) -> list[str]:
        """Those that have a model."""
        with self._database.connection() as connection:
            return [account for (account,) in connection.execute("SELECT DISTINCT account FROM models ORDER BY 1")]

    def count(self, account: str = "", words: str = "") -> int:
        """How many models there are whose names, protocol or host hold `words`: of one account, or of all."""
        with self._database.connection() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM models {_WHERE}", (account, words)).fetchone()
        return int(count)

    def models(self, account: str, words: str, limit: int, offset: int) -> list[Registered]:
        """Those models, by name."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT account, {COLUMNS} FROM models {_WHERE}"
                " ORDER BY lower(model_saved_name), model_version, account LIMIT ?3 OFFSET ?4",
                (account, words, limit, offset),
            )
            return [Registered(row[0], model_of(row[1:])) for row in rows]

    def find(self, model_id: int) -> list[Registered]:
        """The one model of this number, or none."""
        with self._database.connection() as connection:
            rows = connection.execute(f"SELECT account, {COLUMNS} FROM models WHERE model_id = ?", (model_id,))
            return [Registered(row[0], model_of(row[1:])) for row in rows]

    def count_changes(self) -> int:
        """How many are kept."""
        with self._database.connection() as connection:
            return int(connection.execute("SELECT count(*) FROM changes").fetchone()[0])

    def changes(self, limit: int | None = None, offset: int = 0) -> list[Change]:
        """The last changes, the newest first."""
        with self._database.reading() as connection:
            return list(islice(_changes(connection), offset, None if limit is None else offset + limit))

    def changes_of(self, model_id: int) -> list[Change]:
        """The same of one model."""
        return [change for change in self.changes() if change.model.model_id == model_id]


def _changes(connection: sqlite3.Connection) -> Iterator[Change]:
    """Walks back from what is registered now; each step undoes one change."""
    now: dict[tuple[str, Identity], Model | None] = {}

    def was(account: str, undo: Mapping[Identity, Model | None]) -> Model | None:
        """What the change made, which is what the one after it found."""
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
        yield Change(number, at, account, before, after)
