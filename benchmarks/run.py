"""Times this provider beside what people would use instead, and writes a table, a plot and the raw figures.

`make bench` runs it. One run on one machine: the systems take turns, command by command, so that a slow minute of
the machine is everybody's. Medians of their ratios are what is claimed; seconds are for orientation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from document import document
from parts import parts
from serving import Api
from systems import KEY, OPERATIONS, Laid, has_terraform, installed, laid, workplace
from watching import heed_interrupts, run

RESULTS = Path(__file__).resolve().parent / "results"
BARE = "bare httpx, 8 connections"

ALL = ("ours", "floor", "naive", "terraform")
MANY = ("ours", "floor", "terraform")
"""Without the naive one: an `up` of 300 takes it 90 s, and that grows with the square."""
PAIR = ("ours", "floor")
"""They differ by less than the machine does from one minute to the next: only many pairs tell."""

# (models, milliseconds of the API, repetitions, how often each asks what changes nothing, systems): what
# `make bench` measures, in this order.
PLANS = {
    "full": [
        (100, 0, 5, 1, ALL),
        (100, 0, 20, 1, PAIR),
        (1, 0, 5, 1, ALL),
        (1, 0, 10, 2, PAIR),
        (10, 0, 5, 1, ALL),
        (10, 0, 10, 2, PAIR),
        (100, 100, 3, 2, ALL),
        (300, 0, 1, 3, MANY),
        (300, 0, 2, 3, PAIR),
        (300, 100, 1, 5, ALL),
        (100, 20, 1, 5, ALL),
        (1000, 0, 1, 5, MANY),
    ],
    "short": [(100, 0, 3, 1, ALL), (300, 100, 1, 1, MANY)],
    "smoke": [(3, 0, 1, 1, ALL)],
}
AGAIN = ("up, no change", "refresh")
"""What changes nothing and has a goal."""


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


def lives(systems: Sequence[str], models: int, latency: int, times: int, path: str) -> Iterator[Sample]:
    """A stack of each system, from its first `up` to its `destroy`, side by side: each operation is asked of all of
    them in turn, one command at a time; what changes nothing, so many `times`."""
    with ExitStack() as held:
        stacks = {}
        for system in systems:
            folder = held.enter_context(workplace())
            api = held.enter_context(closing(Api(folder, latency, gateway=system == "terraform")))
            stacks[system] = api, laid(system, models, api, folder, path)
            api.calls()
        for operation in OPERATIONS:
            for turn in range(times if operation in AGAIN else 1):
                for system in in_turn(systems, turn):
                    yield sampled(system, models, latency, operation, *stacks[system])


def in_turn(systems: Sequence[str], turn: int) -> Sequence[str]:
    """In the other order every other time: who comes first has no advantage."""
    return systems[::-1] if turn % 2 else systems


def sampled(system: str, models: int, latency: int, operation: str, api: Api, stack: Laid) -> Sample:
    wall, cpu, seen = run(stack.commands[operation], stack.folder, stack.env)
    print(f"{models} models, {latency} ms, {operation}, {system}: {wall:.1f} s", flush=True)
    each, calls, state = seen.seconds(), api.calls(), stack.state.stat().st_size // models
    return Sample(system, models, latency, operation, wall, cpu, each, seen.peak, calls, state)


def bare(models: int, latency: int) -> Iterator[Sample]:
    """What the API alone costs: add, list, delete over 8 kept connections."""
    with workplace() as folder, closing(Api(folder, latency)) as api:
        limits = httpx.Limits(max_connections=8)
        with httpx.Client(base_url=api.url, headers={"apikey": KEY}, limits=limits, timeout=60) as client:
            yield timed(BARE, models, latency, "up", lambda n: add(client, n))
            yield timed(BARE, 1, latency, "refresh", lambda _n: client.get("/models/list-models"), shown=models)
            yield timed(BARE, models, latency, "destroy", lambda n: remove(client, n))


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


def measure(plan: list[tuple[int, int, int, int, tuple[str, ...]]], had: set[str], path: str) -> Iterator[Sample]:
    """The samples of a plan, by the systems that are `had` here."""
    for models, latency, repetitions, times, systems in plan:
        here = [system for system in systems if system in had]
        for repetition in range(repetitions):
            print(f"{models} models, {latency} ms, {', '.join(here)}, {repetition + 1}/{repetitions}", flush=True)
            yield from lives(in_turn(here, repetition), models, latency, times, path)
            yield from bare(models, latency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="full")
    arguments = parser.parse_args()
    heed_interrupts()
    results = RESULTS if arguments.plan == "full" else RESULTS / arguments.plan
    results.mkdir(parents=True, exist_ok=True)
    had = {*ALL} if has_terraform() else {*ALL} - {"terraform"}
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as user:
        path = installed(Path(user))
        print("parts", flush=True)
        found = list(parts(Path(user) / "bin/python"))
        for sample in measure(PLANS[arguments.plan], had, path):
            samples.append(sample)
            machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
            kept = {"machine": machine, "parts": found}
            (results / "samples.json").write_text(json.dumps({**kept, "samples": [asdict(s) for s in samples]}))
    from report import write

    write(results)
    print(statistics.median([s.wall for s in samples]), "s, the median of all operations", file=sys.stderr)


if __name__ == "__main__":
    main()
