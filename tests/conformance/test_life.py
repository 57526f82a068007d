"""The official client runs the life cycle of models on the emulator, to show that the emulator speaks v2."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import document

from enkrypt_provider.emulator import Fault, create_app, serve_in_thread

from .client import OfficialClient, Person, Raised
from .conftest import KEY
from .people import KINDS, written

Json = Any
ELSEWHERE = ("endpoint_url", "auth_data")
"""Fields that the client's class has in another form than its user wrote."""


def test_the_client_completes_the_life_cycle(person: Person, official: OfficialClient) -> None:
    """One of each kind comes back in the client's own class with all its values, and is the same in the list."""
    seen = []
    for kind in KINDS:
        said, added = written(kind), person.add(written(kind))
        seen.append(person.get(kind, said["model_version"]))
        assert added["message"] == "Model details added successfully"
        assert seen[-1]["model_id"] == added["data"]["model_id"]
        config = {name: value for name, value in said.pop("model_config").items() if name not in ELSEWHERE}
        assert said.items() <= seen[-1].items()
        assert config.items() <= seen[-1]["model_config"].items()
    assert person.models()["models"] == seen
    table = official("table_of_models", url=person.url, key=person.key)
    assert table["names"] == [*KINDS]
    assert {"model_version", "model_config", "project_name"} <= {*table["columns"]}

    changed = person.modify(written("hosted", system_prompt="Be kind.", tools=[]))
    after = person.get("hosted", "v1")
    assert changed["message"] == "Model details updated successfully"
    assert (after["model_config"]["system_prompt"], after["model_config"]["tools"]) == ("Be kind.", [])
    assert {name: after[name] for name in ("model_id", "created_at")}.items() <= seen[0].items()
    assert after["updated_at"] > seen[0]["updated_at"]

    renamed = {**written("hosted"), "model_saved_name": "renamed", "model_version": "v2"}
    person.modify(renamed, old_model_saved_name="hosted", old_model_version="v1")
    assert person.get("renamed", "v2")["model_id"] == seen[0]["model_id"]
    assert _error(person, "get", name="hosted", version="v1")["status_code"] == 404
    assert person.delete("renamed", "v2")["message"] == "Model details deleted successfully"
    assert len(person.models()["models"]) == len(KINDS) - 1
    person.add(renamed)


def test_the_client_reads_a_model_registered_in_v1(person: Person, database: Path) -> None:
    app = create_app(database, dialect="v1", keys={KEY: "default"})
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://h", headers={"apikey": KEY}) as v1:
        v1.post("/models/add-model", json=document()).raise_for_status()
    seen = person.get("Test_Model", "1")
    assert seen["model_config"]["endpoint_url"] == "https://api.together.xyz/v1"
    assert person.models()["models"] == [seen]


# ---- errors


NOBODY: Json = {"name": "nobody", "version": "v1"}
ERRORS: list[tuple[str, Json, int, str]] = [
    ("add", {"config": written("hosted")}, 409, "a model hosted/v1 is already registered"),
    ("get", NOBODY, 404, "no model nobody/v1 is registered"),
    ("delete", NOBODY, 404, "no model nobody/v1 is registered"),
    ("modify", {"config": written("hosted", hosting_type="Somewhere")}, 400,
     "model_config.hosting_type must be one of: External, Internal"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "arguments", "status", "message"), ERRORS)
def test_an_error_reaches_the_client(person: Person, call: str, arguments: Json, status: int, message: str) -> None:
    person.add(written("hosted"))
    error = _error(person, call, **arguments)
    assert (error["status_code"], error["error"]) == (status, message)
    assert len(error["request_id"]) == 32


@pytest.mark.parametrize(
    ("key", "message"), [("", "No API key found in request"), ("stand-in-wrong-key", "Unauthorized")]
)
def test_the_key_is_checked_before_anything_else(official: OfficialClient, url: str, key: str, message: str) -> None:
    """Instead of a list, the client returns a dictionary with the error."""
    nobody, config = Person(official, url, key), {"config": written("hosted")}
    for call, arguments in {"add": config, "get": NOBODY, "modify": config, "delete": NOBODY}.items():
        error = _error(nobody, call, **arguments)
        assert (error["status_code"], error["error"]) == (401, message)
    assert _parsed(nobody.models()["error"])["error"] == message


@pytest.mark.parametrize(("status", "body"), [(502, "<html>Bad gateway</html>"), (503, "")])
def test_a_response_that_is_not_json(official: OfficialClient, database: Path, status: int, body: str) -> None:
    """A gateway's response reaches the client unchanged, without a request id."""
    with serve_in_thread(create_app(database, dialect="v2", faults=[Fault(status=status, body=body)])) as url:
        found = _error(Person(official, url, KEY), "get", **NOBODY)
    assert found == {"status_code": status, "error": body or f"HTTP {status}"}


def test_the_clients_payload_is_refused_in_v1(official: OfficialClient, database: Path) -> None:
    with serve_in_thread(create_app(database, dialect="v1")) as url:
        for kind in KINDS:
            error = _error(Person(official, url, KEY), "add", config=written(kind))
            assert error["status_code"] == 400
            assert error["error"].endswith("is not a field of this API (dialect v1)")


def _error(person: Person, call: str, **arguments: Json) -> Json:
    """Return the error that the client builds from a response and raises as text."""
    with pytest.raises(Raised) as caught:
        getattr(person, call)(**arguments)
    assert caught.value.kind == "ModelClientError"
    return _parsed(caught.value.message)


def _parsed(message: str) -> Json:
    assert message.startswith("API Error: ")
    return ast.literal_eval(message.removeprefix("API Error: "))
