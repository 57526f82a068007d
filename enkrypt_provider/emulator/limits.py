"""Rate limits like those of the vendor's gateway: a key that exceeds one is locked out.

The counts are in memory, for this process only. Nothing here knows HTTP.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .mistakes import first_mistake

SECONDS = {"s": 1, "m": 60, "h": 3600}
RUNTIME = "/rt/"  # paths with this prefix share one bucket, all others another


class LimitError(ValueError):
    """Invalid limits; the message names the field and its rule."""


@dataclass(frozen=True)
class Rate:
    """At most `count` requests within any `seconds`."""

    text: str
    count: int
    seconds: int


def _rates(text: str) -> list[Rate]:
    return [_rate(part.strip()) for part in text.split(",")] if text else []


def _rate(text: str) -> Rate:
    match = re.fullmatch(r"([1-9]\d{0,8}) */ *(s|sec|second|m|min|minute|h|hour)", text, re.IGNORECASE)
    if not match:
        raise ValueError("must look like 3/s,100/min; the units are s, min and h")
    return Rate(text, int(match[1]), SECONDS[match[2][0].lower()])


def _valid(text: str) -> str:
    _rates(text)
    return text


class Limits(BaseModel):
    """How many requests a key may make; an empty rate is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: Annotated[str, AfterValidator(_valid)] = ""
    """For all paths but `/rt/*`, such as `3/s,100/min`."""
    rt_rate: Annotated[str, AfterValidator(_valid)] = ""
    """For `/rt/*`, such as `5/min`."""
    lockout: Annotated[float, Field(ge=0, le=86400)] = 60
    """Seconds for which a key that exceeded a rate is refused everywhere."""

    @cached_property
    def rates(self) -> dict[bool, list[Rate]]:
        """The rates for `/rt/*` under True, all others under False."""
        return {False: _rates(self.rate), True: _rates(self.rt_rate)}


NO_LIMITS = Limits()
LIKE_VENDOR = Limits(rate="3/s,100/min", rt_rate="5/min", lockout=60)
_LIMITS = TypeAdapter(Limits)


def limits_in(value: Any) -> Limits:
    """Parse limits from a JSON value."""
    try:
        return _LIMITS.validate_python(value, strict=True)
    except ValidationError as error:
        raise LimitError(first_mistake(error, "the limits")) from error


@dataclass
class _Key:
    """The requests of one API key."""

    admitted: dict[bool, deque[float]] = field(default_factory=lambda: {False: deque(), True: deque()})
    locked_until: float = float("-inf")


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: it exceeded a rate, or its key is locked out."""

    kind: Literal["violation", "lockout"]
    rule: str


class Limiter:
    """Counts the requests of each key against the limits, for all threads of the process."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.set(limits)

    def set(self, limits: Limits) -> None:
        """Set other limits and reset all counts."""
        with self._lock:
            self.limits = limits
            self.counts: dict[str, int] = {"violation": 0, "lockout": 0}
            self._keys: dict[str, _Key] = {}

    def refuse(self, apikey: str, path: str) -> Refusal | None:
        """Count a request; return why it is refused, or None. A refused request does not count towards a rate."""
        if self.limits == NO_LIMITS:
            return None
        with self._lock:
            refusal = self._judge(self._keys.setdefault(apikey, _Key()), path.startswith(RUNTIME))
            if refusal:
                self.counts[refusal.kind] += 1
            return refusal

    def _judge(self, key: _Key, is_runtime: bool) -> Refusal | None:
        now, admitted = self._monotonic(), key.admitted[is_runtime]
        if now < key.locked_until:
            return Refusal("lockout", f"lockout={self.limits.lockout:g}")
        for rate in self.limits.rates[is_runtime]:
            # A rate is used up if `count` requests were admitted within the last `seconds`.
            if len(admitted) >= rate.count and now - admitted[-rate.count] < rate.seconds:
                key.locked_until = now + self.limits.lockout
                return Refusal("violation", f"rate={rate.text}")
        admitted.append(now)
        while len(admitted) > max((rate.count for rate in self.limits.rates[is_runtime]), default=0):
            admitted.popleft()
        return None
