"""The types of single values that a program may declare. A mistake is reported by its rule, never with the value."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from annotated_types import Ge, Le, MaxLen
from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ..errors import near_match
from ..settings import in_ascii, is_address
from .markers import Says
from .plain import whole


def broken(rule: str) -> PydanticCustomError:
    """Return the error for a value that breaks `rule`; pydantic does not format the rule."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule})


@dataclass(frozen=True)
class Matches:
    """A regular expression for a string, and the rule to report if it does not match; both without braces."""

    pattern: str
    rule: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        matching = core_schema.str_schema(pattern=self.pattern)
        named = core_schema.custom_error_schema(matching, "rule", custom_error_message=self.rule)
        return core_schema.chain_schema([handler(source), named])


@dataclass(frozen=True)
class InV1:
    """A rule for dialect v1 alone."""

    pattern: str
    rule: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def _check(self, value: str, info: ValidationInfo) -> str:
        if info.context != "v2" and not re.search(self.pattern, value):
            raise broken(self.rule)
        return value


@dataclass(frozen=True)
class OneOf:
    """A closed set of strings in dialect v1. In v2 the set has `more`, and any other line is sent unchanged."""

    values: tuple[str, ...]
    more: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def _check(self, value: str, info: ValidationInfo) -> str:
        is_v2 = info.context == "v2"
        known = self.values + self.more if is_v2 else self.values
        if value in known or (is_v2 and _ANY_LINE.fullmatch(value)):
            return value
        hint = "; that one exists only in dialect v2" if value in self.more else near_match(value, known)
        raise broken(f"must be one of {', '.join(known)}{hint}")


_ANY_LINE: Final = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]{1,4000}")


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise broken("must be a number, not true or false")
    return value


Text = str
Line = Annotated[
    str,
    StringConstraints(max_length=4_000),
    Matches(r"^[^\x00-\x1f\x7f]*$", "must be one line, without control characters"),
    Says("one line"),
]
_IDENTITY: Final = Matches(
    # [G] it travels in an HTTP header and in the resource's id, NAME/VERSION
    r"^[!-.0-~]([ -.0-~]*[!-.0-~])?$",
    'must be printable ASCII, without "/" and without spaces at its ends, and not be empty',
)
_PRINTABLE: Final = Says("printable ASCII without `/`")
SavedName = Annotated[
    str, StringConstraints(max_length=32), _IDENTITY, _PRINTABLE
]  # [P] a check in the API's database
Version = Annotated[str, StringConstraints(max_length=255), _IDENTITY, _PRINTABLE]  # [G]
Text2000 = Annotated[str, StringConstraints(max_length=2000)]
Text5000 = Annotated[str, StringConstraints(max_length=5000)]


def _host(value: str) -> str:
    """Check that a value is a host name alone. The error for a non-ASCII name gives its ASCII form."""
    if _HOST.fullmatch(value):
        return value
    if ascii_name := in_ascii(value):
        raise broken(f"must be a host name in ASCII: write {ascii_name}")
    raise broken("must have brackets around an IPv6 address, such as [::1]" if is_address(value) else _HOST_ALONE)


_HOST: Final = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])")
_HOST_ALONE: Final = (
    "must be a host name alone, such as api.together.xyz: scheme, port and path have fields of their own"
)
HostName = Annotated[str, AfterValidator(_host), Says("a host name alone")]
HostNameOrEmpty = Annotated[
    str, AfterValidator(lambda value: value and _host(value)), Says("a host name alone, or empty")
]
"""May be empty, as in the API's own example."""

_PATH: Final = (
    r"^(/([^\s:]|:[^\s/])*:?)?$",
    'must be empty or start with "/" and contain no spaces or scheme, such as "/v1"',
)


def _with_slash(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    path = value.strip("/")
    return f"/{path}" if path else ""


BasePath = Annotated[
    str,
    StringConstraints(max_length=4_000),
    Matches(r"^[^?#]*$", "must not contain a query or fragment: paths are appended to it"),
    Matches(*_PATH),
    BeforeValidator(_with_slash),
    Says("a path; a leading slash is added, trailing slashes are removed"),
]
"""With one leading slash and no trailing slash."""
Route = Annotated[
    Line,
    Matches(r"^\S*$", "must not contain spaces"),
    InV1(*_PATH),  # [P] the official client's own defaults, such as "chat/completions", do not start with "/"
    Says("a path that starts with `/`, or empty; in dialect v2 any text without spaces"),
]
HeaderName = Annotated[
    Line,
    Matches(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$", "must be an HTTP header name"),
    Says("an HTTP header name, or empty"),
]


def _key(value: str) -> str:
    if (value and value.isprintable() and " " not in value) or _is_json_object(value):
        return value
    raise broken("must not be empty or contain spaces or line breaks (a pasted key?)")


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


Key = Annotated[str, StringConstraints(max_length=8_000), AfterValidator(_key)]
"""A key, or the JSON of a service account."""

_no_bool: Final = BeforeValidator(_not_bool)
Port = Annotated[int, Ge(1), Le(65535), _no_bool]
Count = Annotated[int, Ge(1), _no_bool]
Amount = Annotated[float, Ge(0), AllowInfNan(False), _no_bool, AfterValidator(whole)]
Flag = Annotated[bool | None, AfterValidator(lambda value: value or None)]
"""False is the default, and stored as absent."""
FreeMap = dict[str, Any]
T = TypeVar("T")
UpTo100 = Annotated[list[T], MaxLen(100)]
UpTo1000 = Annotated[list[T], MaxLen(1000)]


def _unique(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


Once: Final = AfterValidator(_unique)
"""Removes duplicates."""
