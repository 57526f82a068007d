"""Benchmarks this provider against the alternatives, and writes a table and a plot.

`make bench` runs it. The systems take turns, command by command, so that a slow minute of the machine affects all of
them. The median ratios are the result; seconds are only for orientation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from command import heed_interrupts
from parts import BARE, LIFE, MANY, Sample, at_the_limits, lives, set_up
from report import write
from systems import DESTROY, NAMES, NO_CHANGE, REFRESH, UP, available, installed

RESULTS = Path(__file__).resolve().parent / "results"
INSTALLING = 40.0
"""Expected seconds of the installation."""


@dataclass(frozen=True)
class Step:
    """One measurement: its expected seconds on two idle cores, its systems, and a function that yields samples."""

    name: str
    seconds: float
    systems: Sequence[str]
    samples: Callable[[Sequence[str], str], Iterator[Sample]]

    def times(self, count: int) -> list[Step]:
        """Repeats the step, with the systems in reverse order every other time: going first is no advantage."""
        return [replace(self, systems=self.systems[:: -1 if number % 2 else 1]) for number in range(count)]


SET_UP = Step("set-up", 50, ("dynamic", "terraform"), lambda systems, path: (set_up(each, path) for each in systems))


def life(models: int, seconds: float, systems: Sequence[str]) -> Step:
    """`up`, an `up` without changes, and `refresh`."""
    name, operations = f"{models} models, each response after 100 ms", (UP, NO_CHANGE, REFRESH)
    return Step(name, seconds, systems, lambda here, path: lives(LIFE, here, models, 100, operations, path))


def bare(models: int, seconds: float) -> Step:
    """Whole commands of this provider and of one that does nothing. They differ little, so many pairs are needed."""
    name, operations = f"{models} models, responses at once", (UP, NO_CHANGE, NO_CHANGE)
    systems = ("dynamic", "nothing")
    return Step(name, seconds, systems, lambda here, path: lives(BARE, here, models, 0, operations, path))


def many(models: int, seconds: float) -> Step:
    """Options of a team with many models: the engine's own time grows with the square of their number."""
    name, systems = f"{models} models, responses at once", ("dynamic", "native", "unsaved")
    return Step(name, seconds, systems, lambda here, path: lives(MANY, here, models, 0, (UP, DESTROY), path))


def limits(models: int, **seconds: float) -> list[Step]:
    """Runs at the vendor's limits; `seconds` are the expected times by system."""
    name = f"{models} models at the vendor's limits"

    def samples(here: Sequence[str], path: str) -> Iterator[Sample]:
        for system in here:
            yield from at_the_limits(system, models, path)

    return [Step(name, each, (system,), samples) for system, each in seconds.items()]


ALL = ("dynamic", "native", "yaml", "tutorial", "terraform")
PLANS = {
    "full": [
        SET_UP,
        *limits(30, dynamic=16, yaml=16, tutorial=45, terraform=35, told=120),
        *life(1, 30, ALL).times(3),
        *life(100, 60, ALL).times(3),
        *life(300, 85, [system for system in ALL if system != "tutorial"]).times(2),
        *bare(100, 16).times(5),
    ],
    "limits": limits(150, dynamic=90, yaml=90, tutorial=120, terraform=70, told=570),
    "scaling": [many(100, 20), many(300, 60), many(1000, 450)],
    "short": [*limits(4, dynamic=8, tutorial=14, terraform=10), life(1, 20, ALL), life(10, 25, ALL), bare(10, 9)],
}
"""`make bench` runs `full`, in a quarter of an hour; `short` takes two minutes. `make scaling` runs `scaling`."""


def measure(plan: Sequence[Step], path: str, began: float) -> Iterator[Sample]:
    """Yield the samples of a plan for the systems that are available here."""
    here, expected = available(path), INSTALLING
    for number, step in enumerate(plan):
        left = sum(each.seconds for each in plan[number:]) * max(1.0, (time.monotonic() - began) / expected)
        systems = [system for system in step.systems if system in here]
        names = "; ".join(NAMES[system] for system in systems)
        print(f"[{number + 1} of {len(plan)}, {left / 60:.0f} min left] {step.name}: {names}", flush=True)
        yield from step.samples(systems, path)
        expected += step.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="full")
    name = parser.parse_args().plan
    heed_interrupts()
    results = RESULTS if name == "full" else RESULTS / name
    results.mkdir(parents=True, exist_ok=True)
    plan, began, samples = PLANS[name], time.monotonic(), []
    print(f"About {(INSTALLING + sum(step.seconds for step in plan)) / 60:.0f} min on two idle cores", flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    with tempfile.TemporaryDirectory(prefix="bench-") as user:
        for sample in measure(plan, installed(Path(user)), began):
            samples.append(asdict(sample))
            kept = {"about": f"{machine}, on {time.strftime('%d %B %Y')}", "samples": samples}
            (results / "samples.json").write_text(json.dumps(kept))
    write(results)
    print(f"{results / 'table.md'}, after {(time.monotonic() - began) / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
