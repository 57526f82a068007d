"""pace.py: the API's rate limits are kept, and all calls wait out a lock-out once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.pace import (
    ARRIVAL_LIMIT,
    LOCK_OUT,
    LOCK_OUT_LIMIT,
    MARGIN,
    SLOWEST,
    Pace,
    new_pace,
    shared_pace,
)
from enkrypt_provider.emulator import Limits
from enkrypt_provider.emulator.limits import Limiter
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import OFF, VENDOR_RATES, VENDOR_RT_RATES, Key, Rate, Rates, Settings

from .server import HOST
from .virtual_time import REFUSED, VirtualTime, reports, shortest

VENDOR = {"models": VENDOR_RATES, "rt": VENDOR_RT_RATES}


def pace_of(now: VirtualTime, rates: dict[str, Rates] | None = None) -> Pace:
    return Pace(VENDOR if rates is None else rates, sleep=now.sleep, clock=now)


# ---- the rate


CALLS = st.tuples(st.floats(0, 3), st.floats(0, ARRIVAL_LIMIT), st.floats(0, 5))
"""Seconds until a thread makes a call, until the call arrives at the server, until its response arrives."""
UNITS = {1.0: "s", 60.0: "min", 3600.0: "h"}
RATES = st.builds(Rate, st.integers(1, 5), st.sampled_from(list(UNITS)))


@given(st.lists(RATES, min_size=1, max_size=2), st.lists(st.lists(CALLS, max_size=8), min_size=1, max_size=5))
def test_no_window_at_the_server_exceeds_its_rate(
    rates: Sequence[Rate], plans: list[list[tuple[float, float, float]]]
) -> None:
    now, arrivals = VirtualTime(), list[float]()
    pace = pace_of(now, {"models": tuple(rates)})
    limits = ",".join(f"{rate.calls}/{UNITS[rate.seconds]}" for rate in rates)
    limiter = Limiter(Limits(rate=limits, lockout=0), now)

    def work(thread: int) -> None:
        for before, arrives, responds in plans[thread]:
            now.sleep(before)
            with pace.turn("models"):
                now.sleep(arrives)
                arrivals.append(now())
                limiter.refuse("key", "/models/list-models")
                now.sleep(responds)

    now.run(len(plans), work)
    assert len(arrivals) == sum(map(len, plans))
    arrivals.sort()
    for rate in rates:
        spans = [last - first for first, last in zip(arrivals, arrivals[rate.calls :], strict=False)]
        assert min(spans, default=rate.seconds) >= rate.seconds
    assert limiter.counts["violation"] == 0


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize(("calls", "rates"), [(150, VENDOR_RATES), (40, (Rate(3, 1.0),)), (12, VENDOR_RT_RATES)])
def test_the_rates_are_fully_used(threads: int, calls: int, rates: Rates) -> None:
    now, left = VirtualTime(), list(range(calls))
    pace = pace_of(now, {"models": rates})

    def work(_thread: int) -> None:
        while left:
            left.pop()
            take(pace, "models", 1)

    now.run(threads, work)
    assert shortest(calls, rates) <= now() <= 1.1 * shortest(calls, rates)


def test_a_call_with_a_slow_response_holds_its_turn_for_only_a_second() -> None:
    """By then it has reached the server, and a server that hangs does not hold up other calls."""
    now = VirtualTime()
    pace = pace_of(now, {"models": (Rate(1, 1.0),)})
    left: list[float] = []

    def work(_thread: int) -> None:
        with pace.turn("models"):
            left.append(now())
            now.sleep(30.0)

    now.run(3, work)
    assert left == pytest.approx([0.0, ARRIVAL_LIMIT + MARGIN, 2 * (ARRIVAL_LIMIT + MARGIN)])


def test_a_call_that_raises_ends_its_turn() -> None:
    now = VirtualTime()
    pace = pace_of(now, {"models": (Rate(1, 1.0),)})
    with suppress(ZeroDivisionError), pace.turn("models"):
        now.sleep(0.25)
        raise ZeroDivisionError
    with pace.turn("models"):
        assert now() == pytest.approx(0.25 + MARGIN)


def take(pace: Pace, family: str, turns: int) -> None:
    for _ in range(turns):
        with pace.turn(family):
            pass


@pytest.mark.parametrize(("rates", "waits"), [(OFF, 0.0), (VENDOR_RATES, 60 * MARGIN)])
def test_health_checks_have_their_own_turns(rates: Rates, waits: float) -> None:
    """Five a minute on every plan, without using other calls' turns; unlimited if nothing is limited."""
    now = VirtualTime()
    pace = new_pace(Settings(Key("k"), HOST, rate_limit=rates), sleep=now.sleep, clock=now)
    take(pace, "rt", 5)
    take(pace, "models", 1)
    assert now() == 0.0
    take(pace, "rt", 1)
    assert now() == pytest.approx(waits)


def test_off_never_waits_and_a_fake_sleep_counts_as_waiting() -> None:
    slept: list[float] = []
    take(Pace({"models": OFF}, sleep=slept.append, clock=lambda: 0.0), "models", 1000)
    assert slept == []
    take(Pace({"models": (Rate(1, 3600.0),)}, sleep=slept.append), "models", 3)
    assert slept == pytest.approx([3600.0 * MARGIN, 2 * 3600.0 * MARGIN], abs=60)


def test_a_long_wait_is_reported_once_for_all_threads() -> None:
    now, lines = VirtualTime(), list[str]()
    pace = pace_of(now, {"models": (Rate(3, 1.0), Rate(9, 60.0))})

    def work(_thread: int) -> None:
        with reports() as mine:
            take(pace, "models", 3)
        lines.extend(mine)

    now.run(6, work)
    assert lines == ["info: waiting 59 s for the API's rate limit (enkrypt:rateLimit)"]


# ---- a lock-out


def _refused_together(pace: Pace, now: VirtualTime, calls: int, seconds: float | None) -> list[str]:
    """Make calls from as many threads, all in flight at once and all refused; return the reported lines."""
    lines: list[str] = []

    def work(number: int) -> None:
        with reports() as mine:
            with pace.turn("models") as turn:
                now.sleep(0.1 * (number + 1))
            pace.lock_out(turn, REFUSED, seconds)
        lines.extend(mine)

    now.run(calls, work)
    return lines


@pytest.mark.parametrize(
    ("seconds", "waited"), [(None, LOCK_OUT), (7.0, 7.0), (LOCK_OUT_LIMIT, LOCK_OUT_LIMIT), (3600.0, LOCK_OUT_LIMIT)]
)
def test_a_lock_out_closes_the_gate_once_for_all_calls(seconds: float | None, waited: float) -> None:
    """For every family, from the first refusal; calls in flight change nothing, and one line is reported."""
    now = VirtualTime()
    pace = pace_of(now, {"models": OFF, "rt": OFF})
    lines = _refused_together(pace, now, 8, seconds)
    assert lines == [f"warning: the API refuses calls ({REFUSED}): all calls of this account wait {waited:g} s"]
    opened: list[float] = []

    def work(number: int) -> None:
        with reports() as mine, pace.turn("rt" if number % 2 else "models"):
            opened.append(now())
        assert mine == []

    now.run(4, work)
    assert opened == pytest.approx([0.1 + waited] * 4)


def test_a_call_waiting_for_its_turn_waits_for_the_gate_too() -> None:
    now, left = VirtualTime(), list[float]()
    pace = pace_of(now, {"models": (Rate(1, 1.0),), "rt": OFF})

    def work(number: int) -> None:
        if number == 0:
            with reports(), pace.turn("models") as turn:
                now.sleep(0.5)
            with reports():
                pace.lock_out(turn, REFUSED)
        else:
            now.sleep(0.1)
            with pace.turn("models"):
                left.append(now())

    now.run(3, work)
    assert left[0] == pytest.approx(0.5 + LOCK_OUT)
    assert len(left) == 2


def _busiest(times: Sequence[float], seconds: float) -> int:
    """Return the largest number of calls in any window."""
    return max(sum(first <= other < first + seconds for other in times) for first in times)


def test_after_a_short_lock_out_earlier_calls_still_count() -> None:
    """After a 429 with `Retry-After: 0`, the server's window is not empty yet, however slow the calls become."""
    now = VirtualTime()
    pace, limiter = pace_of(now), Limiter(Limits(rate="3/s"), now)
    for number in range(6):
        with pace.turn("models") as turn:
            assert limiter.refuse("key", "/models") is None
            if number == 2:
                pace.lock_out(turn, "429", 0)


def test_each_lock_out_slows_calls_down_to_a_limit() -> None:
    now = VirtualTime()
    pace = pace_of(now, {"models": (Rate(48, 60.0),)})
    busiest: list[int] = []
    for _ in range(6):
        times: list[float] = []
        with reports():
            for _ in range(150):
                with pace.turn("models") as turn:
                    times.append(now())
            pace.lock_out(turn, REFUSED, 100.0)
        busiest.append(_busiest(times, 60.0))
    assert busiest == [48, 24, 12, 6, 6, 6]
    assert SLOWEST == 8


@pytest.mark.parametrize(("family", "rates"), list(VENDOR.items()))
def test_a_lock_out_without_a_limit_sets_the_vendors_limits(family: str, rates: Rates) -> None:
    """`off` was wrong, so each family gets its own limits."""
    now = VirtualTime()
    pace = pace_of(now, {"models": OFF, "rt": OFF})
    _refused_together(pace, now, 1, 0.0)
    began, calls = now(), rates[-1].calls + 1
    with reports():
        take(pace, family, calls)
    assert now() - began == pytest.approx(60 * MARGIN)


# ---- an account


SPELLED = (HOST, f"{HOST.upper()}:443/")
RATE = (Rate(1, 0.05),)


@pytest.mark.parametrize("rates", [(RATE, RATE), (RATE, OFF), (OFF, RATE), (RATE, (Rate(9, 0.05),))], ids=str)
def test_two_clients_of_one_account_take_turns(rates: tuple[Rates, Rates]) -> None:
    """In real time: one call per 50 ms by both together if either sets that limit, however it spells the endpoint."""
    left: list[float] = []

    def handler(_request: httpx.Request) -> httpx.Response:
        left.append(time.monotonic())
        return httpx.Response(200, stream=httpx.ByteStream(b'{"models": []}'))

    key = Key(f"stand-in-turns-{rates}")
    settings = [Settings(key, url, rate_limit=rate) for url, rate in zip(SPELLED, rates, strict=True)]
    assert shared_pace(settings[0]) is not shared_pace(Settings(Key("stand-in-other"), HOST, rate_limit=RATE))
    clients = [EnkryptClient(each, transport=httpx.MockTransport(handler)) for each in settings]
    with ThreadPoolExecutor(2) as pool:
        for client in clients * 3:
            pool.submit(client.list_all, KIND)
    assert len(left) == 6
    assert min(second - first for first, second in itertools.pairwise(left)) >= 0.05
