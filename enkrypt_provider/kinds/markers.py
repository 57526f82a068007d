"""The vocabulary for fields: what is special about one, said in its `Annotated` type.

A field without markers is sent as it is declared and changed in place.
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
"""Stands for a value that is not there, where None would be one."""


@dataclass(frozen=True)
class Replaces:
    """Part of the identity: a change replaces the registration, the new one is made first."""


@dataclass(frozen=True)
class Secret:
    """Is or can hold a secret: hidden without the user asking, and never compared with what the server says.

    `label` is what commands call it: `NAME_apikey`.
    """

    label: str


@dataclass(frozen=True)
class Public:
    """Stands within a secret and is none itself."""


@dataclass(frozen=True)
class Unordered:
    """A list whose order says nothing."""


@dataclass(frozen=True)
class Compared:
    """The server may spell the value in another way: two values are one if `spelling` makes them equal."""

    spelling: Callable[[str], str]


@dataclass(frozen=True)
class OnlyIn:
    """Only this dialect has the field; in the other it must have its default.

    `empty` is what is sent for an absent value; `assumed` is what the server makes of one.
    """

    dialect: Dialect
    empty: Any = ABSENT
    assumed: Any = ABSENT


@dataclass(frozen=True)
class InV2:
    """In dialect v2 the field stands at another `path`, has another `default`, or is sent as `empty` where absent."""

    path: str = ""
    default: Any = ABSENT
    empty: Any = ABSENT


@dataclass(frozen=True)
class SentWhereAbsent:
    """An absent value is sent as `value`, so that a server which merges takes the old one away.

    `is_ours`: no server makes one of its own, so that one which nobody declared is drift.
    """

    value: Any
    is_ours: bool = False


@dataclass(frozen=True)
class UnsentInV2:
    """Dialect v2 has no field for it: there it is kept in the state alone, so that a stack may change its dialect."""


@dataclass(frozen=True)
class Quiet:
    """A response may leave the field out without having lost it: what was declared stands."""


@dataclass(frozen=True)
class ReadAs:
    """Required of a program; a response that leaves the field out means this value."""

    value: Any


@dataclass(frozen=True)
class RequiredUnless:
    """Required of a program, but beside another `field` of the same object."""

    field: str


@dataclass(frozen=True)
class DefaultOf:
    """The default follows from another field of the same object, and waits until that one is known.

    `shown` is what documentation says of it.
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
    """A change of it can make the model unreachable."""


@dataclass(frozen=True)
class Evidence:
    """How sure the field is in each dialect: P(roven), I(nferred) or G(uessed); see docs/api.md."""

    v1: str = "P"
    v2: str = "P"


@dataclass(frozen=True)
class Says:
    """The rule of a value in the words of documentation."""

    rule: str


@dataclass(frozen=True)
class Note:
    """What docs/api.md adds to the field's rule."""

    text: str


# ---- spellings


def ignoring_case(text: str) -> str:
    """The names of headers and schemes are the same in capitals."""
    return text.casefold()


as_host: Final = one_spelling
"""A host is the same in capitals, with a dot at its end, in ASCII, and in each spelling of an address."""


def _escaped(path: str) -> str:
    """`/é~`, `/%c3%a9~` and `/%C3%A9%7E` are the same; `/a%2Fb` and `/a/b` are not."""
    return _ESCAPE.sub(lambda found: quote(unquote_to_bytes(found[0]), safe=""), quote(path, safe=_RESERVED))


def ignoring_trailing_slash(text: str) -> str:
    """`/v1/` and `/v1` lead to the same place."""
    return _escaped(text).rstrip("/")


def as_url(text: str) -> str:
    """A URL is the same with its scheme and host in another spelling, with its standard port and a last slash."""
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
    """`/v1/` and `v1` lead to the same place below a host."""
    return _escaped(text).strip("/")
