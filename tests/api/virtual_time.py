"""Virtual time, which passes only while every thread sleeps: hours in a moment, with real threads."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from enkrypt_provider.api import operation
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.settings import Rates

REFUSED = "429: Minute Rate limit exceeded"


class VirtualTime:
    """Seconds since the start. `sleep` returns once each thread of `run` sleeps and this one is next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._awake = 1  # the test's own thread
        self._alarms: list[float] = []
        self._passed = threading.Condition()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Make this thread wait."""
        if seconds <= 0:
            return
        with self._passed:
            alarm = self._now + seconds
            heapq.heappush(self._alarms, alarm)
            self._stop_one()
            assert self._passed.wait_for(lambda: self._now >= alarm, timeout=60)

    def run(self, threads: int, work: Callable[[int], None]) -> None:
        """Call `work` with a number in each of several threads at once, and raise the error of any of them."""

        def thread(number: int) -> None:
            try:
                work(number)
            finally:
                with self._passed:
                    self._stop_one()

        self._awake = threads
        with ThreadPoolExecutor(threads) as pool:
            results = [pool.submit(thread, number) for number in range(threads)]
        self._awake = 1
        for result in results:
            result.result()

    def _stop_one(self) -> None:
        self._awake -= 1
        if self._awake or not self._alarms:
            return
        self._now = self._alarms[0]
        while self._alarms and self._alarms[0] <= self._now:
            heapq.heappop(self._alarms)
            self._awake += 1
        self._passed.notify_all()


@contextmanager
def reports() -> Iterator[list[str]]:
    """Collect what is reported; a thread of `VirtualTime.run` must enter it itself."""
    lines: list[str] = []
    with operation.running(Operation(lambda severity, line: lines.append(f"{severity}: {line}"), began=0.0)):
        yield lines


def shortest(calls: int, rates: Rates) -> float:
    """Return the minimum time for `calls` in seconds."""
    times: list[float] = []
    for _ in range(calls):
        after = (times[-rate.calls] + rate.seconds for rate in rates if len(times) >= rate.calls)
        times.append(max([0.0, *after]))
    return times[-1]
