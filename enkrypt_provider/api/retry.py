"""Retries: a table of what follows each failure of each method, and tenacity, which applies it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

from ..errors import EnkryptError, ServiceUnavailable
from . import operation

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")


class Failure(Enum):
    """How a request failed without a final response."""

    NOT_SENT = "not sent"  # refused, no such host, no TLS
    RATE_LIMITED = "rate limited"  # 429
    TURNED_AWAY = "turned away"  # 503 with Retry-After
    LOST = "response lost"  # timeout, reset, 5xx, truncated or unreadable body: the work may have been done


class Then(Enum):
    """What to do after a failure."""

    RETRY = "send again"
    RETRY_IN_DOUBT = "send again; if that is refused, the work may have been done before"
    LOOK_UP = "look up whether the work was done, then send again"


TABLE: Final[dict[tuple[str, Failure], Then]] = {
    ("GET", Failure.NOT_SENT): Then.RETRY,
    ("GET", Failure.RATE_LIMITED): Then.RETRY,
    ("GET", Failure.TURNED_AWAY): Then.RETRY,
    ("GET", Failure.LOST): Then.RETRY,
    ("PATCH", Failure.NOT_SENT): Then.RETRY,
    ("PATCH", Failure.RATE_LIMITED): Then.RETRY,
    ("PATCH", Failure.TURNED_AWAY): Then.RETRY,
    ("PATCH", Failure.LOST): Then.RETRY_IN_DOUBT,  # idempotent: always the whole object
    ("DELETE", Failure.NOT_SENT): Then.RETRY,
    ("DELETE", Failure.RATE_LIMITED): Then.RETRY,
    ("DELETE", Failure.TURNED_AWAY): Then.RETRY,
    ("DELETE", Failure.LOST): Then.RETRY,  # if it is gone, the work is done
    ("POST", Failure.NOT_SENT): Then.RETRY,
    ("POST", Failure.RATE_LIMITED): Then.RETRY_IN_DOUBT,  # perhaps by a gateway, after the API did the work
    ("POST", Failure.TURNED_AWAY): Then.RETRY_IN_DOUBT,
    ("POST", Failure.LOST): Then.LOOK_UP,
}

RETRY_AFTER_LIMIT: Final = 60.0
"""The longest wait in seconds, even if the server asks for more."""


class Failed(EnkryptError):
    """One attempt failed. `retry_after` is the wait in seconds that the server asked for; `error` is for the user."""

    def __init__(
        self, failure: Failure, why: str, retry_after: float | None = None, error: EnkryptError | None = None
    ) -> None:
        super().__init__(why)
        self.failure = failure
        self.retry_after = retry_after
        self.error = error

    def final(self, what: str, attempts: int) -> EnkryptError:
        """Return the error for the user once no attempt is left."""
        tried = "once" if attempts == 1 else f"{attempts} times"
        return self.error or ServiceUnavailable(f"{what}: {self}; tried {tried}", attempts=attempts)


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try and how long to wait, in seconds; the time limit is the operation's."""

    max_retries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 20.0
    sleep: Callable[[float], None] = operation.sleep
    clock: Callable[[], float] = time.monotonic


def retry(
    attempt: Callable[[], T],
    *,
    method: str,
    what: str,
    policy: RetryPolicy,
    look_up: Callable[[], T | None] = lambda: None,
    doubt: Callable[[], None] = lambda: None,
) -> T:
    """Call `attempt` until it returns, as the table, the policy and the operation's time limit allow.

    If the table says so, `look_up` is called after the failure; its result, unless None, is returned. `doubt`
    is called as soon as the work may have been done without a response. `what` describes the request to the user.
    Raise the error of the last failure; any other error from `attempt` or `look_up` is raised at once.
    """

    import tenacity  # only when something is sent: loading it takes as long as checking many models

    def once() -> T:
        try:
            return attempt()
        except Failed as failed:
            then = TABLE[method, failed.failure]
            if then is not Then.RETRY:
                doubt()
            if then is Then.LOOK_UP and (done := look_up()) is not None:
                return done
            raise

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Failed),
        stop=_stop(policy.max_retries + 1, policy.clock),
        wait=_wait(tenacity.wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)),
        sleep=policy.sleep,
        before_sleep=_report(what, policy.max_retries + 1),
        reraise=True,
    )
    try:
        with operation.joined(policy.clock):
            return retrying(once)
    except Failed as failed:
        raise failed.final(what, int(retrying.statistics.get("attempt_number", 1))) from None


def _stop(attempts: int, clock: Callable[[], float]) -> Callable[[tenacity.RetryCallState], bool]:
    """Return the condition that no attempt or no time is left. Waiting for a turn does not count."""

    def is_over(state: tenacity.RetryCallState) -> bool:
        current = operation.current()
        worked = clock() - current.began - current.waited
        return state.attempt_number >= attempts or worked + state.upcoming_sleep >= current.time_limit

    return is_over


def _wait(backoff: Callable[[tenacity.RetryCallState], float]) -> Callable[[tenacity.RetryCallState], float]:
    def wait(state: tenacity.RetryCallState) -> float:
        failed = _failure(state)
        if failed and failed.failure is Failure.RATE_LIMITED:
            return 0.0  # the gate makes it wait
        asked = failed.retry_after if failed else None
        return backoff(state) if asked is None else min(asked, RETRY_AFTER_LIMIT)

    return wait


def _report(what: str, attempts: int) -> Callable[[tenacity.RetryCallState], None]:
    def report(state: tenacity.RetryCallState) -> None:
        failed, number = _failure(state), state.attempt_number
        if failed and failed.failure is Failure.RATE_LIMITED:
            return  # the gate reports it, once for all calls
        wait = state.next_action.sleep if state.next_action else 0.0
        why = f"{failed}; " if number == 1 else ""
        operation.report("info", f"{what}: {why}trying again in {wait:.2g} s ({number + 1} of {attempts})")

    return report


def _failure(state: tenacity.RetryCallState) -> Failed | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Failed) else None
