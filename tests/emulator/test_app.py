"""The calls for models over both transports: keys and accounts, bodies, caches, what a server may omit."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from documents import ANSWER, DOCUMENT, document

from .conftest import CALLS, Clock, Connect, ask
from .document import IDENTITY, called, v1

ERROR = {"message", "request_id"}


def test_times_and_ids_have_the_documents_form(connect: Connect) -> None:
    client = connect(clock=Clock())
    models = [ask(client, "add-model", json=v1(f"Model_{n}")).json()["data"] for n in range(5)]
    assert models[0]["created_at"] == models[0]["updated_at"] == "2024-10-15T17:22:48.872389+00:00"
    ids = [model["model_id"] for model in models]
    assert all(10**9 <= number < 10**10 for number in ids)
    assert len({later - earlier for earlier, later in pairwise(ids)}) > 1


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_omitted_fields_get_the_documents_values(connect: Connect, scheme: str, port: int) -> None:
    sent = v1(endpoint={"host": "api.together.xyz", "scheme": scheme, "base_path": "/v1"})
    known = ("model_source", "model_provider", "apikeys")
    sent["model_config"] |= {name: document()["model_config"][name] for name in known}
    sent["model_name"] = document()["model_name"]
    shown = ask(connect(), "add-model", json=sent).json()["data"]
    expected = json.loads(ANSWER)
    expected["model_config"]["endpoint"].update(scheme=scheme, port=port)
    expected.update({name: shown[name] for name in ("created_at", "updated_at", "model_id")})
    assert json.dumps(shown) == json.dumps(expected)


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_the_version_is_part_of_the_identity_and_defaults_to_v1(connect: Connect, version: str | None) -> None:
    """Body and headers may omit it; the official client's default applies."""
    client = connect()
    ask(client, "add-model", json=v1(model_version="another"))
    sent = v1(**{} if version is None else {"model_version": version})
    if version is None:
        del sent["model_config"]["model_version"]
    assert ask(client, "add-model", json=sent).json()["data"]["model_config"]["model_version"] == (version or "v1")
    headers = {"X-Enkrypt-Model": "Test_Model"} if version is None else called("Test_Model", version)
    assert ask(client, "get-model", headers=headers).status_code == 200
    assert len(ask(client, "list-models").json()["models"]) == 2


def test_modify_model_replaces_the_whole_object(connect: Connect) -> None:
    client = connect(clock=Clock())
    old = ask(client, "add-model", content=DOCUMENT).json()["data"]
    new = ask(client, "modify-model", headers=IDENTITY, json=v1(system_prompt="Be kind.")).json()["data"]
    config = new["model_config"]
    assert (new["model_name"], config["apikeys"], config["system_prompt"]) == ("", [], "Be kind.")
    kept = ("model_id", "created_at", "model_saved_name")
    assert {name: new[name] for name in kept} == {name: old[name] for name in kept}
    assert new["updated_at"] > old["updated_at"]
    assert ask(client, "get-model", headers=IDENTITY).json() == new


def test_every_registered_model_is_healthy(connect: Connect) -> None:
    """model-health takes no body; an unknown model is 404. An error has a message and a request id."""
    client = connect()
    assert ask(client, "model-health").json()["message"] == "the header X-Enkrypt-Model is required"
    response = ask(client, "model-health", headers=IDENTITY)
    assert (response.status_code, set(response.json())) == (404, ERROR)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["x-enkrypt-correlation-id"] == response.json()["request_id"]
    ask(client, "add-model", json=v1())
    assert ask(client, "model-health", headers=IDENTITY).json()["status"] == "healthy"


def test_consumer_info_returns_the_account_of_a_key(connect: Connect) -> None:
    client = connect(keys={"a": "acme", "b": "acme/prod"})
    seen = [ask(client, "consumer-info", headers={"apikey": key}).json() for key in "ab"]
    assert [sorted(each) for each in seen] == [["custom_id", "id", "is_project_user", "project_name", "username"]] * 2
    assert [(each["username"], each["project_name"], each["is_project_user"]) for each in seen] == [
        ("acme", "default", False),
        ("acme/prod", "prod", True),
    ]
    assert seen[1]["custom_id"] == "member|acme|limits|limits|prod"
    assert seen[0]["id"] != seen[1]["id"]


@pytest.mark.parametrize("call", CALLS)
def test_no_call_works_without_a_key(connect: Connect, call: str) -> None:
    client = connect(apikey="")
    response = ask(client, call, headers=IDENTITY, content=DOCUMENT)
    assert (response.status_code, response.json()["message"]) == (401, "No API key found in request")
    assert ask(client, "list-models", headers={"apikey": "any"}).json() == {"models": []}


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
def test_unknown_paths_and_methods_get_a_json_error(connect: Connect, method: str, path: str, status: int) -> None:
    response = connect(record=True).request(method, path)
    assert (response.status_code, set(response.json())) == (status, ERROR)


BAD_BODIES = {
    "nothing": b"",
    "not JSON": b"model_saved_name=x",
    "half JSON": DOCUMENT.encode()[:-1],
    "NaN": DOCUMENT.replace("443", "NaN").encode(),
    "infinity": DOCUMENT.replace("443", "1e999").encode(),
    "UTF-16": DOCUMENT.encode("utf-16"),
    "latin-1": DOCUMENT.replace("Mistral AI", "Mistral \xe4").encode("latin-1"),
    "a NUL": DOCUMENT.replace("Mistral AI", r"Mistral\u0000").encode(),
    "half a surrogate pair": DOCUMENT.replace("Mistral AI", r"\ud83d").encode(),
    "a number of 5000 digits": DOCUMENT.replace("443", "4" * 5000).encode(),
    "100,000 levels": b'{"model_config":' + b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *(pytest.param(body, 400, id=name) for name, body in BAD_BODIES.items()),
        pytest.param(json.dumps(v1(system_prompt="x" * 8 * 2**20)).encode(), 413, id="eight mebibytes"),
    ],
)
def test_a_malformed_body_is_refused(connect: Connect, body: bytes, status: int) -> None:
    """Whatever bytes arrive, the response is a JSON error and the server keeps working."""
    client = connect(record=True)
    for call in ("add-model", "modify-model"):
        response = ask(client, call, headers=IDENTITY, content=body)
        assert (response.status_code, set(response.json())) == (status, ERROR)
    assert ask(client, "list-models").json() == {"models": []}


@pytest.mark.parametrize("depth", [50, 300, 5000])
def test_nesting_is_stored_or_refused(connect: Connect, depth: int) -> None:
    """No depth of a free field is a server error; any script, emoji and control characters come back unchanged."""
    text = "Grüße, 你好, \U0001f600, \t\n\x7f, \\u0000"
    body = json.dumps(v1(system_prompt=text, metadata={text: [text, 0]})).replace(
        "0]}", "[" * depth + "]" * depth + "]}"
    )
    client = connect(record=True)
    status = ask(client, "add-model", content=body).status_code
    assert status == 200 if depth == 50 else status in (200, 400)
    models = ask(client, "list-models").json()["models"]
    assert [it["model_config"]["system_prompt"] for it in models] == [text] * (status == 200)
    assert [it["model_config"]["metadata"][text][0] for it in models] == [text] * (status == 200)


def test_masked_keys_keep_their_count(connect: Connect) -> None:
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


def test_a_list_without_details_omits_the_model_config(connect: Connect) -> None:
    client = connect(list_details=False)
    ask(client, "add-model", content=DOCUMENT)
    (item,) = ask(client, "list-models").json()["models"]
    assert set(item) == {
        "model_saved_name", "model_version", "model_name", "model_id", "project_name", "created_at", "updated_at",
    }  # fmt: skip
    assert "model_config" in ask(client, "get-model", headers=IDENTITY).json()


def test_cached_reads_stay_old_until_a_refresh(connect: Connect) -> None:
    """With cache_reads no write shows, not even the first or a deletion, before X-Enkrypt-Refresh-Cache: true."""
    client = connect(cache_reads=True)
    refresh = {"X-Enkrypt-Refresh-Cache": "true"}
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "list-models").json() == {"models": []}
    ask(client, "add-model", content=DOCUMENT)
    assert ask(client, "get-model", headers=IDENTITY).status_code == 404
    assert ask(client, "list-models").json() == {"models": []}
    assert ask(client, "get-model", headers={**IDENTITY, "X-Enkrypt-Refresh-Cache": "false"}).status_code == 404
    fresh = ask(client, "get-model", headers={**IDENTITY, **refresh}).json()
    assert ask(client, "list-models").json() == {"models": [fresh]}
    ask(client, "delete-model", headers=IDENTITY)
    assert ask(client, "get-model", headers=IDENTITY).json() == fresh
    assert ask(client, "get-model", headers={**IDENTITY, **refresh}).status_code == 404


def test_accounts_do_not_share_a_cache(connect: Connect) -> None:
    client = connect(cache_reads=True, keys={"a": "a", "b": "b"})
    for key in ("a", "b"):
        assert ask(client, "list-models", headers={"apikey": key}).json() == {"models": []}
        ask(client, "add-model", headers={"apikey": key}, content=DOCUMENT)
    ask(client, "list-models", headers={"apikey": "a", "X-Enkrypt-Refresh-Cache": "true"})
    assert ask(client, "list-models", headers={"apikey": "b"}).json() == {"models": []}
