"""Pulumi resource options that dynamic resources do not support, and messages at the resource."""

from __future__ import annotations

from typing import Final

from enkrypt_provider.emulator import Fault

from ..harness import Story
from ..programs import MODEL_KEY
from .projects import native

PROGRAM: Final = """
import os

import pulumi
from enkrypt_provider.native import EnkryptModel


def declare(name, opts=None, **config):
    reached = {"is_compatible_with": "openai", "endpoint": {"host": f"{name}.example.com"}}
    return EnkryptModel(name, opts=opts, model_saved_name=name,
                        model_config={**reached, "apikeys": [os.environ["MODEL_KEY"]], **config})


hosting, prompt = os.environ.get("HOSTING", "External"), os.environ.get("PROMPT", "")
declare("moved", pulumi.ResourceOptions(replace_on_changes=["model_config.hosting_type"]), hosting_type=hosting)
fixed = declare("fixed", pulumi.ResourceOptions(ignore_changes=["model_config.system_prompt"]), system_prompt=prompt)
declare("late", apikeys=[fixed.created_at], system_prompt=pulumi.Output.format("{0}", fixed.model_id))
"""


def test_resource_options_take_effect(story: Story) -> None:
    """Property paths are written like the arguments."""
    api = story.api()
    stack = native(story, PROGRAM, api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    api.fault(Fault(call="add_model", model="moved", reset="after", first=1))
    unknown = stack.preview("--diff")
    assert "apikeys: [secret]" in unknown.lines
    assert "systemPrompt: [unknown]" in unknown.lines
    first = stack.up()
    assert "moved/v1 is registered: the response was lost, but the create succeeded" in first.text
    late, fixed, before = api.models()["late/v1"], api.models()["fixed/v1"], api.models()["moved/v1"]["model_id"]
    assert late["model_config"]["apikeys"] == [fixed["created_at"]]
    assert late["model_config"]["system_prompt"] == str(fixed["model_id"])
    api.calls()

    changed = stack.with_environment({"HOSTING": "Internal", "PROMPT": "Be brief."})
    previewed = changed.preview("--diff")
    assert '~ hostingType: "External" => "Internal"' in previewed.lines
    assert "Be brief." not in previewed.text
    changed.up()
    # Same identity: the old registration must be deleted before the new one is created.
    assert [call for call in api.calls() if not call.startswith("list_")] == [
        "delete_model moved/v1",
        "add_model moved/v1",
    ]
    assert api.models()["moved/v1"]["model_id"] != before
    assert api.models()["fixed/v1"]["model_config"]["system_prompt"] == ""


LIFE: Final = """
import os

import pulumi
from enkrypt_provider.native import EnkryptModel

Options, key = pulumi.ResourceOptions, os.environ["MODEL_KEY"]


def declare(name, opts=None, **config):
    reached = {"is_compatible_with": "openai", "endpoint": {"host": f"{name}.example.com"}}
    return EnkryptModel(name, opts=opts, model_saved_name=name, model_config={**reached, **config})


free = {"password": key, "nested": {"headers": {"x": key}}, "owner": "ml"}
whole = declare("whole", metadata=free, default_request_options=free)
pulumi.export("host", whole.model_config.endpoint.host)
declare("kept", Options(retain_on_delete=True), metadata={"note": pulumi.Output.secret(key), "list": [free]})
declare("part", Options(deleted_with=whole))
declare("safe", Options(protect="FREE" not in os.environ))
if "SLOW" in os.environ:
    declare("slow", Options(custom_timeouts=pulumi.CustomTimeouts(create="2s")))
"""


def test_lifecycle_options_take_effect(story: Story) -> None:
    """Secrets in free-form maps never leak, however they are marked: the story searches for them at its end."""
    api = story.api()
    key = story.secrets.make("the models' key")
    stack = native(story, LIFE, api, environment={MODEL_KEY: key})
    stack.preview("--diff")
    stack.up("--diff")
    assert api.models()["whole/v1"]["model_config"]["metadata"]["password"] == key
    assert stack.outputs() == {"host": "whole.example.com"}
    stack.up("--expect-no-changes")
    stack.refresh("--diff", "--expect-no-changes")

    api.fault(Fault(call="add_model", model="slow", status=503, retry_after="5"))
    (error,) = stack.with_environment({"SLOW": "1"}).up(fails=True).errors
    assert "tried once" in error  # it does not start a wait beyond the 2 s limit
    api.fault()

    refused = stack.destroy("--target", stack.export()["safe"]["urn"], fails=True)
    assert "is protected" in refused.text or "protected resources" in refused.text
    assert len(api.models()) == 4
    stack.with_environment({"FREE": "1"}).up()
    api.calls()
    stack.destroy()
    assert sorted(call for call in api.calls() if not call.startswith("list_")) == [
        "delete_model safe/v1", "delete_model whole/v1"
    ]  # fmt: skip
    assert sorted(api.models()) == ["kept/v1", "part/v1"]
