"""The plugin with every kind, called as the engine calls it over a registration's life."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from documents import WHOLE_DEPLOYMENT, WHOLE_POLICY, at, everything, leaves, put
from pulumi.output import UNKNOWN
from pulumi.runtime.proto import provider_pb2

from enkrypt_provider.frontends.package_names import TYPES, from_package, package_steps, to_package
from enkrypt_provider.frontends.package_schema import camel
from enkrypt_provider.frontends.property_values import Secret
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.testing import Emulator

from .plugin_engine import CallFailed, Engine, Held, running

Diff = provider_pb2.DiffResponse
DOCUMENTS: dict[Kind, Any] = {
    MODEL: {**everything(), **dict.fromkeys(MODEL.options)},
    GUARDRAILS_POLICY: WHOLE_POLICY,
    DEPLOYMENT: WHOLE_DEPLOYMENT,
}
CHANGED: dict[Kind, tuple[tuple[str, ...], Any]] = {
    MODEL: (("model_config", "system_prompt"), "Be kind."),
    GUARDRAILS_POLICY: (("detectors", "bias", "enabled"), False),
    DEPLOYMENT: (("input_guardrails_policy", "additional_config", "pii_redaction"), False),
}
"""By kind: the path of a field, and another value."""


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def runs(api: Emulator, kind: Kind) -> Iterator[Callable[[], Engine]]:
    """Starts a run of the engine, for resources of the kind."""
    with ExitStack() as begun:

        def begin() -> Engine:
            found = begun.enter_context(running())
            found.configure(endpoint=api.url, apiKey=Secret(api.key), maxRetries="1")
            return found.of(next(type_ for type_, each in TYPES.items() if each is kind))

        yield begin


@pytest.fixture
def engine(runs: Callable[[], Engine]) -> Engine:
    return runs()


def program(kind: Kind) -> dict[str, Any]:
    """The arguments of a program that declares every field, with the package's names."""
    given = {name: value for name, value in DOCUMENTS[kind].items() if value is not None}
    return to_package(kind, given)


def changed(kind: Kind) -> dict[str, Any]:
    path, value = CHANGED[kind]
    found: dict[str, Any] = put(program(kind), package_steps(kind, path), value)
    return found


def short(kind: Kind) -> str:
    return kind.name.removeprefix("Enkrypt")


def test_the_life_of_a_registration(engine: Engine, runs: Callable[[], Engine], kind: Kind) -> None:
    """Created, unchanged, changed at one path, read, deleted, gone."""
    held = engine.create("x", program(kind))
    assert isinstance(held.outputs[camel(kind.number)], float)
    assert engine.diff("x", held, program(kind)).changes == Diff.DIFF_NONE
    found = engine.diff("x", held, changed(kind))
    assert list(found.detailedDiff) == [".".join(map(str, package_steps(kind, CHANGED[kind][0])))]
    updated = engine.update("x", held, changed(kind))
    path, value = CHANGED[kind]
    assert at(updated.outputs, package_steps(kind, path)) == value
    read = engine.read("x", updated.id, updated)
    assert read.id == updated.id
    assert engine.diff("x", read, changed(kind)).changes == Diff.DIFF_NONE
    assert engine.diff("x", read, program(kind)).changes == Diff.DIFF_SOME
    engine = runs()
    engine.delete("x", updated)
    assert engine.read("x", updated.id, updated).id == ""


def test_a_new_name_replaces_in_the_kinds_order(engine: Engine, kind: Kind) -> None:
    held = engine.create("x", program(kind))
    name = camel(next(iter(kind.identity)))
    found = engine.diff("x", held, {**program(kind), name: "other"})
    assert (list(found.replaces), found.deleteBeforeReplace) == ([name], kind.deletes_first)


def test_an_import_leaves_out_secrets_and_disabled_detectors(engine: Engine, kind: Kind) -> None:
    held = engine.create("x", program(kind))
    imported = engine.read("x", held.id)
    assert imported.id == held.id
    paths = set(engine.diff("x", imported, program(kind)).detailedDiff)
    assert paths == {MODEL: {"modelConfig.apikeys"}, GUARDRAILS_POLICY: {"detectors.toxicity"}}.get(kind, set())


def test_importing_a_missing_registration_names_the_kind(engine: Engine, kind: Kind) -> None:
    with pytest.raises(CallFailed, match=f"no {kind.noun} nobody"):
        engine.read("x", "nobody")


def test_functions_find_it(engine: Engine, kind: Kind) -> None:
    """Without the options, and without a secret."""
    held = engine.create("x", program(kind))
    name = held.id.partition("/")[0]
    version: Any = {"version": held.id.partition("/")[2]} if len(kind.identity) > 1 else {}
    found = engine.invoke(f"enkrypt:index:get{short(kind)}", name=name, **version)
    assert found[camel(kind.number)] == held.outputs[camel(kind.number)]
    many = {"policy": "GuardrailsPolicies"}.get(kind.noun, f"{short(kind)}s")
    listed = engine.invoke(f"enkrypt:index:list{many}", name=f"{name[:1]}*")
    assert listed == {kind.calls.listed: [found]}
    assert engine.invoke(f"enkrypt:index:list{many}", name="none*") == {kind.calls.listed: []}
    assert "stand-in-key" not in json.dumps(found)
    with pytest.raises(CallFailed, match=f"no {kind.noun} nobody.* such as {camel(kind.number)}"):
        engine.invoke(f"enkrypt:index:get{short(kind)}", name="nobody", preview=True)
    with pytest.raises(CallFailed, match=f"get{short(kind)}: name must be a non-empty string"):
        engine.invoke(f"enkrypt:index:get{short(kind)}")


def test_a_value_at_any_place_may_be_unknown_at_preview(engine: Engine, kind: Kind) -> None:
    """No rule is broken, the value stays where it was, and a diff says that it may change."""
    held = engine.create("x", program(kind))
    places = [place for place in leaves(program(kind)) if place]
    assert len(places) >= {MODEL: 50, GUARDRAILS_POLICY: 50, DEPLOYMENT: 15}[kind]
    for place in places:
        declared = put(program(kind), place, UNKNOWN)
        inputs, problems = engine.check("x", declared)
        assert problems == [], place
        assert is_unknown_at(inputs, place), place
        assert engine.previewed("x", declared)[camel(kind.number)] is UNKNOWN
        assert engine.diff("x", held, declared).changes == Diff.DIFF_SOME, place
    path = package_steps(kind, CHANGED[kind][0])
    assert at(engine.previewed("x", put(program(kind), path, UNKNOWN)), path) is UNKNOWN


def is_unknown_at(value: Any, place: tuple[str | int, ...]) -> bool:
    """Whether the value at `place` is not known, or is a secret that is not known."""
    for part in place:
        value = value.value if isinstance(value, Secret) else value
        value = value[part]
    return (value.value if isinstance(value, Secret) else value) is UNKNOWN


def test_a_state_of_the_dynamic_provider_is_taken_over(engine: Engine, api: Emulator, kind: Kind) -> None:
    """By an update that does not call the API: only the names change. Any other change is sent."""
    held = engine.create("x", program(kind))
    inputs = {**from_package(kind, held.inputs), "__provider": "pickled"}
    dynamic = Held(held.id, inputs, {**from_package(kind, held.outputs), **inputs})
    api.calls()
    assert engine.diff("x", dynamic, program(kind)).changes == Diff.DIFF_SOME
    updated = engine.update("x", dynamic, program(kind))
    assert updated.outputs == held.outputs
    assert engine.diff("x", updated, program(kind)).changes == Diff.DIFF_NONE
    assert api.calls() == []
    path, value = package_steps(kind, CHANGED[kind][0]), CHANGED[kind][1]
    assert list(engine.diff("x", dynamic, changed(kind)).detailedDiff) == [".".join(map(str, path))]
    engine.update("x", dynamic, changed(kind))
    assert at(engine.read("x", held.id).outputs, path) == value
