"""The log of the last requests: each call, its registration and its outcome, for tests and the page.

It is kept in the database, so it has the requests of every process. It never holds an API key: the header `apikey` is
not logged, and bodies arrive with every field that may hold a secret masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .database import Database, DatabaseFailed

KEPT = 10_000  # requests
_FOUND = """(?1 = '' OR instr(lower(
    json_extract(entry, '$.method', '$.path', '$.call', '$.status', '$.faults')
    || ' ' || coalesce(json_extract(entry, '$.model_saved_name') || '/' || json_extract(entry, '$.model_version'), '')
    || ' ' || coalesce(json_extract(entry, '$.kind') || ' ' || json_extract(entry, '$.name'), '')
), lower(?1)))"""


@dataclass(frozen=True)
class Entry:
    at: str
    seconds: float
    method: str
    path: str
    call: str | None
    kind: str | None
    name: str | None
    model_saved_name: str | None
    model_version: str | None
    status: int | None  # None: no response was sent
    faults: list[str]
    body: Any


class RequestLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entry: Entry) -> None:
        """Store an entry. If the database fails, the entry is lost, not the response."""
        try:
            number = self._database.write("INSERT INTO requests (entry) VALUES (?)", (json.dumps(vars(entry)),))
            if number and number % 256 == 0:
                self._database.write("DELETE FROM requests WHERE number <= ?", (number - KEPT,))
        except DatabaseFailed:
            return

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries, oldest first."""
        with self._database.connection() as connection:
            rows = connection.execute("SELECT number, entry FROM requests ORDER BY number").fetchall()
        return _numbered(rows)

    def last(self, words: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return the entries that contain `words` outside of their bodies, newest first."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT number, entry FROM requests WHERE {_FOUND} ORDER BY number DESC LIMIT ?2 OFFSET ?3",
                (words, limit, offset),
            ).fetchall()
        return _numbered(rows)

    def count(self, words: str = "") -> int:
        """Count the entries that contain `words` outside of their bodies."""
        with self._database.connection() as connection:
            query = f"SELECT count(*) FROM requests WHERE {_FOUND}"
            (count,) = connection.execute(query, (words,)).fetchone()
        return int(count)

    def about(self, kind: str, name: str, version: str, limit: int) -> list[dict[str, Any]]:
        """Return the last entries about one registration, newest first; only models have a version."""
        kept = json.dumps({"kind": kind, "name": name})[1:-1]
        # Matching the raw text first is ten times as fast; the extracted fields then decide.
        query = (
            "SELECT number, entry FROM requests WHERE instr(entry, ?) AND json_extract(entry, '$.kind') = ?"
            " AND json_extract(entry, '$.name') = ? AND coalesce(json_extract(entry, '$.model_version'), '') = ?"
            " ORDER BY number DESC LIMIT ?"
        )
        with self._database.connection() as connection:
            rows = connection.execute(query, (kept, kind, name, version, limit)).fetchall()
        return _numbered(rows)

    def clear(self) -> None:
        self._database.write("DELETE FROM requests")


def _numbered(rows: Iterable[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"number": number, **json.loads(entry)} for number, entry in rows]
