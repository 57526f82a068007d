"""Runs and times one command."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """A finished command: its seconds, the CPU seconds of all its processes, and whether it succeeded."""

    seconds: float
    cpu: float
    is_ok: bool


def heed_interrupts() -> None:
    """Make child processes react to SIGINT. A shell's background job ignores it, and so would its children: the
    engine interrupts its language host at the end, and would wait 5 s for it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(command: str | Sequence[str], folder: Path, env: Mapping[str, str], *, check: bool = True) -> Ran:
    """Run a command. If it fails, exit with the end of its log, unless `check` is false."""
    words = command.split() if isinstance(command, str) else command
    with (folder / "log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and check:
        raise SystemExit(f"{' '.join(words)} failed:\n{(folder / 'log').read_text()[-3000:]}")
    return Ran(seconds, usage.ru_utime + usage.ru_stime, process.returncode == 0)
