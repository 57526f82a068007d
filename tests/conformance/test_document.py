"""The document's own words, in v1: its curl is answered with its response, and the provider sends its body."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from emulator.document import IDENTITY, REQUEST, RESPONSE

from enkrypt_provider.emulator import create_app, serve_in_thread

from .stack import Stack

CURL = f"""curl --request POST \\
--url https://api.enkryptai.com/models/add-model \\
--header 'Content-Type: application/json' \\
--header 'apikey: <api-key>' \\
--data '{REQUEST}'"""
"""As the document has it."""


@dataclass(frozen=True)
class Call:
    """What a curl command sends."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def read(command: str) -> Call:
    """A curl command with long options, as a shell and curl read it."""
    words = shlex.split(command.replace("\\\n", ""))
    assert words[0] == "curl"
    options = [*zip(words[1::2], words[2::2], strict=True)]
    headers = dict(value.split(": ", 1) for name, value in options if name == "--header")
    once = dict(options)
    return Call(once["--request"], once["--url"], headers, once["--data"].encode())


@pytest.fixture
def api(database: Path) -> Iterator[HTTPConnection]:
    """The API of the document, on a real socket."""
    with serve_in_thread(create_app(database, dialect="v1")) as url:
        connection = HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port)
        yield connection
        connection.close()


def answered(api: HTTPConnection, call: Call) -> bytes:
    """The body of a successful answer to `call`, whatever host it names."""
    api.request(call.method, urlsplit(call.url).path, call.body, call.headers)
    response = api.getresponse()
    assert response.status == 200
    return response.read()


TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"


def but_ids_and_times(body: bytes) -> bytes:
    """`body` with one id for all ids, and one time for all times, of the document's shape."""
    return re.sub(TIME, b"TIME", re.sub(rb'"model_id": \d{10}\b', b'"model_id": ID', body))


def in_one_line(document: str) -> bytes:
    """A document's JSON, its fields in its order, without the line breaks that a page needs."""
    return json.dumps(json.loads(document)).encode()


def test_the_documents_curl_has_the_documents_response(api: HTTPConnection) -> None:
    """The curl's own bytes are answered with the response's, the order of its fields included, but ids and times."""
    found = but_ids_and_times(answered(api, read(CURL)))
    assert found == but_ids_and_times(in_one_line(RESPONSE))
    assert (found.count(b"ID"), found.count(b"TIME")) == (1, 2)


def test_the_registered_model_is_read_as_the_document_shows_it(api: HTTPConnection) -> None:
    """`get-model` answers the bare object: the same bytes without the envelope."""
    call = read(CURL)
    added = json.loads(answered(api, call))
    get = Call("GET", "https://api.enkryptai.com/models/get-model", {**call.headers, **IDENTITY}, b"")
    assert answered(api, get) == json.dumps(added["data"]).encode()


def test_the_provider_sends_the_documents_request() -> None:
    """For the document's model the provider makes the document's call: its URL, headers, and body in its order."""
    sent: list[httpx.Request] = []

    def api(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(RESPONSE.encode()))

    program: dict[str, Any] = json.loads(REQUEST)
    held = Stack.answered("v1", api).create(program)
    expected = read(CURL)
    (request,) = sent
    assert (request.method, str(request.url)) == (expected.method, expected.url)
    assert {*expected.headers} - {"apikey"} == {"Content-Type"}
    assert request.headers["Content-Type"] == expected.headers["Content-Type"]
    assert request.headers["apikey"] == "stand-in-key"
    assert request.content == json.dumps(json.loads(expected.body), separators=(",", ":")).encode()
    assert held.id == "Test_Model/1"


def test_the_provider_reads_the_documents_response() -> None:
    """The document's response shows no drift of the document's model, and its ids and times are outputs."""

    def api(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body))

    program, data = json.loads(REQUEST), json.loads(RESPONSE)["data"]
    body = RESPONSE.encode()
    held = Stack.answered("v1", api).create(program)
    body = json.dumps({"models": [data]}).encode()
    assert Stack.answered("v1", api).drift(held, program) == []
    computed = ("model_id", "project_name", "created_at", "updated_at")
    assert {name: held.outs[name] for name in computed} == {name: data[name] for name in computed}
