"""What may be sent again, by method and by what went wrong: a table, and the loop that follows it.

The loop is tenacity's. What waits comes in as an argument; nothing here knows HTTP or the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

from .errors import EnkryptError, ServiceUnavailable

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")


class Went(Enum):
    """How a request went wrong without a final answer."""

    NEVER_SENT = "never sent"  # refused, no such host, no TLS
    TURNED_AWAY = "turned away"  # 429; 503 with Retry-After
    LOST = "answer lost"  # time-out, reset, 5xx, a body that is cut short or unreadable: the work may be done


class Then(Enum):
    """What follows."""

    AGAIN = "send again"
    IN_DOUBT = "send again; where it then is refused, it may have been done before"
    LOOK_FIRST = "look whether it was done, then send again"


TABLE: Final[dict[tuple[str, Went], Then]] = {
    ("GET", Went.NEVER_SENT): Then.AGAIN,
    ("GET", Went.TURNED_AWAY): Then.AGAIN,
    ("GET", Went.LOST): Then.AGAIN,
    ("PATCH", Went.NEVER_SENT): Then.AGAIN,
    ("PATCH", Went.TURNED_AWAY): Then.AGAIN,
    ("PATCH", Went.LOST): Then.AGAIN,  # the whole object: twice is once
    ("DELETE", Went.NEVER_SENT): Then.AGAIN,
    ("DELETE", Went.TURNED_AWAY): Then.AGAIN,
    ("DELETE", Went.LOST): Then.AGAIN,  # what is gone is done
    ("POST", Went.NEVER_SENT): Then.AGAIN,
    ("POST", Went.TURNED_AWAY): Then.IN_DOUBT,  # by a gateway, whatever was done behind it
    ("POST", Went.LOST): Then.LOOK_FIRST,
}

RETRY_AFTER_LIMIT: Final = 60.0
"""Seconds: a server that asks for more is asked again after this."""


class Failed(EnkryptError):
    """One attempt that went wrong; `retry_after`, seconds, is what the server asked for."""

    def __init__(self, went: Went, why: str, retry_after: float | None = None, error: EnkryptError | None = None):
        super().__init__(why)
        self.went = went
        self.retry_after = retry_after
        self.error = error

    def spent(self, what: str, attempts: int) -> EnkryptError:
        """The error for a person, once no attempt is left."""
        tried = "once" if attempts == 1 else f"{attempts} times"
        return self.error or ServiceUnavailable(f"{what}: {self}; tried {tried}", attempts=attempts)


@dataclass(frozen=True)
class Patience:
    """How long to go on. Times in seconds; `overall` bounds one operation, waits included."""

    max_retries: int = 5
    overall: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    announce: Callable[[str], None] = field(default=lambda _line: None)


def persist(
    attempt: Callable[[], T],
    *,
    method: str,
    what: str,
    patience: Patience,
    look: Callable[[], T | None] = lambda: None,
    doubt: Callable[[], None] = lambda: None,
) -> T:
    """Calls `attempt` until it returns, as the table and `patience` allow.

    Where the table says so, `look` is asked first: what it returns, unless None, is the result. `doubt` is
    told as soon as the work may have been done without an answer.
    `what` names the operation in what a person reads. Raises the last failure's error for a person,
    and at once whatever else `attempt` or `look` raises.
    """

    def once() -> T:
        try:
            return attempt()
        except Failed as failed:
            then = TABLE[method, failed.went]
            if then is not Then.AGAIN:
                doubt()
            if then is Then.LOOK_FIRST and (found := look()) is not None:
                return found
            raise

    began = time.monotonic()
    try:
        return once()
    except Failed as failed:
        first = failed
    return _again(once, first, time.monotonic() - began, what, patience)


def _again(attempt: Callable[[], T], first: Failed, spent: float, what: str, patience: Patience) -> T:
    """Goes on after the first attempt, which failed and has `spent` seconds."""
    import tenacity  # not before something fails: its import takes as long as some models

    failures = [first]

    def once() -> T:
        if failures:
            raise failures.pop()
        return attempt()

    def announce(state: tenacity.RetryCallState) -> None:
        failed = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        number = f"attempt {state.attempt_number + 1} of {patience.max_retries + 1}"
        patience.announce(f"{what}: {failed}, waiting {wait:.2g} s, {number}")

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Failed),
        stop=tenacity.stop_after_attempt(patience.max_retries + 1)
        | tenacity.stop_before_delay(patience.overall - spent),
        wait=_wait(tenacity.wait_random_exponential(multiplier=patience.first_wait, max=patience.longest_wait)),
        sleep=patience.sleep,
        before_sleep=announce,
        reraise=True,
    )
    try:
        return retrying(once)
    except Failed as failed:
        raise failed.spent(what, int(retrying.statistics.get("attempt_number", 1))) from None


def _wait(backoff: Callable[[tenacity.RetryCallState], float]) -> Callable[[tenacity.RetryCallState], float]:
    def wait(state: tenacity.RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        asked = failed.retry_after if isinstance(failed, Failed) else None
        return backoff(state) if asked is None else min(asked, RETRY_AFTER_LIMIT)

    return wait
