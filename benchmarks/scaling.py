"""What a team with many models can do about the engine's own share: one table, written beside the others.

Each way is a whole life, `up` and `destroy`, of the same models; the ways take turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from cloud import Cloud
from run import RESULTS
from serving import Api
from systems import environment, installed, stack_of, workplace
from watching import heed_interrupts, run


@dataclass(frozen=True)
class Way:
    """One way to hold `models`: in how many stacks, how many of them at a time, with what more environment."""

    name: str
    models: int
    repetitions: int
    latency: int = 0
    stacks: int = 1
    at_once: int = 1
    parallel: int = 0
    cloud: bool = False
    settings: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


NO_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true"}
WAYS = (
    Way("1,000 models, one stack", 1000, 1),
    Way("… without a checkpoint at each step", 1000, 1, environment=NO_CHECKPOINTS),
    Way("… in ten stacks of 100, two at once", 1000, 1, stacks=10, at_once=2),
    Way("… in Pulumi Cloud, by a journal (a stand-in for it on this machine)", 1000, 1, cloud=True),
    Way("300 models, one stack", 300, 3),
    Way("… without a checkpoint at each step", 300, 3, environment=NO_CHECKPOINTS),
    Way("… in Pulumi Cloud, by a journal (a stand-in for it on this machine)", 300, 3, cloud=True),
    Way("… in three stacks of 100, one after another", 300, 3, stacks=3),
    Way("… in three stacks of 100, two at once", 300, 3, stacks=3, at_once=2),
    Way("100 models, an API of 100 ms, one provider: 4 worker threads", 100, 3, 100),
    Way("… `--parallel 64`", 100, 3, 100, parallel=64),
    Way("… 2 explicit providers: 8 worker threads", 100, 3, 100, settings={"bench:providers": 2}),
    Way("… 4 explicit providers: 16 worker threads", 100, 3, 100, settings={"bench:providers": 4}),
)


def life(way: Way, path: str) -> dict[str, float]:
    """Seconds of each operation, all stacks together."""
    with workplace() as folder, ExitStack() as open_:
        api = open_.enter_context(closing(Api(folder, way.latency)))
        env = environment(folder, path) | way.environment
        if way.cloud:
            cloud = open_.enter_context(closing(Cloud(folder)))
            env |= {"PULUMI_BACKEND_URL": cloud.url, "PULUMI_ACCESS_TOKEN": "stand-in"}
        projects = [_stack(way, number, folder, env, api.url) for number in range(way.stacks)]
        options = ["--yes", "--skip-preview", *(["--parallel", str(way.parallel)] if way.parallel else [])]
        return {name: _run([name, *options], projects, env, way.at_once) for name in ("up", "destroy")}


def _stack(way: Way, number: int, folder: Path, env: dict[str, str], url: str) -> Path:
    each = way.models // way.stacks
    settings = {"enkrypt:endpoint": url, "bench:models": each, "bench:first": number * each, **way.settings}
    return stack_of("ours", f"bench{number}", folder / f"project{number}", settings, env)


def _run(arguments: list[str], projects: Sequence[Path], env: dict[str, str], at_once: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda project: run(["pulumi", *arguments], project, env), projects))
    return time.perf_counter() - began


def main() -> None:
    heed_interrupts()
    found: list[defaultdict[str, list[float]]] = [defaultdict(list) for _ in WAYS]
    RESULTS.mkdir(exist_ok=True)
    turns = range(1, 1 + max(way.repetitions for way in WAYS))
    lives = [(turn, *each) for turn in turns for each in zip(WAYS, found, strict=True) if turn <= each[0].repetitions]
    with tempfile.TemporaryDirectory(prefix="bench-") as user:
        path = installed(Path(user))
        for turn, way, times in lives:
            print(f"{way.name}, {turn}/{way.repetitions}", flush=True)
            for operation, seconds in life(way, path).items():
                times[operation].append(seconds)
            (RESULTS / "scaling.md").write_text(table(found))


def table(found: Sequence[Mapping[str, list[float]]]) -> str:
    """Medians, and their ratios to the first way of the same models and latency."""
    lines = ["| way | n | `up` | ÷ | `destroy` | ÷ |", "|---|---|---|---|---|---|"]
    first: Mapping[str, float] = {}
    for way, times in zip(WAYS, found, strict=True):
        medians = {operation: statistics.median(seconds) for operation, seconds in times.items()}
        if not way.name.startswith("…"):
            first = medians
        if medians:
            cells = [f"{medians[o]:.1f} s | {medians[o] / first[o]:.2f}" for o in ("up", "destroy")]
            lines.append(f"| {way.name} | {len(times['up'])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
