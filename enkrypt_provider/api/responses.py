"""Interprets responses: the registration or list in the body, or the error for the status.

`hide` returns a text with the keys that were sent redacted. No error shows more than one line of a response.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..errors import AuthenticationFailed, ModelExists, ModelNotFound, RequestRejected, UnexpectedResponse, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Kind, Live
from ..settings import Settings
from .request import NOT_FOLLOWED, Request, Response, timestamp
from .retry import Failed, Failure

Hide = Callable[[str], str]

_SECONDS: Final = re.compile(r" *[0-9]+(\.[0-9]+)? *")

_REJECTIONS: Final[dict[int, tuple[type[RequestRejected], str]]] = {
    401: (
        AuthenticationFailed,
        "{endpoint} does not accept the API key; set a valid one with `pulumi config set --secret enkrypt:apiKey`. "
        "`refresh` and `destroy` use the key of the last `up`: after a rotation add --run-program",
    ),
    403: (
        AuthenticationFailed,
        "{endpoint} does not accept the API key; it may belong to another project or lack permission for this",
    ),
    404: (ModelNotFound, ""),
    409: (ModelExists, ""),
}
"""The error and the advice for a status."""
_OTHER_DIALECT: Final = (
    "it was sent in dialect {own}; if the account speaks {other} (run `enkrypt-provider doctor` to find out), set "
    "enkrypt:dialect to {other}"
)
_NO_SUCH_CALL: Final = (RequestRejected, "is {endpoint} the API's address?")


# ---- a status


def failure(response: Response, hide: Hide) -> Failed | None:
    """Return the failure if the status means that the request may be sent again, else None."""
    seconds = retry_after(response.headers.get("retry-after"), response.headers.get("date"))
    status = response.status
    why = f"{status}{_colon(_message(response, hide))}"
    if status == 429:
        return Failed(Failure.RATE_LIMITED, why, seconds)
    if status == 503 and seconds is not None:
        return Failed(Failure.TURNED_AWAY, why, seconds)
    if status >= 500 or status in (408, 425):
        return Failed(Failure.LOST, why, seconds)
    return None


def rejection(request: Request, response: Response, settings: Settings, hide: Hide) -> RequestRejected:
    """Return the error for any other status from 300."""
    if response.status in (301, 302, 303, 307, 308):
        return RequestRejected(_redirected(request, response, hide), status=response.status)
    kind, advice = _REJECTIONS.get(response.status, (RequestRejected, ""))
    if kind is ModelNotFound and request.identity is None:
        kind, advice = _NO_SUCH_CALL
    elif response.status in (400, 422) and request.kind and request.body is not None and request.kind.has_dialects:
        advice = _OTHER_DIALECT.format(own=settings.dialect, other="v1" if settings.dialect == "v2" else "v2")
    message = f"{request.what}: {response.status}{_colon(_message(response, hide))}"
    return kind(
        f"{message}{_colon(advice.format(endpoint=settings.shown_endpoint))}",
        status=response.status,
        request_id=hide(_request_id(response)),
    )


def retry_after(header: str | None, date: str | None = None) -> float | None:
    """Return the seconds in either form of the header, or None if it is missing or unreadable.

    An HTTP date is compared with the server's own clock, its `date` header: this machine's may be wrong.
    """
    if header is None:
        return None
    try:
        return float(header) if _SECONDS.fullmatch(header) else max(0.0, timestamp(header) - _now(date))
    except (ValueError, TypeError, OverflowError):
        return None


def _now(date: str | None) -> float:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return timestamp(date) if date else time.time()
    return time.time()


def refusal(response: Response) -> Response | None:
    """Return a 2xx response whose body reports an error [P: the official client reads it so], with the status in the
    body; else None."""
    body = _json(response)
    if response.status >= 300 or not _field(body, "error"):
        return None
    code = _field(body, "code")
    return replace(response, status=code) if isinstance(code, int) and 400 <= code < 500 else response


def _message(response: Response, hide: Hide) -> str:
    body = _json(response)
    found = (_text(_field(body, name)) for name in ("message", "error", "detail"))
    return plain(hide(next(filter(None, found), "")), 300)


def _text(found: Json) -> str:
    """Return an error's text: a string, an object with one, or a list of these, as FastAPI sends it (a guess)."""
    return "; ".join(filter(None, map(_line, found[:5] if isinstance(found, list) else [found])))


def _line(found: Json) -> str:
    if isinstance(found, str):
        return found
    texts = (_field(found, name) for name in ("msg", "message"))
    text, place = next((text for text in texts if isinstance(text, str)), ""), _field(found, "loc")
    where = ".".join(map(plain, map(str, place[:9]))) if isinstance(place, list) else ""
    return f"{where}: {text}" if where and text else text


def _request_id(response: Response) -> str:
    in_body = _field(_json(response), "request_id")
    return in_body if isinstance(in_body, str) else response.headers.get("x-enkrypt-correlation-id", "")


def _json(response: Response) -> Json:
    """Return the body's JSON, or None if it is not JSON."""
    try:
        return response.json()
    except UnexpectedResponse:
        return None


def _field(found: Json, name: str) -> Json:
    return found.get(name) if isinstance(found, dict) else None


def _redirected(request: Request, response: Response, hide: Hide) -> str:
    where = plain(hide(_host_in(response.headers.get(NOT_FOLLOWED, ""))), 100) or "another place"
    return (
        f"{request.what}: {response.status} to {where}: redirects are not followed, since the key would "
        "go with them; if that is the API's address, set enkrypt:endpoint to it"
    )


def _host_in(url: str) -> str:
    """Return `https://HOST`, or "" if `url` has no host."""
    try:
        target = urlsplit(url)
        return f"{target.scheme}://{target.hostname}" if target.hostname else ""
    except ValueError:
        return ""


def _colon(text: str) -> str:
    return f": {text}" if text else ""


# ---- a body; each raises `UnexpectedResponse` if it contains anything else


def one(kind: Kind, identity: Identifier, response: Response) -> Live:
    """Return the requested registration."""
    return _registration(kind, identity, response.json())


def written(kind: Kind, identity: Identifier, response: Response) -> Live:
    """Return the registration in the response to a write."""
    return _registration(kind, identity, _field(response.json(), "data"))


def items(kind: Kind, response: Response) -> list[Json]:
    """Return the items of a list."""
    found = _field(response.json(), kind.calls.listed)
    if not isinstance(found, list):
        raise UnexpectedResponse(f"answered without a list of {kind.calls.listed}")
    return found


def _registration(kind: Kind, identity: Identifier, found: Json) -> Live:
    """Return the registration, which must have this identity; a missing version counts as a match."""
    name = next(iter(kind.identity))
    if not isinstance(found, dict) or not isinstance(found.get(name), str | int):
        raise UnexpectedResponse(f"answered without the {kind.noun}'s data")
    shown = kind.identity_shown(found)
    if (shown.name, shown.version or identity.version) != (identity.name, identity.version):
        raise UnexpectedResponse(f"answered with another {kind.noun}, {shown.name}")
    return codec.read(kind, found if shown == identity else kind.with_version(found, identity.version))
