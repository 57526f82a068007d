"""retry.py: what may be sent again, how often, after what wait, and what a person hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.api.retry import RETRY_AFTER_LIMIT, TABLE, Failed, Patience, Went, persist
from enkrypt_provider.errors import ModelExists, RequestRejected, ServiceUnavailable, UnexpectedResponse

METHODS = ("GET", "PATCH", "DELETE", "POST")


@dataclass
class Recorder:
    """A clock that nobody waits for, and ears for what is announced."""

    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def patience(self, max_retries: int = 5, overall: float = 300.0) -> Patience:
        return Patience(max_retries, overall, sleep=self.slept.append, announce=self.said.append)


class Server:
    """Fails as it is told to, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "the answer"


def lost() -> Failed:
    return Failed(Went.LOST, "502: bad gateway")


# The whole contract, by hand: whether a request that went wrong is preceded by a look, and whether its work may
# have been done.
@pytest.mark.parametrize(
    ("method", "went", "looks", "doubts"),
    [
        ("GET", Went.NEVER_SENT, 0, 0),
        ("GET", Went.TURNED_AWAY, 0, 0),
        ("GET", Went.LOST, 0, 0),
        ("PATCH", Went.NEVER_SENT, 0, 0),
        ("PATCH", Went.TURNED_AWAY, 0, 0),
        ("PATCH", Went.LOST, 0, 0),
        ("DELETE", Went.NEVER_SENT, 0, 0),
        ("DELETE", Went.TURNED_AWAY, 0, 0),
        ("DELETE", Went.LOST, 0, 0),
        ("POST", Went.NEVER_SENT, 0, 0),
        ("POST", Went.TURNED_AWAY, 0, 1),
        ("POST", Went.LOST, 1, 1),
    ],
)
def test_every_row_of_the_table(method: str, went: Went, looks: int, doubts: int) -> None:
    """Every failure is tried again; only a POST may have been done, and is looked up first where it was lost."""
    looked: list[int] = []
    doubted: list[int] = []
    server = Server(Failed(went, "why"))
    found = persist(
        server,
        method=method,
        what="x",
        patience=Recorder().patience(),
        look=lambda: looked.append(1),
        doubt=lambda: doubted.append(1),
    )
    assert (found, server.calls, len(looked), len(doubted)) == ("the answer", 2, looks, doubts)


def test_no_row_is_missing() -> None:
    """Whatever can go wrong with any method has a row: a missing one would be a crash in the middle of an `up`."""
    assert set(TABLE) == {(method, went) for method in METHODS for went in Went}


def test_what_was_done_is_not_sent_again() -> None:
    """Where the look finds the work done, what it found is the answer and nothing is sent again."""
    recorder, server = Recorder(), Server(lost())
    found = persist(server, method="POST", what="x", patience=recorder.patience(), look=lambda: "found")
    assert (found, server.calls, recorder.slept) == ("found", 1, [])


def test_the_last_attempt_is_looked_up_too() -> None:
    """Even with no retry left, a create whose answer was lost is looked up before it is called a failure."""
    server = Server(lost())
    patience = Recorder().patience(max_retries=0)
    assert persist(server, method="POST", what="x", patience=patience, look=lambda: "found") == "found"


def test_each_lost_answer_is_looked_up() -> None:
    """What was not done after the first attempt may be after the second."""
    answers = iter([None, None, "found"])
    server = Server(lost(), lost(), lost())
    found = persist(server, method="POST", what="x", patience=Recorder().patience(), look=lambda: next(answers))
    assert (found, server.calls) == ("found", 3)


def test_a_look_that_fails_ends_it() -> None:
    """An error of the look is the error: to send again without knowing could double the work."""

    def look() -> str:
        raise ModelExists("a/v1 is registered already")

    server = Server(lost())
    with pytest.raises(ModelExists):
        persist(server, method="POST", what="x", patience=Recorder().patience(), look=look)
    assert server.calls == 1


@pytest.mark.parametrize("error", [RequestRejected("400", status=400), UnexpectedResponse("no"), KeyError("a bug")])
def test_a_final_answer_is_not_asked_for_again(error: Exception) -> None:
    """Only what is known to be passing is tried again; anything else is raised at once, as it is."""
    recorder, server = Recorder(), Server(error)
    with pytest.raises(type(error)) as caught:
        persist(server, method="GET", what="x", patience=recorder.patience())
    assert caught.value is error
    assert (server.calls, recorder.slept) == (1, [])


@pytest.mark.parametrize(
    ("retries", "line"),
    [
        (0, "read a/v1: 502: bad gateway; tried once"),
        (1, "read a/v1: 502: bad gateway; tried 2 times"),
        (5, "read a/v1: 502: bad gateway; tried 6 times"),
    ],
)
def test_spent_retries_say_what_why_and_how_often(retries: int, line: str) -> None:
    """The last failure becomes one line: the operation, the cause, the attempts."""
    server = Server(*(lost() for _ in range(20)))
    with pytest.raises(ServiceUnavailable) as caught:
        persist(server, method="GET", what="read a/v1", patience=Recorder().patience(retries))
    assert (str(caught.value), caught.value.attempts, server.calls) == (line, retries + 1, retries + 1)


def test_a_failure_may_bring_its_own_error() -> None:
    """Where a failure says what it is to a person, that is what is raised once retries are spent."""
    own = UnexpectedResponse("read a/v1: answered with HTML")
    with pytest.raises(UnexpectedResponse) as caught:
        persist(Server(Failed(Went.LOST, "HTML", error=own)), method="GET", what="x", patience=Recorder().patience(0))
    assert caught.value is own


def test_each_wait_is_announced() -> None:
    """A person who waits sees why, for how long, and how much is left."""
    recorder = Recorder()
    server = Server(Failed(Went.TURNED_AWAY, "429: slow down", 2), Failed(Went.LOST, "503", 0.25))
    persist(server, method="GET", what="list the models", patience=recorder.patience())
    assert recorder.said == [
        "list the models: 429: slow down, waiting 2 s, attempt 2 of 6",
        "list the models: 503, waiting 0.25 s, attempt 3 of 6",
    ]


def test_success_is_silent() -> None:
    """Nothing is announced, and nothing waited for, where nothing goes wrong."""
    recorder = Recorder()
    persist(Server(), method="POST", what="x", patience=recorder.patience())
    assert (recorder.said, recorder.slept) == ([], [])


@pytest.mark.parametrize(
    ("asked", "waited"), [(0, 0), (2.5, 2.5), (60, 60), (61, RETRY_AFTER_LIMIT), (float("inf"), RETRY_AFTER_LIMIT)]
)
def test_the_servers_wish_is_granted_within_limits(asked: float, waited: float) -> None:
    """The server is asked again when it said, but no later than the limit."""
    recorder = Recorder()
    persist(Server(Failed(Went.TURNED_AWAY, "429", asked)), method="GET", what="x", patience=recorder.patience())
    assert recorder.slept == [waited]


@given(st.integers(1, 20))
def test_waits_grow_within_their_limit(failures: int) -> None:
    """Without a wish of the server's, each wait is by chance and below a limit that doubles, up to the longest."""
    recorder = Recorder()
    server = Server(*(lost() for _ in range(failures)))
    patience = recorder.patience(max_retries=20, overall=1e9)
    persist(server, method="GET", what="x", patience=patience)
    limits = [min(patience.first_wait * 2**n, patience.longest_wait) for n in range(failures)]
    assert len(recorder.slept) == failures
    assert all(0 <= wait <= limit for wait, limit in zip(recorder.slept, limits, strict=True))


def test_waits_are_not_all_the_same() -> None:
    """Chance spreads the resources of one stack, that would otherwise all come back at once."""
    waits = set()
    for _ in range(20):
        recorder = Recorder()
        persist(Server(lost()), method="GET", what="x", patience=recorder.patience())
        waits.update(recorder.slept)
    assert len(waits) > 1


def test_a_wait_that_would_outlast_the_operation_is_not_begun() -> None:
    """The bound of one operation includes its waits: what would end after it is given up at once."""
    recorder, server = Recorder(), Server(Failed(Went.TURNED_AWAY, "429", 30))
    with pytest.raises(ServiceUnavailable, match="429; tried once"):
        persist(server, method="GET", what="x", patience=recorder.patience(overall=20))
    assert (server.calls, recorder.slept) == (1, [])


def test_the_overall_bound_counts_the_waits_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits add up: with a bound of 100 seconds a server that asks for 30 each time is asked four times."""
    clock = [0.0]
    monkeypatch.setattr("tenacity.time.monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    server = Server(*(Failed(Went.TURNED_AWAY, "429", 30) for _ in range(20)))
    with pytest.raises(ServiceUnavailable, match="429; tried 4 times"):
        persist(server, method="GET", what="x", patience=Patience(20, overall=100, sleep=sleep))
    assert clock == [90.0]


def test_by_default_nothing_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """A caller who wants no announcements gets none."""
    persist(Server(lost()), method="GET", what="x", patience=Patience(sleep=lambda _seconds: None))
    assert capsys.readouterr() == ("", "")
