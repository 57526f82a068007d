"""Documents as plain JSON: copied, without nulls and unknown values, with whole numbers as int.

Values that JSON or the engine cannot carry are reported with their path. Imports nothing heavy: programs load it too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from ..errors import Problem, plain

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]

DEPTH: Final = 18  # our own limit: nesting of a document
NODES: Final = 10_000  # our own limit: values in a document
TEXT_LIMIT: Final = 200_000  # our own limit: characters in a string
_NOT_TEXT: Final = re.compile(r"[\x00\ud800-\udfff]")
_NO_TEXT: Final = "must not contain NUL characters or unpaired surrogates"
_DATE: Final = re.compile(r"20\d\d-\d\d-\d\d[T ]00:00:00( \+0000 UTC|Z)")


class Unknown(Enum):
    """A value that is not known yet: at preview, another resource's output."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


def dotted(path: Path) -> str:
    """Format a path for people: `a.b[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{plain(part, 60)}"
    return text.removeprefix(".")


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every leaf with its path; an empty object or list is a leaf too."""
    if isinstance(value, Mapping | list) and value:
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from leaves(item, (*path, name))
    else:
        yield path, value


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy of `value` with `change(leaf)` in place of every value that is not an object or list."""
    if isinstance(value, Mapping):
        return {name: changed(item, change) for name, item in value.items()}
    return [changed(item, change) for item in value] if isinstance(value, list) else change(value)


def is_exact(number: int) -> bool:
    """Whether a double, which is how the engine and JSON carry numbers, can represent a whole number exactly."""
    return abs(number) <= 2**53 or (abs(number) < 2**1023 and int(float(number)) == number)


def inexact(document: Any) -> Iterator[Problem]:
    """Yield a problem for each whole number from the engine that may differ from the one in the program: a large
    double stands for several."""
    for path, leaf in leaves(document):
        if isinstance(leaf, float) and leaf.is_integer() and abs(leaf) >= 2**53:
            yield Problem(dotted(path), INEXACT)


def whole(number: float) -> int | float:
    """Return a whole number as int if it is in the range in which doubles represent every integer."""
    return int(number) if abs(number) < 2**53 and number.is_integer() else number


NO_JSON: Final = "must contain only strings, numbers, true or false, lists and objects"
NAMES_RULE: Final = "must have strings as field names"
NOT_FINITE: Final = "must not be NaN or infinity"
INEXACT: Final = "must be a whole number that a double can hold exactly, up to 2**53: give a larger one as a string"


@dataclass
class Plain:
    """A document as plain JSON: its `value`, the paths of the `unknown` values removed from it, and its problems.

    If not `strict`, as for a response, only values that JSON cannot carry are problems. `dates` are the paths of
    strings that may be unquoted YAML dates.
    """

    value: Json = None
    strict: bool = True
    unknown: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    dates: list[Path] = field(default_factory=list)
    nodes: int = 0
    is_cut: bool = False
    """Whether `value` lacks part of the document because the document is too large."""

    @classmethod
    def of(cls, document: Json, *, strict: bool = True) -> Plain:
        """Return `document` as plain JSON."""
        found = cls(strict=strict)
        found.value = found._copy(document, ())
        return found

    def _copy(self, value: Json, path: Path) -> Json:
        self.nodes += 1
        if isinstance(value, str):
            return self._text(value, path) if self.strict else value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, path)
        if self.nodes > NODES:
            self._too_many(path)
        elif len(path) > DEPTH:
            self._wrong(path[:2], f"must be nested at most {DEPTH} levels deep")
        elif isinstance(value, dict):
            return {name: self._copy(item, (*path, name)) for name, item in self._members(value, path)}
        elif isinstance(value, list | tuple):
            return self._list(value, path)
        else:
            self._wrong(path, NO_JSON)
        return None

    def _members(self, value: dict[Any, Any], path: Path) -> Iterator[tuple[str, Json]]:
        for name, item in value.items():
            if not isinstance(name, str):
                self._wrong(path, NAMES_RULE)
            elif _NOT_TEXT.search(name):
                self._wrong((*path, name), _NO_TEXT)
            elif item is UNKNOWN:
                self.unknown.append((*path, name))
            elif item is not None:
                yield name, item

    def _list(self, value: list[Any] | tuple[Any, ...], path: Path) -> list[Json]:
        items = []
        for index, item in enumerate(value):
            if self.nodes > NODES:
                self._too_many(path)
                break
            if item is UNKNOWN:
                self.unknown.append((*path, index))
            else:
                items.append(self._copy(item, (*path, index)))
        return items

    def _text(self, value: str, path: Path) -> str:
        if _NOT_TEXT.search(value):
            self._wrong(path, _NO_TEXT)
        elif len(value) > TEXT_LIMIT:
            self._wrong(path, f"must be at most {TEXT_LIMIT:,} characters, this one has {len(value):,}")
        elif value[:2] == "20" and _DATE.fullmatch(value):
            self.dates.append(path)
        return value

    def _number(self, value: int | float, path: Path) -> int | float:
        if isinstance(value, int):
            if self.strict and not is_exact(value):
                self._wrong(path, INEXACT)
            return value
        if not math.isfinite(value):
            self._wrong(path, NOT_FINITE)
        return whole(value)

    def _too_many(self, path: Path) -> None:
        self.is_cut = True
        rule = f"must contain at most {NODES:,} values"
        if not any(problem.rule == rule for problem in self.problems):
            self._wrong(path[:2], rule)

    def _wrong(self, path: Path, rule: str) -> None:
        if len(self.problems) < 100 and not (self.problems and self.problems[-1].path == dotted(path)):
            self.problems.append(Problem(dotted(path), rule))

    # ---- unknown values

    def put_back(self, document: Json) -> Json:
        """Put the unknown values back into `document`, which was derived from `value`."""
        for path in self.unknown:
            holder = document
            for part in path[:-1]:
                holder = holder[part]
            if isinstance(holder, list):
                holder.insert(int(path[-1]), UNKNOWN)
            else:
                holder[path[-1]] = UNKNOWN
        return document

    def place(self, path: Path) -> Path:
        """Return the path in the original document of the value at `path` in `value`."""
        found: Path = ()
        for part in path:
            if isinstance(part, int):
                for gone in (u[-1] for u in self.unknown if u[:-1] == found):
                    part += isinstance(gone, int) and gone <= part
            found = (*found, part)
        return found
