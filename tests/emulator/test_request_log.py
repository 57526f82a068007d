"""The log of requests as a test reads it: complete, bounded, and without keys."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from documents import SECRET_NAMES, SECRET_PAIRS, SECRET_TEXTS

from enkrypt_provider.emulator import Fault
from enkrypt_provider.emulator import request_log as log_module
from enkrypt_provider.emulator.masking import masked
from enkrypt_provider.kinds.secrets import secret_paths

from .conftest import Clock, Connect, ask
from .document import IDENTITY, SECRETS, v1
from .test_fault_effects import RESET


def log(client: httpx.Client) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = client.get("/_emulator/requests").json()
    return entries


def test_each_request_is_an_entry(connect: Connect) -> None:
    client = connect(record=True, clock=Clock())
    ask(client, "add-model", json=v1())
    ask(client, "get-model", headers={"X-Enkrypt-Model": "Nobody"})
    ask(client, "list-models")
    client.get("/favicon.ico?apikey=sk-1")
    client.get("/_emulator/faults")
    found = [
        (e["number"], e["call"], e["method"], e["path"], e["model_saved_name"], e["model_version"], e["status"])
        for e in log(client)
    ]
    assert found == [
        (1, "add_model", "POST", "/models/add-model", "Test_Model", "1", 200),
        (2, "get_model", "GET", "/models/get-model", "Nobody", "v1", 404),
        (3, "list_models", "GET", "/models/list-models", None, None, 200),
        (4, None, "GET", "/favicon.ico", None, None, 404),
    ]
    first = log(client)[0]
    assert first["body"] == v1()
    assert first["at"].startswith("2024-10-15T17:22:")
    assert first["seconds"] >= 0
    assert client.delete("/_emulator/requests").json() == log(client) == []
    unrecorded = connect().get("/_emulator/requests")
    assert unrecorded.json()["message"] == "requests are not recorded: pass record=True to create_app"
    assert unrecorded.status_code == 404


def test_faults_are_logged(connect: Connect) -> None:
    client = connect(record=True, faults=[Fault(call="list_models", reset="after", nth=1), Fault(status=503, nth=2)])
    with pytest.raises(RESET):
        ask(client, "list-models")
    ask(client, "list-models")
    ask(client, "list-models")
    assert [(entry["status"], entry["faults"]) for entry in log(client)] == [
        (None, ["list_models:nth=1,reset=after"]),
        (503, ["*:nth=2,status=503"]),
        (200, []),
    ]


@pytest.mark.parametrize(("dialect", "body"), SECRETS)
def test_no_key_enters_the_log(connect: Connect, dialect: str, body: Any) -> None:
    """A secret is masked in accepted and refused bodies, in its field or elsewhere; the header is not logged."""
    client = connect(record=True, dialect=dialect, apikey="sk-HEADER")
    ask(client, "add-model", json=body)
    ask(client, "modify-model", headers=IDENTITY, json=body)
    ask(client, "add-model", content=b'{"apikeys": ["sk-SECRET"')
    written = client.get("/_emulator/requests").text
    assert len(log(client)) == 3
    assert "SECRET" not in written
    assert "HEADER" not in written
    assert "xxxxx" in written
    assert ("xxxxx is for me" in written) == ("is for me" in str(body))  # a short key may be a word


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_every_name_that_the_provider_treats_as_secret_is_masked(name: str) -> None:
    said = {"metadata": {name: "stand-in-1"}, "list": [{"key": name, "value": "stand-in-2"}]}
    shown = masked(said)
    assert shown["metadata"] == {name: "xxxxx"}
    assert shown["list"] == [{"key": name, "value": "xxxxx"}]


def test_harmless_values_are_not_masked() -> None:
    harmless = {
        "detectors": {"keyword_detector": {"banned_keywords": ["together"]}, "block_message": "together, we"},
        "model_jwt_config": {"jwt_method": "POST", "jwt_response_key": "access_token"},
        "custom_headers": [{"key": "X-Team"}],
        "metadata": [{"key": "team", "value": "platform"}, "https://h:443/x@y", "the password: never tell it"],
        "texts": ["curl -H 'Authorization: Bearer {apikey}' https://h", "max_tokens=12345678", "h?page=12345678"],
    }
    assert masked(harmless) == {**harmless, "custom_headers": [{"key": "xxxxx"}]}
    assert masked({"custom_headers": [{"key": "X-Team", "value": "a"}]}) == {
        "custom_headers": [{"key": "X-Team", "value": "xxxxx"}]
    }


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_text_with_a_secret_is_masked_in_any_field(text: str) -> None:
    assert masked({"a": [text]}) == {"a": ["xxxxx"]}


@pytest.mark.parametrize("pair", SECRET_PAIRS, ids=str)
def test_a_value_beside_its_name_is_masked(pair: dict[str, str]) -> None:
    name, value = pair
    assert secret_paths([pair], ()) == [(0, value)]
    assert masked([pair]) == [{name: pair[name], value: "xxxxx"}]


def test_a_long_text_is_masked_in_bounded_time() -> None:
    began = time.process_time()
    for part in ("https://", "://a:", "a=", "key: ", "api_key ", "sk-", "eyj", "a.eyj"):
        masked(part * (200_000 // len(part)))
    assert time.process_time() - began < 20


def test_the_log_is_bounded(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "KEPT", 10)
    client = connect(record=True)
    for _ in range(256):
        ask(client, "list-models")
    assert [entry["number"] for entry in log(client)] == list(range(247, 257))
