"""Engine commands that run in the background, and their processes.

Each command has its own session, by which all its processes are found, even those whose parent is dead; each is
killed by its own id. Contains no tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.harness import Run, Stack

WAIT_LIMIT: Final = 120.0
"""Time limit for anything that a test waits for, in seconds. It normally takes a few; this only catches hangs."""

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "provider": ("-m pulumi.dynamic", "-m enkrypt_provider.frontends.plugin"),
    "program": ("pulumi-language-python-exec",),
    "language host": ("pulumi-language-python",),
}
"""The role of a process, by parts of its command line; the command's own process is the engine."""
EVERYTHING: Final = "everything"


@dataclass
class Going:
    """A running command."""

    stack: Stack
    process: subprocess.Popen[str]
    command: str
    folder: Path

    def processes(self) -> dict[int, str]:
        """Its living processes by id, with their roles."""
        return {pid: self._role(pid) for pid in _in_session(self.process.pid)}

    def kill(self, role: str) -> bool:
        """Sends kill -9 to each process with that role; returns whether there was one."""
        pids = [pid for pid, it in self.processes().items() if role in (it, EVERYTHING)]
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        return bool(pids)

    def wait_for(self, role: str) -> None:
        """Waits until a process with that role lives, or the command has ended."""
        wait_for(lambda: role in self.processes().values() or self.process.poll() is not None, f"the {role}")

    def interrupt(self) -> None:
        """Sends the engine a Ctrl-C."""
        _signal(self.process.pid, signal.SIGINT)

    def end(self, *, fails: bool | None = None) -> Run:
        """Waits for the command and its leftover processes; records the output."""
        code = self.process.wait(WAIT_LIMIT)
        self._clear()
        texts = [(self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr")]
        run = Run(self.command, code, *texts)
        self.stack.story.printed.append(run)
        assert fails is None or (run.code != 0) is fails, f"{run}\nshould have {'failed' if fails else 'succeeded'}"
        return run

    def _clear(self) -> None:
        """Kills leftover processes after 3 s: a killed engine leaves some that would wait for ever."""
        until = time.monotonic() + 3
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        for pid in left:
            _signal(pid, signal.SIGKILL)
        wait_for(lambda: not self.processes(), "the last process to end")

    def _role(self, pid: int) -> str:
        if pid == self.process.pid:
            return "engine"
        line = _command_line(pid)
        return next((role for role, parts in ROLES.items() if any(part in line for part in parts)), "another")


@contextmanager
def going(stack: Stack, *command: str) -> Iterator[Going]:
    """Starts a command in the background; kills its remaining processes at the end."""
    words = ("pulumi", *command, "--non-interactive", "--color", "never")
    folder = stack.story.folder / "going" / str(time.monotonic_ns())
    folder.mkdir(parents=True)
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            words, cwd=stack.folder, env=dict(stack.environment), stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=stderr, text=True, start_new_session=True,
        )  # fmt: skip
    it = Going(stack, process, " ".join(("pulumi", *command)), folder)
    try:
        yield it
    finally:
        it.kill(EVERYTHING)
        process.wait(WAIT_LIMIT)


def wait_for(what: Callable[[], object], name: str, limit: float = WAIT_LIMIT) -> None:
    """Waits until `what` returns something true."""
    until = time.monotonic() + limit
    while not what():
        assert time.monotonic() < until, f"waited {limit:g} s for {name}"
        time.sleep(0.02)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _in_session(leader: int) -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and _session(path) == leader:
            yield int(path.name)


def _session(process: Path) -> int | None:
    """The session of a process, or None if it is not alive."""
    try:
        # After the name, which may contain anything: state, parent, group, session.
        state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return None
    return int(session) if state not in "ZX" else None


def _command_line(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
