"""One command, timed, with what each of its processes takes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROLES = (
    ("dynamic", "provider"),
    ("terraform-provider", "provider"),
    ("language-python-exec", "program"),
    ("pulumi-language-python", "language host"),
    ("pulumi", "engine"),
    ("terraform", "engine"),
)


class Watch(threading.Thread):
    """Peak memory and CPU of every process under `pid`, by what it is, sampled 10 times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.over = psutil.Process(pid), threading.Event()
        self.peak: dict[str, float] = {}
        self._spent: dict[int, tuple[str, float]] = {}
        self.start()

    def seconds(self) -> dict[str, float]:
        """CPU, as of the last sample."""
        found: defaultdict[str, float] = defaultdict(float)
        for name, spent in self._spent.values():
            found[name] += spent
        return {name: round(spent, 2) for name, spent in found.items()}

    def run(self) -> None:
        while not self.over.wait(0.1):
            try:
                processes = [self.root, *self.root.children(recursive=True)]
            except psutil.Error:
                return
            for process in processes:
                self._note(process)

    def _note(self, process: psutil.Process) -> None:
        try:
            command = " ".join(process.cmdline())
            memory = process.memory_info().rss / 2**20
            spent = process.cpu_times()
        except psutil.Error:
            return
        if not command:  # it has ended, and waits for its parent
            return
        name = next((shown for part, shown in ROLES if part in command), "other")
        self.peak[name] = max(self.peak.get(name, 0.0), memory)
        self._spent[process.pid] = name, spent.user + spent.system


def heed_interrupts() -> None:
    """Lets what is run be interrupted. A shell's background job ignores that, and so would all that it starts: the
    engine interrupts its language host at the end, and would wait 5 s for it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[float, float, Watch]:
    """Seconds, seconds of CPU with all children, and what was seen of each process."""
    with (cwd / "log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log)
        watch = Watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.over.set()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(cwd / 'log').read_text()[-3000:]}")
    return wall, usage.ru_utime + usage.ru_stime, watch
