"""One call of the API, and what came back: plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

from .errors import UnexpectedResponse
from .schema import Identifier, Json

ANSWER_LIMIT: Final = 4 * 2**20
LIST_LIMIT: Final = 16 * 2**20
"""Bytes of one answer, decompressed; as objects they can be thirty times that. What a longer list says is asked for
model by model."""
ASIDE: Final = "x-not-followed"
"""The header under which a redirect's place is kept."""


@dataclass(frozen=True)
class Request:
    """One call of the API. `what` names it to a person; `secrets` must not come back in an error."""

    method: str
    path: str
    what: str
    identity: Identifier | None = None
    body: Json = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    limit: int = ANSWER_LIMIT

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Enkrypt-Refresh-Cache": "true"} if self.method == "GET" else {}
        if self.identity:
            headers["X-Enkrypt-Model"] = self.identity.name
            headers["X-Enkrypt-Model-Version"] = self.identity.version
        return headers


@dataclass(frozen=True)
class Answer:
    """What came back: a status, the headers, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body's JSON. Raises `UnexpectedResponse` where it is none."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            start = "HTML" if self.body.lstrip()[:1] == b"<" else "a body that is not JSON"
            raise UnexpectedResponse(f"answered {self.status} with {start if self.body else 'nothing'}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def timestamp(date: str) -> float:
    """An HTTP date as seconds since 1970. Raises `ValueError`, `TypeError` or `OverflowError` where it is none."""
    return parsedate_to_datetime(date).timestamp()
