"""The official client's whole life with a model, against the emulator: if it is at home there, v2 is spoken there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from enkrypt_provider.emulator import Fault, create_app, serve_in_thread

from .client import OfficialClient, Person, Raised
from .conftest import KEY
from .people import KINDS, written

Json = Any
IN_ANOTHER_SHAPE = ("endpoint_url", "auth_data")


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_client_adds_it_gets(person: Person, kind: str) -> None:
    """A model of each kind comes back to the client, in its own class, with all that was said."""
    said = written(kind)
    added = person.add(written(kind))
    seen = person.get(kind, said["model_version"])

    assert added["message"] == "Model details added successfully"
    assert seen["model_id"] == added["data"]["model_id"]
    config = said.pop("model_config")
    assert {name: seen[name] for name in said} == said
    kept = {name: value for name, value in config.items() if name not in IN_ANOTHER_SHAPE}
    assert {name: seen["model_config"][name] for name in kept} == kept


def test_the_client_lists_what_is_there(person: Person, official: OfficialClient) -> None:
    """The client's collection and its table hold every model, each as `get` gives it."""
    for kind in KINDS:
        person.add(written(kind))
    listed = person.models()["models"]
    assert [model["model_saved_name"] for model in listed] == [*KINDS]
    assert listed == [person.get(kind, KINDS[kind]["model_version"]) for kind in KINDS]
    table = official("table_of_models", url=person.url, key=person.key)
    assert table["names"] == [*KINDS]
    assert {"model_version", "model_config", "project_name"} <= {*table["columns"]}


def test_the_client_changes_a_model_in_place(person: Person) -> None:
    """After a change the model is the same one, with the new values and without the old."""
    before = person.add(written("hosted"))["data"]
    changed = person.modify(written("hosted", system_prompt="Be kind.", tools=[]))
    seen = person.get("hosted", "v1")

    assert changed["message"] == "Model details updated successfully"
    assert (seen["model_config"]["system_prompt"], seen["model_config"]["tools"]) == ("Be kind.", [])
    assert (seen["model_id"], seen["created_at"]) == (before["model_id"], before["created_at"])
    assert seen["updated_at"] > before["updated_at"]


def test_the_client_renames_a_model(person: Person) -> None:
    """The old name in the headers, the new one in the body: the model has moved, and nothing is left behind."""
    before = person.add(written("hosted"))["data"]
    renamed = {**written("hosted"), "model_saved_name": "renamed", "model_version": "v2"}
    person.modify(renamed, old_model_saved_name="hosted", old_model_version="v1")

    assert person.get("renamed", "v2")["model_id"] == before["model_id"]
    assert _error(person, "get", name="hosted", version="v1")["status_code"] == 404
    assert len(person.models()["models"]) == 1


def test_the_client_deletes_a_model(person: Person) -> None:
    """What is deleted is gone, and its name is free."""
    person.add(written("hosted"))
    gone = person.delete("hosted", "v1")
    assert gone["message"] == "Model details deleted successfully"
    assert person.models() == {"models": []}
    person.add(written("hosted"))


def test_the_client_cannot_send_its_own_jwt_object(person: Person, official: OfficialClient) -> None:
    """The client's JWT class is none that its own request can encode: a user must put a dictionary in its place."""
    with pytest.raises(Raised) as caught:
        official("add_model_as_it_is", url=person.url, key=person.key, config=written("jwt"))
    assert caught.value.message == "Object of type ModelJwtConfig is not JSON serializable"


@pytest.mark.parametrize(
    ("place", "field", "value", "kind"),
    [
        ("", "status", "active", "TypeError"),
        ("model_config", "is_verified", True, "TypeError"),
        ("auth_data", "token", "x", "TypeError"),
        ("auth_data", "boxai_client_id", "x", "TypeError"),
        ("model_config", "model_jwt_config", None, "AttributeError"),
        ("model_config", "custom_headers", None, "TypeError"),
    ],
)
def test_the_clients_reader_is_strict(
    person: Person, official: OfficialClient, place: str, field: str, value: Json, kind: str
) -> None:
    """It breaks on fields that it does not know and on nulls: the emulator answers with neither, as a server must."""
    answer = person.add(written("hosted"))["data"]
    config = answer["model_config"]
    {"": answer, "model_config": config, "auth_data": config["auth_data"]}[place][field] = value
    with pytest.raises(Raised) as caught:
        official("read", answer=answer)
    assert caught.value.kind == kind


# ---- errors


ERRORS: list[tuple[str, Json, int, str]] = [
    ("add", {"config": written("hosted")}, 409, "a model hosted/v1 is already registered"),
    ("get", {"name": "nobody", "version": "v1"}, 404, "no model nobody/v1 is registered"),
    ("get", {"name": "hosted", "version": "v2"}, 404, "no model hosted/v2 is registered"),
    ("modify", {"config": written("curl")}, 404, "no model curl/v1 is registered"),
    ("delete", {"name": "nobody", "version": "v1"}, 404, "no model nobody/v1 is registered"),
    (
        "modify",
        {"config": {**written("hosted"), "model_saved_name": "taken"}, "old_model_saved_name": "hosted"},
        409,
        "a model taken/v1 is already registered",
    ),
    (
        "add",
        {"config": {**written("hosted"), "model_saved_name": "x" * 33}},
        400,
        "model_saved_name must be 1 to 32 characters of printable ASCII without a space at its ends",
    ),
    (
        "add",
        {"config": written("hosted", endpoint_url="ftp://h/v1/chat")},
        400,
        "model_config.endpoint.scheme must be one of: https, http",
    ),
    (
        "modify",
        {"config": written("hosted", hosting_type="Somewhere")},
        400,
        "model_config.hosting_type must be one of: External, Internal",
    ),
]


@pytest.mark.parametrize(("call", "arguments", "status", "message"), ERRORS)
def test_an_error_reaches_the_client(person: Person, call: str, arguments: Json, status: int, message: str) -> None:
    """Status, message and request id are where the client looks for them."""
    person.add(written("hosted"))
    person.add({**written("hosted"), "model_saved_name": "taken"})
    error = _error(person, call, **arguments)
    assert (error["status_code"], error["error"]) == (status, message)
    assert len(error["request_id"]) == 32


KEYS = [("", "No API key found in request"), ("stand-in-wrong-key", "Unauthorized")]
CALLS: dict[str, Json] = {
    "add": {"config": written("hosted")},
    "get": {"name": "hosted", "version": "v1"},
    "modify": {"config": written("hosted")},
    "delete": {"name": "hosted", "version": "v1"},
}


@pytest.mark.parametrize(("key", "message"), KEYS, ids=["none", "wrong"])
@pytest.mark.parametrize("call", CALLS)
def test_the_key_is_asked_for(official: OfficialClient, url: str, key: str, message: str, call: str) -> None:
    """Without a key, or with a wrong one, each call is a 401, before anything else is looked at."""
    error = _error(Person(official, url, key), call, **CALLS[call])
    assert (error["status_code"], error["error"]) == (401, message)


@pytest.mark.parametrize(("key", "message"), KEYS, ids=["none", "wrong"])
def test_a_list_without_a_key_is_an_error_and_no_list(
    official: OfficialClient, url: str, key: str, message: str
) -> None:
    """The client answers a dictionary with the error in the place of its collection."""
    found = Person(official, url, key).models()
    assert _told(found["error"])["error"] == message


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=502, body="<html>Bad gateway</html>"), "<html>Bad gateway</html>"),
        (Fault(status=503, body=""), "HTTP 503"),
    ],
    ids=["a page", "nothing"],
)
def test_an_answer_that_is_no_json(official: OfficialClient, database: Path, fault: Fault, error: str) -> None:
    """What a gateway answers in the API's place reaches the client as it is, without a request id."""
    with serve_in_thread(create_app(database, dialect="v2", faults=[fault])) as url:
        found = _error(Person(official, url, KEY), "get", name="hosted", version="v1")
    assert found == {"status_code": fault.status, "error": error}


def test_the_clients_payload_is_refused_in_v1(official: OfficialClient, database: Path) -> None:
    """The API of the document takes no payload of the client: each dialect is strict."""
    with serve_in_thread(create_app(database, dialect="v1")) as url:
        for kind in KINDS:
            error = _error(Person(official, url, KEY), "add", config=written(kind))
            assert error["status_code"] == 400
            assert error["error"].endswith("is no field of this API (dialect v1)")


def _error(person: Person, call: str, **arguments: Json) -> Json:
    """The error that the client builds of an answer, and raises as text."""
    with pytest.raises(Raised) as caught:
        getattr(person, call)(**arguments)
    assert caught.value.kind == "ModelClientError"
    return _told(caught.value.message)


def _told(message: str) -> Json:
    assert message.startswith("API Error: ")
    return ast.literal_eval(message.removeprefix("API Error: "))
