"""Times this provider beside what people would use instead, and writes a table, a plot and the raw figures.

`make bench` runs it. One run on one machine: the systems take turns, repetition by repetition, so that a slow
minute of the machine is everybody's. Ratios of medians are what is claimed; seconds are for orientation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from document import document

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
OPERATIONS: dict[str, list[str]] = {
    "up": ["up", "--yes", "--skip-preview"],
    "up, no change": ["up", "--yes", "--skip-preview"],
    "preview": ["preview"],
    "refresh": ["refresh", "--yes", "--skip-preview"],
    "destroy": ["destroy", "--yes", "--skip-preview"],
}
ENGINES = ("ours", "floor", "naive")
BARE = "bare httpx, 8 connections"

# (models, milliseconds of the API, repetitions): what `make bench` measures.
PLANS = {
    "full": [
        (1, 0, 5),
        (10, 0, 5),
        (100, 0, 5),
        (100, 20, 5),
        (100, 100, 5),
        (300, 0, 3),
        (300, 100, 3),
        (1000, 0, 1),
    ],
    "short": [(1, 0, 5), (10, 0, 5), (100, 0, 5), (100, 100, 5), (300, 100, 1)],
    "smoke": [(3, 0, 1)],
    "hundred": [(100, 0, 3), (100, 100, 3)],
}


@dataclass
class Sample:
    """One operation of one system: seconds, seconds of CPU of all its processes, MiB, calls, bytes."""

    system: str
    models: int
    latency: int
    operation: str
    wall: float
    cpu: float = 0.0
    peak: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    state: int = 0


class Api:
    """The emulator as a process of its own, each call of the API delayed by `latency` milliseconds."""

    def __init__(self, folder: Path, latency: int) -> None:
        delay = ["--fault", f"*:delay={latency / 1000}"] if latency else []
        command = [
            sys.executable,
            "-m",
            "enkrypt_provider",
            "serve",
            "--port",
            "0",
            "--db",
            str(folder / "api.sqlite"),
        ]
        self.process = subprocess.Popen([*command, *delay], stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
        line = self.process.stdout.readline() if self.process.stdout else ""
        self.url = line.split(" on ")[1].split(",")[0].strip()

    def calls(self) -> int:
        """How many calls came since the last time."""
        found = httpx.get(f"{self.url}/_emulator/requests", timeout=60).json()
        httpx.delete(f"{self.url}/_emulator/requests", timeout=60)
        return len(found["requests"] if isinstance(found, dict) else found)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Watch(threading.Thread):
    """Peak memory of every process under `pid`, by what it is, sampled 20 times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak, self.over = psutil.Process(pid), {}, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.05):
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
        except psutil.Error:
            return
        name = next((shown for part, shown in ROLES if part in command), "other")
        self.peak[name] = max(self.peak.get(name, 0.0), memory)


ROLES = (
    ("pulumi.dynamic", "provider"),
    ("dynamic", "provider"),
    ("language-python-exec", "program"),
    ("pulumi-language-python", "language host"),
    ("pulumi", "engine"),
)


def environment(folder: Path, engine: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "ENKRYPT"))}
    return keep | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), engine, os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "XDG_STATE_HOME": str(folder / "xdg"),
    }


def run(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, dict[str, float]]:
    """Seconds, seconds of CPU with all children, and peak memory."""
    with (cwd / "log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log)  # noqa: S603
        watch = Watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.over.set()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(cwd / 'log').read_text()[-3000:]}")
    return wall, usage.ru_utime + usage.ru_stime, watch.peak


def state_bytes(folder: Path) -> int:
    return (folder / "state/.pulumi/stacks/bench/bench.json").stat().st_size


@contextmanager
def workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        (Path(name) / "state").mkdir()
        yield Path(name)


def life(system: str, models: int, latency: int, engine: str) -> Iterator[Sample]:
    """One stack from its first `up` to its `destroy`."""
    with workplace() as folder:
        project = folder / "project"
        shutil.copytree(HERE / system, project)
        env, api = environment(folder, engine), Api(folder, latency)
        try:
            settings = {"bench:models": models, "enkrypt:endpoint": api.url}
            run(["pulumi", "stack", "init", "bench"], project, env)
            for name, value in settings.items():
                run(["pulumi", "config", "set", name, str(value)], project, env)
            run(["pulumi", "config", "set", "--secret", "enkrypt:apiKey", "stand-in-account-key"], project, env)
            api.calls()
            for operation, arguments in OPERATIONS.items():
                wall, cpu, peak = run(["pulumi", *arguments, "--stack", "bench"], project, env)
                yield Sample(
                    system, models, latency, operation, wall, cpu, peak, api.calls(), state_bytes(folder) // models
                )
        finally:
            api.close()


def bare(models: int, latency: int) -> Iterator[Sample]:
    """What the API alone costs: add, list, delete over 8 kept connections."""
    with workplace() as folder:
        api = Api(folder, latency)
        key = {"apikey": "stand-in-account-key"}
        limits = httpx.Limits(max_connections=8)
        try:
            with httpx.Client(base_url=api.url, headers=key, limits=limits, timeout=60) as client:
                yield timed(BARE, models, latency, "up", lambda n: add(client, n))
                yield timed(BARE, 1, latency, "refresh", lambda _n: client.get("/models/list-models"), shown=models)
                yield timed(BARE, models, latency, "destroy", lambda n: remove(client, n))
        finally:
            api.close()


def add(client: httpx.Client, number: int) -> None:
    client.post("/models/add-model", json=document(number)).raise_for_status()


def remove(client: httpx.Client, number: int) -> None:
    identity = {"X-Enkrypt-Model": f"bench-{number}", "X-Enkrypt-Model-Version": "1"}
    client.delete("/models/delete-model", headers=identity).raise_for_status()


def timed(system: str, models: int, latency: int, operation: str, call: Any, shown: int = 0) -> Sample:
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(models)))
    return Sample(system, shown or models, latency, operation, time.perf_counter() - began, calls=models)


def measure(plan: list[tuple[int, int, int]], engine: str) -> Iterator[Sample]:
    for models, latency, repetitions in plan:
        for repetition in range(repetitions):
            for system in ENGINES:
                print(f"{models} models, {latency} ms, {system}, {repetition + 1}/{repetitions}", flush=True)
                yield from life(system, models, latency, engine)
            yield from bare(models, latency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="full")
    arguments = parser.parse_args()
    engine = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "engine/get.py")], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    RESULTS.mkdir(exist_ok=True)
    samples: list[Sample] = []
    for sample in measure(PLANS[arguments.plan], engine):
        samples.append(sample)
        kept = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"}
        (RESULTS / "samples.json").write_text(json.dumps({**kept, "samples": [asdict(s) for s in samples]}))
    from report import write

    write(RESULTS)
    print(statistics.median([s.wall for s in samples]), "s, the median of all operations", file=sys.stderr)


if __name__ == "__main__":
    main()
