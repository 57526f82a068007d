"""Each way in which a fault changes a response, over a socket and embedded."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from enkrypt_provider.emulator import ConnectionReset, Fault, ResponseTruncated

from .conftest import Connect
from .document import IDENTITY, REQUEST, v1
from .test_app import ask

# What a client meets: httpx's name over a socket, the emulator's own exception inside the process.
RESET = (httpx.ReadError, httpx.RemoteProtocolError, ConnectionReset)
TRUNCATED = (httpx.RemoteProtocolError, ResponseTruncated)


def dial(client: httpx.Client, **fault: Any) -> None:
    assert client.post("/_emulator/faults", json=[{"first": 1, **fault}]).status_code == 200


def registered(client: httpx.Client) -> list[str]:
    return [model["model_saved_name"] for model in ask(client, "list-models").json()["models"]]


def test_a_status_comes_without_the_work(connect: Connect) -> None:
    """The API's own error with that status and Retry-After; nothing was done."""
    client = connect()
    dial(client, call="add_model", status=503, retry_after=2)
    response = ask(client, "add-model", json=v1())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json()["message"] == "Service Unavailable"
    assert registered(client) == []
    assert ask(client, "add-model", json=v1()).status_code == 200


def test_a_status_can_come_after_the_work(connect: Connect) -> None:
    """With work the model is registered, though the client hears of a gateway that lost patience."""
    client = connect()
    dial(client, call="add_model", status=504, work=True)
    assert ask(client, "add-model", json=v1()).status_code == 504
    assert registered(client) == ["Test_Model"]


def test_a_status_can_have_any_body(connect: Connect) -> None:
    """The body is sent as it was given, and no status is too strange."""
    client = connect()
    dial(client, status=520, body="<h1>Web server is down</h1>")
    response = ask(client, "list-models")
    assert (response.status_code, response.text) == (520, "<h1>Web server is down</h1>")
    dial(client, status=599, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    response = ask(client, "list-models")
    assert response.json()["message"] == "an unusual status"
    assert response.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_a_redirect_leads_elsewhere(connect: Connect) -> None:
    """It is a 307 unless the fault says another, and its Location is sent as it was given."""
    client = connect()
    dial(client, call="add_model", location="https://elsewhere/models/add-model")
    response = ask(client, "add-model", json=v1())
    assert (response.status_code, response.headers["Location"]) == (307, "https://elsewhere/models/add-model")
    dial(client, location="/x", status=301)
    assert ask(client, "list-models").status_code == 301
    assert registered(client) == []


@pytest.mark.parametrize(("when", "expected"), [("before", []), ("after", ["Test_Model"])])
def test_a_reset_comes_before_or_after_the_work(connect: Connect, when: str, expected: list[str]) -> None:
    """The response is lost both times; the work is lost only before."""
    client = connect()
    dial(client, call="add_model", reset=when)
    with pytest.raises(RESET):
        ask(client, "add-model", json=v1())
    assert registered(client) == expected


def test_what_is_raised_embedded_is_a_connection_error(embedded: Connect) -> None:
    """A program that maps ConnectionError needs no name of the emulator's."""
    client = embedded()
    for fault in ({"reset": "after"}, {"truncate": True}):
        dial(client, **fault)
        with pytest.raises(ConnectionError, match="the emulator's fault dial"):
            ask(client, "list-models")


def test_a_truncated_answer_is_never_taken_for_whole(connect: Connect) -> None:
    """The work is done and half of the response is sent, under the length of the whole."""
    client = connect()
    dial(client, call="add_model", truncate=True)
    with pytest.raises(TRUNCATED):
        ask(client, "add-model", json=v1())
    assert registered(client) == ["Test_Model"]


def test_a_truncated_answer_shows_its_head(connect: Connect) -> None:
    """Status and headers arrive whole before the body breaks off."""
    client = connect()
    dial(client, truncate=True)
    with client.stream("GET", "/models/list-models") as response:
        assert (response.status_code, response.headers["Content-Length"]) == (200, "14")
        with pytest.raises(TRUNCATED):
            response.read()


def test_a_delay_is_slept_before_the_work(connect: Connect) -> None:
    """Delays of several faults add up, and the response is the true one."""
    slept: list[float] = []
    client = connect(sleep=slept.append, faults=[Fault(delay=1.5, nth=1), Fault(delay=2)])
    assert ask(client, "list-models").json() == {"models": []}
    assert registered(client) == []
    assert slept == [3.5, 2]


def test_a_stale_read_does_not_know_the_last_write(connect: Connect) -> None:
    """get_model and list_models show what was there before: no model yet, an older one, or one that is deleted."""
    client = connect(faults=[])
    stale = [{"stale": True}]

    def read() -> tuple[int, str | None, list[str]]:
        client.post("/_emulator/faults", json=stale)
        response = ask(client, "get-model", headers=IDENTITY)
        seen = response.status_code, response.json().get("model_name"), registered(client)
        client.delete("/_emulator/faults")
        return seen

    ask(client, "add-model", json={**v1(), "model_name": "old"})
    assert read() == (404, None, [])
    ask(client, "modify-model", headers=IDENTITY, json={**v1(), "model_name": "new"})
    assert read() == (200, "old", ["Test_Model"])
    ask(client, "delete-model", headers=IDENTITY)
    assert read() == (200, "new", ["Test_Model"])
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404


def test_keys_can_be_masked_for_a_while(connect: Connect) -> None:
    """The fault masks responses alone: what is stored stays."""
    client = connect()
    ask(client, "add-model", json=v1(apikeys=["sk-1", "sk-2"]))
    dial(client, mask_apikeys=True)
    masked = ask(client, "get-model", headers=IDENTITY).json()["model_config"]["apikeys"]
    plain = ask(client, "get-model", headers=IDENTITY).json()["model_config"]["apikeys"]
    assert (masked, plain) == (["xxxxx", "xxxxx"], ["sk-1", "sk-2"])


def test_a_list_can_lose_its_details_for_a_while(connect: Connect) -> None:
    """The fault takes model_config from lists, and only there."""
    client = connect()
    ask(client, "add-model", content=REQUEST)
    dial(client, without_details=True, first=2)
    assert "model_config" in ask(client, "get-model", headers=IDENTITY).json()
    assert "model_config" not in ask(client, "list-models").json()["models"][0]
    assert "model_config" in ask(client, "list-models").json()["models"][0]


def spoilt(client: httpx.Client, kind: str, call: str = "get-model", **more: Any) -> tuple[Any, httpx.Response]:
    """The true response, and what the garbage makes of it."""
    truth = ask(client, call, headers=IDENTITY).json()
    dial(client, garbage=kind, **more)
    response = ask(client, call, headers=IDENTITY)
    assert response.status_code == 200
    return truth, response


@pytest.fixture
def client(connect: Connect) -> httpx.Client:
    client = connect()
    ask(client, "add-model", content=REQUEST)
    return client


def test_html_in_place_of_json(client: httpx.Client) -> None:
    """A page with status 200, as from a proxy."""
    _, response = spoilt(client, "html")
    assert response.headers["Content-Type"] == "text/html"
    assert response.text.startswith("<html>")


def test_an_empty_200(client: httpx.Client) -> None:
    """Nothing at all, called JSON."""
    _, response = spoilt(client, "empty")
    assert response.content == b""


def test_every_leaf_of_another_type(client: httpx.Client) -> None:
    """The names of an object stay, and no value below them keeps its type."""
    truth, response = spoilt(client, "wrong_types", "list-models")
    (model,) = response.json()["models"].values()
    assert set(model) == set(truth["models"][0])

    def compare(true: Any, wrong: Any) -> None:
        if isinstance(true, dict) and true:
            for name, value in true.items():
                compare(value, wrong[name])
        else:
            assert type(true) is not type(wrong)

    compare(truth["models"][0], model)


@pytest.mark.parametrize("call", ["get-model", "list-models", "modify-model", "delete-model", "model-health"])
def test_an_answer_without_what_it_is_for(client: httpx.Client, call: str) -> None:
    """The message, or less, without the data."""
    dial(client, garbage="missing_data")
    response = ask(client, call, headers=IDENTITY, json=v1())
    assert response.status_code == 200
    assert set(response.json()) <= {"message", "model_name"}


@pytest.mark.parametrize("call", ["get-model", "list-models"])
def test_the_right_answer_about_another_model(client: httpx.Client, call: str) -> None:
    """The shape is right; name and id are not those of the model that was asked for."""
    truth, response = spoilt(client, "another_model", call)
    for true, wrong in zip(
        truth.get("models", [truth]), response.json().get("models", [response.json()]), strict=True
    ):
        assert {name for name in true if true[name] != wrong[name]} == {"model_saved_name", "model_id"}


def test_a_huge_answer_is_true(client: httpx.Client) -> None:
    """It is the true response behind that many blanks."""
    truth, response = spoilt(client, "huge", size=3_000_000)
    assert len(response.content) == 3_000_000 + len(json.dumps(truth))
    assert response.json() == truth


def test_a_gzip_bomb_unpacks(client: httpx.Client) -> None:
    """A thousandth of it crosses the wire."""
    client.headers["Accept-Encoding"] = "gzip"
    truth = ask(client, "get-model", headers=IDENTITY).json()
    dial(client, garbage="gzip_bomb", size=5_000_000)
    with client.stream("GET", "/models/get-model", headers=IDENTITY) as response:
        packed = b"".join(response.iter_raw())
    assert len(packed) < 10_000
    dial(client, garbage="gzip_bomb", size=5_000_000)
    unpacked = ask(client, "get-model", headers=IDENTITY)
    assert len(unpacked.content) == 5_000_000 + len(json.dumps(truth))
    assert unpacked.json() == truth


def test_a_deep_answer_overflows_a_parser(client: httpx.Client) -> None:
    """A hundred thousand lists within each other, well formed."""
    _, response = spoilt(client, "deep")
    assert response.text.count("[") == response.text.count("]") == 100_000


def test_garbage_needs_a_success(connect: Connect) -> None:
    """An error stays an error: garbage replaces responses to work that was done."""
    client = connect()
    dial(client, garbage="html")
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404


def test_a_reset_is_before_all_else(connect: Connect) -> None:
    """Of what falls to one call after the work, a reset leaves nothing else; a status is before garbage."""
    client = connect()
    dial(client, reset="after", truncate=True, status=503, work=True, garbage="html")
    with pytest.raises(RESET):
        ask(client, "list-models")
    dial(client, status=503, work=True, garbage="html")
    assert ask(client, "list-models").status_code == 503


def test_garbage_can_be_cut_short(connect: Connect) -> None:
    """Half of a page, under the length of the whole."""
    client = connect()
    dial(client, garbage="html", truncate=True)
    with client.stream("GET", "/models/list-models") as response, pytest.raises(TRUNCATED):
        response.read()
