"""The operation that a thread works on: where it reports, its time limit, and the time it waited for turns."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import Interrupted

Severity = Literal["info", "warning"]
Report = Callable[[Severity, str], None]

TIME_LIMIT: Final = 300.0
"""Seconds that one operation may take, retries included."""

_printing = threading.Lock()


def print_line(severity: Severity, line: str) -> None:
    """Print a line to stderr, which the engine shows live under the stack."""
    text = f"warning: {line}\n" if severity == "warning" else f"{line}\n"
    with _printing:  # one write, so that the lines of two threads never mix
        sys.stderr.write(text)
        sys.stderr.flush()


@dataclass
class Operation:
    """One operation on one resource. `time_limit` and `waited` are seconds; waiting for turns does not count as work.

    `interrupted` is set when the user interrupts the command.
    """

    report: Report = print_line
    time_limit: float = TIME_LIMIT
    waited: float = 0.0
    began: float = field(default_factory=time.monotonic)
    interrupted: threading.Event = field(default_factory=threading.Event)


_current: ContextVar[Operation | None] = ContextVar("operation", default=None)


def current() -> Operation:
    """Return the operation of this thread, or a new one with the defaults."""
    return _current.get() or Operation()


@contextmanager
def joined(clock: Callable[[], float]) -> Iterator[Operation]:
    """Continue this thread's operation, or run a new one with the defaults."""
    with running(_current.get() or Operation(began=clock())) as operation:
        yield operation


@contextmanager
def running(operation: Operation) -> Iterator[Operation]:
    """Make `operation` the current one of this thread."""
    token = _current.set(operation)
    try:
        yield operation
    finally:
        _current.reset(token)


def sleep(seconds: float) -> None:
    """Sleep. Raise `Interrupted` as soon as the current operation is interrupted."""
    if current().interrupted.wait(seconds):
        raise Interrupted("interrupted while waiting: run the command again")


def report(severity: Severity, line: str) -> None:
    """Report a line to the user of the current operation."""
    current().report(severity, line)
