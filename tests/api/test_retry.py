"""retry.py: what is retried, how often, after which wait, and what the user sees."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enkrypt_provider.api import operation
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.responses import retry_after
from enkrypt_provider.api.retry import RETRY_AFTER_LIMIT, Failed, Failure, RetryPolicy, retry
from enkrypt_provider.errors import ModelExists, RequestRejected, ServiceUnavailable, UnexpectedResponse

from .virtual_time import reports

LOST = Failed(Failure.LOST, "502: bad gateway")


def busy(seconds: float) -> Failed:
    return Failed(Failure.TURNED_AWAY, "503: busy", seconds)


class Server:
    """Fails with each of `failures`, then responds; its clock only advances by waiting."""

    def __init__(self, *failures: Exception, slept: list[float] | None = None) -> None:
        self._failures = list(failures)
        self.calls = 0
        self.slept: list[float] = [] if slept is None else slept

    def __call__(self) -> str:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "response"

    def policy(self, retries: int) -> RetryPolicy:
        return RetryPolicy(retries, sleep=self.slept.append, clock=lambda: sum(self.slept))

    def asked(self, method: str = "GET", retries: int = 5, **hooks: Any) -> Any:
        return retry(self, method=method, what="read a/v1", policy=self.policy(retries), **hooks)


# ---- what is retried


# The whole contract, written out: how often a failed request is looked up before it is retried, and whether its work
# may have been done.
@pytest.mark.parametrize(
    ("method", "failure", "look_ups", "doubts"),
    [
        *((method, failure, 0, 0) for method in ("GET", "DELETE") for failure in Failure),
        *(("PATCH", failure, 0, int(failure is Failure.LOST)) for failure in Failure),
        ("POST", Failure.NOT_SENT, 0, 0),
        ("POST", Failure.RATE_LIMITED, 0, 1),
        ("POST", Failure.TURNED_AWAY, 0, 1),
        ("POST", Failure.LOST, 1, 1),
    ],
)
def test_only_a_post_whose_response_was_lost_is_looked_up(
    method: str, failure: Failure, look_ups: int, doubts: int
) -> None:
    done: list[str] = []
    server = Server(Failed(failure, "why"))
    hooks: dict[str, Any] = {name: partial(done.append, name) for name in ("look_up", "doubt")}
    assert (server.asked(method, **hooks), server.calls) == ("response", 2)
    assert (done.count("look_up"), done.count("doubt")) == (look_ups, doubts)


@pytest.mark.parametrize("retries", [0, 5])
def test_work_that_was_done_is_not_sent_again(retries: int) -> None:
    """The result of the look-up is returned, even if no retries are left."""
    server = Server(LOST)
    assert server.asked("POST", retries, look_up=lambda: "found") == "found"
    assert (server.calls, server.slept) == (1, [])


def test_each_lost_response_is_looked_up() -> None:
    found = iter([None, None, "found"])
    server = Server(LOST, LOST, LOST)
    assert (server.asked("POST", look_up=lambda: next(found)), server.calls) == ("found", 3)


def test_a_failed_look_up_ends_the_retries() -> None:
    """Sending again without knowing could do the work twice."""

    def look_up() -> str:
        raise ModelExists("a/v1 is registered already")

    server = Server(LOST)
    with pytest.raises(ModelExists):
        server.asked("POST", look_up=look_up)
    assert server.calls == 1


OWN = UnexpectedResponse("read a/v1: answered with HTML")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        *(
            (error, error)
            for error in (RequestRejected("400", status=400), UnexpectedResponse("no"), KeyError("a bug"))
        ),
        (Failed(Failure.LOST, "HTML", error=OWN), OWN),
    ],
)
def test_any_other_error_is_raised_unchanged(failure: Exception, error: Exception) -> None:
    """Only failures that may pass are retried; a failure may carry the error that is raised at the end."""
    server = Server(failure)
    with pytest.raises(type(error)) as caught:
        server.asked(retries=0 if failure is not error else 5)
    assert caught.value is error
    assert (server.calls, server.slept) == (1, [])


# ---- what the user sees


@pytest.mark.parametrize(("retries", "tried"), [(0, "once"), (1, "2 times"), (5, "6 times")])
def test_the_last_failure_is_an_error_with_cause_and_attempts(retries: int, tried: str) -> None:
    server = Server(*[LOST] * 20)
    with pytest.raises(ServiceUnavailable) as caught:
        server.asked(retries=retries)
    assert str(caught.value) == f"read a/v1: 502: bad gateway; tried {tried}"
    assert caught.value.attempts == server.calls == retries + 1


@pytest.mark.parametrize(
    ("failures", "lines", "slept"),
    [
        (
            [busy(2), Failed(Failure.LOST, "502", 0.25)],
            [
                "info: read a/v1: 503: busy; trying again in 2 s (2 of 6)",
                "info: read a/v1: trying again in 0.25 s (3 of 6)",
            ],
            [2, 0.25],
        ),
        ([Failed(Failure.RATE_LIMITED, "429", 50)], [], [0.0]),  # the gate reports it, and makes the call wait
        ([], [], []),
    ],
)
def test_each_wait_is_reported_but_its_cause_only_once(
    failures: list[Exception], lines: list[str], slept: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(*failures)
    with reports() as reported:
        server.asked()
    assert (reported, server.slept, capsys.readouterr()) == (lines, slept, ("", ""))


@pytest.mark.parametrize(("severity", "prefix"), [("info", ""), ("warning", "warning: ")])
def test_without_an_operation_lines_go_to_stderr(
    capsys: pytest.CaptureFixture[str], severity: operation.Severity, prefix: str
) -> None:
    """The engine shows it under the stack."""
    operation.report(severity, "a line")
    assert capsys.readouterr() == ("", f"{prefix}a line\n")


# ---- waits


@pytest.mark.parametrize(
    ("asked", "waited"), [(0, 0), (2.5, 2.5), (60, 60), (61, RETRY_AFTER_LIMIT), (float("inf"), RETRY_AFTER_LIMIT)]
)
def test_retry_after_is_obeyed_up_to_a_limit(asked: float, waited: float) -> None:
    server = Server(busy(asked))
    server.asked()
    assert server.slept == [waited]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *((header, None) for header in (None, "soon", "-5", "²", "1e3", "2 s", "١")),
        ("1.5", 1.5),
        *(("0", 0.0), ("2", 2.0), (" 7 ", 7.0), ("3600", 3600.0), ("9" * 400, float("inf"))),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:27:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:29:00 GMT", 0.0),
        ("no date", 0.0),
        (None, 0.0),
    ],
)
def test_a_date_in_retry_after_is_on_the_servers_clock(date: str | None, seconds: float) -> None:
    """This machine's clock may be wrong by years."""
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", date) == seconds


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
@example("1e400")
@example("Tue, 01 Jan 2999 00:00:00 GMT")
@example("Wed, 99 Foo 99999 99:99:99 GMT")
@example("Fri, 31 Dec 0000 00:00:00 -9999")
def test_any_retry_after_is_parsed_or_ignored(header: str) -> None:
    seconds = retry_after(header)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 20))
def test_waits_are_random_below_a_limit_that_doubles(failures: int) -> None:
    server = Server(*[LOST] * failures)
    with operation.running(Operation(time_limit=1e9, began=0.0)):
        server.asked(retries=20)
    policy = server.policy(20)
    limits = [min(policy.first_wait * 2**n, policy.longest_wait) for n in range(failures)]
    assert len(server.slept) == failures
    assert all(0 <= wait <= limit for wait, limit in zip(server.slept, limits, strict=True))


def test_waits_of_parallel_requests_differ() -> None:
    """Otherwise they would all retry at once."""
    servers = [Server(LOST) for _ in range(20)]
    assert {server.asked() for server in servers} == {"response"}
    assert len({server.slept[0] for server in servers}) > 1


# ---- the operation's time limit


def test_the_time_limit_covers_all_calls_of_an_operation() -> None:
    """With 100 s, two calls together wait 30 s three times and no more."""
    first = Server(busy(30))
    second = Server(*[busy(30)] * 20, slept=first.slept)
    with operation.running(Operation(time_limit=100, began=0.0)):
        first.asked()
        with pytest.raises(ServiceUnavailable, match="tried 3 times"):
            second.asked(retries=20)
    assert (second.calls, second.slept) == (3, [30, 30, 30])


@pytest.mark.parametrize(("limit", "slept"), [(20, []), (None, [59.0] * 5)])
def test_a_wait_beyond_the_time_limit_is_not_started(limit: float | None, slept: list[float]) -> None:
    """Without an operation, each call has its own limit: 300 s from its start."""
    server = Server(*[busy(30 if limit else 59)] * 20, slept=[] if limit else [1000.0])
    running = operation.running(Operation(time_limit=limit, began=0.0)) if limit else nullcontext()
    with running, pytest.raises(ServiceUnavailable):
        server.asked(retries=20)
    assert (server.calls, server.slept[-5:]) == (len(slept) + 1, slept)
