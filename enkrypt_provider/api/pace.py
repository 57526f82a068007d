"""Rate limits of one account: a turn for each call, and one lock-out for all calls.

A limiter library does one half of this: reserving a turn is three lines here, and a lock-out must take turns back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from ..settings import OFF, VENDOR_RATES, Rates
from . import operation

LOCK_OUT: Final = 61.0
"""Seconds for which the vendor refuses a key after a violation, and one more [P: the vendor's own tests]."""
LOCK_OUT_LIMIT: Final = 120.0
"""Seconds: a server that asks for more is asked again after this."""
MARGIN: Final = 1.05
"""A window is taken for this much longer, since calls that leave evenly do not arrive evenly."""
SLOWEST: Final = 8
"""How many times slower than its limit an account becomes after violations."""
WORTH_A_LINE: Final = 5.0
"""Seconds of waiting for a turn that are told."""


class Pace:
    """The turns of one account's calls. Safe for threads.

    `rates` has the limits of each family of calls. A lock-out closes the gate for every family.
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
        self._turns: dict[str, deque[float]] = {family: deque(maxlen=10_000) for family in rates}
        self._slower = 1.0
        self._closed_at = self._opens_at = float("-inf")
        self._told_until = float("-inf")

    def wait(self, family: str) -> float:
        """Wait for the next turn of `family` and return its time, which `lock_out` wants to know."""
        began = self._clock()
        while True:
            turn, lock_outs = self._reserve(family)
            self._pause(turn - self._clock())
            if lock_outs == self._closed_at:
                operation.current().waited += max(0.0, turn - began)
                return turn

    def lock_out(self, turn: float, why: str, seconds: float | None = None) -> None:
        """Close the gate for all calls, since the one that left at `turn` was refused; reopen it more slowly.

        Calls that left before the gate closed belong to the same violation and change nothing.
        """
        wait = LOCK_OUT if seconds is None else min(seconds, LOCK_OUT_LIMIT)
        with self._lock:
            if turn < self._closed_at:
                return
            self._closed_at = self._clock()
            self._opens_at = self._closed_at + wait
            self._slow_down()
            self._told_until = self._opens_at
            for turns in self._turns.values():
                turns.clear()
        operation.report("warning", f"the API refuses calls ({why}): all calls of this account wait {wait:.3g} s")

    def _reserve(self, family: str) -> tuple[float, float]:
        with self._lock:
            turns = self._turns[family]
            after = [
                turns[-rate.calls] + rate.seconds * MARGIN * self._slower
                for rate in self._rates[family]
                if len(turns) >= rate.calls
            ]
            turn = max([self._clock(), self._opens_at, *after])
            turns.append(turn)
            return turn, self._closed_at

    def _slow_down(self) -> None:
        if self._slower == 1.0 and OFF in self._rates.values():
            self._rates = {family: rates or VENDOR_RATES for family, rates in self._rates.items()}
        else:
            self._slower = min(self._slower * 2, SLOWEST)

    def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        if seconds > WORTH_A_LINE and self._clock() > self._told_until:
            self._told_until = self._clock() + seconds
            operation.report("info", f"waiting {seconds:.3g} s for the API's rate limit (enkrypt:rateLimit)")
        self._sleep(seconds)
