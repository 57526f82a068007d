"""Each effect of a fault on a response, over a socket and embedded."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from documents import DOCUMENT

from enkrypt_provider.emulator import ConnectionReset, Fault, ResponseTruncated

from .conftest import Connect, ask
from .document import IDENTITY, v1

# What a client gets: an exception of httpx over a socket, the emulator's own one inside the process.
RESET = (httpx.ReadError, httpx.RemoteProtocolError, ConnectionReset)
TRUNCATED = (httpx.RemoteProtocolError, ResponseTruncated)


def dial(client: httpx.Client, **fault: Any) -> None:
    assert client.post("/_emulator/faults", json=[{"first": 1, **fault}]).status_code == 200


def registered(client: httpx.Client) -> list[str]:
    return [model["model_saved_name"] for model in ask(client, "list-models").json()["models"]]


LATER = "Wed, 21 Oct 2026 07:28:00 GMT"
ELSEWHERE = "https://elsewhere/models/add-model"


@pytest.mark.parametrize(
    ("fault", "status", "headers", "text", "done"),
    [
        ({"status": 503, "retry_after": 2}, 503, {"Retry-After": "2"}, '"message": "Service Unavailable"', False),
        ({"status": 504, "work": True}, 504, {}, "", True),
        ({"status": 520, "body": "<h1>Down</h1>"}, 520, {}, "<h1>Down</h1>", False),
        ({"status": 599, "retry_after": LATER}, 599, {"Retry-After": LATER}, "an unusual status", False),
        ({"location": ELSEWHERE}, 307, {"Location": ELSEWHERE}, "", False),
        ({"location": "/x", "status": 301}, 301, {"Location": "/x"}, "", False),
    ],
)
def test_a_status_or_a_redirect_replaces_the_response(
    connect: Connect, fault: dict[str, Any], status: int, headers: dict[str, str], text: str, done: bool
) -> None:
    """The work is done only if the fault has `work`; the next call works as usual."""
    client = connect()
    dial(client, call="add_model", **fault)
    response = ask(client, "add-model", json=v1())
    assert (response.status_code, {name: response.headers[name] for name in headers}) == (status, headers)
    assert text in response.text
    assert response.text == fault.get("body", response.text)
    assert registered(client) == ["Test_Model"] * done
    assert ask(client, "add-model", json=v1("Next")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [({"reset": "before"}, RESET, False), ({"reset": "after"}, RESET, True), ({"truncate": True}, TRUNCATED, True)],
)
def test_the_work_may_be_done_although_the_response_is_lost(
    connect: Connect, fault: dict[str, Any], error: tuple[type[Exception], ...], done: bool
) -> None:
    """A client never takes a truncated response for a complete one."""
    client = connect()
    dial(client, call="add_model", **fault)
    with pytest.raises(error):
        ask(client, "add-model", json=v1())
    assert registered(client) == ["Test_Model"] * done


def test_a_delay_is_slept_before_the_work(connect: Connect) -> None:
    """Delays of several faults add up, and the response is unchanged."""
    slept: list[float] = []
    client = connect(sleep=slept.append, faults=[Fault(delay=1.5, nth=1), Fault(delay=2)])
    assert ask(client, "list-models").json() == {"models": []}
    assert registered(client) == []
    assert slept == [3.5, 2]


def test_a_stale_read_misses_the_last_write(connect: Connect) -> None:
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


def test_a_fault_can_hide_keys_and_details(connect: Connect) -> None:
    client = connect()
    whole = ask(client, "add-model", json=v1(apikeys=["sk-1", "sk-2"])).json()["data"]
    dial(client, mask_apikeys=True)
    seen = [ask(client, "get-model", headers=IDENTITY).json()["model_config"]["apikeys"] for _ in range(2)]
    assert seen == [["xxxxx", "xxxxx"], ["sk-1", "sk-2"]]
    dial(client, without_details=True, first=2)
    assert ask(client, "get-model", headers=IDENTITY).json() == whole
    lists = [ask(client, "list-models").json()["models"][0] for _ in range(2)]
    assert ("model_config" in lists[0], lists[1]) == (False, whole)


def spoilt(client: httpx.Client, kind: str, call: str = "get-model", **more: Any) -> tuple[Any, httpx.Response]:
    """Return the true response, and the one with the garbage."""
    truth = ask(client, call, headers=IDENTITY).json()
    dial(client, garbage=kind, **more)
    response = ask(client, call, headers=IDENTITY)
    assert response.status_code == 200
    return truth, response


@pytest.fixture
def client(connect: Connect) -> httpx.Client:
    client = connect()
    ask(client, "add-model", content=DOCUMENT)
    return client


def test_wrong_types_changes_the_type_of_every_leaf(client: httpx.Client) -> None:
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
def test_missing_data_leaves_out_the_data(client: httpx.Client, call: str) -> None:
    dial(client, garbage="missing_data")
    response = ask(client, call, headers=IDENTITY, json=v1())
    assert response.status_code == 200
    assert set(response.json()) <= {"message", "model_name"}


@pytest.mark.parametrize("call", ["get-model", "list-models"])
def test_another_model_changes_the_name_and_the_id(client: httpx.Client, call: str) -> None:
    truth, response = spoilt(client, "another_model", call)
    for true, wrong in zip(
        truth.get("models", [truth]), response.json().get("models", [response.json()]), strict=True
    ):
        assert {name for name in true if true[name] != wrong[name]} == {"model_saved_name", "model_id"}


def test_a_huge_response_holds_the_true_one(client: httpx.Client) -> None:
    truth, response = spoilt(client, "huge", size=3_000_000)
    assert len(response.content) == 3_000_000 + len(json.dumps(truth))
    assert response.json() == truth


def test_a_gzip_bomb_unpacks_to_the_true_response(client: httpx.Client) -> None:
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


def test_a_reset_precedes_a_status_and_a_status_garbage(connect: Connect) -> None:
    """Garbage replaces only successful responses, never errors, and can be truncated."""
    client = connect()
    dial(client, reset="after", truncate=True, status=503, work=True, garbage="html")
    with pytest.raises(RESET):
        ask(client, "list-models")
    dial(client, garbage="html", truncate=True)
    with pytest.raises(TRUNCATED):
        ask(client, "list-models")
    dial(client, status=503, work=True, garbage="html")
    assert ask(client, "list-models").status_code == 503
    dial(client, garbage="html")
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
