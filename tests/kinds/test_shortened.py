"""shortened.py: the shortest arguments that declare a registration, for every kind. Models: tests/cli."""

from __future__ import annotations

from typing import Any

import pytest
from documents import canonical

from enkrypt_provider.core import diff
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.shortened import shortened

PII = {"enabled": True, "entities": ["email"]}


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (GUARDRAILS_POLICY, {"name": "a", "detectors": {}}),
        (GUARDRAILS_POLICY, {"name": "a", "description": "d", "detectors": {"pii": PII, "nsfw": {"enabled": True}}}),
        (GUARDRAILS_POLICY, {"name": "a", "detectors": {"topic_detector": {"enabled": False, "topic": ["science"]}}}),
        (DEPLOYMENT, {"name": "a", "model_saved_name": "m"}),
        (DEPLOYMENT, {"name": "a", "model_saved_name": "m", "model_version": "2"}),
        (
            DEPLOYMENT,
            {
                "name": "a",
                "model_saved_name": "m",
                "input_guardrails_policy": {"policy_name": "p", "enabled": False},
                "output_guardrails_policy": {"policy_name": "p", "enabled": True, "block": ["hallucination"]},
            },
        ),
    ],
)
def test_shortened_arguments_declare_the_same_registration(kind: Kind, least: dict[str, Any]) -> None:
    """Whatever is sent for an undeclared field, such as every detector switched off, is left out again."""
    inputs = canonical(least, kind)
    live = codec.read(kind, codec.body(kind, inputs))
    assert shortened(kind, live.inputs, live.inputs) == least
    assert diff.differing(inputs, live, kind) == []
