"""kinds/deployment.py: what a program may declare, what is sent, and what counts as drift."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from documents import INPUT, OUTPUT, canonical

from enkrypt_provider.core.diff import Rule, changes, differing
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT, NO_INPUT, NO_OUTPUT
from enkrypt_provider.kinds.guardrails_policy import Detectors

DECLARED: dict[str, Any] = {"name": "d", "model_saved_name": "m"}
BOTH: dict[str, Any] = {**DECLARED, "input_guardrails_policy": INPUT, "output_guardrails_policy": OUTPUT}
parsed = partial(canonical, kind=DEPLOYMENT)


def problems(**deployment: Any) -> list[str]:
    return [str(problem) for problem in codec.parse(DEPLOYMENT, deployment)[1]]


def test_the_version_and_both_policies_are_always_sent() -> None:
    """As by the official client: a server that merges must not keep a policy that is no longer declared."""
    sent = codec.body(DEPLOYMENT, parsed(DECLARED))
    assert sent == {
        **DECLARED, "model_version": "v1", "input_guardrails_policy": NO_INPUT, "output_guardrails_policy": NO_OUTPUT,
    }  # fmt: skip


@pytest.mark.parametrize("none", [NO_OUTPUT, None, {}])
def test_a_policy_without_a_name_counts_as_absent(none: Any) -> None:
    """No difference from a deployment that declares none, but one from a deployment that declares a policy."""
    response = {**codec.body(DEPLOYMENT, parsed(BOTH)), "output_guardrails_policy": none}
    live = codec.read(DEPLOYMENT, response)
    assert "output_guardrails_policy" not in live.inputs
    assert differing(parsed({**DECLARED, "input_guardrails_policy": INPUT}), live, DEPLOYMENT) == []
    assert differing(parsed(BOTH), live, DEPLOYMENT) == ["output_guardrails_policy"]


@pytest.mark.parametrize("said", [{}, {"model_version": None}, {"model_version": ""}])
def test_a_response_may_omit_the_version(said: dict[str, Any]) -> None:
    """Older documents do."""
    inputs = parsed({**DECLARED, "model_version": "2"})
    sent = {name: value for name, value in codec.body(DEPLOYMENT, inputs).items() if name != "model_version"}
    assert differing(inputs, codec.read(DEPLOYMENT, {**sent, **said}), DEPLOYMENT) == []


def test_drift_is_reported_field_by_field() -> None:
    """The order of `block` does not matter, but a check that somebody switched on is drift."""
    inputs = parsed({**DECLARED, "input_guardrails_policy": {**INPUT, "additional_config": {}}})
    changed = {**INPUT, "block": ["nsfw", "pii"], "enabled": False}
    live = codec.read(DEPLOYMENT, {**DECLARED, "model_version": "v2", "input_guardrails_policy": changed})
    assert differing(inputs, live, DEPLOYMENT) == [
        "model_version",
        "input_guardrails_policy.enabled",
        "input_guardrails_policy.additional_config.pii_redaction",
    ]


def test_a_changed_name_replaces_and_the_old_one_is_deleted_first() -> None:
    """Names are unique in an account, not in a project."""
    new = parsed({**BOTH, "name": "e", "model_version": "2"})
    assert [(one.path, one.rule) for one in changes(parsed(BOTH), new, DEPLOYMENT)] == [
        ("name", Rule.REPLACE),
        ("model_version", Rule.UPDATE),
    ]
    assert DEPLOYMENT.deletes_first


def test_mistakes_are_reported_with_their_path() -> None:
    assert problems() == ["name: is required", "model_saved_name: is required"]
    names = ", ".join(Detectors.model_fields)
    found = problems(**DECLARED, input_guardrails_policy={"policy_name": "", "block": ["relevancy", "topic"]})
    assert [problem.partition(":")[0] for problem in found] == [
        f"input_guardrails_policy.{path}" for path in ("policy_name", "enabled", "block[0]", "block[1]")
    ]
    assert found[1] == "input_guardrails_policy.enabled: is required"
    assert sorted(found[2].removeprefix("input_guardrails_policy.block[0]: must be one of ").split(", ")) == sorted(
        names.split(", ")
    )
    assert problems(
        **DECLARED, output_guardrails_policy={**OUTPUT, "additional_config": {"pii_redaction": True}}
    ) == [
        "output_guardrails_policy.additional_config.pii_redaction: is not a field here: use "
        "input_guardrails_policy.additional_config.pii_redaction"
    ]
