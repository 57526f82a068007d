"""The findings of `doctor` and how they are printed. A key is shown only as four digits of its hash."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import plain
from .printing import print_json

SHOWN: Final = 3
"""Maximum number of names in a finding."""


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was found and, mostly for problems, what to do."""

    topic: str
    says: str
    ok: bool = True
    do: str = ""


def fingerprint(key: str) -> str:
    """Return four digits of the key's hash, enough to tell two keys apart."""
    return hashlib.sha256(key.encode()).hexdigest()[:4]


def some(names: Sequence[str]) -> str:
    """Return the first names, as text."""
    return ", ".join(plain(name, 80) for name in names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


def report(found: Iterable[Finding], *, as_json: bool) -> bool:
    """Print each finding as soon as it is known. Return whether none is a problem."""
    known: list[Finding] = []
    for one in found:
        known.append(one)
        if not as_json:
            _print(one)
    is_well = all(one.ok for one in known)
    if as_json:
        print_json({"ok": is_well, "findings": [asdict(one) for one in known]})
    return is_well


def _print(one: Finding) -> None:
    word = "ok" if one.ok else "problem"
    if not sys.stdout.isatty():
        print("\t".join((word, one.topic, one.says, one.do)), flush=True)
        return
    line = Table.grid(padding=(0, 2))
    line.add_column(width=7)
    line.add_column(width=8)
    line.add_column(overflow="fold")
    line.add_row(Text(word, "green" if one.ok else "bold red"), one.topic, Text(one.says))
    if one.do:
        line.add_row("", "", Text(f"-> {one.do}", "bold"))
    Console().print(line)
