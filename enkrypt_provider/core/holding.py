"""Which registration it is that a state or a response speaks of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone

from ..errors import plain
from ..kinds.kind import Identifier, Live


@dataclass(frozen=True)
class Holding:
    """One registration: of which identity, by which number (`model_id` of a model), made when, in which account.

    `updated_at` is the time of its last write, as of which it is spoken of.
    """

    identity: Identifier
    number: int | None = None
    created_at: str = ""
    account: str = ""
    updated_at: str = ""

    @classmethod
    def of(cls, live: Live) -> Holding:
        """Return what a response says of its registration."""
        said = live.computed
        created_at, updated_at = (str(said.get(name) or "") for name in ("created_at", "updated_at"))
        return cls(live.identity, live.number, created_at, updated_at=updated_at)

    @property
    def key(self) -> str:
        """The registration among those of its account: its number or, where the API tells none, its identity."""
        return str(self.identity if self.number is None else self.number)

    @property
    def made(self) -> float:
        """Seconds since 1970; minus infinity where that is not known."""
        return seconds(self.created_at)

    def is_same(self, other: Holding) -> bool:
        """Whether both are one registration: nothing that both tell differs. Two projects may both have number 1."""
        are_numbered = self.number is not None and other.number is not None
        are_timed = math.isfinite(self.made) and math.isfinite(other.made)
        is_other = (are_numbered and self.number != other.number) or (
            are_timed and abs(self.made - other.made) >= 1.0
        )
        return not is_other

    def is_of(self, live: Live | None) -> bool:
        """Whether a response is of this registration."""
        return live is not None and self.is_same(Holding.of(live))

    def is_very_same(self, other: Holding) -> bool:
        """Whether number and time both say so: two accounts may both have a number 1."""
        return self.number == other.number and abs(self.made - other.made) < 1.0


def seconds(time: object) -> float:
    """Return seconds since 1970; minus infinity for what is no time. One without a zone is in UTC."""
    try:
        found = datetime.fromisoformat(str(time).replace("Z", "+00:00"))
    except ValueError:
        return -math.inf
    return found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp()


def shown(live: Live) -> str:
    """Return what a person may know a registration by."""
    said = {**live.computed, "created_at": str(live.computed.get("created_at", ""))[:19]}  # to the second
    names = {live.number_name: live.number_name, "project_name": "project", "created_at": "since"}
    known = (f"{title} {plain(said[name], 60)}" for name, title in names.items() if said.get(name))
    return ", ".join(known) or "the API does not say by whom"
