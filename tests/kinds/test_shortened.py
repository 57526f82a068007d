"""shortened.py: the least arguments that declare what is registered, of every kind. Models: tests/cli."""

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
def test_what_is_sent_where_nothing_is_declared_is_left_out(kind: Kind, least: dict[str, Any]) -> None:
    """What the server has of the least declaration, every detector switched off among it, is declared by it again."""
    inputs = canonical(least, kind)
    live = codec.read(kind, codec.body(kind, inputs))
    assert shortened(kind, live.inputs, live.inputs) == least
    assert diff.differing(inputs, live, kind) == []
