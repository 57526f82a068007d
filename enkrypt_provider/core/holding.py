"""Identifies the registration that a state or a response describes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone

from ..errors import plain
from ..kinds.kind import Identifier, Live


@dataclass(frozen=True)
class Holding:
    """One registration, as a state or a response describes it.

    `number` is the API's own id (`model_id` of a model); `updated_at` is the time of its last write.
    """

    identity: Identifier
    number: int | None = None
    created_at: str = ""
    account: str = ""
    updated_at: str = ""

    @classmethod
    def of(cls, live: Live) -> Holding:
        """Return the registration that a response describes."""
        computed = live.computed
        created_at, updated_at = (str(computed.get(name) or "") for name in ("created_at", "updated_at"))
        return cls(live.identity, live.number, created_at, updated_at=updated_at)

    @property
    def key(self) -> str:
        """Identifies the registration in its account: its number or, if the API returns none, its identity."""
        return str(self.identity if self.number is None else self.number)

    @property
    def created(self) -> float:
        """Seconds since 1970; minus infinity if unknown."""
        return seconds(self.created_at)

    def is_same(self, other: Holding) -> bool:
        """Whether number and time of creation agree, as far as both have them: two projects may share a number."""
        are_numbered = self.number is not None and other.number is not None
        are_timed = math.isfinite(self.created) and math.isfinite(other.created)
        differs = (are_numbered and self.number != other.number) or (
            are_timed and abs(self.created - other.created) >= 1.0
        )
        return not differs

    def is_of(self, live: Live | None) -> bool:
        """Whether a response describes this registration."""
        return live is not None and self.is_same(Holding.of(live))

    def is_proven_same(self, other: Holding) -> bool:
        """Whether number and time of creation both agree: two accounts may both have a number 1."""
        return self.number == other.number and abs(self.created - other.created) < 1.0


def seconds(time: object) -> float:
    """Return seconds since 1970, or minus infinity if `time` cannot be parsed. One without a zone is in UTC."""
    try:
        found = datetime.fromisoformat(str(time).replace("Z", "+00:00"))
    except ValueError:
        return -math.inf
    return found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp()


def shown(live: Live) -> str:
    """Return the details by which a person may recognize a registration."""
    computed = {**live.computed, "created_at": str(live.computed.get("created_at", ""))[:19]}  # to the second
    names = {live.number_name: live.number_name, "project_name": "project", "created_at": "since"}
    known = (f"{title} {plain(computed[name], 60)}" for name, title in names.items() if computed.get(name))
    return ", ".join(known) or "the API does not say by whom"
