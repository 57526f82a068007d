"""core/diff.py: which differences are changes or drift, and which are neither."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from documents import (
    COMPUTED,
    answer,
    at,
    canonical,
    document,
    everything,
    leaves,
    minimal,
    put,
    registrations,
    through_engine,
)
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.core import diff
from enkrypt_provider.core.diff import Change, Rule
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Live, Properties
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import UNKNOWN

changes = partial(diff.changes, kind=MODEL)
differing = partial(diff.differing, kind=MODEL)
in_order_of = partial(diff.in_order_of, kind=MODEL)
rule_of = partial(diff.rule_of, kind=MODEL)
settle = partial(diff.settle, kind=MODEL)
without_secrets = partial(diff.without_secrets, kind=MODEL)


def live(inputs: Properties) -> Live:
    """Return the registration of a server that echoes `inputs`."""
    return codec.read(MODEL, {**inputs, **COMPUTED})


def field_places(inputs: Properties) -> list[tuple[str, ...]]:
    """Return the place of each single field; a list counts as one."""
    names = [tuple(str(part) for part in place) for place in leaves(inputs) if not any(map(_is_index, place))]
    return [place for place in names if place and not isinstance(at(inputs, place), dict)]


def _is_index(part: str | int) -> bool:
    return isinstance(part, int)


def other(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, list | dict):
        return {"other": 1} if isinstance(value, dict) else [*value, "other"]
    return value + 1 if isinstance(value, int | float) else f"{value}x"


ALL = canonical(everything("v2"), dialect="v2")
CERTIFICATIONS = MODEL.fields["certifications"].values
FIELDS = field_places(ALL)


# ---- what is a change


@given(registrations())
def test_nothing_differs_from_itself(props: dict[str, Any]) -> None:
    """An `up` without an edit does nothing, although the state returns numbers as floats, and maps in any order."""
    inputs = canonical(props)
    held = through_engine(inputs)
    assert [changes(same, inputs) for same in (inputs, held, codec.from_state(MODEL, held))] == [[], [], []]
    assert differing(inputs, live(inputs)) == []


@given(st.permutations(CERTIFICATIONS), st.permutations(CERTIFICATIONS))
def test_the_order_of_certifications_is_no_change(one: list[str], another: list[str]) -> None:
    """Certifications are a set: they may be declared and returned in any order."""
    declared = canonical(document(certifications=one))
    assert changes(declared, canonical(document(certifications=another))) == []
    assert settle(declared, live(canonical(document(certifications=another)))) == declared


def test_duplicate_certifications_are_dropped() -> None:
    """Duplicates, which a server may drop, are dropped before anything is sent."""
    once, twice = canonical(document(certifications=["GDPR"])), canonical(document(certifications=["GDPR", "GDPR"]))
    assert once == twice


@pytest.mark.parametrize("place", FIELDS, ids=".".join)
def test_a_changed_field_is_exactly_one_change(place: tuple[str, ...]) -> None:
    """Each changed field is one change, with its own path and rule."""
    path = ".".join(place)
    changed = put(ALL, place, other(at(ALL, place)))
    expected = [Change(path, rule_of(path))]
    assert changes(ALL, changed) == changes(changed, ALL) == expected


OBJECTS = [("model_config",), ("model_config", "endpoint"), ("model_config", "metadata", "gemini")]


@pytest.mark.parametrize("place", [*FIELDS, *OBJECTS], ids=".".join)
def test_an_unknown_value_is_one_change(place: tuple[str, ...]) -> None:
    """It may become any value, so it is shown as a change; for an object, only the object is listed."""
    assert [change.path for change in changes(ALL, put(ALL, place, UNKNOWN))] == [".".join(place)]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("model_saved_name", Rule.REPLACE),
        ("model_config.model_version", Rule.REPLACE),
        ("certifications", Rule.UPDATE),
        ("model_config.apikeys", Rule.SECRET),
        ("model_config.model_jwt_config", Rule.SECRET),
        ("model_config.model_jwt_config.jwt_body", Rule.SECRET),
        ("model_config.metadata.aws_secret_access_key", Rule.SECRET),
        ("model_config.metadata.relay.target_headers.x", Rule.SECRET),
        ("model_config.custom_headers", Rule.SECRET),
        ("model_config.custom_curl_command", Rule.SECRET),
        ("adopt_existing", Rule.OPTION),
        ("model_config.endpoint.port", Rule.UPDATE),
        ("model_config.metadata.max_tokens", Rule.UPDATE),
        ("model_config.metadata.anything", Rule.UPDATE),
    ],
)
def test_the_markers_of_a_field_decide_its_rule(path: str, rule: Rule) -> None:
    """Only the identity replaces; a field without markers is changed in place."""
    assert rule_of(path) is rule


@pytest.mark.parametrize("name", MODEL.computed)
def test_an_output_is_never_a_change(name: str) -> None:
    """Outputs are ignored: the state has them, and a program cannot."""
    assert changes({**ALL, name: 1}, ALL) == changes(ALL, {**ALL, name: 2}) == []


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": 1.0}, {"a": 1}, []),
        ({"a": 0}, {"a": False}, ["a"]),
        ({"a": {}}, {}, ["a"]),
        ({}, {"a": {"b": 1}}, ["a"]),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, ["a.b", "a.c"]),
        ({"a": {"b": 1}}, {"a": [1]}, ["a"]),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, ["a"]),
    ],
)
def test_types_and_absence_are_differences(old: Any, new: Any, paths: list[str]) -> None:
    """True does not equal 1, but 1.0 does; an added or removed field is a change."""
    assert [change.path for change in changes(old, new)] == paths


def test_a_change_holds_no_value() -> None:
    """It can be printed, since it contains only the field."""
    (change,) = changes(canonical(document()), canonical(document(model_config__apikeys=["stand-in-key"])))
    assert "stand-in-key" not in repr(change)


# ---- what is drift


def _live_with(**changed: Any) -> Live:
    return codec.read(MODEL, answer(**changed))


@pytest.mark.parametrize("place", FIELDS, ids=".".join)
def test_drift_of_a_field_shows_as_that_field(place: tuple[str, ...]) -> None:
    """Changes by somebody else are seen field by field, except for secrets and the provider's own options."""
    path = ".".join(place)
    unseen = path.startswith(MODEL.secrets) or path in MODEL.options
    drifted = Live(MODEL, put(ALL, place, other(at(ALL, place))), COMPUTED)
    assert differing(ALL, drifted) == ([] if unseen else [path])


SPELT: list[tuple[str, Any, Any]] = [
    ("certifications", ["GDPR", "CCPA"], ["CCPA", "GDPR"]),
    ("model_config.model_source", "https://together.ai", "https://together.ai/"),
    ("model_config.endpoint.host", "API.Example.com", "api.example.com"),
    ("model_config.model_source", "https://Together.ai/A", "HTTPS://together.ai/A/"),
    ("model_config.endpoint.scheme", "https", "HTTPS"),
    ("model_config.endpoint.host", "api.example.com", "API.example.com."),
    ("model_config.endpoint.host", "[2001:DB8:0:0::1]", "[2001:db8::1]"),
    ("model_config.endpoint.host", "xn--bcher-kva.example", "Bücher.example"),
    ("model_config.model_source", "https://h/a", "https://H.:443/a"),
    ("model_config.model_source", "http://[2001:DB8:0::1]:80", "http://[2001:db8::1]/"),
    ("model_config.endpoint.base_path", "/v1", "/v1/"),
    ("model_config.endpoint.base_path", "/v1", "v1"),
    ("model_config.endpoint.base_path", "", "/"),
    ("model_config.paths.chat", "/chat/completions/", "/chat/completions"),
    ("model_config.auth_data.header_name", "X-Api-Key", "x-api-key"),
    ("model_config.input_modalities", ["text", "image"], ["image", "text"]),
    ("model_config.tools", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a", "description": ""}]),
    ("model_config.metadata", {"region": "eu", "n": {"a": 1}}, {"region": "eu", "n": {"a": 1, "b": 2}, "more": 1}),
    ("model_config.metadata", {"region": "eu", "max_tokens": 5}, {"max_tokens": 5}),
    ("model_config.metadata", {"sa": "a-long-text"}, {"sa": "****"}),
    (
        "model_config.metadata",
        {"sa": {"a": "b"}, "n": 1234, "l": ["a"]},
        {"sa": "(hidden)", "n": "####", "l": "[REDACTED]"},
    ),
    ("model_config.default_request_options", {"sa": "a-long-text"}, {"sa": "<sensitive value>"}),
    (
        "model_config.metadata",
        {"gemini": {"api_endpoint": "EU.example.com"}},
        {"gemini": {"api_endpoint": "eu.example.com"}},
    ),
    ("model_config.metadata", {"aws_secret_access_key": "stand-in"}, {"aws_secret_access_key": "another"}),
    ("model_config.default_request_options", {"temperature": 0.5, "stop": ["a"]}, {"stop": ["a"], "top_p": 1}),
    ("model_config.default_request_options", {"tools": [{"type": "x"}]}, {"tools": [{"type": "x", "id": 1}]}),
    ("model_config.custom_payload", {"prompt": "{prompt}"}, {"prompt": "{prompt}", "stream": False}),
    ("certifications", ["GDPR"], ["GDPR", "GDPR"]),
    ("model_name", " m ", "m"),
    ("model_config.system_prompt", "Be brief.\r\nBe kind.\n", "Be brief.\nBe kind."),
    ("model_config.hosting_type", "External", "EXTERNAL"),
    ("model_config.model_source", "https://together.ai", " https://together.ai/ "),
    ("model_config.tools", [{"name": "a", "description": "b\n"}], [{"name": "a", "description": "b"}]),
    ("model_config.metadata", {"max": 5, "on": True, "share": 0.5}, {"max": "5", "on": "true", "share": "0.5"}),
    ("model_config.metadata", {"l": [5, {"a": 1, "b": False}]}, {"l": ["5.0", {"a": "1.00", "b": "False"}]}),
    ("model_config.metadata", {"max": "5", "on": "true", "share": "0.50"}, {"max": 5, "on": True, "share": 0.5}),
    ("model_config.metadata", {"key_id": "a-long-text", "n": 1234}, {"key_id": "a-...ext", "n": "***4"}),
    ("model_config.endpoint", {"scheme": "http", "host": "h"}, {"scheme": "HTTP", "host": "h"}),
    ("model_config.endpoint.base_path", "/é/a%2fb~", "/%C3%A9/a%2Fb%7E/"),
    ("model_config.paths.chat", "/{name}", "/%7Bname%7D"),
    ("model_config.model_source", "https://h/a b/é", "https://h/a%20b/%c3%a9/"),
]
"""Values that a program and a server spell differently, but that are the same."""


@pytest.mark.parametrize(("path", "said", "shown"), SPELT)
def test_another_spelling_by_the_server_is_no_drift(path: str, said: Any, shown: Any) -> None:
    """Otherwise each refresh would show a diff, and each `up` would send a PATCH."""
    place = tuple(path.split("."))
    declared = canonical(put(document(), place, said), dialect="v2")
    found = codec.read(MODEL, {**put(declared, place, shown), **COMPUTED})
    assert differing(declared, found) == []
    assert settle(declared, found) == declared


@pytest.mark.parametrize(
    ("path", "said", "shown"),
    [
        ("model_config.endpoint.host", "api.example.com", "other.example.com"),
        ("model_config.endpoint.base_path", "/v1", "/v2"),
        ("model_config.endpoint.scheme", "https", "http"),
        ("model_config.model_source", "https://together.ai/A", "https://together.ai/a"),
        ("model_config.model_source", "Together", "together"),
        ("model_config.model_source", "https://h/a", "https://h:80/a"),
        ("model_config.paths.chat", "/chat", "chat"),
        ("model_config.system_prompt", "Be Brief/", "be brief"),
        ("model_config.input_modalities", ["text", "image"], ["text"]),
        ("model_config.tools", [{"name": "a"}], [{"name": "a", "description": "x"}]),
        ("model_config.endpoint.base_path", "/a%2Fb", "/a/b"),
        ("model_config.endpoint.base_path", "/a%FF", "/a%FE"),
    ],
)
def test_another_value_is_drift(path: str, said: Any, shown: Any) -> None:
    """Tolerance for spellings hides no real change."""
    place = tuple(path.split("."))
    declared = canonical(put(document(), place, said), dialect="v2")
    assert differing(declared, codec.read(MODEL, {**put(declared, place, shown), **COMPUTED})) == [path]


@pytest.mark.parametrize(
    ("name", "said", "read"),
    [
        ("model_id", "7", 7),
        ("model_id", "a-uuid", None),
        ("model_id", [7], None),
        ("created_at", 1767225600, "1767225600"),
        ("created_at", {"date": 1}, None),
        ("project_name", 5, "5"),
    ],
)
def test_an_output_may_have_an_unexpected_type(name: str, said: Any, read: Any) -> None:
    """The registration exists all the same: treating it as unreadable would lose it."""
    found = codec.read(MODEL, {**canonical(document()), **COMPUTED, name: said})
    assert found.computed.get(name) == read


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        *[(["a"], shown) for shown in (1, {"nested": 1}, "other", ["a", "b"])],
        *[("public", shown) for shown in ("secret", "**public**", "xx", "*", "publicly ...", "wait...")],
        ([{"kind": "a", "n": 1}], [{"kind": "b", "n": 1}]),
        *((1, shown) for shown in (True, "true", "2", "")),
        *((True, shown) for shown in (1, "1", "yes")),
        ("1.10", "1.1"),
    ],
)
def test_another_value_in_a_free_map_is_drift(said: Any, shown: Any) -> None:
    """A server may leave an entry out or mask its value, but not return another value."""
    declared = canonical(document(model_config__metadata={"name": said}))
    found = _live_with(model_config__metadata={"name": shown})
    assert differing(declared, found) == ["model_config.metadata.name"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("max_tokens", "auto"), ("max_tokens", 0.5), ("gemini", "x"), ("gemini", 5), ("azure_instance", True)],
)
def test_a_value_of_another_type_in_a_map_is_drift(name: str, shown: Any) -> None:
    """Anything may be written there: the registration is still read, so that an update can correct it."""
    said = {"max_tokens": 5, "gemini": {"project_id": "p"}, "azure_instance": "5"}
    declared = canonical(document(model_config__metadata=said))
    found = _live_with(model_config__metadata={**said, name: shown})
    assert differing(declared, found) == [f"model_config.metadata.{name}"]
    assert codec.from_state(MODEL, through_engine(found.inputs)) == found.inputs


def test_a_declared_secret_survives_a_response_without_it() -> None:
    """A server that leaves a secret out of its response still has it."""
    bare = {k: v for k, v in ALL["model_config"].items() if f"model_config.{k}" not in MODEL.secrets}
    assert settle(ALL, Live(MODEL, {**ALL, "model_config": bare}, COMPUTED)) == ALL


def test_an_undeclared_secret_stays_out_of_the_state() -> None:
    """Secrets in the response that the program does not declare stay out of the state."""
    declared = canonical(minimal())
    declared["model_config"].pop("apikeys")
    found = codec.read(
        MODEL, answer(model_saved_name="small", model_config__custom_headers=[{"key": "k", "value": "v"}])
    )
    assert not {"apikeys", "custom_headers"} & settle(declared, found)["model_config"].keys()


def test_options_stay_as_declared() -> None:
    """Options such as `adopt_existing` stay as declared, whatever the server returns under their names."""
    declared = canonical(document(adopt_existing=True))
    assert settle(declared, _live_with(adopt_existing=False))["adopt_existing"] is True


def test_without_its_secrets_a_declaration_differs_from_itself() -> None:
    """Keys, which cannot be compared, count as a difference once they are removed, and nothing else does."""
    whole = canonical(document())
    paths = [change.path for change in changes(codec.from_state(MODEL, without_secrets(whole)), whole)]
    assert paths == ["model_config.apikeys"]
    assert without_secrets({}) == {}


RULES = {"enabled": True, "rules": [{"text": "a", "severity": "high"}, {"text": "b"}]}


@pytest.mark.parametrize(
    ("said", "shown", "drift"),
    [
        ({"system_prompt": {"enabled": False}}, {}, []),
        ({"system_prompt": {"enabled": True}}, {}, ["detectors.system_prompt"]),
        ({"policy_violation": RULES}, {"policy_violation": put(RULES, ("rules", 1, "severity"), "")}, []),
        ({"policy_violation": RULES}, {"policy_violation": put(RULES, ("rules", 1, "severity"), "low")}, []),
        ({"policy_violation": RULES}, {"policy_violation": put(RULES, ("rules", 1, "id"), "r-7")}, []),
        (
            {"policy_violation": RULES},
            {"policy_violation": put(RULES, ("rules", 0, "severity"), "low")},
            ["detectors.policy_violation.rules"],
        ),
    ],
)
def test_a_server_may_fill_in_undeclared_fields_of_a_rule(said: Any, shown: Any, drift: list[str]) -> None:
    """Only declared fields are compared, even within a list; a disabled detector may be left out."""
    declared = canonical({"name": "p", "detectors": said}, GUARDRAILS_POLICY)
    found = codec.read(GUARDRAILS_POLICY, {"name": "p", "detectors": shown, "policy_id": 1})
    assert diff.differing(declared, found, GUARDRAILS_POLICY) == drift


def test_a_v2_response_may_contain_empty_v1_fields() -> None:
    """An empty field under the other dialect's name is ignored."""
    sent = codec.body(MODEL, ALL, "v2")
    shown = put(sent, ("model_config", "is_compatible_with"), "")
    assert differing(ALL, codec.read(MODEL, {**shown, **COMPUTED})) == []


@pytest.mark.parametrize("path", ["input_guardrails_policy", "output_guardrails_policy"])
def test_a_policy_that_somebody_added_to_a_deployment_is_drift(path: str) -> None:
    """The next update would remove it, so a preview shows it. An empty policy in the response counts as none."""
    declared = canonical({"name": "d", "model_saved_name": "m"}, DEPLOYMENT)
    for policy, drift in (({"policy_name": "p", "enabled": True}, [path]), ({"policy_name": "", "block": []}, [])):
        found = codec.read(DEPLOYMENT, {**declared, path: policy, "deployment_id": 1})
        assert diff.differing(declared, found, DEPLOYMENT) == drift


# ---- the order of lists


def test_an_unordered_list_takes_the_order_of_the_old_one() -> None:
    """New items come last, none is lost, and a list whose order matters is left as it is."""
    old = {"certifications": ["GDPR", "HIPAA"], "model_config": {"apikeys": ["a", "b"], "tools": [{"name": "x"}]}}
    new = {
        "certifications": ["CCPA", "HIPAA", "GDPR"],
        "model_config": {"apikeys": ["b", "a"], "tools": [{"name": "y"}, {"name": "x"}, {"name": "x"}]},
    }
    assert in_order_of(old, new) == {
        "certifications": ["GDPR", "HIPAA", "CCPA"],
        "model_config": {"apikeys": ["b", "a"], "tools": [{"name": "x"}, {"name": "y"}, {"name": "x"}]},
    }
    assert in_order_of({}, new) == new
