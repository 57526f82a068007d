"""Turns samples into the table and the plot. Run directly, it redraws those of the last `make bench`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api import least_seconds
from parts import BARE, FIRST_MODELS, LIFE, LIMITS, MANY, SET_UP, Sample
from systems import DESTROY, NAMES, NO_CHANGE, REFRESH, UP

OPERATIONS = (UP, NO_CHANGE, REFRESH, DESTROY)
PLOTTED = OPERATIONS[:3]
COLOURS = {"dynamic": "C3", "native": "C1", "yaml": "C0", "tutorial": "C2", "terraform": "C4"}
GOALS = {UP: 1.15, NO_CHANGE: 1.10}
RATIOS = {
    "dynamic ÷ Terraform": ("dynamic", "terraform"),
    "native, Python ÷ Terraform": ("native", "terraform"),
    "native, YAML ÷ Terraform": ("yaml", "terraform"),
    "native, Python ÷ dynamic": ("native", "dynamic"),
    "native, YAML ÷ dynamic": ("yaml", "dynamic"),
    "dynamic ÷ the tutorial's": ("dynamic", "tutorial"),
}
Runs = Mapping[str, list[Sample]]
"""By system, the samples of one operation with one number of models, in chronological order."""


def grouped(samples: Sequence[Sample], part: str) -> Iterator[tuple[int, str, Runs]]:
    """Yield (number of models, operation, runs) for a part."""
    here = [sample for sample in samples if sample.part == part]
    for models in sorted({sample.models for sample in here}):
        for operation in OPERATIONS:
            each = [sample for sample in here if (sample.models, sample.operation) == (models, operation)]
            if each:
                yield models, operation, {name: [s for s in each if s.system == name] for name in NAMES}


def median(runs: Sequence[Sample]) -> str:
    return f"{statistics.median(sample.seconds for sample in runs):.1f}" if runs else "–"


def ratio(runs: Runs, one: str, other: str) -> str:
    """The median ratio of commands that ran one after the other, with minimum and maximum."""
    ratios = [a.seconds / b.seconds for a, b in zip(runs[one], runs[other], strict=False)]
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.2f}{spread}" if ratios else "–"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [heads, ["---"] * len(heads), *rows])


def set_up_table(samples: Sequence[Sample]) -> str:
    words = {"dynamic": "`git clone` and `make up`", "terraform": "`terraform init` and `terraform apply`"}
    rows = [(words[s.system], f"{s.seconds:.0f}") for s in samples if s.part == SET_UP]
    return table((f"from nothing to {FIRST_MODELS} models", "seconds"), rows)


def limits_table(samples: Sequence[Sample]) -> str:
    heads = ("models", "operation", "system", "finished", "seconds", "the limits need", "pace", "lock-outs", "calls")
    return table(heads, [_limits_row(sample) for sample in samples if sample.part == LIMITS])


def _limits_row(sample: Sample) -> Sequence[object]:
    tries = f"in {sample.tries} tries" if sample.tries > 1 else ""
    finished = f"yes {tries}" if sample.is_finished else f"not {tries}, {sample.registered} are registered"
    need, pace = f"{least_seconds(sample.calls):.0f}", f"{sample.pace:.2f} ×" if sample.pace else "–"
    about = (sample.models, sample.operation, NAMES[sample.system], finished.strip(), f"{sample.seconds:.1f}")
    return (*about, need if sample.tries == 1 else "–", pace, sample.violations, sample.calls)


def seconds_table(samples: Sequence[Sample], part: str = LIFE) -> str:
    groups = list(grouped(samples, part))
    shown = [name for name in NAMES if any(runs[name] for _, _, runs in groups)]
    return table(
        ("models", "operation", "n", *(NAMES[name] for name in shown)),
        [(n, what, len(runs["dynamic"]), *(median(runs[name]) for name in shown)) for n, what, runs in groups],
    )


def many_table(samples: Sequence[Sample]) -> str:
    return seconds_table(samples, MANY)


def ratios_table(samples: Sequence[Sample]) -> str:
    rows = [(n, o, *(ratio(runs, *pair) for pair in RATIOS.values())) for n, o, runs in grouped(samples, LIFE)]
    return table(("models", "operation", *RATIOS), rows)


def cost_table(samples: Sequence[Sample]) -> str:
    groups = [(n, r) for n, what, runs in grouped(samples, LIFE) if what == UP for r in runs.values() if r]
    cpu = [f"{statistics.median(sample.cpu for sample in runs):.1f}" for _, runs in groups]
    rows = [(n, NAMES[r[0].system], spent, r[0].calls, r[0].state) for (n, r), spent in zip(groups, cpu, strict=True)]
    return table(("models", "system", "seconds of CPU", "calls", "bytes of state a model"), rows)


def bare_table(samples: Sequence[Sample]) -> str:
    groups = grouped(samples, BARE)
    rows = [(n, o, len(r["dynamic"]), ratio(r, "dynamic", "nothing"), f"≤ {GOALS[o]:.2f}") for n, o, r in groups]
    return table(("models", "operation", "n", "÷ a provider that does nothing", "goal"), rows)


SECTIONS = (
    (SET_UP, "Set-up, with the engine installed and the packages in pip's cache", set_up_table),
    (LIMITS, "At the vendor's limits: 3 calls a second, 100 a minute, a lock-out of 60 s", limits_table),
    (LIFE, "Seconds, each response after 100 ms", seconds_table),
    (LIFE, "Ratios of the same", ratios_table),
    (LIFE, "What an `up` costs", cost_table),
    (BARE, "Whole commands, responses at once", bare_table),
    (MANY, "Seconds of many models, responses at once", many_table),
)
NOTE = """Measured by this repository's `make bench` on one machine ({}), with the API emulated on it. n is the number
of runs; a ratio is the median over pairs of commands that ran one after the other, with minimum and maximum.
A command that fails is retried after each lock-out, up to five times, unless it fails without one: then it finds
registered models that are missing from its state.
Pace: the time from the first call to the last, divided by the minimum that the limits allow for as many calls."""


def plot(samples: Sequence[Sample], target: Path) -> None:
    """Plot seconds against the number of models, with one line per system."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PLOTTED), figsize=(12, 4.6))
    for operation, axis in zip(PLOTTED, axes, strict=True):
        _lines(axis, {n: runs for n, what, runs in grouped(samples, LIFE) if what == operation})
        axis.set(title=operation, xlabel="models", ylabel="seconds", ylim=(0, None))
        axis.grid(visible=True, alpha=0.3)
    figure.suptitle("Lower is better: seconds of a command, each response of the API after 100 ms")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(target, dpi=110)


def _lines(axis: Any, sizes: Mapping[int, Runs]) -> None:
    axis.set_xticks(list(sizes))
    for system, colour in COLOURS.items():
        points = [(models, float(median(runs[system]))) for models, runs in sizes.items() if runs[system]]
        if points:
            axis.plot(*zip(*points, strict=True), marker="o", label=NAMES[system], color=colour)


def write(results: Path) -> None:
    """Write table.md and plot.png from samples.json."""
    kept = json.loads((results / "samples.json").read_text())
    samples = [Sample(**each) for each in kept["samples"]]
    parts = {sample.part for sample in samples}
    sections = [f"## {title}\n\n{render(samples)}" for part, title, render in SECTIONS if part in parts]
    (results / "table.md").write_text("\n\n".join(["# Seconds", NOTE.format(kept["about"]), *sections]) + "\n")
    if LIFE in parts:
        plot(samples, results / "plot.png")


if __name__ == "__main__":
    write(Path(__file__).resolve().parent / "results")
