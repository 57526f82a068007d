"""A table of every way in which the emulator can make a call fail, and how the command should react.

An error status comes before or after the work was done (`work`); the other faults imply it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

MIB: Final = 2**20


class Kind(Enum):
    """How a command reacts to a failure."""

    PASSING = "retried: unnoticed if it happens once; an error if it persists, repaired by the next up"
    BELIEVED = "an error at once: the API claims that it did nothing"
    HARMLESS = "no error: a valid response"


@dataclass(frozen=True)
class Way:
    """One way to fail."""

    name: str
    fault: Mapping[str, Any]
    kind: Kind

    @property
    def is_after(self) -> bool:
        """Whether the API reports an error although it did the work."""
        return bool(self.fault.get("work"))

    def __str__(self) -> str:
        return self.name


PASSING: Final = (408, 425, 429, 500, 502, 503, 504, 507, 520, 599)
REFUSED: Final = (400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 418, 422, 451)
REDIRECTED: Final = (301, 302, 303, 307, 308)
ELSEWHERE: Final = (
    "https://evil.example.com/models",
    "http://127.0.0.1:9/models",
    "/elsewhere",
    "mailto:ops@example.com",
    "",
)
RETRY_AFTER: Final = ("0", "7", "999999999999", "Wed, 21 Oct 2015 07:28:00 GMT", "soon")
GARBAGE: Final = ("html", "empty", "wrong_types", "missing_data", "another_model", "deep")


def _ways() -> Iterator[Way]:
    for when, work in (("before", {}), ("after", {"work": True})):
        for status in PASSING:
            yield Way(f"{status} {when} the work", {"status": status, **work}, Kind.PASSING)
        for status in (429, 503):
            for wish in RETRY_AFTER:
                fault = {"status": status, "retry_after": wish, **work}
                yield Way(f"{status} {when} the work, Retry-After {wish}", fault, Kind.PASSING)
        for status in REFUSED:
            yield Way(f"{status} {when} the work", {"status": status, **work}, Kind.BELIEVED)
        for status, place in zip(REDIRECTED, ELSEWHERE, strict=True):
            fault = {"status": status, **({"location": place} if place else {}), **work}
            yield Way(f"{status} {when} the work", fault, Kind.BELIEVED)
        for status, body in ((500, "<html>"), (502, ""), (503, '{"message": 5}')):
            fault = {"status": status, "body": body, **work}
            yield Way(f"{status} {when} the work, body {body!r}", fault, Kind.PASSING)
        yield Way(f"reset {when} the work", {"reset": when}, Kind.PASSING)
    yield Way("truncated", {"truncate": True}, Kind.PASSING)
    for kind in GARBAGE:
        yield Way(kind, {"garbage": kind}, Kind.PASSING)
    for kind in ("huge", "gzip_bomb"):
        yield Way(kind, {"garbage": kind, "size": 17 * MIB}, Kind.PASSING)
    yield Way("late", {"delay": 0.6}, Kind.PASSING)
    yield Way("masked keys", {"mask_apikeys": True}, Kind.HARMLESS)
    yield Way("no details", {"without_details": True}, Kind.HARMLESS)
    yield Way("stale", {"stale": True}, Kind.PASSING)


WAYS: Final = tuple(_ways())
