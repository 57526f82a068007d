"""The provider reads what the official client registers as declared, and the reverse."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from documents import everything, minimal, registrations
from hypothesis import given, settings

from enkrypt_provider.emulator import create_app, serve_in_thread
from enkrypt_provider.kinds.kind import Identifier, Properties
from enkrypt_provider.kinds.model import MODEL

from .client import OfficialClient, Person, Raised
from .conftest import KEY
from .people import PROGRAMS, written
from .stack import Stack
from .translation import as_shown, as_written, expressible

Json = Any
MODELS = 60
"""Generated for each direction."""

# ---- registered by the client


@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_provider_reads_the_clients_models_as_declared(person: Person, stack: Stack, kind: str) -> None:
    person.add(written(kind))
    program = PROGRAMS[kind]
    held = stack.holding(program)
    assert stack.imported(held.id, program) == []
    assert stack.drift(held, program) == []


def test_the_provider_reads_the_clients_generated_models_as_declared(person: Person, stack: Stack) -> None:
    numbers = itertools.count()

    @settings(max_examples=MODELS, derandomize=True, database=None)
    @given(expressible())
    def agree(inputs: Properties) -> None:
        program = {**inputs, "model_saved_name": f"model {next(numbers)}"}
        person.add(as_written(program))
        held = stack.holding(program)
        assert stack.imported(held.id, program) == []
        assert stack.drift(held, program) == []

    agree()
    assert len(person.models()["models"]) == next(numbers)


def test_the_clients_own_defaults_can_be_declared(person: Person, stack: Stack) -> None:
    config = written("hosted", paths={"completions": "/completions"})
    person.add(config)
    program = {**PROGRAMS["hosted"]}
    paths = {"completions": "/completions", "chat": "chat/completions"}
    program["model_config"] = {**program["model_config"], "paths": paths}
    held = stack.holding(program)
    assert stack.drift(held, program) == []
    whole = {**paths, "vision": "images", "embeddings": "embeddings"}
    program["model_config"] = {**program["model_config"], "paths": whole}
    assert stack.imported(held.id, program) == []


def test_changes_by_the_client_are_drift(person: Person, stack: Stack) -> None:
    program = PROGRAMS["hosted"]
    held = stack.create(program)
    person.modify(written("hosted", system_prompt="Be kind.", tools=[]))
    assert stack.drift(held, program) == ["model_config.system_prompt", "model_config.tools"]
    refreshed = stack.refresh(held)
    assert refreshed
    assert stack.drift(stack.update(refreshed, program), program) == []
    assert person.get("hosted", "v1")["model_config"]["system_prompt"] == "Be brief."


def test_a_model_that_the_client_renames_is_gone(person: Person, stack: Stack) -> None:
    """The provider identifies a model by its name and version: with others it is another model."""
    held = stack.create(PROGRAMS["hosted"])
    person.modify({**written("hosted"), "model_saved_name": "renamed"}, old_model_saved_name="hosted")
    assert stack.refresh(held) is None
    assert stack.imported("renamed/v1", {**PROGRAMS["hosted"], "model_saved_name": "renamed"}) == []


def test_a_model_that_the_client_registered_is_adopted(person: Person, stack: Stack) -> None:
    person.add(written("hosted", system_prompt="Be kind."))
    program = {**PROGRAMS["hosted"], "adopt_existing": True}
    held = stack.create(program)
    assert stack.drift(held, program) == []
    assert person.get("hosted", "v1")["model_config"]["system_prompt"] == "Be brief."


def test_the_provider_bypasses_a_cache_that_the_client_reads(official: OfficialClient, database: Path) -> None:
    """With a cache on the server the client sees the old state, the provider the current one."""
    with serve_in_thread(create_app(database, dialect="v2", cache_reads=True)) as url:
        person, program = Person(official, url, KEY), PROGRAMS["hosted"]
        held = Stack.configured("v2", url, KEY).create(program)
        person.get("hosted", "v1")
        person.models()
        person.modify(written("hosted", system_prompt="Be kind."))
        assert person.get("hosted", "v1")["model_config"]["system_prompt"] == "Be brief."
        assert Stack.configured("v2", url, KEY).drift(held, program) == ["model_config.system_prompt"]


# ---- registered by the provider


@pytest.mark.parametrize(
    "program", [*PROGRAMS.values(), minimal(), everything("v2")], ids=[*PROGRAMS, "the least", "everything"]
)
def test_the_client_reads_the_providers_models(person: Person, stack: Stack, program: Properties) -> None:
    held = stack.create(program)
    assert _shown(person, held.id) == as_shown(stack.inputs(program))


def test_the_client_reads_the_providers_generated_models(person: Person, stack: Stack) -> None:
    inputs: dict[str, Properties] = {}

    @settings(max_examples=MODELS, derandomize=True, database=None)
    @given(registrations("v2"))
    def agree(program: Properties) -> None:
        program = {**program, "model_saved_name": f"model {len(inputs)}"}
        held = stack.create(program)
        inputs[held.id] = stack.inputs(program)
        assert _shown(person, held.id) == as_shown(inputs[held.id])

    agree()
    listed = person.models()["models"]
    assert [_without_the_servers(model) for model in listed] == [as_shown(it) for it in inputs.values()]


def test_the_client_sees_the_providers_changes(person: Person, stack: Stack, url: str) -> None:
    program = PROGRAMS["custom"]
    held = stack.create(program)
    before = person.get("custom", "2")
    changed = {**program, "certifications": ["SOC 3"]}
    held = stack.update(held, changed)
    after = person.get("custom", "2")
    assert (after["model_id"], after["certifications"]) == (before["model_id"], ["SOC 3"])
    Stack.configured("v2", url, KEY).provider.delete(held.id, held.outs)
    assert person.models() == {"models": []}


def test_the_clients_reader_breaks_on_an_unknown_provider(person: Person, stack: Stack) -> None:
    """Declaring a provider that the client does not know breaks the client's list; hence the warning."""
    stack.create(minimal(model_config__is_compatible_with="brand_new"))
    with pytest.raises(Raised, match="Invalid model_provider: 'brand_new'"):
        person.get("small", "v1")
    assert "Invalid model_provider: 'brand_new'" in person.models()["error"]


def _shown(person: Person, id_: str) -> Json:
    identity = Identifier.parse(id_)
    return _without_the_servers(person.get(identity.name, identity.version))


_SERVERS = (*MODEL.computed, "created_by", "updated_by", "is_sample")
_LEFTOVERS = (
    "model_id", "model_name", "testing_for", "headers", "model_api_value", "model_bearer_token", "model_api_key",
    "model_endpoint_url",
)  # fmt: skip


def _without_the_servers(model: Json) -> Json:
    """Return the user's fields in the client's form, without those that the server sets or that no call fills."""
    config = {name: value for name, value in model["model_config"].items() if name not in _LEFTOVERS}
    return {**{name: value for name, value in model.items() if name not in _SERVERS}, "model_config": config}
