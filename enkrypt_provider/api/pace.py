"""The rate limits of one account: each call waits for its turn, and a lock-out holds up all calls.

No limiter library fits: a turn must count from when the server saw the call, and a lock-out must hold up all calls.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ..settings import OFF, VENDOR_RATES, VENDOR_RT_RATES, Key, Rate, Rates, Settings
from . import operation

LOCK_OUT: Final = 61.0
"""Seconds for which the vendor refuses a key after a violation, plus one [P: the vendor's own tests]."""
LOCK_OUT_LIMIT: Final = 120.0
"""The longest lock-out in seconds, even if the server asks for more."""
SHORTEST_LOCK_OUT: Final = 1.0
"""Seconds: if the server asks for less but refuses again within this time, calls wait a full `LOCK_OUT`."""
MARGIN: Final = 1.02
"""The factor by which a rate's window is stretched, since two clocks never agree."""
ARRIVAL_LIMIT: Final = 1.0
"""Seconds after which a call is assumed to have arrived, even if its response takes longer."""
SLOWEST: Final = 8
"""The largest factor by which an account is slowed down after violations."""
WORTH_A_LINE: Final = 5.0
"""Seconds: a longer wait for a turn is reported."""

_VENDOR: Final[Mapping[str, Rates]] = {"models": VENDOR_RATES, "rt": VENDOR_RT_RATES}
"""The vendor's limits by family of calls."""


@dataclass
class Turn:
    """One call: when it left, when its response arrived, and how many lock-outs came before it."""

    left: float
    lock_outs: int
    responded: float | None = None

    def arrived(self, now: float) -> float:
        """Return the latest time, as known at `now`, at which the server may have counted the call."""
        return min(now if self.responded is None else self.responded, self.left + ARRIVAL_LIMIT)


class Pace:
    """Gives turns to the calls of one account. Thread-safe.

    `rates` holds the limits of each family of calls. A lock-out closes the gate for every family.
    """

    def __init__(
        self,
        rates: Mapping[str, Rates],
        *,
        sleep: Callable[[float], None] = operation.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = dict(rates)
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, deque[Turn]] = {family: deque() for family in rates}
        self._slower = 1
        self._lock_outs = 0
        self._opens_at = self._reported_until = float("-inf")

    def limit(self, rates: Mapping[str, Rates]) -> None:
        """Enforce these limits too."""
        with self._lock:
            for family, more in rates.items():
                self._rates[family] = tuple(dict.fromkeys((*self._rates[family], *more)))

    @contextmanager
    def turn(self, family: str) -> Iterator[Turn]:
        """Wait for the next turn of `family`; it lasts until the response has arrived."""
        turn = self._wait(family)
        try:
            yield turn
        finally:
            turn.responded = max(turn.left, self._clock())

    def lock_out(self, turn: Turn, why: str, seconds: float | None = None) -> None:
        """Close the gate for all calls, because the call of `turn` was refused, and slow down the calls after it.

        Refused calls that left before the gate closed belong to the same violation and change nothing.
        """
        wait = LOCK_OUT if seconds is None else min(seconds, LOCK_OUT_LIMIT)
        with self._lock:
            if turn.lock_outs != self._lock_outs:
                return
            if wait < SHORTEST_LOCK_OUT and turn.left - self._opens_at < SHORTEST_LOCK_OUT:
                wait = LOCK_OUT  # "at once", such as a date in the past, turned out to be wrong
            self._lock_outs += 1
            self._opens_at = self._reported_until = self._clock() + wait
            self._slow_down()
        operation.report("warning", f"the API refuses calls ({why}): all calls of this account wait {wait:.3g} s")

    def _wait(self, family: str) -> Turn:
        now = began = self._clock()
        while True:
            with self._lock:
                now = max(now, self._clock())
                free = self._next_turn(family, now)
                if free <= now:
                    operation.current().waited += now - began
                    return self._take_turn(family, now)
                is_worth_a_line = self._is_worth_a_line(now, free)
            if is_worth_a_line:
                operation.report("info", f"waiting {free - now:.0f} s for the API's rate limit (enkrypt:rateLimit)")
            self._sleep(free - now)
            now = free  # even if a test's `sleep` let no time pass

    def _next_turn(self, family: str, now: float) -> float:
        """Return the earliest possible time of the next turn; calls in flight may still delay it."""
        turns = self._turns[family]
        rates = self._rates[family]
        # Include the original rate: calls that left before the slow-down still count at the server.
        limits = [limit for rate in rates for limit in (self._limit(rate, 1), self._limit(rate, self._slower))]
        after = [turns[-calls].arrived(now) + window for calls, window in limits if len(turns) >= calls]
        return max([self._opens_at, *after])

    def _take_turn(self, family: str, now: float) -> Turn:
        turns, turn = self._turns[family], Turn(now, self._lock_outs)
        turns.append(turn)
        while len(turns) > max((rate.calls for rate in self._rates[family]), default=0):
            turns.popleft()
        return turn

    def _limit(self, rate: Rate, slower: int) -> tuple[int, float]:
        """Return how many calls may leave in how many seconds: the rate divided by `slower`, in smaller bursts."""
        calls = max(1, rate.calls // slower)
        return calls, rate.seconds * MARGIN * slower * calls / rate.calls

    def _slow_down(self) -> None:
        if OFF in self._rates.values():
            self._rates = {family: rates or _VENDOR[family] for family, rates in self._rates.items()}
        else:
            self._slower = min(self._slower * 2, SLOWEST)

    def _is_worth_a_line(self, now: float, free: float) -> bool:
        if free - now <= WORTH_A_LINE or now < self._reported_until:
            return False
        self._reported_until = free
        return True


_shared: dict[tuple[str, Key], Pace] = {}


def shared_pace(settings: Settings) -> Pace:
    """Return the pace shared by all clients of one account in this process; it enforces all of their limits."""
    account = (str(settings.database or settings.account), settings.api_key)
    pace = _shared.setdefault(account, new_pace(settings))
    pace.limit(_rates_of(settings))
    return pace


def new_pace(
    settings: Settings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Pace:
    """Return a pace for the settings' rate limits."""
    return Pace(_rates_of(settings), sleep=sleep, clock=clock)


def _rates_of(settings: Settings) -> Mapping[str, Rates]:
    """Return the limits of each family. `/rt/*` has its own on every plan."""
    return {"models": settings.rate_limit, "rt": VENDOR_RT_RATES if settings.rate_limit else OFF}
