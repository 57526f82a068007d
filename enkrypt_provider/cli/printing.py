"""The output of the commands: tables and YAML on a terminal, tab-separated lines or JSON for a program.

Strings from the API are printed on one line without control characters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from ..errors import plain
from ..kinds.deployment import DEPLOYMENT
from ..kinds.guardrails_policy import GUARDRAILS_POLICY
from ..kinds.kind import Kind, Live, at
from ..kinds.model import MODEL
from ..kinds.plain import dotted, leaves
from ..kinds.registry import KINDS
from .masking import shown
from .registrations import Registration, Watch, joined
from .stack_file import WIDTH, to_yaml

Cell = Callable[[Live], object]


def _field(path: str) -> Cell:
    return lambda live: at(live.inputs, path)


def _detectors(live: Live) -> str:
    return ", ".join(name for name, detector in live.inputs["detectors"].items() if detector["enabled"])


def _used(path: str) -> Cell:
    def policy(live: Live) -> str:
        used = at(live.inputs, path) or {}
        return f"{used.get('policy_name', '')}{' (off)' * (used.get('enabled') is False)}"

    return policy


COLUMNS: Final[Mapping[Kind, Mapping[str, Cell]]] = {
    MODEL: {
        "name": lambda live: live.identity.name,
        "version": lambda live: live.identity.version,
        "model": _field("model_name"),
        "protocol": _field("model_config.is_compatible_with"),
        "endpoint": lambda live: address(at(live.inputs, "model_config.endpoint")),
        "hosting": _field("model_config.hosting_type"),
        "testing for": _field("testing_for"),
        "model id": lambda live: live.number or "",
    },
    GUARDRAILS_POLICY: {
        "name": _field("name"),
        "detectors": _detectors,
        "description": _field("description"),
        "policy id": lambda live: live.number or "",
    },
    DEPLOYMENT: {
        "name": _field("name"),
        "model": lambda live: "/".join(at(live.inputs, name) for name in ("model_saved_name", "model_version")),
        "input policy": _used("input_guardrails_policy"),
        "output policy": _used("output_guardrails_policy"),
        "deployment id": lambda live: live.number or "",
    },
}
"""The columns of a list, by kind."""
FIRST: Final[Mapping[Kind, Sequence[str]]] = {
    MODEL: ("name", "version", "endpoint", "protocol", "testing for", "model", "hosting", "model id")
}
"""The columns of a table by priority: the last ones are dropped first. The default is the order of the columns."""
ALWAYS: Final = 3
"""Number of columns that are never dropped, but folded."""
ANY_WIDTH: Final = 1_000_000


def is_interactive() -> bool:
    """Whether the user sees the output and can answer prompts."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())


def print_json(value: Any) -> None:
    """Print JSON, escaped as far as the encoding of stdout requires."""
    is_unicode = sys.stdout.encoding.lower().startswith("utf")
    print(json.dumps(value, indent=2, ensure_ascii=not is_unicode))


def listed(lives: Sequence[Live], nothing: str) -> None:
    """Print registrations: a table for each kind, or `nothing`; without a terminal, a line each, its kind last."""
    if not sys.stdout.isatty():
        _print_lines([*summary(live).values(), live.kind.noun] for live in lives)
    elif not lives:
        print(nothing)
    else:
        _print_tables([(live.kind, summary(live), "") for live in lives])


def nothing(kinds: Sequence[Kind], patterns: Sequence[str] | None, shown_endpoint: str) -> str:
    """Return the message for an empty list."""
    one = "registration" if len(kinds) == len(KINDS) else joined([kind.noun for kind in kinds], "or")
    where = f"matches {joined(patterns, 'or')}" if patterns else f"was found at {shown_endpoint}"
    return f"No {one} {where}."


def numbered(found: Sequence[Registration]) -> None:
    """Print registrations to choose from, with their numbers."""
    rows = []
    for number, one in enumerate(found, start=1):
        cells = summary(one.live) if one.live else {"name": one.identity.name, "version": one.identity.version}
        rows.append((one.kind, {"#": number, **cells}, one.problem))
    _print_tables(rows, ("#",))


def details(live: Live) -> None:
    """Print one registration: as YAML on a terminal, otherwise a path and its value on each line."""
    if sys.stdout.isatty():
        print(to_yaml(document(live), width=min(WIDTH, Console().width)), end="")
    else:
        values = ((dotted(path), leaf) for path, leaf in leaves(document(live)))
        _print_lines((path, leaf if isinstance(leaf, str) else json.dumps(leaf)) for path, leaf in values)


def _print_lines(lines: Iterable[Sequence[object]]) -> None:
    for line in lines:
        print("\t".join(plain(cell, 100_000) for cell in line))


def _print_tables(rows: Sequence[tuple[Kind, Mapping[str, object], str]], before: Sequence[str] = ()) -> None:
    kinds = list(dict.fromkeys(kind for kind, _, _ in rows))
    for kind in kinds:
        if len(kinds) > 1:
            print("\n" * (kind is not kinds[0]) + kind.calls.listed.capitalize())
        _print_table(kind, [(cells, problem) for of, cells, problem in rows if of is kind], before)


def _print_table(kind: Kind, rows: Sequence[tuple[Mapping[str, object], str]], before: Sequence[str]) -> None:
    """Print rows in as many columns as fit. A row's problem takes the place of its last fixed column."""
    console = Console()
    order = FIRST.get(kind, tuple(COLUMNS[kind]))
    for count in range(len(order), ALWAYS - 1, -1):
        columns = [*before, *(name for name in COLUMNS[kind] if name in order[:count])]
        whole = _table(columns, [cells for cells, _ in rows])
        if console.measure(whole, options=console.options.update(max_width=ANY_WIDTH)).maximum <= console.width:
            break
    console.print(
        _table(columns, [{**cells, order[ALWAYS - 1]: problem} if problem else cells for cells, problem in rows])
    )


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name.upper(), overflow="fold", no_wrap=name in ("#", "version"))
    for cells in rows:
        table.add_row(*(Text(plain(cells.get(name, ""), 10_000)) for name in columns))
    return table


def watching(what: str) -> Watch:
    """Return a function that iterates over items, with a progress bar if stderr is a terminal."""
    console = Console(stderr=True)

    def watch(items: Sequence[Any]) -> Iterable[Any]:
        is_seen = bool(items) and console.is_terminal
        return track(items, what, console=console, transient=True, disable=not is_seen)

    return watch


# ---- registrations


def summary(live: Live) -> dict[str, object]:
    """Return a registration's cells, by column."""
    open_one = replace(live, inputs=shown(live.kind, live.inputs))
    return {name: cell(open_one) for name, cell in COLUMNS[live.kind].items()}


def address(endpoint: Mapping[str, Any] | None) -> str:
    """Return an endpoint as a URL."""
    if not endpoint:
        return "a custom curl command"
    usual = {"https": 443, "http": 80}.get(endpoint["scheme"]) == endpoint.get("port")
    port = "" if usual else f":{endpoint.get('port')}"
    return f"{endpoint['scheme']}://{endpoint['host']}{port}{endpoint['base_path']}"


def document(live: Live) -> dict[str, Any]:
    """Return a registration with its kind and all known fields, with secrets as `***`."""
    kind = live.kind
    return {"kind": kind.noun, **shown(kind, {**live.inputs, **live.computed})}
