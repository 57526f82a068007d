"""Trying ways and running commands in sight of a person.

Here live progress while a command lasts, its reason when it fails, its end when we end, and the next way then;
not one word about what is tried or run. Standard library only.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Generic, TextIO, TypeVar

GRACE = 1.0  # seconds; a step that takes less goes without a word
PULSE = 10.0  # seconds between two lines where output is not a terminal
TICK = 0.2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CREDENTIALS = re.compile(r"//[^/@\s]+@")
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

T = TypeVar("T")


class Failed(Exception):
    """Something could not be done. Its text is the reason, without secrets, fit to be shown as it is.

    `expected` marks the ordinary case, of which nobody needs to hear unless all else fails too.
    """

    def __init__(self, reason: str, *, expected: bool = False) -> None:
        super().__init__(printable(reason))
        self.expected = expected


class Interrupted(BaseException):
    """A person or the system asked us to stop. `code` is the exit code which says so."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.code = 128 + signum


def printable(text: str) -> str:
    """Returns `text` without terminal codes and without the credentials of any URL in it."""
    return CREDENTIALS.sub("//…@", TERMINAL_CODES.sub("", text)).strip()


class Steps:
    """Says on `stream` what is under way: in place on a terminal, else a line every `PULSE` seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._in_place = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._step = ""
        self._began = self._due = 0.0
        self._signum = 0

    def stop_on_signals(self) -> None:
        """Makes a signal that asks us to stop raise `Interrupted`, at the next `begin` or `tick`.

        Not at once: an exception between the start of a child and our note of it would leave the child behind.
        """
        for signum in SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:  # as under nohup
                signal.signal(signum, self._heard)

    def _heard(self, signum: int, _frame: FrameType | None) -> None:
        self._signum = self._signum or signum

    def _heed(self) -> None:
        if self._signum:
            raise Interrupted(self._signum)

    def say(self, text: str) -> None:
        """Prints `text` and a line end, over whatever was shown in place."""
        self._write(("\r\x1b[K" if self._in_place else "") + f"engine: {text}\n")

    def begin(self, step: str) -> None:
        """Starts the clock of a step that may take a while."""
        self._heed()
        self._step = step
        self._began = self._clock()
        self._due = self._began + GRACE

    def tick(self, detail: str = "") -> None:
        """Shows the step, its time so far and `detail`, if that is due; call it often."""
        self._heed()
        now = self._clock()
        if now < self._due:
            return
        minutes, seconds = divmod(int(now - self._began), 60)
        text = f"{self._step}: {minutes}:{seconds:02}" + (f", {detail}" if detail else "")
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[K" + f"engine: {text}"[:width])
        else:
            self._due = now + PULSE
            self.say(text)

    def end(self) -> None:
        """Takes away what was shown in place."""
        if self._in_place:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def run(
        self,
        step: str,
        command: Sequence[str | Path],
        *,
        limit: float,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        watch: Callable[[str], str] = lambda _line: "",
    ) -> list[str]:
        """Runs `command` to its end and returns the lines of its stdout; it never outlives this call.

        `watch` turns each line of its stderr into the detail to show. Raises `Failed` if the command cannot be
        started, fails, or takes more than `limit` seconds.
        """
        self.begin(step)
        try:
            child = subprocess.Popen(  # noqa: S603 - a list of words, by no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # a group of its own, to be killed as one
            )
        except OSError as error:
            raise Failed(f"{step}: {command[0]} does not start: {error.strerror}") from error
        return self._follow(child, limit, watch)

    def _follow(self, child: subprocess.Popen[str], limit: float, watch: Callable[[str], str]) -> list[str]:
        out: list[str] = []
        errors: deque[str] = deque(maxlen=200)
        details: deque[str] = deque([""], maxlen=1)

        def note(line: str) -> None:
            errors.append(line)
            details.append(watch(line))

        readers = (
            _reading(child.stdout, out.append),
            _reading(child.stderr, note),
        )
        try:
            self._wait(child, self._clock() + limit, details)
        finally:
            _kill(child)
            for reader in readers:
                reader.join(timeout=5)
            self.end()
        if child.returncode:
            raise Failed(f"{self._step}: {_reason(errors) or f'exit code {child.returncode}'}")
        return out

    def _wait(self, child: subprocess.Popen[str], deadline: float, details: Sequence[str]) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(TICK)
                return
            if self._clock() > deadline:
                raise Failed(f"{self._step}: given up, it took too long")
            self.tick(details[-1])


def _reading(stream: IO[str] | None, take: Callable[[str], object]) -> threading.Thread:
    def read() -> None:
        with stream or io.StringIO() as lines:
            for line in lines:
                take(line.rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _kill(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _reason(errors: Sequence[str]) -> str:
    # `go build -v` names its packages on stderr too: those are lines of one word
    telling = [line.strip() for line in errors if " " in line.strip()]
    return "\n".join((telling or list(errors))[-4:])


@dataclass(frozen=True)
class Way(Generic[T]):
    """One way to get something: `get` returns it or raises `Failed`; `remedy` is what a person can do then."""

    name: str
    get: Callable[..., T]
    remedy: str


def first(what: str, ways: Sequence[Way[T]], steps: Steps, *given: object) -> T:
    """Returns what the first way that works returns, or raises `Failed` with the reasons of all."""
    reasons: list[str] = []
    for number, way in enumerate(ways, 1):
        try:
            return way.get(steps, *given)
        except (Failed, OSError) as why:
            reasons.append(f"{number}. " + textwrap.indent(f"{way.name}: {why}\n→ {way.remedy}", "   ").lstrip())
            if number < len(ways) and not getattr(why, "expected", False):
                steps.say(f"{way.name}: {why}")
    raise Failed(f"{what} could not be had. Tried, in this order:\n" + "\n".join(reasons))
