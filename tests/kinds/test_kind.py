"""kinds/kind.py and the codec: what holds for every kind of registration, with versions and without."""

from __future__ import annotations

from typing import Any

import pytest
from documents import INPUT, WHOLE_DEPLOYMENT, WHOLE_POLICY, answer, canonical, document, through_engine

from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Identifier, Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import UNKNOWN

WHOLE = [(MODEL, document()), (GUARDRAILS_POLICY, WHOLE_POLICY), (DEPLOYMENT, WHOLE_DEPLOYMENT)]


@pytest.mark.parametrize(("kind", "program"), WHOLE)
@pytest.mark.parametrize("number", [7, "7", 7.0])
def test_it_comes_back_as_it_was_declared(kind: Kind, program: dict[str, Any], number: Any) -> None:
    """Through the engine, whose numbers are floats, to the API and back; its own number may come as a text."""
    inputs = canonical(program, kind)
    assert codec.from_state(kind, through_engine(inputs)) == inputs
    live = codec.read(kind, {**codec.body(kind, inputs), kind.number: number, "created_by": "me"})
    assert (live.inputs, live.identity, live.number) == (inputs, kind.identity_of(inputs), 7)


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        (GUARDRAILS_POLICY, {"name": "p", "detectors": UNKNOWN}),
        (GUARDRAILS_POLICY, {"name": UNKNOWN, "detectors": {"nsfw": {"enabled": UNKNOWN}}}),
        (DEPLOYMENT, {**WHOLE_DEPLOYMENT, "model_saved_name": UNKNOWN}),
        (DEPLOYMENT, {**WHOLE_DEPLOYMENT, "input_guardrails_policy": {**INPUT, "policy_name": UNKNOWN}}),
    ],
)
def test_what_is_not_known_yet_breaks_no_rule(kind: Kind, program: dict[str, Any]) -> None:
    """At a preview names are outputs of what is made in the same run."""
    inputs, problems = codec.parse(kind, program)
    assert problems == []
    assert {name: inputs[name] for name in program} == program


@pytest.mark.parametrize(
    ("kind", "item", "details", "message"),
    [
        (MODEL, answer(), "model_config", "a model that is not whole: model_config: is required"),
        (GUARDRAILS_POLICY, WHOLE_POLICY, "detectors", "a policy that is not whole: detectors: is required"),
        (DEPLOYMENT, WHOLE_DEPLOYMENT, "input_guardrails_policy", ""),
    ],
)
def test_a_list_without_details_is_told_from_a_whole_one(
    kind: Kind, item: dict[str, Any], details: str, message: str
) -> None:
    assert [codec.is_whole(kind, it) for it in (item, "x", None)] == [True, False, False]
    summary = {name: value for name, value in item.items() if name != details}
    assert not codec.is_whole(kind, summary)
    if message:
        with pytest.raises(UnexpectedResponse, match=f"^returned {message}$"):
            codec.read(kind, summary)


@pytest.mark.parametrize(
    ("kind", "name"), [(MODEL, "model"), (GUARDRAILS_POLICY, "policy"), (DEPLOYMENT, "deployment")]
)
def test_its_name_stands_in_errors(kind: Kind, name: str) -> None:
    with pytest.raises(UnexpectedResponse, match=rf"^expected a {name}, got a list$"):
        codec.read(kind, [])


def test_an_identity_without_a_version_is_the_name() -> None:
    inputs, _ = codec.parse(GUARDRAILS_POLICY, {"name": "p", "detectors": {}})
    identity = GUARDRAILS_POLICY.known_identity(inputs)
    assert identity == GUARDRAILS_POLICY.identity_in({"name": "p"}) == GUARDRAILS_POLICY.identity_from("p")
    assert identity == Identifier("p", "")
    assert GUARDRAILS_POLICY.identity_from("a/b") == Identifier("a/b", "")
    assert str(identity) == "p"
    assert identity.is_sendable
    assert GUARDRAILS_POLICY.headers(identity) == {"X-Enkrypt-Policy": "p"}
    assert GUARDRAILS_POLICY.known_identity({**inputs, "name": UNKNOWN}) is None


def test_a_models_identity_is_name_and_version() -> None:
    identity = MODEL.identity_from("a")
    assert identity == Identifier("a", "v1")
    assert MODEL.headers(identity) == {"X-Enkrypt-Model": "a", "X-Enkrypt-Model-Version": "v1"}


def test_what_tells_two_apart_is_the_end_of_the_identity() -> None:
    assert (MODEL.distinction, GUARDRAILS_POLICY.distinction) == ("model_version", "name")
    assert (MODEL.has_dialects, GUARDRAILS_POLICY.has_dialects) == (True, False)
