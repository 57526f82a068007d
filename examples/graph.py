"""Draws resources: `pulumi stack graph --ignore-parent-edges stack.dot && python graph.py stack.dot > graph.svg`.

Without an engine it draws what a test saw: `svg(of_result(MockStack(program).preview()))`. The same resources are the
same picture, byte for byte.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enkrypt_provider.testing import Result

WIDTH, HEIGHT, GAP, ROW = 250, 48, 130, 76
NODE = re.compile(r'(\w+) \[label="([^"]+)"\]')
EDGE = re.compile(r'(\w+) -> (\w+) \[[^\]]*?(?:label = "([^"]*)")?\]')


@dataclass(frozen=True)
class Graph:
    """Resources by their URN, and which depends on which, through which arguments."""

    urns: frozenset[str]
    edges: frozenset[tuple[str, str, str]]
    """What is depended on, what depends on it, and the arguments."""


def of_dot(text: str) -> Graph:
    """The graph that `pulumi stack graph` wrote, without the stack itself and default providers."""
    urns = {name: urn for name, urn in NODE.findall(text) if _is_shown(urn)}
    edges = {(urns[a], urns[b], _sorted(why)) for a, b, why in EDGE.findall(text) if a in urns and b in urns}
    return Graph(frozenset(urns.values()), frozenset(edges))


def of_result(result: Result) -> Graph:
    """The graph of what a test's program registered."""
    edges = {
        (urn, it.urn, _sorted(", ".join(name for name, urns in it.reasons.items() if urn in urns)))
        for it in result.resources.values()
        for urn in it.dependencies
    }
    return Graph(frozenset(it.urn for it in result.resources.values()), frozenset(edges))


def svg(graph: Graph) -> str:
    """The picture: each resource to the right of what it depends on."""
    at = _placed(graph)
    width = max((x for x, _ in at.values()), default=0) + WIDTH + 20
    height = max((y for _, y in at.values()), default=0) + HEIGHT + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *(_line(at[one], at[other], why) for one, other, why in sorted(graph.edges)),
        *(_box(urn, *at[urn]) for urn in sorted(graph.urns)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _is_shown(urn: str) -> bool:
    return "::pulumi:pulumi:Stack::" not in urn and not re.search(r"::pulumi:providers:[\w-]+::default", urn)


def _sorted(why: str) -> str:
    return ", ".join(sorted(part.strip() for part in why.split(",") if part.strip()))


def _placed(graph: Graph) -> dict[str, tuple[int, int]]:
    """Where each box stands: a column for each step from what depends on nothing."""
    needs = {urn: {one for one, other, _ in graph.edges if other == urn} for urn in graph.urns}
    columns: list[list[str]] = []
    rows: dict[str, float] = {}
    while left := sorted(graph.urns - rows.keys()):
        ready = [urn for urn in left if needs[urn] <= rows.keys()]
        ready.sort(key=lambda urn: (sum(rows[one] for one in needs[urn]) / max(len(needs[urn]), 1), urn))
        rows.update({urn: row for row, urn in enumerate(ready)})
        columns.append(ready)
    tallest = max(map(len, columns), default=0)
    return {
        urn: (10 + column * (WIDTH + GAP), 10 + int((row + (tallest - len(urns)) / 2) * ROW))
        for column, urns in enumerate(columns)
        for row, urn in enumerate(urns)
    }


def _line(one: tuple[int, int], other: tuple[int, int], why: str) -> str:
    x1, y1, x2, y2 = one[0] + WIDTH, one[1] + HEIGHT // 2, other[0], other[1] + HEIGHT // 2
    curve = f'<path d="M{x1},{y1} C{x1 + 60},{y1} {x2 - 60},{y2} {x2},{y2}" fill="none" stroke="#8a94a6"/>'
    label = f'<text x="{x2 - 6}" y="{y2 - 5}" text-anchor="end" font-size="10" fill="#5b6472">{escape(why)}</text>'
    return curve + (label if why else "")


def _box(urn: str, x: int, y: int) -> str:
    type_, name = urn.split("::")[2].rpartition("$")[2], urn.split("::", 3)[3]
    package, kind = type_.split(":")[0], type_.rpartition(":")[2]
    fill = "#e8f3ee" if kind == "EnkryptModel" else "#f3f5f8"
    shown = kind if package.startswith("pulumi") else f"{package}: {kind}"
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="#8a94a6"/>'
        f'<text x="{x + 12}" y="{y + 20}" font-weight="600" fill="#1f2733">{escape(name)}</text>'
        f'<text x="{x + 12}" y="{y + 37}" fill="#5b6472">{escape(shown)}</text>'
    )


if __name__ == "__main__":
    sys.stdout.write(svg(of_dot(Path(sys.argv[1]).read_text())))
