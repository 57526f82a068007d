"""What a team with many models can do about the engine's own share: one table, written beside the others.

Each way is a whole life, `up` and `destroy`, of the same models; the ways take turns.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from run import RESULTS, engine_folder, environment, run, stack_of, workplace
from serving import Api

REPETITIONS = 3


@dataclass(frozen=True)
class Way:
    """One way to hold `models`: in some stacks that run at once, with more environment or settings."""

    name: str
    models: int
    latency: int = 0
    stacks: int = 1
    settings: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


WAYS = (
    Way("300 models, one stack", 300),
    Way("… without a checkpoint at each step", 300, environment={"PULUMI_SKIP_CHECKPOINTS": "true"}),
    Way("… in three stacks of 100, at once", 300, stacks=3),
    Way("100 models, an API of 100 ms, one provider: 4 worker threads", 100, 100),
    Way("… 2 explicit providers: 8 worker threads", 100, 100, settings={"bench:providers": 2}),
    Way("… 4 explicit providers: 16 worker threads", 100, 100, settings={"bench:providers": 4}),
)


def life(way: Way, engine: str) -> dict[str, float]:
    """Seconds of each operation, all stacks together."""
    with workplace() as folder:
        api = Api(folder, way.latency)
        env = environment(folder, engine) | way.environment
        try:
            projects = [_stack(way, number, folder, env, api.url) for number in range(way.stacks)]
            return {name: _at_once([name, "--yes", "--skip-preview"], projects, env) for name in ("up", "destroy")}
        finally:
            api.close()


def _stack(way: Way, number: int, folder: Path, env: dict[str, str], url: str) -> Path:
    each = way.models // way.stacks
    settings = {"enkrypt:endpoint": url, "bench:models": each, "bench:first": number * each, **way.settings}
    return stack_of("ours", f"bench{number}", folder / f"project{number}", settings, env)


def _at_once(arguments: list[str], projects: Sequence[Path], env: dict[str, str]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(len(projects)) as pool:
        list(pool.map(lambda project: run(["pulumi", *arguments], project, env), projects))
    return time.perf_counter() - began


def main() -> None:
    engine = engine_folder()
    found: dict[str, defaultdict[str, list[float]]] = {way.name: defaultdict(list) for way in WAYS}
    lives = [(repetition, way) for repetition in range(REPETITIONS) for way in WAYS]
    for repetition, way in lives:
        print(f"{way.name}, {repetition + 1}/{REPETITIONS}", flush=True)
        for operation, seconds in life(way, engine).items():
            found[way.name][operation].append(seconds)
    RESULTS.mkdir(exist_ok=True)
    medians = {name: {o: statistics.median(s) for o, s in each.items()} for name, each in found.items()}
    (RESULTS / "scaling.md").write_text(table(medians))


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Ratios to the first way of the same models and latency."""
    lines = ["| way | up | ÷ | destroy | ÷ |", "|---|---|---|---|---|"]
    first: Mapping[str, float] = {}
    for name, medians in found.items():
        if not name.startswith("…"):
            first = medians
        cells = [f"{medians[o]:.1f} s | {medians[o] / first[o]:.2f}" for o in ("up", "destroy")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
