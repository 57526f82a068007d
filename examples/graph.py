"""Draws resources: `pulumi stack graph --ignore-parent-edges stack.dot && python graph.py stack.dot > graph.svg`.

Without an engine it draws a test's result: `svg(of_result(MockStack(program).preview()))`. The same resources give
the same picture, byte for byte.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enkrypt_provider.testing import Result

WIDTH, HEIGHT, BETWEEN, GAP, PORT = 250, 48, 130, 28, 16
NODE = re.compile(r'(\w+) \[label="([^"]+)"\]')
EDGE = re.compile(r'(\w+) -> (\w+) \[[^\]]*?(?:label = "([^"]*)")?\]')


@dataclass(frozen=True)
class Graph:
    """Resources by URN, and their dependencies."""

    urns: frozenset[str]
    edges: frozenset[tuple[str, str, str]]
    """(dependency, dependent, names of the arguments that connect them)"""


def of_dot(text: str) -> Graph:
    """Parses the output of `pulumi stack graph`, without the stack itself and default providers."""
    urns = {name: urn for name, urn in NODE.findall(text) if _is_shown(urn)}
    edges = {(urns[a], urns[b], _sorted(why)) for a, b, why in EDGE.findall(text) if a in urns and b in urns}
    return Graph(frozenset(urns.values()), frozenset(edges))


def of_result(result: Result) -> Graph:
    """The graph of the resources that a test's program registered."""
    edges = {
        (urn, it.urn, _sorted(", ".join(name for name, urns in it.reasons.items() if urn in urns)))
        for it in result.resources.values()
        for urn in it.dependencies
    }
    return Graph(frozenset(it.urn for it in result.resources.values()), frozenset(edges))


def svg(graph: Graph) -> str:
    """Draws the picture, with each resource to the right of its dependencies."""
    boxes = _placed(_columns(graph), graph)
    width = max((box.x for box in boxes.values()), default=0) + WIDTH + 20
    height = max((box.y + box.height for box in boxes.values()), default=0) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *_lines(graph, boxes),
        *(_box(urn, boxes[urn]) for urn in sorted(graph.urns)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _is_shown(urn: str) -> bool:
    return "::pulumi:pulumi:Stack::" not in urn and not re.search(r"::pulumi:providers:[\w-]+::default", urn)


def _sorted(why: str) -> str:
    return ", ".join(sorted(part.strip() for part in why.split(",") if part.strip()))


@dataclass(frozen=True)
class Box:
    """The position of a resource, or of a line that passes through a column (height 0)."""

    x: int
    y: int
    height: int

    @property
    def middle(self) -> int:
        return self.y + self.height // 2


Place = str | tuple[str, str, int]
"""A resource's URN, or (from URN, to URN, column) of a line that passes through a column."""


def _columns(graph: Graph) -> list[list[Place]]:
    """Each column from top to bottom, with places ordered by the average row of their dependencies."""
    needs = {urn: {one for one, other, _ in graph.edges if other == urn} for urn in graph.urns}
    column: dict[str, int] = {}
    while left := graph.urns - column.keys():
        ready = [urn for urn in left if needs[urn] <= column.keys()]
        column.update({urn: max((column[one] + 1 for one in needs[urn]), default=0) for urn in ready})
    found: list[list[Place]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    before: dict[Place, list[Place]] = {urn: [] for urn in graph.urns}
    for one, other, _ in sorted(graph.edges):
        passed: list[Place] = [(one, other, number) for number in range(column[one] + 1, column[other])]
        for place in passed:
            found[place[2] if isinstance(place, tuple) else 0].append(place)
        for last, place in zip([one, *passed], [*passed, other], strict=True):
            before.setdefault(place, []).append(last)
    for urn in graph.urns:
        found[column[urn]].append(urn)
    rows: dict[Place, float] = {}
    for places in found:
        places.sort(key=lambda it: (sum(rows[one] for one in before[it]) / max(len(before[it]), 1), str(it)))
        rows.update({place: row - len(places) / 2 for row, place in enumerate(places)})
    return found


def _placed(columns: list[list[Place]], graph: Graph) -> dict[Place, Box]:
    lines_into = Counter(other for _, other, _ in graph.edges)
    heights = {
        place: max(HEIGHT, PORT * (lines_into[place] + 1)) if isinstance(place, str) else 0
        for places in columns
        for place in places
    }
    needed = [sum(heights[place] + GAP for place in places) for places in columns]
    boxes: dict[Place, Box] = {}
    for number, places in enumerate(columns):
        y = 10 + (max(needed) - needed[number]) // 2
        for place in places:
            boxes[place] = Box(10 + number * (WIDTH + BETWEEN), y, heights[place])
            y += heights[place] + GAP
    return boxes


def _lines(graph: Graph, boxes: dict[Place, Box]) -> Iterator[str]:
    for target in sorted(graph.urns):
        into = [(_way(one, target, boxes), why) for one, other, why in sorted(graph.edges) if other == target]
        into.sort(key=lambda it: (it[0][-1][1], it[0]))
        for number, (way, why) in enumerate(into, 1):
            box = boxes[target]
            y = box.middle if len(into) == 1 else box.y + box.height * number // (len(into) + 1)
            yield _line([*way, (box.x, y)], why)


def _way(one: str, other: str, boxes: dict[Place, Box]) -> list[tuple[int, int]]:
    """The points of a line except the last: it leaves a box on the right and passes between others."""
    passed = sorted(place for place in boxes if isinstance(place, tuple) and place[:2] == (one, other))
    points = [(boxes[one].x + WIDTH, boxes[one].middle)]
    for place in passed:
        points += [(boxes[place].x, boxes[place].middle), (boxes[place].x + WIDTH, boxes[place].middle)]
    return points


def _line(points: list[tuple[int, int]], why: str) -> str:
    (x, y), *rest = points
    way = f"M{x},{y}"
    for number, (x2, y2) in enumerate(rest):
        way += f" L{x2},{y2}" if number % 2 else f" C{x + 60},{y} {x2 - 60},{y2} {x2},{y2}"
        x, y = x2, y2
    curve = f'<path d="{way}" fill="none" stroke="#8a94a6"/>'
    label = f'<text x="{x - 6}" y="{y - 5}" text-anchor="end" font-size="10" fill="#5b6472">{escape(why)}</text>'
    return curve + (label if why else "")


def _box(urn: str, box: Box) -> str:
    type_, name = urn.split("::")[2].rpartition("$")[2], urn.split("::", 3)[3]
    package, kind = type_.split(":")[0], type_.rpartition(":")[2]
    fill = "#e8f3ee" if kind == "EnkryptModel" else "#f3f5f8"
    shown = kind if package.startswith("pulumi") else f"{package}: {kind}"
    x, y = box.x + 12, box.middle - HEIGHT // 2
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{WIDTH}" height="{box.height}" rx="6" fill="{fill}" stroke="#8a94a6"/>'
        f'<text x="{x}" y="{y + 20}" font-weight="600" fill="#1f2733">{escape(name)}</text>'
        f'<text x="{x}" y="{y + 37}" fill="#5b6472">{escape(shown)}</text>'
    )


if __name__ == "__main__":
    sys.stdout.write(svg(of_dot(Path(sys.argv[1]).read_text())))
