"""Rate limits: which requests are refused, for how long, and where that is recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator import LIKE_VENDOR, LimitError, Limits
from enkrypt_provider.emulator.limits import Limiter, limits_in
from enkrypt_provider.testing import emulator

from .conftest import Connect, ask
from .document import IDENTITY, v1


class Seconds:
    """A clock that only the test advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def lists(client: httpx.Client, count: int, **more: Any) -> list[int]:
    return [ask(client, "list-models", **more).status_code for _ in range(count)]


def test_the_vendors_limits(connect: Connect) -> None:
    time = Seconds()
    client = connect(limits=LIKE_VENDOR, monotonic=time)
    assert lists(client, 3) == [200, 200, 200]
    refused = ask(client, "list-models")
    assert (refused.status_code, refused.json()) == (429, {"message": "Minute Rate limit exceeded"})
    assert "Retry-After" not in refused.headers
    for time.now in (0.0, 1.5, 59.9):
        assert ask(client, "model-health", headers=IDENTITY).status_code == 429
        assert lists(client, 1) == [429]
    time.now = 60.0
    assert lists(client, 1) == [200]


def test_the_health_check_has_its_own_limit(connect: Connect) -> None:
    time = Seconds()
    client = connect(limits=LIKE_VENDOR, monotonic=time)
    ask(client, "add-model", json=v1())
    time.now = 1.0
    health = [ask(client, "model-health", headers=IDENTITY).status_code for _ in range(5)]
    assert health + lists(client, 1) == [200] * 6
    assert ask(client, "model-health", headers=IDENTITY).status_code == 429
    assert lists(client, 1) == [429]


def test_each_key_has_its_own_count(connect: Connect) -> None:
    client = connect(limits=Limits(rate="1/s"), keys={"a": "one", "b": "one"}, monotonic=Seconds())
    assert lists(client, 2, headers={"apikey": "a"}) == [200, 429]
    assert lists(client, 2, headers={"apikey": "b"}) == [200, 429]
    assert lists(client, 3, headers={"apikey": "c"}) == [401, 401, 401]


def test_a_refused_call_does_nothing(connect: Connect) -> None:
    client = connect(limits=Limits(rate="1/s", lockout=0), monotonic=Seconds())
    client.post("/_emulator/faults", json=[{"call": "add_model", "status": 503, "nth": 2}])
    assert [ask(client, "add-model", json=v1(name)).status_code for name in "ab"] == [200, 429]
    assert client.get("/_emulator/faults").json()[0]["met"] == 1


def test_refused_requests_are_logged(connect: Connect) -> None:
    client = connect(limits=Limits(rate="2/s,9/min", lockout=30), monotonic=Seconds(), record=True)
    assert lists(client, 4) == [200, 200, 429, 429]
    logged = [(entry["status"], entry["faults"]) for entry in client.get("/_emulator/requests").json()]
    assert logged == [(200, []), (200, []), (429, ["rate=2/s"]), (429, ["lockout=30"])]
    assert client.get("/_emulator/limits").json() == {
        "rate": "2/s,9/min", "rt_rate": "", "lockout": 30.0, "violations": 1, "locked_out": 1
    }  # fmt: skip


def test_the_limits_can_be_changed_at_run_time(connect: Connect) -> None:
    client = connect(monotonic=Seconds())
    assert lists(client, 5) == [200] * 5
    assert client.post("/_emulator/limits", json={"rate": "1/h"}, headers={"apikey": ""}).json()["rate"] == "1/h"
    assert lists(client, 2) == [200, 429]
    assert client.delete("/_emulator/limits").json()["violations"] == 0
    assert lists(client, 5) == [200] * 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"rate": "3"}, "rate: must look like 3/s,100/min; the units are s, min and h"),
        ({"rt_rate": "0/min"}, "rt_rate: must look like 3/s"),
        ({"rate": "3/s,"}, "rate: must look like 3/s"),
        ({"lockout": -1}, "lockout: must be 0 or more"),
        ({"rates": "3/s"}, "rates: is not a known field"),
        ([], "the limits: must be an object"),
    ],
)
def test_invalid_limits_are_refused_with_their_field(embedded: Connect, value: Any, message: str) -> None:
    with pytest.raises(LimitError, match=message.replace("(", "\\(")):
        limits_in(value)
    client = embedded(limits=Limits(rate="1/h"), monotonic=Seconds())
    response = client.post("/_emulator/limits", json=value)
    assert (response.status_code, response.json()["message"].startswith(message)) == (400, True)
    assert lists(client, 2) == [200, 429]


@pytest.mark.parametrize("rate", ["1/m", "1/minute", "1 / MIN", "1/hour,9/second"])
def test_a_unit_may_be_written_as_in_enkrypt_rate_limit(rate: str) -> None:
    limiter = Limiter(limits_in({"rate": rate}), time := Seconds())
    assert limiter.refuse("k", "/models/list-models") is None
    time.now += 59
    assert limiter.refuse("k", "/models/list-models")


def test_threads_are_counted_exactly(connect: Connect) -> None:
    client = connect(limits=Limits(rate="20/h"))
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: lists(client, 1)[0], range(60)))
    assert sorted(responses) == [200] * 20 + [429] * 40
    assert client.get("/_emulator/limits").json()["violations"] == 1


@settings(deadline=None)
@given(st.lists(st.floats(0, 3, allow_subnormal=False), max_size=40), st.integers(1, 4), st.integers(1, 9))
def test_no_second_and_no_minute_exceeds_its_rate(pauses: list[float], second: int, minute: int) -> None:
    time, admitted = Seconds(), list[float]()
    limiter = Limiter(Limits(rate=f"{second}/s,{minute}/min", lockout=0), time)
    for pause in pauses:
        time.now += pause
        allowed = sum(time.now - at < 1 for at in admitted) < second
        allowed = allowed and sum(time.now - at < 60 for at in admitted) < minute
        assert (limiter.refuse("k", "/models/list-models") is None) == allowed
        admitted += [time.now] * allowed


def test_the_test_kit_counts_violations(tmp_path: Path) -> None:
    with (
        emulator(tmp_path / "api.sqlite") as api,
        httpx.Client(base_url=api.url, headers={"apikey": api.key}) as http,
    ):
        api.limit("2/h")
        assert lists(http, 2) == [200, 200]
        assert api.violations() == 0
        assert lists(http, 2) == [429, 429]
        assert (api.violations(), api.models()) == (1, {})
