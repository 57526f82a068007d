"""client.py: what goes over the wire, what may come back, and that no key is seen on the way."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from documents import ANSWER, DOCUMENT, answer, canonical, document, everything
from hypothesis import example, given
from hypothesis import strategies as st

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.redaction import redacted, secrets_in
from enkrypt_provider.api.request import ANSWER_LIMIT, LIST_LIMIT
from enkrypt_provider.api.retry import Patience
from enkrypt_provider.emulator import Fault, create_app, serve_in_thread
from enkrypt_provider.errors import (
    AuthenticationFailed,
    ConfigurationError,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.schema import Identifier, read
from enkrypt_provider.settings import Key, Settings

KEY = "stand-in-key+/=of the account".replace(" ", "-")
MODEL = Identifier("Test_Model", "1")
HOST = "https://api.enkryptai.com"
BODY = canonical(document())

Handler = Callable[[httpx.Request], httpx.Response]
Call = Callable[[EnkryptClient], Any]

CALLS: dict[str, Call] = {
    "create Test_Model/1": lambda c: c.add_model(BODY, MODEL),
    "read Test_Model/1": lambda c: c.get_model(MODEL),
    "list the models": lambda c: c.list_models(),
    "update Test_Model/1": lambda c: c.modify_model(MODEL, BODY),
    "delete Test_Model/1": lambda c: c.delete_model(MODEL),
    "check the health of Test_Model/1": lambda c: c.model_health(MODEL),
}
"""Each call, by what a person calls it."""


class Wire:
    """Stands in for the network: keeps what was sent, answers the next of `answers`, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self._answers = list(answers)
        self.sent: list[httpx.Request] = []
        self.slept: list[float] = []
        self.said: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, httpx.Response) else found(request)

    def client(
        self, retries: int = 0, clock: Callable[[], float] = lambda: 0.0, timeout: float = 30.0
    ) -> EnkryptClient:
        return EnkryptClient(
            Settings(Key(KEY), HOST, timeout=timeout),
            transport=httpx.MockTransport(self),
            patience=Patience(retries, sleep=self.slept.append, announce=self.said.append),
            clock=clock,
        )


def says(body: Any = b"", status: int = 200, **headers: str) -> Handler:
    """Answers `body`: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(status, headers=named, stream=httpx.ByteStream(content))


def drips(chunks: Iterator[bytes], **headers: str) -> Handler:
    """Answers chunk by chunk."""

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return chunks

    return lambda _request: httpx.Response(200, headers=headers, stream=Stream())


WELL: dict[str, Any] = {
    "create Test_Model/1": {"message": "Model details added successfully", "data": answer()},
    "read Test_Model/1": answer(),
    "list the models": {"models": [answer()]},
    "update Test_Model/1": {"message": "Model details updated successfully", "data": answer()},
    "delete Test_Model/1": {"message": "Model details deleted successfully", "data": {}},
    "check the health of Test_Model/1": {"status": "healthy"},
}
"""What a server that does its work answers to each call."""

every_call = pytest.mark.parametrize("name", list(CALLS))


def refusal(name: str, *answers: httpx.Response | Exception | Handler, retries: int = 0) -> EnkryptError:
    """The error of one call that goes wrong."""
    with pytest.raises(EnkryptError) as caught:
        CALLS[name](Wire(*answers).client(retries))
    return caught.value


# ---- what is sent


@pytest.mark.parametrize(
    ("name", "method", "path", "identity", "refresh", "body"),
    [
        ("create Test_Model/1", "POST", "/models/add-model", False, False, True),
        ("read Test_Model/1", "GET", "/models/get-model", True, True, False),
        ("list the models", "GET", "/models/list-models", False, True, False),
        ("update Test_Model/1", "PATCH", "/models/modify-model", True, False, True),
        ("delete Test_Model/1", "DELETE", "/models/delete-model", True, False, False),
        ("check the health of Test_Model/1", "POST", "/rt/model/model-health", True, False, False),
    ],
)
def test_each_call_is_sent_as_documented(
    name: str, method: str, path: str, identity: bool, refresh: bool, body: bool
) -> None:
    """Each call has its own method, path and headers, and only writes have a body."""
    wire = Wire(says(WELL[name]))
    CALLS[name](wire.client())
    (sent,) = wire.sent
    named = (sent.headers.get("X-Enkrypt-Model"), sent.headers.get("X-Enkrypt-Model-Version"))
    assert (sent.method, str(sent.url)) == (method, f"{HOST}{path}")
    assert named == (("Test_Model", "1") if identity else (None, None))
    assert sent.headers.get("X-Enkrypt-Refresh-Cache") == ("true" if refresh else None)
    assert sent.headers.get("Content-Type") == ("application/json" if body else None)
    assert bool(sent.content) is body


@every_call
def test_each_request_says_who_asks_and_what_is_understood(name: str) -> None:
    """Every request carries the key, its sender's name, and the wish for plain JSON."""
    wire = Wire(says(WELL[name]))
    CALLS[name](wire.client())
    headers = wire.sent[0].headers
    assert headers["apikey"] == KEY
    assert headers["User-Agent"].startswith("enkrypt-provider")
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("application/json", "identity")
    assert "Authorization" not in headers


@pytest.mark.parametrize("name", ["create Test_Model/1", "update Test_Model/1"])
def test_the_body_is_the_documents_byte_for_byte(name: str) -> None:
    """What is sent is the document's example: whole, in its order, without blanks."""
    wire = Wire(says(WELL[name]))
    CALLS[name](wire.client())
    assert wire.sent[0].content == json.dumps(json.loads(DOCUMENT), separators=(",", ":")).encode()


def test_a_body_is_utf8_as_it_is() -> None:
    """Text of any language is sent as UTF-8, not as escapes."""
    wire = Wire(says(WELL["create Test_Model/1"]))
    wire.client().add_model(canonical(document(model_name="Modèle ☃")), MODEL)
    assert "Modèle ☃".encode() in wire.sent[0].content


def test_a_body_is_strict_json() -> None:
    """What JSON cannot say is a bug of ours, never sent."""
    wire = Wire(says(WELL["create Test_Model/1"]))
    with pytest.raises(ValueError, match="JSON"):
        wire.client().add_model({"a": float("nan")}, MODEL)
    assert wire.sent == []


# ---- what comes back


@every_call
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_is_success(name: str, status: int) -> None:
    """Which 2xx the API answers is not documented, so any will do."""
    expected = {
        "list the models": [answer()],
        "delete Test_Model/1": None,
        "check the health of Test_Model/1": WELL["check the health of Test_Model/1"],
    }
    assert CALLS[name](Wire(says(WELL[name], status)).client()) == expected.get(name, read(answer()))


def test_a_delete_needs_no_body() -> None:
    """What the API says of a deletion is a guess: nothing of it is needed."""
    Wire(says(b"", 204)).client().delete_model(MODEL)
    Wire(says(b"<html>", 200)).client().delete_model(MODEL)


@pytest.mark.parametrize(
    "found",
    [
        answer(),
        {**answer(model_config__model_version=None), "model_version": "1"},
        answer(model_config__model_version=None),
    ],
)
def test_the_version_may_stand_at_the_root_or_be_left_out(found: Any) -> None:
    """An answer is the model that was asked for, wherever it has the version, and says so from then on."""
    assert Wire(says(found)).client().get_model(MODEL) == read(answer())


# Status, body, error, and what the line says after "OPERATION: ".
REFUSED: list[tuple[int, Any, type[EnkryptError], str]] = [
    (400, {"message": "model_name must be a string"}, RequestRejected, "400: model_name must be a string"),
    (400, {"message": "no", "request_id": "r-1"}, RequestRejected, "400: no (request id r-1)"),
    (400, {"message": ["not", "a", "text"], "request_id": 5}, RequestRejected, "400"),
    (400, ["not", "an", "object"], RequestRejected, "400"),
    (405, b"<html>Not allowed</html>", RequestRejected, "405"),
    (418, b"", RequestRejected, "418"),
    (422, {"message": "two\nlines \x1b[31m"}, RequestRejected, "422: two lines  [31m"),
    (422, {"message": "y" * 400}, RequestRejected, "422: " + "y" * 299 + "…"),
    (
        401,
        {"message": "Unauthorized"},
        AuthenticationFailed,
        f"401: Unauthorized: {HOST} does not accept the API key; set a valid one with "
        "`pulumi config set --secret enkrypt:apiKey`. `refresh` and `destroy` use the key of the last `up`: after a "
        "rotation add --run-program",
    ),
    (
        403,
        b"",
        AuthenticationFailed,
        f"403: {HOST} does not accept the API key; it may be of another project or lack the right to do this",
    ),
    (409, {"message": "taken"}, ModelExists, "409: taken"),
    (304, b"", RequestRejected, "304"),
    (300, b"", RequestRejected, "300"),
    (429, {"message": "slow down"}, ServiceUnavailable, "429: slow down; tried once"),
    (500, {"message": "boom"}, ServiceUnavailable, "500: boom; tried once"),
    (502, b"<html>Bad gateway</html>", ServiceUnavailable, "502; tried once"),
    (503, b"", ServiceUnavailable, "503; tried once"),
    (504, b"", ServiceUnavailable, "504; tried once"),
    (507, {"message": "full"}, ServiceUnavailable, "507: full; tried once"),
    (599, b"", ServiceUnavailable, "599; tried once"),
    (408, b"", ServiceUnavailable, "408; tried once"),
    (425, b"", ServiceUnavailable, "425; tried once"),
]


@every_call
@pytest.mark.parametrize(("status", "body", "kind", "line"), REFUSED)
def test_each_status_is_one_helpful_line(
    name: str, status: int, body: Any, kind: type[EnkryptError], line: str
) -> None:
    """A refusal names the operation and the model, the status, the API's words, and what to do."""
    error = refusal(name, says(body, status))
    assert (type(error), str(error)) == (kind, f"{name}: {line}")


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("read Test_Model/1", ModelNotFound, ""),
        ("update Test_Model/1", ModelNotFound, ""),
        ("delete Test_Model/1", ModelNotFound, ""),
        ("create Test_Model/1", RequestRejected, f": is {HOST} the API's address?"),
        ("list the models", RequestRejected, f": is {HOST} the API's address?"),
    ],
)
def test_only_a_model_that_was_named_can_be_missing(name: str, kind: type[EnkryptError], said: str) -> None:
    """A 404 to a call that names no model says that there is no such call: the address is wrong."""
    error = refusal(name, says({"message": "not here"}, 404))
    assert (type(error), str(error)) == (kind, f"{name}: 404: not here{said}")


def test_the_gateways_id_stands_in_for_the_apis() -> None:
    """Where the body has no request id, the gateway's header is used."""
    error = refusal("read Test_Model/1", says({"message": "no"}, 400, x_enkrypt_correlation_id="c-1"))
    assert str(error) == "read Test_Model/1: 400: no (request id c-1)"
    assert isinstance(error, RequestRejected)
    assert (error.status, error.request_id) == (400, "c-1")


@every_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_refusal_that_names_the_place(name: str, status: int) -> None:
    """A redirect is not followed, but said, with the way out; nothing else is sent."""
    wire = Wire(says(b"", status, location="https://eu.example.com/models?apikey=x"))
    with pytest.raises(RequestRejected) as caught:
        CALLS[name](wire.client(retries=5))
    assert str(caught.value) == (
        f"{name}: {status} to https://eu.example.com: redirects are not followed, since the key would go with them; "
        "if that is the API's address, set enkrypt:endpoint to it"
    )
    assert len(wire.sent) == 1


@pytest.mark.parametrize("location", ["", "/models/elsewhere", "elsewhere", "https://[half-an-address"])
def test_a_redirect_to_the_same_host_is_not_followed_either(location: str) -> None:
    """A redirect without a host leads to another place, and is refused alike."""
    error = refusal("list the models", says(b"", 302, location=location))
    assert str(error).startswith("list the models: 302 to another place: redirects are not followed")


UNREACHED = f"{HOST} cannot be reached"
CHECK = ": check enkrypt:endpoint, the network and HTTPS_PROXY"

# The failure, whether nothing can have been sent, and the line.
TRANSPORT: list[tuple[Exception, bool, str]] = [
    (httpx.ConnectError("refused"), True, f"{UNREACHED} (refused){CHECK}"),
    (httpx.ConnectError(""), True, f"{UNREACHED} (ConnectError){CHECK}"),
    (httpx.ConnectTimeout("timed out"), True, f"{UNREACHED} (timed out){CHECK}"),
    (httpx.PoolTimeout("no connection free"), True, f"{UNREACHED} (no connection free){CHECK}"),
    (httpx.ProxyError("407 from the proxy"), True, f"{UNREACHED} (407 from the proxy){CHECK}"),
    (httpx.UnsupportedProtocol("no http"), True, f"{UNREACHED} (no http){CHECK}"),
    (httpx.ReadTimeout("timed out"), False, "no answer within 30 s"),
    (httpx.WriteTimeout("timed out"), False, "no answer within 30 s"),
    (httpx.ReadError("reset"), False, "the connection broke (ReadError)"),
    (httpx.WriteError("reset"), False, "the connection broke (WriteError)"),
    (httpx.CloseError("reset"), False, "the connection broke (CloseError)"),
    (httpx.RemoteProtocolError("peer closed"), False, "the connection broke (RemoteProtocolError)"),
    (ConnectionResetError("reset"), False, "the connection broke (ConnectionResetError)"),
]  # fmt: skip


@every_call
@pytest.mark.parametrize(("failure", "_unsent", "line"), TRANSPORT, ids=lambda v: type(v).__name__)
def test_each_failure_of_the_network_is_one_line(name: str, failure: Exception, _unsent: bool, line: str) -> None:
    """Whatever breaks on the way is said as what it was, how often it was tried, and is worth another try."""
    assert str(refusal(name, failure)) == f"{name}: {line}; tried once"
    wire = Wire(failure, says(WELL[name]))
    CALLS[name](wire.client(retries=1))
    assert len(wire.sent) == 2


@pytest.mark.parametrize(("failure", "unsent", "_line"), TRANSPORT, ids=lambda v: type(v).__name__)
def test_only_a_create_that_was_sent_is_looked_up(failure: Exception, unsent: bool, _line: str) -> None:
    """A POST that never left is simply sent again; one whose answer was lost is looked up first."""
    looked: list[str] = []

    def look() -> Any:
        looked.append("looked")
        return read(answer())

    wire = Wire(failure, says(WELL["create Test_Model/1"]))
    assert wire.client(retries=1).add_model(BODY, MODEL, look) == read(answer())
    assert (len(wire.sent), len(looked)) == ((2, 0) if unsent else (1, 1))


@pytest.mark.parametrize(
    ("reply", "looks"),
    [
        (says(b"", 429), 0),
        (says(b"", 503, retry_after="1"), 0),
        (says(b"", 503), 1),
        (says(b"", 500), 1),
        (says(b"", 408), 1),
        (says(b"", 200), 1),
        (says({"message": "ok"}, 200), 1),
        (says({"data": answer(model_saved_name="Another")}), 1),
    ],
)
def test_a_create_without_a_clear_answer_is_looked_up(reply: Handler, looks: int) -> None:
    """Where the work may have been done it is looked up, where it was turned away it is not."""
    looked: list[str] = []
    wire = Wire(reply, says(WELL["create Test_Model/1"]))
    assert wire.client(retries=1).add_model(BODY, MODEL, lambda: looked.append("looked")) == read(answer())
    assert (len(wire.sent), len(looked)) == (2, looks)


# Bodies of a 200 that is none, and what is said of them.
SPOILT: list[tuple[bytes, str]] = [
    (b"", "answered 200 with nothing"),
    (b"<html><body>Maintenance</body></html>", "answered 200 with HTML"),
    (b"  <!DOCTYPE html>", "answered 200 with HTML"),
    (b"ok", "answered 200 with a body that is not JSON"),
    (b'{"model_saved_name": ', "answered 200 with a body that is not JSON"),
    (b'{"model_id": NaN}', "answered 200 with a body that is not JSON"),
    (b'{"model_name": "\xff\xfe"}', "answered 200 with a body that is not JSON"),
    (b"[" * 200_000 + b"]" * 200_000, "answered 200 with a body that is not JSON"),
    (b'{"model_id": ' + b"9" * 5000 + b"}", "answered 200 with a body that is not JSON"),
]


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("delete")])
@pytest.mark.parametrize(("body", "line"), SPOILT, ids=[f"{line[13:]}-{n}" for n, (_, line) in enumerate(SPOILT)])
def test_a_spoilt_answer_is_the_servers_mistake(name: str, body: bytes, line: str) -> None:
    """A success without its content is nobody's success: it says who broke the contract, and how."""
    error = refusal(name, says(body))
    assert (type(error), str(error)) == (UnexpectedResponse, f"{name}: {HOST} {line}")


NO_MODEL: list[Any] = [[], "ok", None, {}, {"data": answer()}]
NO_DATA: list[Any] = [
    [],
    "ok",
    5,
    None,
    {},
    {"data": None},
    {"data": []},
    {"data": {"model_saved_name": 5}},
    answer(),
]


@pytest.mark.parametrize(
    ("name", "found", "line"),
    [
        ("read Test_Model/1", answer(model_saved_name="Another"), "another model, Another"),
        ("read Test_Model/1", answer(model_config__model_version="2"), "another model, Test_Model"),
        ("read Test_Model/1", answer(model_config__model_version=1), "another model, Test_Model"),
        ("update Test_Model/1", {"data": answer(model_saved_name="x\n" * 99)}, f"another model, {'x ' * 85}…"),
    ],
)
def test_data_of_another_shape_or_model_is_not_taken(name: str, found: Any, line: str) -> None:
    """An answer about something else is never taken for the model that was asked for."""
    assert str(refusal(name, says(found))) == f"{name}: {HOST} answered with {line}"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *(("create Test_Model/1", found) for found in NO_DATA),
        *(("update Test_Model/1", found) for found in NO_DATA),
        *(("read Test_Model/1", found) for found in NO_MODEL),
    ],
)
def test_an_answer_without_the_models_data_is_said(name: str, found: Any) -> None:
    """A success that does not show the model is not taken for one."""
    assert str(refusal(name, says(found))) == f"{name}: {HOST} answered without the model's data"


@pytest.mark.parametrize("found", [[], None, {}, {"models": {}}, answer()])
def test_an_answer_without_a_list_is_said(found: Any) -> None:
    """Something else in the place of a list does not mean that there are no models."""
    error = refusal("list the models", says(found))
    assert str(error) == f"list the models: {HOST} answered without a list of models"


@pytest.mark.parametrize("name", list(CALLS))
def test_an_unreadable_answer_is_tried_again(name: str) -> None:
    """A gateway that spoils one answer does not end an `up`."""
    assert not name.startswith("delete") or WELL[name]
    wire = Wire(says(b"<html>"), says(WELL[name]))
    CALLS[name](wire.client(retries=1))
    assert len(wire.sent) == (1 if name.startswith("delete") else 2)


# ---- bounds


def _mebibytes(count: int) -> Iterator[bytes]:
    blanks = b" " * 2**20
    return (blanks for _ in range(count))


@pytest.mark.parametrize("name", ["read Test_Model/1", "delete Test_Model/1", "list the models"])
def test_a_huge_answer_is_cut_off(name: str) -> None:
    """An answer without end costs no more memory than the largest that could be meant."""
    limit = LIST_LIMIT if name.startswith("list") else ANSWER_LIMIT
    chunks = _mebibytes(1000)
    error = refusal(name, drips(chunks))
    assert str(error) == f"{name}: {HOST} answered 200 with more than {limit:,} bytes"
    assert len(list(chunks)) >= 1000 - limit // 2**20 - 2


def test_a_long_list_is_read() -> None:
    """A list may be longer than one model."""
    found = {"models": [answer(model_config__system_prompt="x" * 2**20) for _ in range(5)]}
    assert len(Wire(says(found)).client().list_models()) == 5


SWOLLEN = f"answered with a compressed body that is cut short or over {ANSWER_LIMIT:,} bytes"


@pytest.mark.parametrize(
    ("body", "encoding", "line"),
    [
        (gzip.compress(b" " * 50 * 2**20), "gzip", SWOLLEN),
        (gzip.compress(ANSWER.encode())[:-20], "gzip", SWOLLEN),
        (b"no gzip", "gzip", "answered with a compressed body that is broken"),
        (ANSWER.encode(), "br", "answered in the encoding 'br', which was not asked for"),
        (ANSWER.encode(), "x\x1b" * 20, "answered in the encoding 'x x x x x x x x x x…', which was not asked for"),
    ],
)  # fmt: skip
def test_a_compressed_answer_is_no_bomb(body: bytes, encoding: str, line: str) -> None:
    """An answer that swells, breaks or is packed in an unknown way is refused before it costs anything."""
    assert (
        str(refusal("read Test_Model/1", says(body, content_encoding=encoding)))
        == f"read Test_Model/1: {HOST} {line}"
    )


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(ANSWER.encode()), "gzip"),
        (gzip.compress(ANSWER.encode()), "GZIP"),
        (zlib.compress(ANSWER.encode()), "deflate"),
        (ANSWER.encode(), "identity"),
    ],
)
def test_a_proxy_may_compress_what_was_asked_for_plain(body: bytes, encoding: str) -> None:
    """A small compressed answer is read, though it was not wished for."""
    assert Wire(says(body, content_encoding=encoding)).client().get_model(MODEL) == read(answer())


@pytest.mark.parametrize("size", [1, 65_536])
def test_a_slow_drip_is_bounded_as_a_whole(size: int) -> None:
    """A server that sends something every second is given up once the answer as a whole took too long."""
    clock = [0.0]
    left = 100

    def chunks() -> Iterator[bytes]:
        nonlocal left
        while left:
            left -= 1
            clock[0] += 1.0
            yield b" " * size

    wire = Wire(drips(chunks()))
    with pytest.raises(ServiceUnavailable) as caught:
        wire.client(clock=lambda: clock[0], timeout=10).get_model(MODEL)
    assert str(caught.value) == "read Test_Model/1: no answer within 10 s; tried once"
    assert left == 100 - 11


# ---- patience


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("0", 0.0),
        ("2", 2.0),
        (" 7 ", 7.0),
        ("3600", 60.0),
        ("9" * 400, 60.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Tue, 01 Jan 2999 00:00:00 GMT", 60.0),
    ],
)
def test_retry_after_is_granted(header: str, waited: float) -> None:
    """Seconds or a date: the server is asked again when it said, within a minute."""
    wire = Wire(says(b"", 429, retry_after=header), says(answer()))
    wire.client(retries=1).get_model(MODEL)
    assert wire.slept == [waited]


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
@example("²")
@example("-5")
@example("1e400")
@example("soon")
@example("Wed, 99 Foo 99999 99:99:99 GMT")
@example("Fri, 31 Dec 0000 00:00:00 -9999")
def test_no_retry_after_is_too_odd(header: str) -> None:
    """Whatever stands in the header, the request is sent again within a minute."""
    named = [(b"retry-after", header.encode("latin-1"))]
    wire = Wire(lambda _r: httpx.Response(429, headers=named, stream=httpx.ByteStream(b"")), says(answer()))
    wire.client(retries=1).get_model(MODEL)
    assert len(wire.sent) == 2
    assert 0 <= wire.slept[0] <= 60


def test_a_retry_is_announced_with_its_cause() -> None:
    """Who waits sees which call failed on which model, and why."""
    wire = Wire(says({"message": "slow down"}, 429, retry_after="2"), says(answer()))
    wire.client(retries=5).get_model(MODEL)
    assert wire.said == ["read Test_Model/1: 429: slow down, waiting 2 s, attempt 2 of 6"]


def test_announcements_go_to_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    """By default an announcement is printed where the engine shows it live, and never on stdout."""
    wire = Wire(says(b"", 429, retry_after="0"), says(answer()))
    EnkryptClient(Settings(Key(KEY), HOST, max_retries=1), transport=httpx.MockTransport(wire)).get_model(MODEL)
    assert capsys.readouterr() == ("", "read Test_Model/1: 429, waiting 0 s, attempt 2 of 2\n")


# ---- looking for a model


def test_a_model_is_looked_for_after_each_wait() -> None:
    """A model that appears late is found; the waits are exactly those that were asked for."""
    wire = Wire(says(b"", 404), says(b"", 404), says(answer()))
    assert wire.client().find_model(MODEL, (0.0, 0.5, 1.0, 2.0)) == read(answer())
    assert (len(wire.sent), wire.slept) == (3, [0.5, 1.0])


def test_a_model_that_is_not_there_is_none() -> None:
    """After the last look there is no model, and no error."""
    wire = Wire(says(b"", 404))
    assert wire.client().find_model(MODEL) is None
    assert len(wire.sent) == 1


def test_a_look_that_is_refused_is_an_error() -> None:
    """That the key is refused does not mean that the model is gone."""
    with pytest.raises(AuthenticationFailed):
        Wire(says(b"", 401)).client().find_model(MODEL)


# ---- the other side's clock


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(0), timedelta(days=1)])
def test_the_apis_clock_is_known_from_its_answers(ahead: timedelta) -> None:
    """How far the API's clock is ahead is told by the header `Date`, to about its own second."""
    date = format_datetime(datetime.now(timezone.utc) + ahead, usegmt=True)
    client = Wire(says(answer(), date=date)).client()
    client.get_model(MODEL)
    assert client.clock_offset == pytest.approx(ahead.total_seconds(), abs=60)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 99999 00:00:00 GMT"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    """A nonsensical `Date` leaves the clock as it was."""
    client = Wire(says(answer(), date=date)).client()
    client.get_model(MODEL)
    assert client.clock_offset == 0.0


# ---- no key in any string

ECHOES: list[Callable[[str], str]] = [
    str,
    lambda key: quote(key, safe=""),
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: base64.b64encode(key.encode()).decode().rstrip("="),
    lambda key: f"{key} and {key}",
    lambda key: f"Bearer {key}; rejected",
]
"""What a server, or a gateway before it, may make of a key."""
MODEL_KEY = "stand-in-model-key-7f3a"
LONGER_KEY = f"{KEY}-and-more-of-it"


def _everything_said(error: BaseException) -> str:
    """All that anyone could print of an error: itself, its chain, its traceback."""
    said: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        said += [str(seen), repr(seen), *traceback.format_exception(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(said)


@pytest.mark.parametrize("secret", [KEY, MODEL_KEY, LONGER_KEY], ids=["the account's", "a model's", "a longer one"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 429, 500, 503])
def test_no_error_repeats_a_key_that_a_server_echoes(status: int, secret: str) -> None:
    """Whatever a server makes of a key that it was sent, no error, announcement, chain or traceback shows it."""
    shapes = {
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode().rstrip("="),
        "-and-more-of-it",
    }
    for echo in ECHOES:
        for update in (False, True):
            said = _said_of(status, echo(secret), update=update)
            assert not [shape for shape in shapes if shape in said], (echo(secret), update)


def _said_of(status: int, echoed: str, *, update: bool) -> str:
    """All that is said of a write that a server answers with `echoed`, wherever it can."""
    body = {"message": f"invalid: {echoed}", "request_id": echoed, "data": {"model_saved_name": echoed}}
    wire = Wire(says(body, status, location=f"https://{echoed}.example.com/?apikey={echoed}"))
    sent = canonical(document(model_config__apikeys=[MODEL_KEY, LONGER_KEY]))
    client = wire.client(retries=1)
    with pytest.raises(EnkryptError) as caught:
        client.modify_model(MODEL, sent) if update else client.add_model(sent, MODEL)
    return "\n".join([_everything_said(caught.value), *wire.said])


@pytest.mark.parametrize("failure", [failure for failure, *_ in TRANSPORT], ids=lambda v: type(v).__name__)
def test_no_failure_of_the_network_repeats_the_key(failure: Exception) -> None:
    """A library that puts a header into its message does not give the key away."""
    told = type(failure)(f"illegal header value {KEY!r}")
    assert KEY not in str(refusal("read Test_Model/1", told)) + "".join(traceback.format_exception(told.__cause__))


def test_no_text_of_a_client_shows_its_key() -> None:
    """A client can be printed."""
    client = Wire(says(answer())).client()
    assert f"{client} {client!r}" == f"EnkryptClient('{HOST}') EnkryptClient('{HOST}')"


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=4), min_size=1, max_size=4), st.data())
def test_redacted_text_holds_no_secret(secrets: Sequence[str], data: st.DataObject) -> None:
    """Of several secrets, one of which may begin or hold another, none is left in a text."""
    text = data.draw(st.lists(st.sampled_from(secrets) | st.just(" "), max_size=6).map("".join))
    left = redacted(text, secrets).replace("***", "")
    assert not [secret for secret in secrets if secret in left and "*" not in secret]


def test_what_is_too_short_to_be_a_key_is_left() -> None:
    """A secret of three characters or fewer is not hidden: it would make every text unreadable."""
    assert redacted("the port is 443", ["443"]) == "the port is 443"


def test_every_secret_field_of_a_body_is_hidden() -> None:
    """All that can hold a secret is kept out of errors, in either dialect."""
    body = everything("v2")
    expected = {
        "stand-in-key-1",
        "stand-in-key-2",
        "stand-in-client-key",
        "stand-in-jwt-body",
        "stand-in-header-value",
        "curl -H 'Authorization: stand-in-curl-key' https://h",
    }
    assert expected <= set(secrets_in(body))


@pytest.mark.parametrize("body", [{}, {"model_config": None}, {"model_config": {"apikeys": [1, None, {"a": []}]}}])
def test_a_body_without_secrets_has_none(body: Any) -> None:
    """Whatever a body holds, looking for secrets in it is harmless."""
    assert secrets_in(body) == ()


# ---- real sockets


@contextmanager
def listening(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """A server of this machine; gives its URL and each request's head."""
    heads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            heads.append(f"{self.requestline}\n{self.headers}")
            respond(self)
            self.close_connection = True

        def log_message(self, *_args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heads
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond_with(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def connected(url: str, retries: int = 0) -> EnkryptClient:
    return EnkryptClient(Settings(Key(KEY), url, timeout=10), patience=Patience(retries, sleep=lambda _seconds: None))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_never_follows_a_redirect(status: int) -> None:
    """Another server, to which the first one redirects, never hears of us."""
    with (
        listening(respond_with(200, ANSWER.encode())) as (elsewhere, strangers),
        listening(respond_with(status, Location=f"{elsewhere}/models/get-model")) as (url, heads),
        pytest.raises(RequestRejected, match="redirects are not followed"),
    ):
        connected(url).get_model(MODEL)
    assert (len(heads), strangers) == (1, [])


def test_a_proxy_is_asked_for_a_tunnel_and_sees_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is used for https, and is told nothing but the host."""
    with listening(respond_with(502)) as (url, heads):
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            connected("https://api.enkryptai.invalid").get_model(MODEL)
    assert heads[0].startswith("CONNECT api.enkryptai.invalid:443 ")
    assert KEY not in heads[0]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_plain_http_never_leaves_this_machine_by_a_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A proxy of the environment is not handed the key that plain http carries to this machine."""
    with (
        listening(respond_with(502)) as (proxy, strangers),
        listening(respond_with(200, ANSWER.encode())) as (url, heads),
    ):
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, proxy)
        assert connected(url).get_model(MODEL) == read(answer())
    assert (len(heads), strangers) == (1, [])


def test_a_port_where_nobody_listens_was_never_reached() -> None:
    """A refused connection is said with the address, and safe to try again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ServiceUnavailable) as caught:
        connected(f"http://127.0.0.1:{port}", retries=1).add_model(BODY, MODEL)
    line = str(caught.value)
    assert line.startswith(f"create Test_Model/1: http://127.0.0.1:{port} cannot be reached (")
    assert line.endswith("; tried 2 times")


# ---- the emulator's faults, embedded and over a socket


@contextmanager
def _embedded(database: Path, *faults: Fault) -> Iterator[EnkryptClient]:
    create_app(database, faults=faults)
    yield EnkryptClient(Settings(Key("embedded"), "", database), patience=Patience(1, sleep=lambda _seconds: None))


@contextmanager
def _served(database: Path, *faults: Fault) -> Iterator[EnkryptClient]:
    with serve_in_thread(create_app(database, faults=faults)) as url:
        yield connected(url, retries=1)


@pytest.mark.parametrize("reach", [_embedded, _served])
@pytest.mark.parametrize(
    ("fault", "kind", "line"),
    [
        (Fault(reset="before"), ServiceUnavailable, "the connection broke"),
        (Fault(reset="after"), ServiceUnavailable, "the connection broke"),
        (Fault(truncate=True), ServiceUnavailable, "the connection broke"),
        (Fault(status=503, retry_after="1"), ServiceUnavailable, "503: Service Unavailable"),
        (Fault(garbage="html"), UnexpectedResponse, "answered 200 with HTML"),
        (Fault(garbage="empty"), UnexpectedResponse, "answered 200 with nothing"),
        (Fault(garbage="deep"), UnexpectedResponse, "answered 200 with a body that is not JSON"),
        (Fault(garbage="missing_data"), UnexpectedResponse, "answered without the model's data"),
        (Fault(garbage="wrong_types"), UnexpectedResponse, "answered without the model's data"),
        (Fault(garbage="another_model"), UnexpectedResponse, "answered with another model, Another_Model"),
        (Fault(garbage="huge", size=8 * 2**20), UnexpectedResponse, "more than 4,194,304 bytes"),
        (Fault(garbage="gzip_bomb", size=8 * 2**20), UnexpectedResponse, "over 4,194,304 bytes"),
    ],
    ids=lambda value: value.spelled() if isinstance(value, Fault) else "",
)
def test_a_server_out_of_order_is_said_and_survived(
    tmp_path: Path, reach: Any, fault: Fault, kind: type[EnkryptError], line: str
) -> None:
    """Every way in which the emulator can fail ends in the right error, and the next call works."""
    with reach(tmp_path / "a.sqlite") as client:
        client.add_model(BODY, MODEL)
    with reach(tmp_path / "a.sqlite", fault.model_copy(update={"call": "modify_model", "first": 2})) as client:
        with pytest.raises(kind) as caught:
            client.modify_model(MODEL, BODY)
        assert line in str(caught.value)
        assert client.modify_model(MODEL, BODY).identity == MODEL


def test_the_embedded_emulator_is_made_where_it_is_missing(tmp_path: Path) -> None:
    """The embedded emulator needs no set-up: its folder and file are made on first use."""
    database = tmp_path / "state" / "deeper" / "emulator.sqlite"
    assert EnkryptClient(Settings(Key("embedded"), "", database)).list_models() == []
    assert database.exists()


@pytest.mark.parametrize("spoil", ["a folder", "a file in the way", "no database"])
def test_a_database_that_cannot_be_is_a_wrong_setting(tmp_path: Path, spoil: str) -> None:
    """Where the embedded emulator's file cannot be made or read, the line names the setting."""
    file = tmp_path / "file"
    file.write_text("this is no database, but long enough to be taken for one" * 20)
    database = {"a folder": tmp_path, "a file in the way": file / "x", "no database": file}[spoil]
    with pytest.raises(ConfigurationError) as caught:
        EnkryptClient(Settings(Key("embedded"), "", database))
    assert str(caught.value).startswith(f"enkrypt:endpoint: {database} cannot be the emulator's database: ")


@pytest.mark.parametrize(
    "identity", [Identifier("modèle", "1"), Identifier("a", "1\n2"), Identifier(" a", "1"), Identifier("", "1")]
)
def test_what_no_header_can_say_names_no_model(identity: Identifier) -> None:
    """An id that somebody typed is not found, without a call, whatever stands in it."""
    wire = Wire(says(answer()))
    with pytest.raises(ModelNotFound, match="not printable ASCII") as caught:
        wire.client().get_model(identity)
    assert wire.client().find_model(identity) is None
    assert "\n" not in str(caught.value)
    assert wire.sent == []


def test_a_closed_client_holds_no_connection() -> None:
    """After `close` nothing more is sent."""
    client = Wire(says(answer())).client()
    client.get_model(MODEL)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_model(MODEL)
