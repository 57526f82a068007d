"""resource.py: policies and deployments in a program; what all resources have in common is shown with models."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
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
    outputs,
)
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.testing import MockStack

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "guard-a-model.md"
BLOCKS = re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
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
    """Whatever can be declared, and what the server sets, can be read under the same name."""
    seen = vars(getattr(outputs, f"{kind.name}Outputs"))
    readable = {name for name, value in seen.items() if isinstance(value, property)}
    assert readable == {path for path in kind.fields if "." not in path}


@pytest.mark.parametrize("of", [EnkryptDeployment, EnkryptGuardrailsPolicy])
def test_what_is_there_is_read(of: Any) -> None:
    """By its name, into the resource's own class."""
    (made,) = run(lambda: of.get("d", "there")).resources.values()
    assert (made.type.rpartition(":")[2], made.id) == (of.__name__, "there")


def test_a_deployment_takes_the_names_of_what_it_depends_on() -> None:
    """Its version is no secret, though the model's keys are; at a preview the names may not be known yet."""

    def program() -> None:
        model = EnkryptModel("m", **minimal(model_config__apikeys=["stand-in-key"]))
        EnkryptDeployment("d", name="d", model_saved_name=model.model_saved_name, model_version=model.model_version)

    made = run(program).resources["d"]
    assert declared(made) == {"name": "d", "model_saved_name": "small", "model_version": "v1"}


def test_the_pages_program_declares_all_three() -> None:
    """What docs/how-to/guard-a-model.md shows is whole, and each takes the other's outputs."""
    made = run(lambda: exec(BLOCKS[0][1], {})).resources  # noqa: S102 - a program of our own docs
    assert set(made) == {"chat", "guardrails", "deployment"}
    deployed = declared(made["deployment"])
    assert (deployed["model_saved_name"], deployed["model_version"]) == ("support-chat", "v1")
    for kind, name in ((GUARDRAILS_POLICY, "guardrails"), (DEPLOYMENT, "deployment")):
        assert codec.parse(kind, declared(made[name]))[1] == []


def test_the_pages_catalogue_and_look_ups_work_on_one_account() -> None:
    """The catalogue's deployment depends on the other two; another program finds what it registered."""
    (_, settings), (_, program), (name, caller) = BLOCKS[1:]
    values = {key: given["value"] for key, given in yaml.safe_load(settings)["config"].items()}
    config = {**values, "enkrypt:endpoint": "embedded"}
    one = MockStack(lambda: exec(program, {}), config=config)  # noqa: S102 - a program of our own docs
    made = one.up()
    assert made.outputs == {"deployments": {"deployment": "support"}}
    assert made.messages == []
    assert set(made.resources["deployment"].dependencies) == {
        made.resources["chat"].urn, made.resources["guardrails"].urn,
    }  # fmt: skip
    assert name == "caller/__main__.py"
    account = {"enkrypt:endpoint": one.registry.endpoint}
    theirs = MockStack(lambda: exec(caller, {}), config=account, registry=one.registry)  # noqa: S102 - as above
    assert theirs.up().outputs == {
        "model": "support-chat/v1",
        "policies": ["support"],
        "policy": one.registry.policies()["support"]["policy_id"],
    }
    one.destroy()
    assert one.registry.deployments() == {}
