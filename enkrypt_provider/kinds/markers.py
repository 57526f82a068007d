"""The vocabulary for fields: markers in a field's `Annotated` type for whatever is special about it.

A field without markers is sent as declared and changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from ..settings import Dialect as Dialect
from ..settings import one_spelling

ABSENT: Final = type("Absent", (), {"__repr__": lambda _self: "ABSENT"})()
"""Stands for a missing value where None would be a value."""


@dataclass(frozen=True)
class Replaces:
    """Part of the identity: a change replaces the registration."""


@dataclass(frozen=True)
class Secret:
    """Is or can hold a secret: always hidden, and never compared with what the server returns.

    `label` is the ending of the name that commands give it: `NAME_apikey`.
    """

    label: str


@dataclass(frozen=True)
class Public:
    """Is inside a secret, but not secret itself."""


@dataclass(frozen=True)
class Unordered:
    """A list whose order does not matter."""


@dataclass(frozen=True)
class Compared:
    """The server may spell the value differently: two values are equal if their `spelling` is."""

    spelling: Callable[[str], str]


@dataclass(frozen=True)
class OnlyIn:
    """Only this dialect has the field; in the other it must have its default.

    `empty` is sent for an absent value; `assumed` is the value that the server uses for one.
    """

    dialect: Dialect
    empty: Any = ABSENT
    assumed: Any = ABSENT


@dataclass(frozen=True)
class InV2:
    """In dialect v2 the field has another `path` or `default`, or is sent as `empty` if absent."""

    path: str = ""
    default: Any = ABSENT
    empty: Any = ABSENT


@dataclass(frozen=True)
class SentWhereAbsent:
    """An absent value is sent as `value`, so that a server that merges removes the old one.

    If `is_ours`, the server never sets one itself, so an undeclared one is drift.
    """

    value: Any
    is_ours: bool = False


@dataclass(frozen=True)
class UnsentInV2:
    """Dialect v2 has no field for it: there it is kept only in the state, so that a stack can change its dialect."""


@dataclass(frozen=True)
class Quiet:
    """A response may omit the field although the server has it: the declared value stands."""


@dataclass(frozen=True)
class ReadAs:
    """A program must set it; a response that omits it means this value."""

    value: Any


@dataclass(frozen=True)
class RequiredUnless:
    """A program must set it unless it sets another `field` of the same object."""

    field: str


@dataclass(frozen=True)
class DefaultOf:
    """The default depends on another field of the same object, and is not filled in until that field is known.

    `shown` describes the default in the documentation.
    """

    field: str
    shown: str


@dataclass(frozen=True)
class Option:
    """An argument to this provider: kept in the state, never sent."""


@dataclass(frozen=True)
class ServerSet:
    """Set by the server: an output, never an argument."""


@dataclass(frozen=True)
class Reaches:
    """Changing it can make the model unreachable."""


@dataclass(frozen=True)
class Evidence:
    """How certain the field is in each dialect: P(roven), I(nferred) or G(uessed); see docs/api.md."""

    v1: str = "P"
    v2: str = "P"


@dataclass(frozen=True)
class Says:
    """The rule for a value, in words for the documentation."""

    rule: str


@dataclass(frozen=True)
class Note:
    """A note that docs/api.md adds to the field's rule."""

    text: str


# ---- spellings


def ignoring_case(text: str) -> str:
    """Names of headers and schemes are case-insensitive."""
    return text.casefold()


as_host: Final = one_spelling
"""Equal for a host in any case, with a trailing dot, in ASCII, and in every spelling of an IP address."""


def _escaped(path: str) -> str:
    """`/é~`, `/%c3%a9~` and `/%C3%A9%7E` are the same; `/a%2Fb` and `/a/b` are not."""
    return _ESCAPE.sub(lambda found: quote(unquote_to_bytes(found[0]), safe=""), quote(path, safe=_RESERVED))


def ignoring_trailing_slash(text: str) -> str:
    """`/v1/` and `/v1` are the same path."""
    return _escaped(text).rstrip("/")


def as_url(text: str) -> str:
    """Equal for every spelling of the scheme and host, with or without the standard port and a trailing slash."""
    scheme, colon, rest = text.rstrip("/").partition("://")
    if not colon:
        return scheme
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":") if _PORT.search(host) else (host, "", "")
    scheme = scheme.casefold()
    port = "" if port in ("", _STANDARD.get(scheme)) else f":{port}"
    return f"{scheme}://{as_host(name)}{port}{slash}{_escaped(path)}"


_PORT: Final = re.compile(r":\d*$")
_STANDARD: Final = {"https": "443", "http": "80"}
_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_RESERVED: Final = "%:/?#[]@!$&'()*+,;="


def ignoring_outer_slashes(text: str) -> str:
    """`/v1/` and `v1` are the same path under a host."""
    return _escaped(text).strip("/")
