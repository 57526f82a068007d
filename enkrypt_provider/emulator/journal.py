"""The last requests, for tests to read: what was asked, of which model, and what came of it.

Kept in the database, so that it holds the requests of every process. No API key enters: the header `apikey` is never
looked at, and bodies come in with every field that may hold a secret masked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .database import Database, DatabaseFailed

KEPT = 10_000  # requests
MASK = "xxxxx"
# Wider than the known fields: a key in a misspelt one must not come out either.
_SECRET = re.compile(r"key|secret|token|passw|jwt|curl|custom_headers|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    at: str
    seconds: float
    method: str
    path: str
    call: str | None
    model_saved_name: str | None
    model_version: str | None
    status: int | None  # None: no answer was sent
    faults: list[str]
    body: Any


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entry: Entry) -> None:
        """A full disk costs the entry, not the answer."""
        try:
            number = self._database.write("INSERT INTO requests (entry) VALUES (?)", (json.dumps(vars(entry)),))
            if number and number % 256 == 0:
                self._database.write("DELETE FROM requests WHERE number <= ?", (number - KEPT,))
        except DatabaseFailed:
            return

    def entries(self) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._database.connection() as connection:
            rows = connection.execute("SELECT number, entry FROM requests ORDER BY number").fetchall()
        return [{"number": number, **json.loads(entry)} for number, entry in rows]

    def clear(self) -> None:
        self._database.write("DELETE FROM requests")


def masked(value: Any, *, secret: bool = False) -> Any:
    """A JSON value with every string under a secret name masked."""
    if isinstance(value, dict):
        return {name: masked(item, secret=secret or _is_secret(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, secret=secret) for item in value]
    return MASK if secret and isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name))
