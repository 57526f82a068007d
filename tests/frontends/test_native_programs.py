"""Python programs that use the native plugin, under `MockStack`."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from documents import everything, minimal
from mocked import SERVER, Server

from enkrypt_provider import (
    EndpointArgs,
    EnkryptModelArgs,
    InputPolicyArgs,
    ModelConfigArgs,
    native,
)
from enkrypt_provider.testing import CheckFailed, MockStack, assert_no_secret

KEY = "stand-in-key-0001"


def declaring(**changes: Any) -> MockStack:
    """A stack of one model."""

    def program() -> None:
        model = native.EnkryptModel("m", **minimal(**changes))
        pulumi.export("host", model.model_config.endpoint.host)
        pulumi.export("number", model.model_id)

    return MockStack(program)


def test_a_model_is_registered_changed_and_deleted() -> None:
    stack = declaring(model_config__apikeys=[KEY])
    assert stack.preview().resources["m"].change == "create"
    made = stack.up()
    assert made.outputs["host"] == "h"
    assert stack.registry.models()["small/v1"]["model_config"]["apikeys"] == [KEY]
    assert_no_secret(KEY, made.resources["m"].outputs)
    assert stack.up().resources["m"].change == "same"
    stack.program = declaring(model_config__system_prompt="Be brief.").program
    changed = stack.up().resources["m"]
    assert (changed.change, set(changed.changed)) == (
        "update",
        {"model_config.system_prompt", "model_config.apikeys"},
    )
    stack.destroy()
    assert stack.registry.models() == {}


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_every_field_reaches_the_api(dialect: Any) -> None:
    """With the package's names on the way, and free maps untouched."""
    declared = everything(dialect) | {"verify_health": None, "deletion_protection": None}

    def program() -> None:
        native.EnkryptModel("m", **declared)

    stack = MockStack(program, config={"enkrypt:dialect": dialect})
    stack.up()
    (live,) = stack.registry.models().values()
    assert live["model_config"]["metadata"] == declared["model_config"]["metadata"]
    assert live["model_config"]["default_request_options"] == declared["model_config"]["default_request_options"]
    assert stack.up().resources["m"].change == "same"


def test_arguments_may_be_objects_and_outputs_of_other_resources() -> None:
    def program() -> None:
        address = Server("s").address
        reached = ModelConfigArgs(is_compatible_with="openai", endpoint=EndpointArgs(host=address, base_path="v1"))
        native.EnkryptModel("m", EnkryptModelArgs(model_saved_name="small", model_config=reached))

    stack = MockStack(program, resources={SERVER: {"address": "llm.example.com"}})
    assert stack.preview().resources["m"].change == "create"
    stack.up()
    endpoint = stack.registry.models()["small/v1"]["model_config"]["endpoint"]
    assert (endpoint["host"], endpoint["base_path"]) == ("llm.example.com", "/v1")


def test_a_mistake_fails_the_preview() -> None:
    with pytest.raises(CheckFailed) as failed:
        declaring(model_config__hosting_type="Extern").preview()
    assert "model_config.hosting_type: must be" in failed.value.problems[0]


def test_functions_find_what_is_registered() -> None:
    def program() -> None:
        found = native.get_model("small")
        pulumi.export("found", found.model_config.endpoint and found.model_config.endpoint.host)
        pulumi.export("names", [model.model_saved_name for model in native.list_models("s*")])
        pulumi.export("prompt", native.get_model_output("small").model_config.system_prompt)

    stack = MockStack(program)
    stack.registry.add(minimal(model_config__apikeys=[KEY]))
    made = stack.up()
    assert made.outputs == {"found": "h", "names": ["small"], "prompt": ""}


def test_all_three_kinds_together() -> None:
    """The deployment gets the names and the version as outputs."""

    def program() -> None:
        chat = native.EnkryptModel("chat", **minimal(model_config__model_version="2"))
        guardrails = native.EnkryptGuardrailsPolicy("guardrails", name="p", detectors={"nsfw": {"enabled": True}})
        used = InputPolicyArgs(policy_name=guardrails.name, enabled=True, block=["nsfw"])
        made = native.EnkryptDeployment(
            "deployment",
            name="d",
            model_saved_name=chat.model_saved_name,
            model_version=chat.model_version,
            input_guardrails_policy=used,
            opts=pulumi.ResourceOptions(ignore_changes=["input_guardrails_policy.additional_config"]),
        )
        pulumi.export("blocks", made.input_guardrails_policy.block)
        pulumi.export("version", native.get_deployment_output(made.name).model_version)
        pulumi.export(
            "policies", native.list_guardrails_policies_output(guardrails.name).apply(lambda found: len(found))
        )

    stack = MockStack(program)
    assert {it.change for it in stack.preview().resources.values()} == {"create"}
    made = stack.up()
    assert made.outputs == {"blocks": ["nsfw"], "version": "2", "policies": 1}
    assert {it.change for it in stack.up().resources.values()} == {"same"}


def test_an_explicit_provider_selects_the_account() -> None:
    def program() -> None:
        account = native.EnkryptProvider("eu", endpoint="https://eu.example.com", api_key=KEY, check_online=False)
        native.EnkryptModel("m", **minimal(), opts=pulumi.ResourceOptions(provider=account))

    stack = MockStack(program)
    made = stack.up()
    assert made.resources["eu"].inputs["checkOnline"] == "false"
    assert made.resources["m"].provider.startswith(made.resources["eu"].urn)
    assert stack.registry.models() == {}  # it is in the other account


def test_options_accept_paths_in_pythons_names() -> None:
    """And `deletion_protection` sets `protect`."""
    seen: list[pulumi.ResourceOptions] = []

    def program() -> None:
        opts = pulumi.ResourceOptions(ignore_changes=["model_config.endpoint.base_path", "model_config.metadata.a_b"])
        model = native.EnkryptModel("m", **minimal(), deletion_protection=True, opts=opts)
        seen.append(native.EnkryptModel._with_paths(opts))
        assert model._protect is True

    MockStack(program).preview()
    assert seen[0].ignore_changes == ["modelConfig.endpoint.basePath", "modelConfig.metadata.a_b"]
