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
"""Maximum size of a response in bytes, decompressed; parsed, it can take thirty times that. The models of a longer
list are read one by one."""
NOT_FOLLOWED: Final = "x-not-followed"
"""The header that keeps the location of a redirect."""


@dataclass(frozen=True)
class Request:
    """One request. `what` describes it to the user; `secrets` must not appear in an error."""

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
    """The status, the headers and the whole body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Parse the body as JSON. Raise `UnexpectedResponse` if it is not JSON."""
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
