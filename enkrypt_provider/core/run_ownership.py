"""What one run of the engine has seen: which resource declares an identity, and which holds a registration.

A run may have several provider processes, one for each account that a program names: they share a database.
"""

from __future__ import annotations

from ..schema import Identifier
from .database import Database


class RunOwnership:
    """The claims of one account in one run. `tenant` tells apart the keys of one endpoint: they may be of two projects."""

    def __init__(self, database: Database, account: str, tenant: str = "") -> None:
        self._database = database
        self._account = account
        self._tenant = f"{account} {tenant}"

    def declare(self, identity: Identifier, urn: str) -> str:
        """Note that a resource declares `identity`, and return the one that did so first."""
        run = self._database.run
        self._database.write(
            "INSERT OR IGNORE INTO declared VALUES (?, ?, ?, ?)", run, self._tenant, str(identity), urn
        )
        return self.declarer(identity) or urn

    def declarer(self, identity: Identifier) -> str:
        """Return the resource that declares `identity` in this run, or ""."""
        rows = self._database.rows(
            "SELECT urn FROM declared WHERE run = ? AND account = ? AND identity = ?",
            self._database.run, self._tenant, str(identity),
        )  # fmt: skip
        return str(rows[0][0]) if rows else ""

    def hold(self, number: object, urn: str) -> None:
        """Note that a resource stands for the registration `number` from now on."""
        if number is not None:
            self._database.write(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", *self._key(number), urn
            )

    def is_held(self, number: object) -> bool:
        """Whether a resource of this run stands for the registration."""
        return self._has("held", number)

    def release(self, number: object) -> None:
        """Note that a resource gives the registration up: another one of this run may take it over."""
        if number is not None:
            self._database.write("INSERT OR REPLACE INTO released VALUES (?, ?, ?)", *self._key(number))

    def is_released(self, number: object) -> bool:
        """Whether a resource of this run gives the registration up, and no other has taken it over."""
        return self._has("released", number) and not self.is_held(number)

    def _has(self, table: str, number: object) -> bool:
        return bool(
            self._database.rows(
                f"SELECT 1 FROM {table} WHERE run = ? AND account = ? AND number = ?", *self._key(number)
            )
        )

    def _key(self, number: object) -> tuple[str, str, str]:
        return self._database.run, self._account, str(number)
