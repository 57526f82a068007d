"""The rules for fields of a body, and one message for the first violation.

Nothing here knows HTTP or storage, and no message repeats a value: a key pasted into the wrong field must not be
echoed. The tables of fields are in model_rules.py and policies.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

Dialect = Literal["v1", "v2"]
Check = Callable[[Any], Any]
"""Takes a JSON value; returns it with defaults filled in, or raises `Refused`."""


class Refused(Exception):
    """The body is refused with 400; the message names the field by its path, and its rule."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path or 'the body'} {problem}")
        self.problem = problem
        self.path = path

    def within(self, name: str) -> Refused:
        """Return the same error, seen from the object that holds the field."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return Refused(self.problem, name + dot + self.path)


class Default(Enum):
    """What happens if a field that has no default value is missing."""

    REQUIRED = "the call is refused"
    ABSENT = "the field stays absent"


@dataclass(frozen=True)
class Field:
    check: Check
    default: Any = Default.REQUIRED


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("must be a string")
    return value


def text_like(pattern: str, meaning: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(value: Any) -> str:
        if not matches(text(value)):
            raise Refused(f"must be {meaning}")
        return str(value)

    return check


def text_up_to(length: int) -> Check:
    def check(value: Any) -> str:
        if len(text(value)) > length:
            raise Refused(f"must be at most {length} characters long")
        return str(value)

    return check


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if text(value) not in choices:
            raise Refused(f"must be one of: {', '.join(choices)}")
        return str(value)

    return check


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("must be true or false")
    return value


def whole(low: int, high: int | None = None) -> Check:
    meaning = f"a whole number from {low} to {high}" if high is not None else f"a whole number, {low} or more"

    def check(value: Any) -> int:
        if type(value) is not int or value < low or (high is not None and value > high):
            raise Refused(f"must be {meaning}")
        return value

    return check


def amount(value: Any) -> float:
    if type(value) not in (int, float) or not value >= 0:
        raise Refused("must be a number, 0 or more")
    number: float = value
    return number


def list_of(check: Check) -> Check:
    def check_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused("must be a list")
        return [_at(f"[{index}]", check, item) for index, item in enumerate(value)]

    return check_list


def mapping(known: Mapping[str, Check]) -> Check:
    """An object with any names; the known ones are checked."""

    def check_mapping(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("must be an object")
        for name, item in value.items():
            if check := known.get(name):
                _at(name, check, item)
        return dict(value)

    return check_mapping


def object_with(fields: Mapping[str, Field], *, dialect: Dialect | None, null_is_absent: bool = False) -> Check:
    """An object with no other fields than these."""

    def check_object(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("must be an object")
        if unknown := value.keys() - fields.keys():
            raise Refused(f"is not a field of this API{f' (dialect {dialect})' if dialect else ''}", min(unknown))
        found = {}
        for name, field in fields.items():
            item = value.get(name, field.default)
            if item is None and null_is_absent:
                item = field.default
            if item is Default.REQUIRED:
                raise Refused("is required", name)
            if item is not Default.ABSENT:
                found[name] = _at(name, field.check, item)
        return found

    return check_object


def _at(name: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except Refused as refused:
        raise refused.within(name) from None


# [G] The identity travels in HTTP headers and must survive there unchanged: printable ASCII, no outer spaces.
_IN_HEADERS = r"[!-~](?:[ -~]*[!-~])?"
_MEANING = "printable ASCII characters without leading or trailing spaces"
saved_name = text_like(rf"(?=.{{1,32}}\Z){_IN_HEADERS}", f"1 to 32 {_MEANING}")
version = text_like(_IN_HEADERS, f"one or more {_MEANING}")
DEFAULT_VERSION = "v1"
