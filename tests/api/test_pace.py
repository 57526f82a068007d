"""pace.py: the API's rate limits are kept, and a lock-out is waited out once, by all."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

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

from .rates import REFUSED, reports, shortest
from .server import HOST
from .virtual_time import VirtualTime

VENDOR = {"models": VENDOR_RATES, "rt": VENDOR_RT_RATES}


def pace_of(now: VirtualTime, rates: dict[str, Rates] | None = None) -> Pace:
    return Pace(VENDOR if rates is None else rates, sleep=now.sleep, clock=now)


# ---- the rate


CALLS = st.tuples(st.floats(0, 3), st.floats(0, ARRIVAL_LIMIT), st.floats(0, 5))
"""Seconds before a thread makes a call, until it arrives at the server, until its response is there."""
UNITS = {1.0: "s", 60.0: "min", 3600.0: "h"}
RATES = st.builds(Rate, st.integers(1, 5), st.sampled_from(list(UNITS)))


@given(st.lists(RATES, min_size=1, max_size=2), st.lists(st.lists(CALLS, max_size=8), min_size=1, max_size=5))
def test_no_window_at_the_server_has_more_calls_than_its_rate(
    rates: Sequence[Rate], plans: list[list[tuple[float, float, float]]]
) -> None:
    """Whatever the rates, with many threads, however long a call is under way and its response takes."""
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
def test_the_rates_are_used_up(threads: int, calls: int, rates: Rates) -> None:
    """All calls take at most 1.1 times what the rates allow."""
    now, left = VirtualTime(), list(range(calls))
    pace = pace_of(now, {"models": rates})

    def work(_thread: int) -> None:
        while left:
            left.pop()
            with pace.turn("models"):
                pass

    now.run(threads, work)
    assert shortest(calls, rates) <= now() <= 1.1 * shortest(calls, rates)


def test_a_call_whose_response_takes_long_holds_its_turn_for_a_second_only() -> None:
    """By then it has arrived, and a server that hangs does not stop the others."""
    now = VirtualTime()
    pace = pace_of(now, {"models": (Rate(1, 1.0),)})
    left: list[float] = []

    def work(_thread: int) -> None:
        with pace.turn("models"):
            left.append(now())
            now.sleep(30.0)

    now.run(3, work)
    assert left == pytest.approx([0.0, ARRIVAL_LIMIT + MARGIN, 2 * (ARRIVAL_LIMIT + MARGIN)])


def test_a_call_that_raises_gives_its_turn_back() -> None:
    """As one that responds does."""
    now = VirtualTime()
    pace = pace_of(now, {"models": (Rate(1, 1.0),)})

    def fail() -> None:
        with pace.turn("models"):
            now.sleep(0.25)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pace.turn("models"):
        assert now() == pytest.approx(0.25 + MARGIN)


def test_the_health_check_has_turns_of_its_own() -> None:
    """Five a minute, and none of the others' turns."""
    now = VirtualTime()
    pace = pace_of(now)
    for _ in range(5):
        with pace.turn("rt"):
            pass
    with pace.turn("models"):
        assert now() == 0.0
    with pace.turn("rt"):
        assert now() == pytest.approx(60 * MARGIN)


def test_off_never_waits() -> None:
    """However many calls there are."""
    slept: list[float] = []
    pace = Pace({"models": OFF, "rt": OFF}, sleep=slept.append, clock=lambda: 0.0)
    for family in ("models", "rt") * 500:
        with pace.turn(family):
            pass
    assert slept == []


def test_a_sleep_that_does_not_sleep_is_believed() -> None:
    """A test without a clock of its own may leave waiting out."""
    slept: list[float] = []
    pace = Pace({"models": (Rate(1, 3600.0),)}, sleep=slept.append)
    for _ in range(3):
        with pace.turn("models"):
            pass
    assert slept == pytest.approx([3600.0 * MARGIN, 2 * 3600.0 * MARGIN], abs=60)


def test_a_long_wait_is_reported_once_for_all_threads() -> None:
    """A short one is not worth a line."""
    now, lines = VirtualTime(), list[str]()
    pace = pace_of(now, {"models": (Rate(3, 1.0), Rate(9, 60.0))})

    def work(_thread: int) -> None:
        with reports() as mine:
            for _ in range(3):
                with pace.turn("models"):
                    pass
        lines.extend(mine)

    now.run(6, work)
    assert lines == ["info: waiting 59 s for the API's rate limit (enkrypt:rateLimit)"]


# ---- a lock-out


def _refused_together(pace: Pace, now: VirtualTime, calls: int, seconds: float | None) -> list[str]:
    """Make calls from as many threads, all in flight at once and all refused; return what is reported."""
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
    """For every family, from the first refusal; calls in flight change nothing, and one line tells it."""
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


def test_a_call_that_waited_for_its_turn_waits_for_the_gate_too() -> None:
    """A lock-out holds those who were next."""
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


def test_a_second_violation_closes_the_gate_again() -> None:
    """Another process of the account may cause it."""
    now = VirtualTime()
    pace = pace_of(now)
    assert len(_refused_together(pace, now, 1, 5.0)) == len(_refused_together(pace, now, 1, 5.0)) == 1
    with pace.turn("models"):
        assert now() == pytest.approx(0.1 + 5 + 0.1 + 5)


def _busiest(times: Sequence[float], seconds: float) -> int:
    """Return how many calls there are at most in any window."""
    return max(sum(first <= other < first + seconds for other in times) for first in times)


def test_after_a_short_lock_out_the_calls_before_it_count_still() -> None:
    """A 429 with `Retry-After: 0`: the server's window is not empty yet, however slow the calls become."""
    now = VirtualTime()
    pace, limiter = pace_of(now), Limiter(Limits(rate="3/s"), now)
    for number in range(6):
        with pace.turn("models") as turn:
            assert limiter.refuse("key", "/models") is None
            if number == 2:
                pace.lock_out(turn, "429", 0)


def test_after_each_lock_out_calls_are_slower_down_to_a_limit() -> None:
    """Half as many in any minute, then a quarter; never fewer than an eighth."""
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
def test_without_a_limit_a_lock_out_is_followed_by_the_vendors(family: str, rates: Rates) -> None:
    """Of each family its own: `off` was wrong."""
    now = VirtualTime()
    pace = pace_of(now, {"models": OFF, "rt": OFF})
    _refused_together(pace, now, 1, 0.0)
    began, calls = now(), rates[-1].calls + 1
    with reports():
        for _ in range(calls):
            with pace.turn(family):
                pass
    assert now() - began == pytest.approx(60 * MARGIN)


# ---- an account


def test_the_clients_of_one_account_share_a_pace() -> None:
    """However its endpoint is spelled; another key is another account."""
    settings = Settings(Key("stand-in-shared"), "https://API.enkryptai.com:443/", rate_limit=VENDOR_RATES)
    same = Settings(Key("stand-in-shared"), HOST, rate_limit=VENDOR_RATES)
    other = Settings(Key("stand-in-other"), HOST, rate_limit=VENDOR_RATES)
    assert shared_pace(settings) is shared_pace(same)
    assert shared_pace(settings) is not shared_pace(other)


RATE = (Rate(1, 0.05),)


@pytest.mark.parametrize("rates", [(RATE, RATE), (RATE, OFF), (OFF, RATE), (RATE, (Rate(9, 0.05),))], ids=str)
def test_two_clients_of_one_account_take_turns(rates: tuple[Rates, Rates]) -> None:
    """In real time: one call each 50 ms by both together, where one of them says so."""
    left: list[float] = []

    def handler(_request: httpx.Request) -> httpx.Response:
        left.append(time.monotonic())
        return httpx.Response(200, stream=httpx.ByteStream(b'{"models": []}'))

    settings = [Settings(Key(f"stand-in-turns-{rates}"), HOST, rate_limit=rate) for rate in rates]
    clients = [EnkryptClient(its, transport=httpx.MockTransport(handler)) for its in settings]
    threads = [threading.Thread(target=lambda c=client: [c.list_all(KIND) for _ in range(3)]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(left) == 6
    assert min(second - first for first, second in itertools.pairwise(left)) >= 0.05


def test_the_health_check_is_limited_wherever_the_other_calls_are() -> None:
    """On every plan; and nowhere where they are not."""
    for rates, waits in ((OFF, False), ((Rate(20, 1.0),), True)):
        now = VirtualTime()
        pace = new_pace(Settings(Key("k"), HOST, rate_limit=rates), sleep=now.sleep, clock=now)
        for _ in range(6):
            with pace.turn("rt"):
                pass
        assert (now() > 60) is waits
