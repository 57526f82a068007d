"""What the commands print: tables where a person looks, tab-separated lines or JSON where a program reads.

No value goes out unprinted: whatever came from the API is one line without control characters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from ..errors import plain
from ..kinds.kind import Live
from .masking import shown
from .registry import Watch
from .stackfile import spelt

if TYPE_CHECKING:
    from .doctor import Finding

COLUMNS: Final = ("name", "version", "model", "protocol", "endpoint", "hosting", "testing for", "model id")
IN_TABLE: Final = ("name", "version", "protocol", "endpoint")
"""The columns that fit a terminal of 80 characters."""
WIDE: Final = 140
"""Characters of a terminal that all of them fit."""


def person() -> bool:
    """True where a person sees what is printed, and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_json(value: Any) -> None:
    """Prints JSON for a program."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def listed(lives: Iterable[Live]) -> None:
    """Prints registrations: a table, or a line for each where no person looks."""
    if sys.stdout.isatty():
        console = Console()
        columns = COLUMNS if console.width >= WIDE else IN_TABLE
        console.print(table(columns, [summary(live, columns) for live in lives]))
    else:
        _print_lines(summary(live) for live in lives)


def details(live: Live) -> None:
    """Prints one registration: YAML, or a path and its value on each line where no person looks."""
    if sys.stdout.isatty():
        print(spelt(document(live)), end="")
    else:
        _print_lines(flat(document(live)))


def _print_lines(lines: Iterable[Sequence[object]]) -> None:
    for line in lines:
        print("\t".join(plain(cell, 100_000) for cell in line))


def table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> Table:
    """Every cell in full: what does not fit is folded."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in header:
        made.add_column(name.upper(), overflow="fold")
    for line in lines:
        made.add_row(*(Text(plain(cell, 10_000)) for cell in line))
    return made


def watching(what: str) -> Watch:
    """A way through items with a progress bar on stderr, where a person waits."""
    console = Console(stderr=True)

    def watch(items: Sequence[Any]) -> Iterable[Any]:
        is_seen = bool(items) and console.is_terminal
        return track(items, what, console=console, transient=True, disable=not is_seen)

    return watch


def findings(found: Iterable[Finding], *, as_json: bool) -> bool:
    """Prints what was found, each as soon as it is known. True where nothing is a problem."""
    if as_json:
        known = list(found)
        print_json({"ok": all(one.ok for one in known), "findings": [asdict(one) for one in known]})
        return all(one.ok for one in known)
    is_well = True
    for one in found:
        is_well = _finding(one) and is_well
    return is_well


def _finding(one: Finding) -> bool:
    word = "ok" if one.ok else "problem"
    if not sys.stdout.isatty():
        print("\t".join((word, one.topic, one.says, one.do)))
        return one.ok
    line = Table.grid(padding=(0, 2))
    line.add_column(width=7)
    line.add_column(width=9)
    line.add_column(overflow="fold")
    line.add_row(Text(word, "green" if one.ok else "bold red"), one.topic, Text(one.says))
    if one.do:
        line.add_row("", "", Text(f"-> {one.do}", "bold"))
    Console().print(line)
    return one.ok


# ---- registrations


def summary(live: Live, columns: Sequence[str] = COLUMNS) -> list[object]:
    """One registration as a row of these columns."""
    config = live.inputs["model_config"]
    cells = {
        "name": live.identity.name,
        "version": live.identity.version,
        "model": live.inputs["model_name"],
        "protocol": config["is_compatible_with"],
        "endpoint": address(config.get("endpoint")),
        "hosting": config["hosting_type"],
        "testing for": live.inputs["testing_for"],
        "model id": live.computed.get("model_id", ""),
    }
    return [cells[column] for column in columns]


def address(endpoint: Mapping[str, Any] | None) -> str:
    """An endpoint as a URL."""
    if not endpoint:
        return "a custom curl command"
    usual = {"https": 443, "http": 80}.get(endpoint["scheme"]) == endpoint.get("port")
    port = "" if usual else f":{endpoint.get('port')}"
    return f"{endpoint['scheme']}://{endpoint['host']}{port}{endpoint['base_path']}"


def document(live: Live) -> dict[str, Any]:
    """A registration with everything that is known of it, secrets as `***`."""
    return {**shown(live.inputs), **live.computed}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value in a document, by its path."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from flat(item, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from flat(item, f"{path}[{number}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)
