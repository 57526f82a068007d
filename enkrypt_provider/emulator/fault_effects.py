"""The effects of faults on a response: a lost connection, half of the body, another status, garbage.

Which faults fire is decided in faults.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NoReturn

import flask

from .faults import MIB, Fault
from .responses import ApiError, Payload, json_response


class ConnectionReset(ConnectionResetError):
    """The response is lost. Embedded, the caller gets this exception; over HTTP, the socket is reset."""


class ResponseTruncated(ConnectionAbortedError):
    """Half of the response was sent. Embedded, reading the body raises it; over HTTP, the socket is closed."""


class _Reset(flask.Response):
    def __call__(self, *_: object) -> NoReturn:
        raise ConnectionReset("the emulator's fault dial reset the connection")


def reset(faults: Iterable[Fault], when: str) -> flask.Response | None:
    return next((_Reset(status=499) for fault in faults if fault.reset == when), None)


def is_reset(response: flask.Response) -> bool:
    return isinstance(response, _Reset)


def status(faults: Iterable[Fault]) -> flask.Response | None:
    """Return the response of the first fault with a status or a redirect."""
    fault = next((fault for fault in faults if fault.is_status), None)
    if fault is None:
        return None
    code = fault.status or HTTPStatus.TEMPORARY_REDIRECT
    if fault.body is not None:
        response = flask.Response(fault.body, code, content_type="text/plain; charset=utf-8")
    else:
        response = ApiError(code, _phrase(code)).response()
    for name, value in (("Retry-After", fault.retry_after), ("Location", fault.location)):
        if value is not None:
            response.headers[name] = value
    return response


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "an unusual status"


def truncated(response: flask.Response) -> flask.Response:
    """Send half of the body under the full Content-Length."""
    body = response.get_data()

    def half() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise ResponseTruncated("the emulator's fault dial cut the response short")

    cut = flask.Response(half(), response.status_code, response.headers)
    cut.headers["Content-Length"] = str(len(body))
    return cut


def garbage(faults: Iterable[Fault], payload: Payload) -> flask.Response | None:
    """Return the response of the first fault with garbage."""
    kinds = ((fault.garbage, fault.size) for fault in faults if fault.garbage)
    return next((GARBAGE[kind](payload, size) for kind, size in kinds), None)


def _html(*_: Any) -> flask.Response:
    return flask.Response("<html><body><h1>Maintenance</h1></body></html>", content_type="text/html")


def _empty(*_: Any) -> flask.Response:
    return flask.Response(b"", content_type="application/json")


def _wrong_types(payload: Payload, _: int) -> flask.Response:
    return json_response(_other_type(payload))


def _other_type(value: Any) -> Any:
    """Change the type of every leaf; keep the names."""
    if isinstance(value, dict) and value:
        return {name: _other_type(item) for name, item in value.items()}
    if isinstance(value, (dict, list)):
        return "" if value in ({}, []) else {"0": _other_type(value[0])}
    return [value] if isinstance(value, bool) else 0 if isinstance(value, str) else str(value)


def _missing_data(payload: Payload, _: int) -> flask.Response:
    """Return the message without the data; of a bare object, only `model_name`."""
    return json_response({name: payload[name] for name in payload.keys() & {"message", "model_name"}})


def _another_model(payload: Payload, _: int) -> flask.Response:
    """Return a valid response about another model."""
    return json_response(_renamed(payload))


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    other = {"model_saved_name": "Another_Model", "model_id": 1000000007}
    return {name: other.get(name, _renamed(item)) for name, item in value.items()}


def _huge(payload: Payload, size: int) -> flask.Response:
    """Return the true response after `size` bytes of spaces, which JSON allows."""
    return _padded(payload, size, lambda chunks: chunks, {"Content-Length": str(size + len(json.dumps(payload)))})


def _gzip_bomb(payload: Payload, size: int) -> flask.Response:
    """Return the same, compressed about a thousandfold."""
    return _padded(payload, size, _gzipped, {"Content-Encoding": "gzip"})


def _padded(
    payload: Payload,
    size: int,
    encode: Callable[[Iterator[bytes]], Iterator[bytes]],
    headers: Mapping[str, str],
) -> flask.Response:
    def chunks() -> Iterator[bytes]:
        for start in range(0, size, MIB):
            yield b" " * min(MIB, size - start)
        yield json.dumps(payload).encode()

    return flask.Response(encode(chunks()), headers=dict(headers), content_type="application/json")


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    yield from (packer.compress(chunk) for chunk in chunks)
    yield packer.flush()


def _deep(*_: Any) -> flask.Response:
    depth = 100_000
    return flask.Response('{"data": ' + "[" * depth + "]" * depth + "}", content_type="application/json")


GARBAGE: Mapping[str, Callable[[Payload, int], flask.Response]] = {
    "html": _html,
    "empty": _empty,
    "wrong_types": _wrong_types,
    "missing_data": _missing_data,
    "another_model": _another_model,
    "huge": _huge,
    "deep": _deep,
    "gzip_bomb": _gzip_bomb,
}
