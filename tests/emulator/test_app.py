"""The API over both transports: what each call responses, and what it refuses."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from enkrypt_provider.emulator import Fault

from .conftest import Clock, Connect
from .document import IDENTITY, REQUEST, RESPONSE, called, v1

CALLS = {
    "add-model": ("POST", "/models/add-model"),
    "get-model": ("GET", "/models/get-model"),
    "list-models": ("GET", "/models/list-models"),
    "modify-model": ("PATCH", "/models/modify-model"),
    "delete-model": ("DELETE", "/models/delete-model"),
    "model-health": ("POST", "/rt/model/model-health"),
    "consumer-info": ("GET", "/consumer-info"),
}


def ask(client: httpx.Client, call: str, **more: Any) -> httpx.Response:
    method, path = CALLS[call]
    return client.request(method, path, **more)


def as_in_the_document(answered: str) -> str:
    """A response with the document's id and times, written as the document's would be."""
    response = json.loads(answered)
    example = json.loads(RESPONSE)["data"]
    for name in ("created_at", "updated_at", "model_id"):
        assert type(response["data"][name]) is type(example[name])
        response["data"][name] = example[name]
    return json.dumps(response)


def test_the_documents_curl_gets_the_documents_response(connect: Connect) -> None:
    """What the document sends is answered with what the document shows, key by key and in its order."""
    client = connect()
    response = client.post(
        "/models/add-model", content=REQUEST.encode(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert as_in_the_document(response.text) == json.dumps(json.loads(RESPONSE))


def test_times_and_ids_have_the_documents_form(connect: Connect) -> None:
    """Times carry microseconds and +00:00; a new model was never updated; ids have ten digits and do not count up."""
    client = connect(clock=Clock())
    models = [ask(client, "add-model", json=v1(f"Model_{n}")).json()["data"] for n in range(5)]
    assert models[0]["created_at"] == models[0]["updated_at"] == "2024-10-15T17:22:48.872389+00:00"
    ids = [model["model_id"] for model in models]
    assert all(10**9 <= number < 10**10 for number in ids)
    assert len({later - earlier for earlier, later in pairwise(ids)}) > 1


def test_get_model_answers_the_bare_object(connect: Connect) -> None:
    """get-model gives what add-model gave as data, without an envelope."""
    client = connect()
    data = ask(client, "add-model", content=REQUEST).json()["data"]
    response = ask(client, "get-model", headers=IDENTITY)
    assert (response.status_code, response.json()) == (200, data)


def test_list_models_answers_whole_models_in_the_order_of_their_making(connect: Connect) -> None:
    """Each item of a list is what get-model responses."""
    client = connect()
    assert ask(client, "list-models").json() == {"models": []}
    data = [ask(client, "add-model", json=v1(name)).json()["data"] for name in ("b", "c", "a")]
    assert ask(client, "list-models").json() == {"models": data}


def test_what_was_not_sent_has_the_documents_values(connect: Connect) -> None:
    """The three required fields alone make the document's model, but for what only the user can know."""
    client = connect()
    payload = json.loads(REQUEST)
    sent = v1()
    sent["model_config"]["endpoint"] = {"host": "api.together.xyz", "base_path": "/v1"}
    sent["model_name"] = payload["model_name"]
    sent["model_config"] |= {
        name: payload["model_config"][name] for name in ("model_source", "model_provider", "apikeys")
    }
    response = ask(client, "add-model", json=sent)
    assert as_in_the_document(response.text) == json.dumps(json.loads(RESPONSE))


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_the_port_follows_the_scheme(embedded: Connect, scheme: str, port: int) -> None:
    """Without a port, https means 443 and http means 80."""
    response = ask(embedded(), "add-model", json=v1(endpoint={"host": "h", "scheme": scheme}))
    assert response.json()["data"]["model_config"]["endpoint"]["port"] == port


def test_modify_model_replaces_the_whole_object(connect: Connect) -> None:
    """A field that the PATCH leaves out falls back to its default; identity, id and birth stay."""
    client = connect(clock=Clock())
    old = ask(client, "add-model", content=REQUEST).json()["data"]
    response = ask(client, "modify-model", headers=IDENTITY, json=v1(system_prompt="Be kind."))
    assert response.json()["message"] == "Model details updated successfully"
    new = response.json()["data"]
    assert new["model_name"] == ""
    assert new["model_config"]["apikeys"] == []
    assert new["model_config"]["system_prompt"] == "Be kind."
    assert {name: new[name] for name in ("model_id", "created_at", "model_saved_name")} == {
        name: old[name] for name in ("model_id", "created_at", "model_saved_name")
    }
    assert new["updated_at"] > old["updated_at"]
    assert ask(client, "get-model", headers=IDENTITY).json() == new


def test_modify_model_renames(connect: Connect) -> None:
    """The headers name the old identity and the body the new; the old one is free afterwards."""
    client = connect()
    old = ask(client, "add-model", content=REQUEST).json()["data"]
    renamed = v1("Renamed", model_version="2")
    assert ask(client, "modify-model", headers=IDENTITY, json=renamed).status_code == 200
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "get-model", headers=called("Renamed", "2")).json()["model_id"] == old["model_id"]
    assert ask(client, "add-model", content=REQUEST).status_code == 200


def test_modify_model_never_takes_anothers_place(connect: Connect) -> None:
    """Renaming onto a taken identity is a conflict that changes neither model."""
    client = connect()
    before = [ask(client, "add-model", json=v1(name)).json()["data"] for name in ("one", "two")]
    response = ask(client, "modify-model", headers=called("one"), json=v1("two"))
    assert response.status_code == 409
    assert ask(client, "list-models").json()["models"] == before


def test_a_deletion_frees_the_name(connect: Connect) -> None:
    """A deleted model is gone, a second deletion is a 404, and the name can be taken again by a new model."""
    client = connect()
    first = ask(client, "add-model", content=REQUEST).json()["data"]
    response = ask(client, "delete-model", headers=IDENTITY)
    assert (response.status_code, response.json()) == (
        200,
        {
            "message": "Model details deleted successfully",
            "data": {"model_saved_name": "Test_Model", "model_version": "1"},
        },
    )
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "delete-model", headers=IDENTITY).status_code == 404
    second = ask(client, "add-model", content=REQUEST).json()["data"]
    assert second["model_id"] != first["model_id"]


def test_every_registered_model_is_healthy(connect: Connect) -> None:
    """model-health takes no body, and knows only what is registered."""
    client = connect()
    assert ask(client, "model-health", headers=IDENTITY).status_code == 404
    ask(client, "add-model", content=REQUEST)
    assert ask(client, "model-health", headers=IDENTITY).json()["status"] == "healthy"


def test_a_key_tells_whose_it_is(connect: Connect) -> None:
    """consumer-info names the account and the project of the key; of an account without one it is `default`."""
    client = connect(keys={"a": "acme", "b": "acme/prod"})
    told = [ask(client, "consumer-info", headers={"apikey": key}).json() for key in "ab"]
    assert [sorted(each) for each in told] == [["custom_id", "id", "is_project_user", "project_name", "username"]] * 2
    assert [(each["username"], each["project_name"], each["is_project_user"]) for each in told] == [
        ("acme", "default", False),
        ("acme/prod", "prod", True),
    ]
    assert told[1]["custom_id"] == "member|acme|limits|limits|prod"
    assert told[0]["id"] != told[1]["id"]


def test_a_model_is_of_its_keys_project(connect: Connect) -> None:
    """Every call of a project's key is about the models of that project alone."""
    client = connect(keys={"a": "acme", "b": "acme/prod"})
    for key, project in (("a", "default"), ("b", "prod")):
        headers = {"apikey": key, **IDENTITY}
        assert ask(client, "add-model", headers=headers, json=v1()).json()["data"]["project_name"] == project
        assert ask(client, "modify-model", headers=headers, json=v1()).json()["data"]["project_name"] == project
        assert ask(client, "get-model", headers=headers).json()["project_name"] == project
        assert len(ask(client, "list-models", headers=headers).json()["models"]) == 1
        assert ask(client, "delete-model", headers=headers).status_code == 200


def test_a_fault_takes_consumer_info_away(connect: Connect) -> None:
    """A server without that call responses 404, as the vendor's chart for one's own cluster does."""
    client = connect(faults=[Fault(call="consumer_info", status=404)])
    assert ask(client, "consumer-info", headers=IDENTITY).status_code == 404
    assert ask(client, "list-models").status_code == 200


def test_the_version_is_v1_where_none_is_named(connect: Connect) -> None:
    """Neither a body nor a header needs a version: the official client's default stands in."""
    client = connect()
    sent = v1()
    del sent["model_config"]["model_version"]
    assert ask(client, "add-model", json=sent).json()["data"]["model_config"]["model_version"] == "v1"
    assert ask(client, "get-model", headers={"X-Enkrypt-Model": "Test_Model"}).status_code == 200


def test_versions_of_one_name_are_different_models(connect: Connect) -> None:
    """The primary key holds the version too."""
    client = connect()
    for version in ("1", "2"):
        assert ask(client, "add-model", json=v1(model_version=version)).status_code == 200
    assert len(ask(client, "list-models").json()["models"]) == 2


def test_a_taken_identity_is_a_conflict(connect: Connect) -> None:
    """A second add of the same identity is a 409 that changes nothing."""
    client = connect()
    first = ask(client, "add-model", content=REQUEST).json()["data"]
    response = ask(client, "add-model", json=v1(system_prompt="mine"))
    assert response.status_code == 409
    assert response.json()["message"] == "a model Test_Model/1 is already registered"
    assert ask(client, "get-model", headers=IDENTITY).json() == first


@pytest.mark.parametrize("call", ["get-model", "modify-model", "delete-model", "model-health"])
def test_an_unknown_model_is_a_404(connect: Connect, call: str) -> None:
    """Every call that names a model says which one is not there."""
    response = ask(connect(), call, headers=called("Nobody"), json=v1())
    assert response.status_code == 404
    assert response.json()["message"] == "no model Nobody/1 is registered"


@pytest.mark.parametrize("call", ["get-model", "modify-model", "delete-model", "model-health"])
def test_a_call_without_its_model_is_refused(connect: Connect, call: str) -> None:
    """The header X-Enkrypt-Model is required wherever a model is meant."""
    response = ask(connect(), call, json=v1())
    assert response.status_code == 400
    assert response.json()["message"] == "the header X-Enkrypt-Model is required"


def test_an_error_has_a_message_and_a_request_id(connect: Connect) -> None:
    """Every error is JSON of these two, and the gateway's header repeats the id."""
    response = ask(connect(), "get-model", headers=IDENTITY)
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"message", "request_id"}
    assert response.headers["x-enkrypt-correlation-id"] == response.json()["request_id"]


@pytest.mark.parametrize("call", CALLS)
def test_no_call_works_without_a_key(connect: Connect, call: str) -> None:
    """A request without the header apikey is a 401 whatever it asks, and does nothing."""
    client = connect(apikey="")
    response = ask(client, call, headers=IDENTITY, content=REQUEST)
    assert (response.status_code, response.json()["message"]) == (401, "No API key found in request")
    assert ask(client, "list-models", headers={"apikey": "any"}).json() == {"models": []}


def test_only_known_keys_are_accepted_and_each_sees_its_own_account(connect: Connect) -> None:
    """Two keys of one account share its models; another account has the same name for itself."""
    client = connect(keys={"key-a": "a", "key-b": "b", "other-key-b": "b"})
    assert ask(client, "list-models", headers={"apikey": "key-c"}).status_code == 401
    ids = {}
    for key in ("key-a", "key-b"):
        response = ask(client, "add-model", headers={"apikey": key}, content=REQUEST)
        ids[key] = response.json()["data"]["model_id"]
    assert ids["key-a"] != ids["key-b"]
    seen = ask(client, "get-model", headers={"apikey": "other-key-b", **IDENTITY})
    assert seen.json()["model_id"] == ids["key-b"]
    ask(client, "delete-model", headers={"apikey": "key-a", **IDENTITY})
    assert len(ask(client, "list-models", headers={"apikey": "key-b"}).json()["models"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/models/get-models", 404),
        ("POST", "/models/add-model/", 404),
        ("GET", "/models/add-model", 405),
        ("PUT", "/models/modify-model", 405),
        ("OPTIONS", "/models/list-models", 405),
    ],
)
def test_what_is_no_call_is_refused_in_json(connect: Connect, method: str, path: str, status: int) -> None:
    """Unknown paths and methods are refused like every other error."""
    response = connect(record=True).request(method, path)
    assert response.status_code == status
    assert set(response.json()) == {"message", "request_id"}


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"model_saved_name=x",
    "half JSON": REQUEST.encode()[:-1],
    "NaN": REQUEST.replace("443", "NaN").encode(),
    "infinity": REQUEST.replace("443", "1e999").encode(),
    "UTF-16": REQUEST.encode("utf-16"),
    "latin-1": REQUEST.replace("Mistral AI", "Mistral \xe4").encode("latin-1"),
    "a NUL": REQUEST.replace("Mistral AI", r"Mistral\u0000").encode(),
    "half a surrogate pair": REQUEST.replace("Mistral AI", r"\ud83d").encode(),
    "a number of 5000 digits": REQUEST.replace("443", "4" * 5000).encode(),
    "100,000 levels": b'{"model_config":' + b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_is_no_json_object_is_refused(connect: Connect, body: bytes) -> None:
    """Whatever bytes arrive, the response is a 400 in JSON and the server lives on."""
    client = connect(record=True)
    for call in ("add-model", "modify-model"):
        response = ask(client, call, headers=IDENTITY, content=body)
        assert response.status_code == 400, response.text
        assert set(response.json()) == {"message", "request_id"}
    assert ask(client, "list-models").json() == {"models": []}


@pytest.mark.parametrize("depth", [50, 300, 5000])
def test_nesting_is_stored_or_refused(connect: Connect, depth: int) -> None:
    """No depth of a free field is a server's error."""
    nested = "[" * depth + "]" * depth
    body = json.dumps(v1(metadata={"x": 0})).replace('"x": 0', f'"x": {nested}')
    client = connect(record=True)
    response = ask(client, "add-model", content=body)
    assert response.status_code in (200, 400)
    assert len(ask(client, "list-models").json()["models"]) == (response.status_code == 200)


def test_a_body_over_eight_mebibytes_is_refused(connect: Connect) -> None:
    """A huge body is a 413 in JSON, and is not stored."""
    client = connect(record=True)
    response = ask(client, "add-model", json=v1(system_prompt="x" * 8 * 2**20))
    assert response.status_code == 413
    assert set(response.json()) == {"message", "request_id"}


def test_text_comes_back_as_it_was(connect: Connect) -> None:
    """Every script, emoji and control character that JSON can carry survives."""
    text = "Grüße, 你好, \U0001f600, \t\n\x7f, \\u0000"
    response = ask(connect(), "add-model", json=v1(system_prompt=text, metadata={text: [text]}))
    config = response.json()["data"]["model_config"]
    assert (config["system_prompt"], config["metadata"]) == (text, {text: [text]})


def test_masked_keys_keep_their_number(connect: Connect, database: Path) -> None:
    """mask_apikeys responses xxxxx for each key, everywhere, and forgets none."""
    client = connect(mask_apikeys=True)
    sent = v1(apikeys=["sk-1", "sk-2"])
    seen = [
        ask(client, "add-model", json=sent).json()["data"],
        ask(client, "get-model", headers=IDENTITY).json(),
        ask(client, "modify-model", headers=IDENTITY, json=sent).json()["data"],
        *ask(client, "list-models").json()["models"],
    ]
    assert [model["model_config"]["apikeys"] for model in seen] == [["xxxxx"] * 2] * 4
    plain = ask(connect(), "get-model", headers=IDENTITY).json()
    assert plain["model_config"]["apikeys"] == ["sk-1", "sk-2"]
    assert database.exists()


def test_a_list_without_details_names_models_only(connect: Connect) -> None:
    """list_details=False leaves out model_config from lists and from nothing else."""
    client = connect(list_details=False)
    ask(client, "add-model", content=REQUEST)
    (item,) = ask(client, "list-models").json()["models"]
    assert set(item) == {
        "model_saved_name", "model_version", "model_name", "model_id", "project_name", "created_at", "updated_at",
    }  # fmt: skip
    assert "model_config" in ask(client, "get-model", headers=IDENTITY).json()


def test_cached_reads_are_old_until_a_refresh(connect: Connect) -> None:
    """With cache_reads no write is seen, not even the first or a deletion, before X-Enkrypt-Refresh-Cache: true."""
    client = connect(cache_reads=True)
    refresh = {"X-Enkrypt-Refresh-Cache": "true"}
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "list-models").json() == {"models": []}
    ask(client, "add-model", content=REQUEST)
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "list-models").json() == {"models": []}
    assert ask(client, "get-model", headers={**IDENTITY, "X-Enkrypt-Refresh-Cache": "false"}).status_code == 404
    fresh = ask(client, "get-model", headers={**IDENTITY, **refresh}).json()
    assert ask(client, "list-models").json() == {"models": [fresh]}
    ask(client, "delete-model", headers=IDENTITY)
    assert ask(client, "get-model", headers=IDENTITY).json() == fresh
    assert ask(client, "get-model", headers={**IDENTITY, **refresh}).status_code == 404


def test_the_cache_of_one_account_is_not_anothers(connect: Connect) -> None:
    """A refresh for one account leaves what another was told."""
    client = connect(cache_reads=True, keys={"a": "a", "b": "b"})
    for key in ("a", "b"):
        assert ask(client, "list-models", headers={"apikey": key}).json() == {"models": []}
        ask(client, "add-model", headers={"apikey": key}, content=REQUEST)
    ask(client, "list-models", headers={"apikey": "a", "X-Enkrypt-Refresh-Cache": "true"})
    assert ask(client, "list-models", headers={"apikey": "b"}).json() == {"models": []}


def test_two_emulators_on_one_file_are_one(connect: Connect) -> None:
    """What is written through one is read through the other at once."""
    one, other = connect(), connect()
    data = ask(one, "add-model", content=REQUEST).json()["data"]
    assert ask(other, "get-model", headers=IDENTITY).json() == data
