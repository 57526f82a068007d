"""The client in virtual time keeps the emulator's rate limits, whatever is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import canonical, document

from enkrypt_provider.api import operation
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.pace import LOCK_OUT, MARGIN
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.emulator import LIKE_VENDOR, Limits, create_app
from enkrypt_provider.errors import ServiceUnavailable
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import OFF, VENDOR_RATES, VENDOR_RT_RATES, Key, Rate, Rates, Settings

from .server import Server, says
from .virtual_time import REFUSED, VirtualTime, reports, shortest

REFUSES = says({"message": "Minute Rate limit exceeded"}, 429)
WAITING = f"warning: the API refuses calls ({REFUSED}): all calls of this account wait 61 s"


def client_of(transport: httpx.BaseTransport, now: VirtualTime, retries: int, rates: Rates = OFF) -> EnkryptClient:
    settings = Settings(Key("stand-in-key"), "http://127.0.0.1", rate_limit=rates)
    return EnkryptClient(settings, transport=transport, retry=RetryPolicy(retries, sleep=now.sleep, clock=now))


def test_waiting_at_the_gate_counts_as_neither_attempt_nor_work() -> None:
    now = VirtualTime()
    server = Server(*[says({"message": "busy"}, 503, retry_after="1")] * 3, says({"models": []}))
    ours = Operation(lambda _severity, _line: None, time_limit=10.0, began=0.0)
    with operation.running(ours):
        assert client_of(httpx.MockTransport(server), now, 3, (Rate(1, 60.0),)).list_all(KIND) == []
    assert len(server.sent) == 4
    assert now() == pytest.approx(3 * 60 * MARGIN)
    assert ours.waited == pytest.approx(now() - 3)


def test_a_lock_out_is_waited_out_and_reported_once() -> None:
    now = VirtualTime()
    with reports() as lines:
        server = Server(REFUSES, says({"models": []}))
        assert client_of(httpx.MockTransport(server), now, 1).list_all(KIND) == []
    assert (now(), lines) == (LOCK_OUT, [WAITING])
    server = Server(REFUSES)
    with reports() as lines, pytest.raises(ServiceUnavailable, match=f"{REFUSED}; tried 3 times"):
        client_of(httpx.MockTransport(server), now, 2).list_all(KIND)
    assert len(lines) == len(server.sent) == 3


@pytest.mark.parametrize("said", ["0", "0.5", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_lock_out_that_outlasts_its_retry_after_is_waited_out(said: str) -> None:
    now = VirtualTime()
    at_once = says({"message": "Minute Rate limit exceeded"}, 429, retry_after=said)
    with reports() as lines:
        server = Server(at_once, at_once, says({"models": []}))
        assert client_of(httpx.MockTransport(server), now, 2).list_all(KIND) == []
    assert LOCK_OUT <= now() < LOCK_OUT + 2
    assert lines[1:] == [WAITING]


class Account:
    """The emulator with limits, in this process and in virtual time, and its client."""

    def __init__(self, database: Path, limits: Limits, rates: Rates) -> None:
        self.now = VirtualTime()
        self.lines: list[str] = []
        self._app = create_app(database, limits=limits, monotonic=self.now)
        self.client = client_of(httpx.WSGITransport(app=self._app), self.now, 5, rates)

    def each(self, threads: int, items: list[int], call: Callable[[int], Any]) -> None:
        """Make a call for each item, from several threads."""
        left = list(items)

        def work(_thread: int) -> None:
            while left:
                item = left.pop()
                with reports() as mine:
                    call(item)
                self.lines.extend(mine)

        self.now.run(threads, work)

    def register(self, threads: int, models: int) -> None:
        self.each(threads, list(range(models)), lambda number: self.client.add(KIND, *_model(number)))

    @property
    def counts(self) -> dict[str, int]:
        """How many calls the limits refused."""
        found = self._app.test_client().get("/_emulator/limits").json
        assert isinstance(found, dict)
        return {name: found[name] for name in ("violations", "locked_out")}


def _model(number: int) -> tuple[dict[str, Any], Identifier]:
    return canonical(document(model_saved_name=f"m{number}")), Identifier(f"m{number}", "1")


def test_150_models_by_8_threads_meet_no_limit(tmp_path: Path) -> None:
    account = Account(tmp_path / "a.sqlite", LIKE_VENDOR, VENDOR_RATES)
    account.register(8, 150)
    assert account.now() <= 1.1 * shortest(150, VENDOR_RATES)
    assert len(account.client.list_all(KIND)) == 150
    assert account.counts == {"violations": 0, "locked_out": 0}
    assert [line for line in account.lines if line.startswith("warning")] == []


def test_12_health_checks_meet_no_limit(tmp_path: Path) -> None:
    account = Account(tmp_path / "a.sqlite", LIKE_VENDOR, VENDOR_RATES)
    account.register(1, 1)
    identity = _model(0)[1]
    account.each(8, list(range(12)), lambda _number: account.client.model_health(identity))
    assert account.counts == {"violations": 0, "locked_out": 0}
    assert account.now() <= 1.1 * (shortest(1, VENDOR_RATES) + shortest(12, VENDOR_RT_RATES))


def test_an_unknown_limit_is_exceeded_once(tmp_path: Path) -> None:
    account = Account(tmp_path / "a.sqlite", Limits(rate="3/s", lockout=60), OFF)
    account.register(8, 24)
    assert len(account.client.list_all(KIND)) == 24
    assert account.counts["violations"] == 1
    assert account.counts["locked_out"] < 8
    assert account.now() <= LOCK_OUT + 1.1 * shortest(24, VENDOR_RATES)
    assert account.lines == [WAITING]


def test_a_lower_limit_than_configured_is_found(tmp_path: Path) -> None:
    """As if another process used half of it: each lock-out slows the calls down."""
    account = Account(tmp_path / "a.sqlite", Limits(rate="1/s", lockout=60), VENDOR_RATES)
    account.register(8, 24)
    assert len(account.client.list_all(KIND)) == 24
    assert account.counts["violations"] == len(account.lines) == 2


def test_every_call_but_the_health_check_takes_a_turn_of_the_models(tmp_path: Path) -> None:
    """Including `consumer-info`: the vendor counts them together."""
    account = Account(tmp_path / "a.sqlite", LIKE_VENDOR, VENDOR_RATES)
    account.register(1, 1)
    body, identity = _model(0)
    account.client.consumer_info()
    account.client.list_all(KIND)
    account.client.get(KIND, identity)
    account.client.modify(KIND, identity, body)
    account.client.delete(KIND, identity)
    assert account.now() == pytest.approx(MARGIN)
    assert account.counts == {"violations": 0, "locked_out": 0}
