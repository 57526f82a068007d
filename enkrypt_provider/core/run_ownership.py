"""What one run of the engine has seen: which resource declares an identity, and which holds a registration.

A run may have several provider processes, one for each account that a program names: they share a database.
"""

from __future__ import annotations

from ..kinds.kind import Identifier
from .database import Database


class RunOwnership:
    """The claims of one account in one run. `tenant` tells apart the keys of one endpoint."""

    def __init__(self, database: Database, account: str, tenant: str = "") -> None:
        self._database = database
        self._account = account
        self._tenant = f"{account} {tenant}"

    def declare(self, identity: Identifier, urn: str) -> str:
        """Note that a resource declares `identity`, and return the one that did so first."""
        self._database.write(
            "INSERT OR IGNORE INTO claims VALUES (?, ?, 'declares', ?, ?)",
            self._database.run, self._tenant, str(identity), urn,
        )  # fmt: skip
        return self.declarer(identity) or urn

    def declarer(self, identity: Identifier) -> str:
        """Return the resource that declares `identity` in this run, or ""."""
        return self._claimant("declares", self._tenant, identity) or ""

    def hold(self, number: object, urn: str) -> None:
        """Note that a resource stands for the registration `number` from now on."""
        self._claim("holds", number, urn)

    def is_held(self, number: object) -> bool:
        """Whether a resource of this run stands for the registration."""
        return self._claimant("holds", self._account, number) is not None

    def release(self, number: object) -> None:
        """Note that a resource gives the registration up: another one of this run may take it over."""
        self._claim("releases", number, "")

    def is_released(self, number: object) -> bool:
        """Whether a resource of this run gives the registration up, and no other has taken it over."""
        return self._claimant("releases", self._account, number) is not None and not self.is_held(number)

    def _claim(self, claim: str, number: object, urn: str) -> None:
        if number is not None:
            self._database.write(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
                self._database.run, self._account, claim, str(number), urn,
            )  # fmt: skip

    def _claimant(self, claim: str, account: str, subject: object) -> str | None:
        rows = self._database.rows(
            "SELECT urn FROM claims WHERE run = ? AND account = ? AND claim = ? AND subject = ?",
            self._database.run, account, claim, str(subject),
        )  # fmt: skip
        return str(rows[0][0]) if rows else None
