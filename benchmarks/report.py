"""Turns `results/samples.json` into the table and the plot that the README shows."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import parts
from systems import OPERATIONS

NAMES = {"ours": "this provider", "floor": "the floor", "naive": "the naive one", "terraform": "Terraform"}
COLOURS = {"ours": "C3", "floor": "C1", "naive": "C2", "terraform": "C4"}
OTHERS = ("floor", "naive", "terraform")
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
    engine_cpu = statistics.median([s["each"].get("engine", 0.0) for s in group])
    return {
        **figures,
        "walls": [s["wall"] for s in group],
        "provider": provider,
        "engine": engine,
        "own": own,
        "engine_cpu": engine_cpu,
    }


def table(found: dict[Key, dict[str, Any]]) -> str:
    """A row for each size, latency and operation; a ratio of times is the median of the pairs' ratios."""
    ratios = " | ".join(f"÷ {NAMES[other]}" for other in OTHERS)
    lines = [
        f"| models | API | operation | n | this provider | {ratios} | calls, the naive one's, Terraform's | CPU | "
        "of it the provider's process | its peak, the engine's | state a model | ÷ the floor |",
        f"|{'---|' * 14}",
    ]
    for models, latency in sorted({(models, latency) for _, models, latency, _ in found}):
        for operation in OPERATIONS:
            each = {system: found.get((system, models, latency, operation)) for system in ("ours", *OTHERS)}
            if each["ours"]:
                lines.append(_row(models, latency, operation, each["ours"], each))
    return "\n".join(lines)


def _row(models: int, latency: int, operation: str, ours: Any, each: dict[str, Any]) -> str:
    cells = (
        f"{models:,}",
        f"{latency} ms",
        operation,
        str(len(ours["walls"])),
        f"{ours['wall']:.1f} s",
        *(_ratio(ours, each[other]) for other in OTHERS),
        ", ".join(f"{each[s]['calls']:,.0f}" if each[s] else "–" for s in ("ours", "naive", "terraform")),
        f"{ours['cpu']:.1f} s",
        f"{ours['own']:.1f} s",
        f"{ours['provider']:.0f}, {ours['engine']:.0f} MiB",
        f"{ours['state']:,.0f} bytes" if operation != "destroy" else "–",
        f"{ours['state'] / each['floor']['state']:.2f}" if each["floor"] and operation != "destroy" else "–",
    )
    return f"| {' | '.join(cells)} |"


def _ratio(ours: Any, other: Any) -> str:
    """Of pairs that ran one after the other: the machine's pace changes more than the systems differ."""
    if not other:
        return "–"
    ratios = [one / another for one, another in zip(ours["walls"], other["walls"], strict=False)]
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.2f}{spread}"


PLOTTED = ("up", "up, no change", "refresh", "destroy")


def plot(found: dict[Key, dict[str, Any]], target: Path) -> None:
    """Time against number of models, a line a system, both axes logarithmic; at the right whose time an `up` is."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = {(latency, models) for _, models, latency, _ in found}
    latencies = sorted({latency for latency, _ in sizes if len({m for other, m in sizes if other == latency}) > 1})
    if not latencies:  # a plan of one size
        return
    figure, axes = pyplot.subplots(len(latencies), len(PLOTTED) + 1, figsize=(20, 4 * len(latencies)), squeeze=False)
    for row, latency in zip(axes, latencies, strict=True):
        for axis, operation in zip(row, PLOTTED, strict=False):
            _lines(axis, found, latency, operation)
        _shares(row[-1], found, latency)
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=80)


def _lines(axis: Any, found: dict[Key, dict[str, Any]], latency: int, operation: str) -> None:
    for system in sorted({system for system, *_ in found}):
        points = [(k[1], v["wall"]) for k, v in found.items() if k[0] == system and k[2:] == (latency, operation)]
        _draw(axis, points, NAMES.get(system, system), COLOURS.get(system, "C0"))
    _label(axis, f"{operation}, API {latency} ms", "seconds")


def _shares(axis: Any, found: dict[Key, dict[str, Any]], latency: int) -> None:
    ours = {k[1]: v for k, v in found.items() if (k[0], *k[2:]) == ("ours", latency, "up")}
    for share, name, colour in (
        ("engine_cpu", "the engine", "C5"),
        ("own", "this provider's process", COLOURS["ours"]),
    ):
        _draw(axis, [(models, v[share]) for models, v in ours.items()], name, colour)
    _label(axis, f"up, API {latency} ms: CPU", "seconds of CPU")
    axis.legend()


def _draw(axis: Any, points: list[tuple[int, float]], label: str, colour: str) -> None:
    if points:
        axis.plot(*zip(*sorted(points), strict=True), marker="o", label=label, color=colour)


def _label(axis: Any, title: str, unit: str) -> None:
    axis.set(xscale="log", yscale="log", title=title, xlabel="models", ylabel=unit)
    axis.grid(visible=True, which="both", alpha=0.3)


def write(results: Path) -> None:
    """Writes table.md and plot.png beside samples.json."""
    kept = json.loads((results / "samples.json").read_text())
    found = medians(kept["samples"])
    about = (
        f"{kept['machine']}. The machine was shared: ratios count, not seconds. Each is the median of the ratios of "
        "n pairs of commands that ran one after the other; in brackets the lowest and the highest."
    )
    (results / "table.md").write_text(f"{about}\n\n{table(found)}\n\n{parts.table(kept['parts'])}\n")
    plot(found, results / "plot.png")


if __name__ == "__main__":
    write(Path(__file__).resolve().parent / "results")
