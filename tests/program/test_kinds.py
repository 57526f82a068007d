"""resource.py: policies and deployments in a program; test_resource.py tests what all kinds share, with models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from documents import minimal
from mocked import Registered, run

from enkrypt_provider import (
    BlockingDetectorArgs,
    DetectorsArgs,
    EnkryptDeployment,
    EnkryptDeploymentArgs,
    EnkryptGuardrailsPolicy,
    EnkryptGuardrailsPolicyArgs,
    EnkryptModel,
    InputAdditionalConfigArgs,
    InputPolicyArgs,
    TopicDetectorArgs,
)
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.program import resource

DETECTORS: dict[str, Any] = {
    "nsfw": {"enabled": True, "block_message": "No."}, "topic_detector": {"enabled": True, "topic": ["science"]},
}  # fmt: skip
TYPED = DetectorsArgs(
    nsfw=BlockingDetectorArgs(enabled=True, block_message="No."),
    topic_detector=TopicDetectorArgs(enabled=True, topic=["science"]),
)
USED: dict[str, Any] = {"policy_name": "p", "enabled": True, "additional_config": {"pii_redaction": True}}
USED_TYPED = InputPolicyArgs(
    policy_name="p", enabled=True, additional_config=InputAdditionalConfigArgs(pii_redaction=True)
)


def declared(made: Registered) -> dict[str, Any]:
    return {name: value for name, value in made.inputs.items() if not name.startswith("__")}


@pytest.mark.parametrize(
    ("kind", "program", "inputs"),
    [
        *(
            (GUARDRAILS_POLICY, program, {"name": "p", "detectors": DETECTORS})
            for program in (
                lambda: EnkryptGuardrailsPolicy("a", name="p", detectors=DETECTORS),
                lambda: EnkryptGuardrailsPolicy("a", name="p", detectors=TYPED),
                lambda: EnkryptGuardrailsPolicy("a", EnkryptGuardrailsPolicyArgs(name="p", detectors=TYPED)),
            )
        ),
        *(
            (DEPLOYMENT, program, {"name": "d", "model_saved_name": "m", "input_guardrails_policy": USED})
            for program in (
                lambda: EnkryptDeployment("a", name="d", model_saved_name="m", input_guardrails_policy=USED),
                lambda: EnkryptDeployment(
                    "a", EnkryptDeploymentArgs(name="d", model_saved_name="m", input_guardrails_policy=USED_TYPED)
                ),
            )
        ),
    ],
)
def test_every_spelling_declares_the_same(kind: Kind, program: Callable[[], Any], inputs: Any) -> None:
    (made,) = run(program).resources.values()
    assert made.type == f"pulumi-python:dynamic/enkrypt:{kind.name}"
    assert declared(made) == inputs


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_every_field_is_an_output(kind: Kind) -> None:
    """Every argument, and everything that the server sets, can be read under the same name."""
    seen = vars(getattr(resource, kind.name))
    readable = {name for name, value in seen.items() if isinstance(value, property)}
    more = {"model_version"} if kind is MODEL else set()
    assert readable == {path for path in kind.fields if "." not in path} | more


@pytest.mark.parametrize("of", [EnkryptDeployment, EnkryptGuardrailsPolicy])
def test_get_reads_an_existing_registration(of: Any) -> None:
    """By its name, into the resource's own class."""
    (made,) = run(lambda: of.get("d", "there")).resources.values()
    assert (made.type.rpartition(":")[2], made.id) == (of.__name__, "there")


def test_a_deployment_takes_a_models_name_and_version() -> None:
    """The version is not secret, although the model's keys are."""

    def program() -> None:
        model = EnkryptModel("m", **minimal(model_config__apikeys=["stand-in-key"]))
        EnkryptDeployment("d", name="d", model_saved_name=model.model_saved_name, model_version=model.model_version)

    made = run(program).resources["d"]
    assert declared(made) == {"name": "d", "model_saved_name": "small", "model_version": "v1"}
