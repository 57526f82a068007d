"""A stack may change its dialect: registrations stay, and neither dialect destroys fields that only the other has."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import Fields, document, everything, registrations
from hypothesis import given, settings

from enkrypt_provider.emulator import create_app
from enkrypt_provider.errors import RequestRejected
from enkrypt_provider.kinds.kind import Identifier, Properties
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from .stack import Held, Stack
from .translation import without_box_ai

Json = Any
OTHER: dict[Dialect, Dialect] = {"v1": "v2", "v2": "v1"}
MODELS = 30
"""Generated for each dialect."""

_ONLY = [path.rpartition(".")[2] for path in MODEL.only_in]


def shared(program: Properties) -> Properties:
    """Return the program without the arguments that only one dialect takes."""
    config = {name: value for name, value in program["model_config"].items() if name not in _ONLY}
    if config.get("auth_data"):
        config["auth_data"] = without_box_ai(config)
    kept = {name: value for name, value in program.items() if name not in _ONLY}
    # Its default differs between the dialects.
    return {**kept, "testing_for": program.get("testing_for") or "LLM", "model_config": config}


def without_vendor(program: Properties) -> Properties:
    """Return the program without the vendor, which both dialects take but v2 never sends."""
    return {**program, "model_config": {**program["model_config"], "model_provider": ""}}


_SHARED = registrations("v1").map(shared)
SHARED: dict[Dialect, Fields] = {"v1": _SHARED, "v2": _SHARED.map(without_vendor)}
"""Programs that both dialects accept and the first one registers completely."""


def raw(database: Path, dialect: Dialect) -> httpx.Client:
    """Return a client of the API in a dialect, which works behind the stack's back."""
    app = create_app(database, dialect=dialect)
    return httpx.Client(transport=httpx.WSGITransport(app), base_url="http://h", headers={"apikey": "any"})


def config_of(database: Path, dialect: Dialect, held: Held) -> Json:
    """Return a registration's `model_config` as a dialect shows it."""
    identity = Identifier.parse(held.id)
    headers = {"X-Enkrypt-Model": identity.name, "X-Enkrypt-Model-Version": identity.version}
    return raw(database, dialect).get("/models/get-model", headers=headers).json()["model_config"]


@pytest.mark.parametrize("dialect", OTHER)
def test_changing_the_dialect_changes_nothing(database: Path, dialect: Dialect) -> None:
    """What both can express has no diff, drift or replacement in the other one, and none on the way back."""
    first, second = (Stack.configured(it, database) for it in (dialect, OTHER[dialect]))
    numbers = itertools.count()

    @settings(max_examples=MODELS, derandomize=True, database=None)
    @given(SHARED[dialect])
    def agree(program: Properties) -> None:
        program = {**program, "model_saved_name": f"model {next(numbers)}"}
        held = first.create(program)
        for stack in (second, first):
            assert stack.inputs(program) == first.inputs(program)
            assert stack.preview(held, program) == []
            assert stack.drift(held, program) == []
            assert stack.refresh(held) == held

    agree()


def test_the_documents_model_survives_the_change_to_v2(database: Path) -> None:
    old, new = Stack.configured("v1", database), Stack.configured("v2", database)
    held = old.create(document())
    assert new.drift(held, document()) == []
    changed = document(model_config__system_prompt="Be brief.")
    held = new.update(held, changed)
    assert new.drift(held, changed) == []
    assert config_of(database, "v1", held)["model_provider"] == "Mistral AI"
    assert old.drift(held, changed) == []


def test_a_vendor_declared_in_v2_is_sent_in_v1(database: Path) -> None:
    """v2 has no field for it, so only the state has it until the first `up` after a refresh in v1 registers it."""
    old, new, program = Stack.configured("v1", database), Stack.configured("v2", database), document()
    held = new.create(program)
    assert old.preview(held, program) == []
    assert old.drift(held, program) == ["model_config.model_provider"]
    assert old.drift(old.update(held, document(model_name="another")), document(model_name="another")) == []


def test_an_update_in_v1_keeps_fields_that_only_v2_has(database: Path) -> None:
    whole = everything("v2")
    held = Stack.configured("v2", database).create(whole)
    before = config_of(database, "v2", held)
    stack = Stack.configured("v1", database)
    declared = {**without_vendor(shared(whole)), "deletion_protection": False}
    assert stack.drift(stack.holding(declared), declared) == []
    changed = {**declared, "model_config": {**declared["model_config"], "system_prompt": "Be kind."}}
    held = stack.update(held, changed)
    assert config_of(database, "v2", held) == {**before, "system_prompt": "Be kind."}


@pytest.mark.parametrize(("dialect", "field"), [("v1", "model_type"), ("v2", "model_version")])
def test_the_wrong_dialect_is_an_error_that_says_so(database: Path, dialect: Dialect, field: str) -> None:
    transport = httpx.WSGITransport(create_app(database, dialect=OTHER[dialect]))
    stack = Stack.answered(dialect, transport.handle_request)
    with pytest.raises(RequestRejected) as caught:
        stack.create(document())
    line = f"create Test_Model/1: 400: {field} is not a field of this API (dialect {OTHER[dialect]}): "
    assert str(caught.value).startswith(line)
    assert f"set enkrypt:dialect to {OTHER[dialect]} (request id" in str(caught.value)
    assert raw(database, "v1").get("/models/list-models").json() == {"models": []}
