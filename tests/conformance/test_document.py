"""The example in the API's document, in v1: its curl gets its response, and the provider sends its body."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import httpx
from documents import ANSWER, COMPUTED, DOCUMENT, document

from enkrypt_provider.emulator import create_app, serve_in_thread

from .stack import Stack

CURL = f"""curl --request POST \\
--url https://api.enkryptai.com/models/add-model \\
--header 'Content-Type: application/json' \\
--header 'apikey: <api-key>' \\
--data '{DOCUMENT}'"""
"""As in the document."""
RESPONSE = {"message": "Model details added successfully", "data": json.loads(ANSWER)}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"


def read(command: str) -> httpx.Request:
    """Parse a curl command with long options, as a shell and curl do."""
    words = shlex.split(command.replace("\\\n", ""))
    assert words[0] == "curl"
    options = [*zip(words[1::2], words[2::2], strict=True)]
    headers = dict(value.split(": ", 1) for name, value in options if name == "--header")
    once = dict(options)
    return httpx.Request(once["--request"], once["--url"], headers=headers, content=once["--data"])


def but_ids_and_times(body: str) -> str:
    """Replace all ids and times of the document's form in `body` with placeholders."""
    return re.sub(TIME, "TIME", re.sub(r'"model_id": \d{10}\b', '"model_id": ID', body))


def test_the_documents_curl_gets_the_documents_response(database: Path) -> None:
    """Byte for byte, including the order of fields, except ids and times; `get-model` returns the same, bare."""
    call = read(CURL)
    with serve_in_thread(create_app(database, dialect="v1")) as url, httpx.Client(base_url=url) as client:
        client.headers.update({name: call.headers[name] for name in ("apikey", "Content-Type")})
        added = client.request(call.method, call.url.path, content=call.content)
        identity = {"X-Enkrypt-Model": "Test_Model", "X-Enkrypt-Model-Version": "1"}
        seen = client.get("/models/get-model", headers=identity)
    assert (added.status_code, added.headers["Content-Type"]) == (200, "application/json")
    found = but_ids_and_times(added.text)
    assert found == but_ids_and_times(json.dumps(RESPONSE))
    assert (found.count("ID"), found.count("TIME")) == (1, 2)
    assert seen.text == json.dumps(added.json()["data"])


def test_the_provider_sends_the_documents_request_and_reads_its_response() -> None:
    sent: list[httpx.Request] = []
    bodies = [RESPONSE, {"models": [RESPONSE["data"]]}]

    def api(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(bodies[len(sent) - 1]).encode()))

    held = Stack.answered("v1", api).create(document())
    expected, request = read(CURL), sent[0]
    assert (request.method, request.url) == (expected.method, expected.url)
    assert request.headers["Content-Type"] == expected.headers["Content-Type"]
    assert request.headers["apikey"] == "stand-in-key"
    assert request.content == json.dumps(json.loads(expected.content), separators=(",", ":")).encode()
    assert held.id == "Test_Model/1"
    assert {name: held.outs[name] for name in COMPUTED} == COMPUTED
    assert Stack.answered("v1", api).drift(held, document()) == []
