"""kinds/guardrails_policy.py: what a program may declare, what is sent, and what counts as drift."""

from __future__ import annotations

from typing import Any

import pytest
from documents import DETECTORS, canonical

from enkrypt_provider.core.diff import Rule, changes, differing, settle
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY, Detectors
from enkrypt_provider.kinds.kind import Properties


def parsed(**detectors: Any) -> Properties:
    """Return the canonical form of a policy with these detectors."""
    return canonical({"name": "p", "detectors": detectors}, GUARDRAILS_POLICY)


def problems(**policy: Any) -> list[str]:
    return [str(problem) for problem in codec.parse(GUARDRAILS_POLICY, policy)[1]]


def test_undeclared_detectors_are_sent_switched_off() -> None:
    """A server that merges must not leave on a detector that a program no longer declares."""
    assert set(DETECTORS) == set(Detectors.model_fields)
    inputs = parsed(nsfw={"enabled": True})
    sent = codec.body(GUARDRAILS_POLICY, inputs)["detectors"]
    assert not any(it["enabled"] for it in codec.body(GUARDRAILS_POLICY, parsed())["detectors"].values())
    assert list(sent) == ["nsfw", *(name for name in Detectors.model_fields if name != "nsfw")]
    assert [name for name, it in sent.items() if it["enabled"]] == ["nsfw"]
    assert inputs["detectors"] == {"nsfw": {"enabled": True}}


def test_only_declared_detectors_are_compared() -> None:
    """A server may return its other detectors, on or off, and options that nobody set."""
    inputs = parsed(nsfw={"enabled": True})
    echo = {"nsfw": {"enabled": True, "block_message": ""}, "bias": {"enabled": True}, "new_one": {"enabled": True}}
    live = codec.read(GUARDRAILS_POLICY, {"name": "p", "detectors": echo})
    assert differing(inputs, live, GUARDRAILS_POLICY) == []
    assert settle(inputs, live, GUARDRAILS_POLICY) == inputs


@pytest.mark.parametrize(
    ("detectors", "drift"),
    [
        ({"topic_detector": {"enabled": False, "topic": ["b", "a"]}}, ["detectors.topic_detector.enabled"]),
        ({"topic_detector": {"enabled": True, "topic": ["a"]}}, ["detectors.topic_detector.topic"]),
        ({"topic_detector": {"topic": ["a", "b"]}}, ["detectors.topic_detector.enabled"]),
        ({}, ["detectors.topic_detector"]),
        ({"topic_detector": {"enabled": True, "topic": ["b", "a"]}}, []),
    ],
)
def test_a_declared_detector_drifts(detectors: Properties, drift: list[str]) -> None:
    """The order of topics does not matter."""
    inputs = parsed(topic_detector={"enabled": True, "topic": ["a", "b"]})
    live = codec.read(GUARDRAILS_POLICY, {"name": "p", "detectors": detectors})
    assert differing(inputs, live, GUARDRAILS_POLICY) == drift


def test_a_changed_name_replaces_and_every_other_change_updates() -> None:
    old = parsed(nsfw={"enabled": True}, bias={"enabled": True})
    new = {**parsed(nsfw={"enabled": False}), "name": "q", "description": "x"}
    assert [(one.path, one.rule) for one in changes(old, new, GUARDRAILS_POLICY)] == [
        ("name", Rule.REPLACE),
        ("description", Rule.UPDATE),
        ("detectors.nsfw.enabled", Rule.UPDATE),
        ("detectors.bias", Rule.UPDATE),
    ]


def test_mistakes_are_reported_with_their_path() -> None:
    assert problems() == ["name: is required", "detectors: is required"]
    assert problems(name="p" * 33, description="d" * 129, detectors={"nsfw": {}, "pii": {"enabled": "on"}}) == [
        "name: must be at most 32 characters, this one has 33",
        "description: must be at most 128 characters, this one has 129",
        "detectors.nsfw.enabled: is required",
    ]
    wrong = {"injection": {}, "pii": {"enabled": True, "block_message": "x"}}
    assert problems(name="p", detectors=wrong) == [
        "detectors.pii.block_message: is not a field here; the fields are enabled, entities",
        'detectors.injection: is not a field here; did you mean "injection_attack"?',
    ]
    rule = {"text": "x", "severity": "hihg"}
    assert problems(name="p", policy_id=1, detectors={"policy_violation": {"enabled": True, "rules": [rule]}}) == [
        "detectors.policy_violation.rules[0].severity: must be one of critical, high, medium, low; "
        'did you mean "high"?'
    ]


def test_it_has_no_secrets_and_no_dialects() -> None:
    inputs = parsed(**DETECTORS)
    assert GUARDRAILS_POLICY.secret_paths(inputs) == []
    assert GUARDRAILS_POLICY.secret_texts(inputs) == ()
    assert codec.body(GUARDRAILS_POLICY, inputs, "v2") == codec.body(GUARDRAILS_POLICY, inputs)
    assert not GUARDRAILS_POLICY.has_dialects
