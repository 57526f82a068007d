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
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from document import document
from parts import parts
from serving import ROOT, Api

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
OPERATIONS: dict[str, list[str]] = {
    "up": ["up", "--yes", "--skip-preview"],
    "up, no change": ["up", "--yes", "--skip-preview"],
    "preview": ["preview"],
    "refresh": ["refresh", "--yes", "--skip-preview"],
    "destroy": ["destroy", "--yes", "--skip-preview"],
}
BARE = "bare httpx, 8 connections"

ALL = ("ours", "floor", "naive")
BEYOND = ("ours", "floor")
"""Who can hold more than some 180 models: the SDK's pickling of a class in the program ends in a RecursionError."""
# (models, milliseconds of the API, repetitions, systems): what `make bench` measures, the longest first.
PLANS = {
    "full": [
        (1000, 0, 1, BEYOND),
        (300, 100, 1, BEYOND),
        (300, 0, 1, BEYOND),
        (100, 100, 5, ALL),
        (100, 20, 1, ALL),
        (100, 0, 5, ALL),
        (10, 0, 5, ALL),
        (1, 0, 5, ALL),
    ],
    "short": [(300, 100, 1, BEYOND), (100, 100, 3, ALL), (100, 0, 5, ALL), (10, 0, 5, ALL), (1, 0, 5, ALL)],
    "smoke": [(3, 0, 1, ALL)],
}


@dataclass
class Sample:
    """One operation of one system: seconds, seconds of CPU of all its processes and of
    each, MiB, calls, bytes."""

    system: str
    models: int
    latency: int
    operation: str
    wall: float
    cpu: float = 0.0
    each: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    state: int = 0


class Watch(threading.Thread):
    """Peak memory and CPU of every process under `pid`, by what it is, sampled 10 times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.over = psutil.Process(pid), threading.Event()
        self.peak: dict[str, float] = {}
        self.cpu: dict[str, dict[int, float]] = {}
        self.start()

    def seconds(self) -> dict[str, float]:
        """CPU, as of the last sample."""
        return {name: round(sum(each.values()), 2) for name, each in self.cpu.items()}

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
        name = next((shown for part, shown in ROLES if part in command), "other")
        self.peak[name] = max(self.peak.get(name, 0.0), memory)
        self.cpu.setdefault(name, {})[process.pid] = spent.user + spent.system


ROLES = (
    ("pulumi.dynamic", "provider"),
    ("dynamic", "provider"),
    ("language-python-exec", "program"),
    ("pulumi-language-python", "language host"),
    ("pulumi", "engine"),
)


def engine_folder() -> str:
    """The folder with the engine, which is got once."""
    get = [sys.executable, str(ROOT / "engine/get.py")]
    return subprocess.run(get, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # noqa: S603


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


def run(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, Watch]:
    """Seconds, seconds of CPU with all children, and what was seen of each process."""
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
    return wall, usage.ru_utime + usage.ru_stime, watch


def state_bytes(folder: Path) -> int:
    return (folder / "state/.pulumi/stacks/bench/bench.json").stat().st_size


@contextmanager
def workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        (Path(name) / "state").mkdir()
        yield Path(name)


def stack_of(system: str, name: str, project: Path, settings: Mapping[str, object], env: dict[str, str]) -> Path:
    """A new stack of a system's program, in the folder `project`."""
    shutil.copytree(HERE / system, project)
    run(["pulumi", "stack", "init", name], project, env)
    for key, value in settings.items():
        run(["pulumi", "config", "set", key, str(value)], project, env)
    run(["pulumi", "config", "set", "--secret", "enkrypt:apiKey", "stand-in-account-key"], project, env)
    return project


def life(system: str, models: int, latency: int, engine: str) -> Iterator[Sample]:
    """One stack from its first `up` to its `destroy`."""
    with workplace() as folder:
        env, api = environment(folder, engine), Api(folder, latency)
        try:
            settings = {"bench:models": models, "enkrypt:endpoint": api.url}
            project = stack_of(system, "bench", folder / "project", settings, env)
            api.calls()
            for operation, arguments in OPERATIONS.items():
                wall, cpu, seen = run(["pulumi", *arguments, "--stack", "bench"], project, env)
                yield Sample(
                    system, models, latency, operation, wall, cpu, seen.seconds(), seen.peak, api.calls(),
                    state_bytes(folder) // models,
                )  # fmt: skip
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


def measure(plan: list[tuple[int, int, int, tuple[str, ...]]], engine: str) -> Iterator[Sample]:
    for models, latency, repetitions, systems in plan:
        for repetition in range(repetitions):
            for system in systems:
                print(f"{models} models, {latency} ms, {system}, {repetition + 1}/{repetitions}", flush=True)
                yield from life(system, models, latency, engine)
            yield from bare(models, latency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="full")
    arguments = parser.parse_args()
    engine = engine_folder()
    RESULTS.mkdir(exist_ok=True)
    samples: list[Sample] = []
    print("parts", flush=True)
    found = list(parts())
    for sample in measure(PLANS[arguments.plan], engine):
        samples.append(sample)
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        kept = {"machine": machine, "parts": found}
        (RESULTS / "samples.json").write_text(json.dumps({**kept, "samples": [asdict(s) for s in samples]}))
    from report import write

    write(RESULTS)
    print(statistics.median([s.wall for s in samples]), "s, the median of all operations", file=sys.stderr)


if __name__ == "__main__":
    main()
