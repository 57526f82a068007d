"""kinds/kind.py and the codec: what every kind of registration has in common, with versions and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from unicodedata import normalize

import pytest
from documents import (
    INPUT,
    RULE,
    WHOLE_DEPLOYMENT,
    WHOLE_POLICY,
    answer,
    at,
    canonical,
    document,
    leaves,
    put,
    through_engine,
)

from enkrypt_provider.core.diff import differing, settle
from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Identifier, Kind
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PURPOSES
from enkrypt_provider.kinds.plain import UNKNOWN

WHOLE = [(MODEL, document()), (GUARDRAILS_POLICY, WHOLE_POLICY), (DEPLOYMENT, WHOLE_DEPLOYMENT)]


@pytest.mark.parametrize(("kind", "program"), WHOLE)
@pytest.mark.parametrize("number", [7, "7", 7.0])
def test_a_declaration_survives_the_engine_and_the_api(kind: Kind, program: dict[str, Any], number: Any) -> None:
    """Through the engine, whose numbers are floats, to the API and back; the API's own id may come as a string."""
    inputs = canonical(program, kind)
    assert codec.from_state(kind, through_engine(inputs)) == inputs
    live = codec.read(kind, {**codec.body(kind, inputs), kind.number: number, "created_by": "me"})
    assert (live.inputs, live.identity, live.number) == (inputs, kind.identity_of(inputs), 7)


SWITCHED_OFF: list[tuple[Kind, Dialect, dict[str, Any]]] = [
    *((MODEL, dialect, document(
        model_config__paths={"completions": "", "chat": "", "vision": ""},
        model_config__auth_data={"header_name": "", "header_prefix": "", "space_after_prefix": False},
        model_config__metadata={"azure_instance": "", "gemini": {"api_endpoint": ""}, "more": []},
        **({"model_config__tools": [], "model_config__context": {"policy_description": ""}} if dialect > "v1" else {})
    )) for dialect in get_args(Dialect)),
    (GUARDRAILS_POLICY, "v1", {"name": "p", "detectors": {
        "nsfw": {"enabled": False, "block_message": ""},
        "policy_violation": {"enabled": False, "policy_text": "", "coc_policy_name": "", "rules": []},
        "system_prompt": {"enabled": False, "index": ""}, "bias": {"enabled": True},
    }}),
    (DEPLOYMENT, "v1", {
        **WHOLE_DEPLOYMENT, "input_guardrails_policy": {"policy_name": "p", "enabled": False, "block": []},
    }),
]  # fmt: skip
"""Declarations in which fields are empty or off."""


@pytest.mark.parametrize(("kind", "dialect", "program"), SWITCHED_OFF)
@pytest.mark.parametrize("empty", ["", [], {}, None, ...], ids=["text", "list", "object", "null", "left out"])
def test_a_server_may_return_empty_or_off_in_any_form(
    kind: Kind, dialect: Dialect, program: dict[str, Any], empty: Any
) -> None:
    """Go omits empty and false values, PHP writes an empty object as a list: neither is drift or unreadable."""
    inputs, problems = codec.parse(kind, program, dialect)
    assert problems == []
    sent = codec.body(kind, inputs, dialect)
    places = [place for place in leaves(sent) if place and _is_empty(at(sent, place))]
    assert len(places) > 3
    for place in places:
        live = codec.read(kind, put(sent, place, empty) if empty is not ... else _less(sent, place))
        assert (place, differing(inputs, live, kind)) == (place, [])
        assert settle(inputs, live, kind) == inputs


def _is_empty(value: Any) -> bool:
    return all(map(_is_empty, value.values())) if isinstance(value, dict) else value in ("", [], None, False)


def _less(document: Any, place: tuple[str | int, ...]) -> Any:
    *parents, name = place
    holder = {other: item for other, item in at(document, tuple(parents)).items() if other != name}
    return put(document, tuple(parents), holder)


CLOSED = {*PURPOSES, *PROTOCOLS, "External", "text_2_text", "GDPR", "nsfw", "safety_harm", "assistant", "high"}
"""Values of closed sets that the test documents use in no other field."""
RULE_2 = {"text": "Be kind.", "frameworks": ["gdpr", "hipaa"], "mappings": [{"framework": "a"}, {"clause": "1"}]}
RULES = {"policy_violation": {"enabled": True, "rules": [RULE, RULE_2]}}


@pytest.mark.parametrize(
    ("kind", "program"), [*WHOLE, (GUARDRAILS_POLICY, {"name": "p", "description": "Ärger", "detectors": RULES})]
)
@pytest.mark.parametrize(
    "stored",
    [
        lambda value: value[::-1] if isinstance(value, list) else value,
        lambda value: value[:1] + value if isinstance(value, list) else value,
        lambda value: normalize("NFD", value) if isinstance(value, str) else value,
        lambda value: value.swapcase() if isinstance(value, str) and value in CLOSED else value,
        lambda value: f" {value}\r\n" if isinstance(value, str) and value else value,
        lambda value: str(value) if isinstance(value, int) else value,
        lambda value: {**value, "more": [1]} if isinstance(value, dict) else value,
    ],
    ids=["reversed", "one twice", "decomposed", "in another case", "with spaces", "numbers as text", "more fields"],
)
def test_harmless_changes_by_a_server_are_not_drift(
    kind: Kind, program: dict[str, Any], stored: Callable[[Any], Any]
) -> None:
    inputs, problems = codec.parse(kind, program)
    assert problems == []
    names = {path: inputs[path] for path in kind.identity if path in inputs}
    live = codec.read(kind, {**_changed(codec.body(kind, inputs), stored), **names})
    assert differing(inputs, live, kind) == []
    assert settle(inputs, live, kind) == inputs


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return change({name: _changed(item, change) for name, item in value.items()})
    return change([_changed(item, change) for item in value] if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        (GUARDRAILS_POLICY, {"name": "p", "detectors": UNKNOWN}),
        (GUARDRAILS_POLICY, {"name": UNKNOWN, "detectors": {"nsfw": {"enabled": UNKNOWN}}}),
        (DEPLOYMENT, {**WHOLE_DEPLOYMENT, "model_saved_name": UNKNOWN}),
        (DEPLOYMENT, {**WHOLE_DEPLOYMENT, "input_guardrails_policy": {**INPUT, "policy_name": UNKNOWN}}),
    ],
)
def test_unknown_values_break_no_rule(kind: Kind, program: dict[str, Any]) -> None:
    """At preview, names are outputs of resources created in the same run."""
    inputs, problems = codec.parse(kind, program)
    assert problems == []
    assert {name: inputs[name] for name in program} == program


@pytest.mark.parametrize(
    ("kind", "item", "details", "message"),
    [
        (MODEL, answer(), "model_config", "an invalid model: model_config: is required"),
        (GUARDRAILS_POLICY, WHOLE_POLICY, "detectors", "an invalid policy: detectors: is required"),
        (DEPLOYMENT, WHOLE_DEPLOYMENT, "input_guardrails_policy", ""),
    ],
)
def test_a_summary_is_distinguished_from_a_whole_item(
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
def test_errors_name_the_kind(kind: Kind, name: str) -> None:
    with pytest.raises(UnexpectedResponse, match=rf"^expected a {name}, got a list$"):
        codec.read(kind, [])


def test_an_identity_without_a_version_is_just_the_name() -> None:
    inputs, _ = codec.parse(GUARDRAILS_POLICY, {"name": "p", "detectors": {}})
    identity = GUARDRAILS_POLICY.known_identity(inputs)
    assert identity == GUARDRAILS_POLICY.identity_in({"name": "p"}) == GUARDRAILS_POLICY.identity_from("p")
    assert identity == Identifier("p", "")
    assert GUARDRAILS_POLICY.identity_from("a/b") == Identifier("a/b", "")
    assert str(identity) == "p"
    assert identity.is_sendable
    assert GUARDRAILS_POLICY.headers(identity) == {"X-Enkrypt-Policy": "p"}
    assert GUARDRAILS_POLICY.known_identity({**inputs, "name": UNKNOWN}) is None


def test_a_models_identity_is_its_name_and_version() -> None:
    identity = MODEL.identity_from("a")
    assert identity == Identifier("a", "v1")
    assert MODEL.headers(identity) == {"X-Enkrypt-Model": "a", "X-Enkrypt-Model-Version": "v1"}


def test_the_distinction_is_the_last_field_of_the_identity() -> None:
    assert (MODEL.distinction, GUARDRAILS_POLICY.distinction) == ("model_version", "name")
    assert (MODEL.has_dialects, GUARDRAILS_POLICY.has_dialects) == (True, False)
