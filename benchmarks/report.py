"""Turns `results/samples.json` into the table and the plot that the README shows."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import parts

OPERATIONS = ("up", "up, no change", "preview", "refresh", "destroy")
NAMES = {"ours": "this provider", "floor": "the floor", "naive": "the naive one"}
Key = tuple[str, int, int, str]


def medians(samples: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The median of each figure, by system, models, latency and operation."""
    groups: defaultdict[Key, list[dict[str, Any]]] = defaultdict(list)
    for sample in samples:
        groups[sample["system"], sample["models"], sample["latency"], sample["operation"]].append(sample)
    return {key: _median(group) for key, group in groups.items()}


def _median(group: list[dict[str, Any]]) -> dict[str, Any]:
    figures = {name: statistics.median([s[name] for s in group]) for name in ("wall", "cpu", "calls", "state")}
    provider = statistics.median([s["peak"].get("provider", 0.0) for s in group])
    engine = statistics.median([s["peak"].get("engine", 0.0) for s in group])
    own = statistics.median([s["each"].get("provider", 0.0) for s in group])
    return {**figures, "provider": provider, "engine": engine, "own": own, "n": len(group)}


def table(found: dict[Key, dict[str, Any]]) -> str:
    """A row for each size, latency and operation; the ratios are of medians."""
    lines = [
        "| models | API | operation | n | this provider | ÷ the floor | ÷ the naive one | calls, naive | CPU | "
        "of it the provider's process | its peak, the engine's | state a model | ÷ floor |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    sizes = sorted({(models, latency) for _, models, latency, _ in found})
    for models, latency in sizes:
        for operation in OPERATIONS:
            ours, floor, naive = (found.get((s, models, latency, operation)) for s in ("ours", "floor", "naive"))
            if ours and floor:
                lines.append(_row(models, latency, operation, ours, floor, naive))
    return "\n".join(lines)


def _row(models: int, latency: int, operation: str, ours: Any, floor: Any, naive: Any) -> str:
    cells = (
        f"{models:,}",
        f"{latency} ms",
        operation,
        str(ours["n"]),
        f"{ours['wall']:.1f} s",
        f"{ours['wall'] / floor['wall']:.2f}",
        f"{ours['wall'] / naive['wall']:.2f}" if naive else "–",
        f"{ours['calls']:.0f}, {naive['calls']:.0f}" if naive else f"{ours['calls']:.0f}, –",
        f"{ours['cpu']:.1f} s",
        f"{ours['own']:.1f} s",
        f"{ours['provider']:.0f}, {ours['engine']:.0f} MiB",
        f"{ours['state']:,.0f} bytes" if ours["state"] else "–",
        f"{ours['state'] / floor['state']:.2f}" if floor["state"] else "–",
    )
    return f"| {' | '.join(cells)} |"


def plot(found: dict[Key, dict[str, Any]], target: Path) -> None:
    """Time against number of models, a line a system, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    latencies = sorted({latency for _, _, latency, _ in found})
    figure, axes = pyplot.subplots(len(latencies), 3, figsize=(13, 4 * len(latencies)), squeeze=False)
    for row, latency in zip(axes, latencies, strict=True):
        for axis, operation in zip(row, ("up", "refresh", "destroy"), strict=True):
            _lines(axis, found, latency, operation)
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def _lines(axis: Any, found: dict[Key, dict[str, Any]], latency: int, operation: str) -> None:
    for system in sorted({system for system, *_ in found}):
        points = sorted(
            (k[1], v["wall"]) for k, v in found.items() if k[0] == system and k[2:] == (latency, operation)
        )
        if points:
            axis.plot(*zip(*points, strict=True), marker="o", label=NAMES.get(system, system))
    axis.set(xscale="log", yscale="log", title=f"{operation}, API {latency} ms", xlabel="models", ylabel="seconds")
    axis.grid(visible=True, which="both", alpha=0.3)


def write(results: Path) -> None:
    """Writes table.md and plot.png beside samples.json."""
    kept = json.loads((results / "samples.json").read_text())
    found = medians(kept["samples"])
    (results / "table.md").write_text(f"{kept['machine']}\n\n{table(found)}\n\n{parts.table(kept['parts'])}\n")
    plot(found, results / "plot.png")


if __name__ == "__main__":
    write(Path(__file__).resolve().parent / "results")
