"""The kinds of registration as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..kinds.kind import Kind
from ..kinds.registry import KINDS


def counted(number: int, kind: Kind) -> str:
    """`1 policy`, `2 policies`."""
    return f"{number} {kind.noun if number == 1 else kind.calls.listed}"


def totals(kinds: Iterable[Kind]) -> str:
    """`2 models and 1 policy`, of the kind of each registration."""
    found = list(kinds)
    return joined([counted(number, kind) for kind in KINDS if (number := found.count(kind))]) or "no registration"


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    *before, end = words or [""]
    return f"{', '.join(before)} {last} {end}" if before else end
