"""One request to the API, and its response: plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

from ..errors import UnexpectedResponse
from ..kinds.kind import Identifier, Json, Kind

RESPONSE_LIMIT: Final = 4 * 2**20
LIST_LIMIT: Final = 16 * 2**20
"""Bytes of one response, decompressed; parsed, they can take thirty times that. The models of a longer list are read
one by one."""
NOT_FOLLOWED: Final = "x-not-followed"
"""The header in which the place of a redirect is kept."""


@dataclass(frozen=True)
class Request:
    """One request. `what` names it to a person; `secrets` must not come back in an error."""

    method: str
    path: str
    what: str
    identity: Identifier | None = None
    body: Json = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    limit: int = RESPONSE_LIMIT
    kind: Kind | None = None

    @property
    def family(self) -> str:
        """The family of calls that share a rate limit."""
        return "rt" if self.path.startswith("/rt/") else "models"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Enkrypt-Refresh-Cache": "true"} if self.method == "GET" else {}
        return headers | (self.kind.headers(self.identity) if self.kind and self.identity else {})


@dataclass(frozen=True)
class Response:
    """A status, the headers, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Return the body's JSON. Raise `UnexpectedResponse` where it is none."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            start = "HTML" if self.body.lstrip()[:1] == b"<" else "a body that is not JSON"
            raise UnexpectedResponse(f"answered {self.status} with {start if self.body else 'nothing'}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def timestamp(date: str) -> float:
    """Return an HTTP date as seconds since 1970. Raise `ValueError`, `TypeError` or `OverflowError`."""
    return parsedate_to_datetime(date).timestamp()
