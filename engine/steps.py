"""Runs commands with visible progress, and falls back from one method to the next. Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Generic, TextIO, TypeVar

GRACE = 1.0  # seconds; a step that takes less is not shown
PULSE = 10.0  # seconds between two progress lines of one step
TICK = 0.2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CREDENTIALS = re.compile(r"//[^/@\s]+@")
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

T = TypeVar("T")


class Failed(Exception):
    """A step failed. The text is the reason, redacted and ready to show.

    `expected` marks an ordinary failure, which is shown only if every other way fails too.
    """

    def __init__(self, reason: str, *, expected: bool = False) -> None:
        super().__init__(CREDENTIALS.sub("//…@", TERMINAL_CODES.sub("", reason)).strip())
        self.expected = expected


class Interrupted(BaseException):
    """A signal asked the process to stop. `code` is the exit code for it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.code = 128 + signum


class Steps:
    """Reports progress on `stream`: one line every `PULSE` seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._step = ""
        self._began = self._due = 0.0
        self._signum = 0

    def stop_on_signals(self) -> None:
        """Makes SIGINT, SIGTERM and SIGHUP raise `Interrupted` at the next `begin` or `tick`.

        Not at once: an exception between starting a child and recording it would leave the child running.
        """

        def note(signum: int, _frame: FrameType | None) -> None:
            self._signum = self._signum or signum

        for signum in SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:  # as under nohup
                signal.signal(signum, note)

    def say(self, text: str) -> None:
        """Prints a line."""
        print(f"engine: {text}", file=self._stream, flush=True)

    def begin(self, step: str) -> None:
        """Starts timing a step that may take a while."""
        self._step = step
        self._began = self._clock()
        self._due = self._began + GRACE
        self.tick()

    def tick(self, detail: str = "") -> None:
        """Prints the step, its elapsed time and `detail` if a line is due. Call it often."""
        if self._signum:
            raise Interrupted(self._signum)
        now = self._clock()
        if now < self._due:
            return
        self._due = now + PULSE
        minutes, seconds = divmod(int(now - self._began), 60)
        self.say(f"{self._step}: {minutes}:{seconds:02}" + (f", {detail}" if detail else ""))

    def run(
        self,
        step: str,
        command: Sequence[str | Path],
        *,
        limit: float,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        watch: Callable[[str], str] = lambda _errors: "",
    ) -> str:
        """Runs `command` to completion and returns its stdout; no process that it starts outlives this call.

        `watch` turns its stderr so far into the detail to show. Raises `Failed` if the command cannot be started,
        fails, or takes more than `limit` seconds.
        """
        self.begin(step)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            try:
                child = subprocess.Popen(  # noqa: S603 - an argument list, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=errors,
                    env=env,
                    cwd=cwd,
                    start_new_session=True,  # its own process group, to be killed as one
                )
            except OSError as error:
                raise Failed(f"{step}: {command[0]} does not start: {error.strerror}") from error
            try:
                self._wait(child, self._clock() + limit, lambda: watch(text_of(errors.fileno())))
            finally:
                kill(child)
            stdout, stderr = text_of(out.fileno()), text_of(errors.fileno())
        if child.returncode:
            raise Failed(f"{step}: {reason(stderr or stdout) or f'exit code {child.returncode}'}")
        return stdout

    def _wait(self, child: subprocess.Popen[bytes], deadline: float, detail: Callable[[], str]) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(TICK)
                return
            if self._clock() > deadline:
                raise Failed(f"{self._step}: timed out")
            self.tick(detail())


def text_of(file: int) -> str:
    """Returns the content of the descriptor `file` without moving the position at which a child writes."""
    return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")


def kill(child: subprocess.Popen[bytes]) -> None:
    """Kills `child` and its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def reason(output: str) -> str:
    """Returns the last four lines, preferably of several words: `go build -v` prints one package name a line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "\n".join(([line for line in lines if " " in line] or lines)[-4:])


@dataclass(frozen=True)
class Way(Generic[T]):
    """One way to get something: `get` returns it or raises `Failed`; `remedy` is what to do in that case."""

    name: str
    get: Callable[..., T]
    remedy: str


def first(what: str, ways: Sequence[Way[T]], steps: Steps, *given: object) -> T:
    """Returns the result of the first way that works, or raises `Failed` with the reason of each."""
    reasons: list[str] = []
    for number, way in enumerate(ways, 1):
        try:
            return way.get(steps, *given)
        except (Failed, OSError) as why:
            reasons.append(f"{number}. " + textwrap.indent(f"{way.name}: {why}\n→ {way.remedy}", "   ").lstrip())
            if number < len(ways) and not getattr(why, "expected", False):
                steps.say(f"{way.name}: {why}")
    raise Failed(f"{what} could not be obtained. Tried, in this order:\n" + "\n".join(reasons))
