"""retry.py: what may be sent again, how often, after what wait, and what a person hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enkrypt_provider.api import operation
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.responses import retry_after
from enkrypt_provider.api.retry import RETRY_AFTER_LIMIT, TABLE, Failed, Failure, RetryPolicy, retry
from enkrypt_provider.errors import ModelExists, RequestRejected, ServiceUnavailable, UnexpectedResponse

METHODS = ("GET", "PATCH", "DELETE", "POST")


@dataclass
class Time:
    """A clock that only waiting moves."""

    slept: list[float] = field(default_factory=list)

    def policy(self, max_retries: int = 5) -> RetryPolicy:
        return RetryPolicy(max_retries, sleep=self.slept.append, clock=lambda: sum(self.slept))


class Server:
    """Fails with each of `failures`, then responds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "response"


def lost() -> Failed:
    return Failed(Failure.LOST, "502: bad gateway")


def busy(seconds: float) -> Failed:
    return Failed(Failure.TURNED_AWAY, "503", seconds)


# ---- what is sent again


# The whole contract, by hand: how often a failed request is looked up before it is sent again, and whether its work
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
def test_only_a_post_is_looked_up_and_only_where_its_response_was_lost(
    method: str, failure: Failure, look_ups: int, doubts: int
) -> None:
    """Every failure is tried again."""
    looked_up: list[str] = []
    doubted: list[str] = []
    server = Server(Failed(failure, "why"))
    result = retry(
        server,
        method=method,
        what="x",
        policy=Time().policy(),
        look_up=lambda: looked_up.append(""),
        doubt=lambda: doubted.append(""),
    )
    assert (result, server.calls, len(looked_up), len(doubted)) == ("response", 2, look_ups, doubts)


def test_each_failure_of_each_method_has_a_row() -> None:
    """A missing one would be a crash in the middle of an `up`."""
    assert set(TABLE) == {(method, failure) for method in METHODS for failure in Failure}


@pytest.mark.parametrize("max_retries", [0, 5])
def test_what_was_done_is_not_sent_again(max_retries: int) -> None:
    """What the look-up finds is the result, even where no retry is left."""
    time, server = Time(), Server(lost())
    found = retry(server, method="POST", what="x", policy=time.policy(max_retries), look_up=lambda: "found")
    assert (found, server.calls, time.slept) == ("found", 1, [])


def test_each_lost_response_is_looked_up() -> None:
    """What was not done after the first attempt may be after the second."""
    found = iter([None, None, "found"])
    server = Server(lost(), lost(), lost())
    result = retry(server, method="POST", what="x", policy=Time().policy(), look_up=lambda: next(found))
    assert (result, server.calls) == ("found", 3)


def test_a_look_up_that_fails_ends_it() -> None:
    """To send again without knowing could do the work twice."""

    def look_up() -> str:
        raise ModelExists("a/v1 is registered already")

    server = Server(lost())
    with pytest.raises(ModelExists):
        retry(server, method="POST", what="x", policy=Time().policy(), look_up=look_up)
    assert server.calls == 1


@pytest.mark.parametrize("error", [RequestRejected("400", status=400), UnexpectedResponse("no"), KeyError("a bug")])
def test_any_other_error_is_raised_at_once_as_it_is(error: Exception) -> None:
    """Only what is known to pass is tried again."""
    time, server = Time(), Server(error)
    with pytest.raises(type(error)) as caught:
        retry(server, method="GET", what="x", policy=time.policy())
    assert caught.value is error
    assert (server.calls, time.slept) == (1, [])


# ---- what a person hears


@pytest.mark.parametrize(
    ("retries", "line"),
    [
        (0, "read a/v1: 502: bad gateway; tried once"),
        (1, "read a/v1: 502: bad gateway; tried 2 times"),
        (5, "read a/v1: 502: bad gateway; tried 6 times"),
    ],
)
def test_the_last_failure_is_an_error_with_its_cause_and_the_attempts(retries: int, line: str) -> None:
    """One line."""
    server = Server(*(lost() for _ in range(20)))
    with pytest.raises(ServiceUnavailable) as caught:
        retry(server, method="GET", what="read a/v1", policy=Time().policy(retries))
    assert (str(caught.value), caught.value.attempts, server.calls) == (line, retries + 1, retries + 1)


def test_a_failure_may_bring_the_error_that_is_raised_at_the_end() -> None:
    """It says more to a person."""
    own = UnexpectedResponse("read a/v1: answered with HTML")
    with pytest.raises(UnexpectedResponse) as caught:
        retry(Server(Failed(Failure.LOST, "HTML", error=own)), method="GET", what="x", policy=Time().policy(0))
    assert caught.value is own


def test_each_wait_is_reported_and_its_cause_once() -> None:
    """A person who waits sees why, for how long, and how much is left."""
    reported: list[tuple[str, str]] = []
    with operation.running(Operation(lambda severity, line: reported.append((severity, line)), began=0.0)):
        server = Server(Failed(Failure.TURNED_AWAY, "503: busy", 2), Failed(Failure.LOST, "502", 0.25))
        retry(server, method="GET", what="list the models", policy=Time().policy())
    assert reported == [
        ("info", "list the models: 503: busy; trying again in 2 s (2 of 6)"),
        ("info", "list the models: trying again in 0.25 s (3 of 6)"),
    ]


def test_a_refused_turn_is_not_reported_here() -> None:
    """The gate reports it, once for all calls; and makes the call wait."""
    reported: list[str] = []
    time = Time()
    with operation.running(Operation(lambda _severity, line: reported.append(line), began=0.0)):
        retry(Server(Failed(Failure.RATE_LIMITED, "429", 50)), method="GET", what="x", policy=time.policy())
    assert (reported, time.slept) == ([], [0.0])


def test_success_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is reported, and nothing waited for."""
    time = Time()
    retry(Server(), method="POST", what="x", policy=time.policy())
    assert (time.slept, capsys.readouterr()) == ([], ("", ""))


@pytest.mark.parametrize(("severity", "prefix"), [("info", ""), ("warning", "warning: ")])
def test_without_an_operation_a_line_goes_to_stderr(
    capsys: pytest.CaptureFixture[str], severity: operation.Severity, prefix: str
) -> None:
    """The engine shows it under the stack."""
    operation.report(severity, "a line")
    assert capsys.readouterr() == ("", f"{prefix}a line\n")


# ---- waits


@pytest.mark.parametrize(
    ("asked", "waited"), [(0, 0), (2.5, 2.5), (60, 60), (61, RETRY_AFTER_LIMIT), (float("inf"), RETRY_AFTER_LIMIT)]
)
def test_the_server_is_asked_again_when_it_said_within_a_limit(asked: float, waited: float) -> None:
    """A server may ask for an hour."""
    time = Time()
    retry(Server(busy(asked)), method="GET", what="x", policy=time.policy())
    assert time.slept == [waited]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("2", 2.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("9" * 400, float("inf")),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """Anything else is none."""
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
def test_a_date_of_retry_after_is_of_the_servers_clock(date: str | None, seconds: float) -> None:
    """This machine's may be wrong by years."""
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", date) == seconds


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
@example("1e400")
@example("Tue, 01 Jan 2999 00:00:00 GMT")
@example("Wed, 99 Foo 99999 99:99:99 GMT")
@example("Fri, 31 Dec 0000 00:00:00 -9999")
def test_no_retry_after_is_too_odd(header: str) -> None:
    """It is none or at least nothing."""
    seconds = retry_after(header)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 20))
def test_waits_are_by_chance_and_below_a_limit_that_doubles(failures: int) -> None:
    """Up to the longest."""
    time = Time()
    policy = time.policy(max_retries=20)
    with operation.running(Operation(time_limit=1e9, began=0.0)):
        retry(Server(*(lost() for _ in range(failures))), method="GET", what="x", policy=policy)
    limits = [min(policy.first_wait * 2**n, policy.longest_wait) for n in range(failures)]
    assert len(time.slept) == failures
    assert all(0 <= wait <= limit for wait, limit in zip(time.slept, limits, strict=True))


def test_waits_of_the_resources_of_one_stack_differ() -> None:
    """They would otherwise all come back at once."""
    time = Time()
    for _ in range(20):
        retry(Server(lost()), method="GET", what="x", policy=time.policy())
    assert len(set(time.slept)) > 1


# ---- the operation's time limit


def test_a_wait_that_would_outlast_the_operation_is_not_begun() -> None:
    """What would end after the limit is given up at once."""
    time, server = Time(), Server(busy(30))
    with (
        operation.running(Operation(time_limit=20, began=0.0)),
        pytest.raises(ServiceUnavailable, match="tried once"),
    ):
        retry(server, method="GET", what="x", policy=time.policy())
    assert (server.calls, time.slept) == (1, [])


def test_the_time_limit_is_of_all_calls_of_an_operation() -> None:
    """With 100 s, a server that asks for 30 s each time is tried four times by two calls together."""
    time = Time()
    calls = 0
    with operation.running(Operation(time_limit=100, began=0.0)):
        retry(Server(busy(30)), method="GET", what="x", policy=time.policy())
        server = Server(*(busy(30) for _ in range(20)))
        with pytest.raises(ServiceUnavailable, match="tried 3 times"):
            retry(server, method="GET", what="x", policy=time.policy(20))
        calls = server.calls
    assert (calls, time.slept) == (3, [30, 30, 30])


def test_without_an_operation_each_call_has_a_limit_of_its_own() -> None:
    """300 s, from when it began."""
    time = Time()
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="tried 6 times"):
            retry(Server(*(busy(59) for _ in range(20))), method="GET", what="x", policy=time.policy(20))
    assert time.slept == [59.0] * 10
