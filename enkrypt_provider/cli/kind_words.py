"""The kinds of registration as a person types and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..errors import ConfigurationError, near_match, plain
from ..kinds.kind import Kind
from ..kinds.registry import KINDS

WORDS: Final[Mapping[str, Kind]] = {word: kind for kind in KINDS for word in (kind.calls.listed, kind.noun)}
"""What a person may call each kind: `policies`, `policy`."""


def kind_named(word: str) -> Kind:
    """Return the kind that a person means. Raise `ConfigurationError`."""
    if kind := WORDS.get(word.casefold()):
        return kind
    known = tuple(kind.calls.listed for kind in KINDS)
    raise ConfigurationError(f"{plain(word, 60)}: must be one of {', '.join(known)}{near_match(word, tuple(WORDS))}")


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
