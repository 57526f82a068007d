"""JSON over HTTP: parsing of bodies, and the form of responses and errors."""

from __future__ import annotations

import json
import math
import uuid
from typing import Any

import flask

Payload = dict[str, Any]


class ApiError(Exception):
    """An error response: `{"message", "request_id"}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> flask.Response:
        request_id = uuid.uuid4().hex
        response = json_response({"message": self.message, "request_id": request_id}, self.status)
        response.headers["x-enkrypt-correlation-id"] = request_id
        return response


def json_response(payload: object, status: int = 200) -> flask.Response:
    return flask.Response(json.dumps(payload), status, content_type="application/json")


def json_in(body: bytes) -> Any:
    """Parse a body as JSON: UTF-8, finite numbers, and no text that PostgreSQL cannot store [I]."""
    try:
        text = body.decode()
        value = _DECODER.decode(text)
        if "\\u" in text:
            _storable(value)
    except ValueError as error:
        raise ApiError(400, "the body is not JSON in UTF-8") from error
    return value


def _storable(value: Any) -> None:
    """Refuse half a surrogate pair, which UTF-8 cannot encode, and NUL, which JSON always escapes."""
    if rb"\u0000" in json.dumps(value, ensure_ascii=False).encode().replace(rb"\\", b""):
        raise ValueError("NUL")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number out of range")
    return number


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
