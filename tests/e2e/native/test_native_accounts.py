"""Accounts of the native plugin: rotated keys, new endpoints, explicit providers, migrated dynamic stacks."""

from __future__ import annotations

import json
from typing import Final

from ..harness import Stack, Story
from ..programs import DECLARED, MODEL_KEY, model
from .projects import PROGRAM, native, project, yaml

EXPLICIT: Final = """
import os

import pulumi
from MODULE import EnkryptModel, EnkryptProvider

account = EnkryptProvider("eu", endpoint=os.environ["URL"], api_key=os.environ["KEY"])
EnkryptModel("chat", opts=pulumi.ResourceOptions(provider=account), model_saved_name="chat", model_config={
    "is_compatible_with": "openai",
    "endpoint": {"host": "chat.example.com"},
    "apikeys": [os.environ["MODEL_KEY"]],
})
"""


def test_a_rotated_key_changes_no_model_and_another_account_replaces_all(story: Story) -> None:
    """They are created in the new account and deleted in the old one, each with that account's key."""
    first, second = story.api("first.db"), story.api("second.db")
    stack = native(story, api=first, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.write("models.json", json.dumps({"chat": model("chat"), "judge": model("judge")}))
    stack.up()
    first.calls()

    stack.config_set(secrets={"enkrypt:apiKey": first.rotate(story.secrets.make("the new key"))})
    rotated = stack.up("--diff")
    assert "3 unchanged" in rotated.lines
    assert first.calls() == []

    stack.config_set({"enkrypt:endpoint": second.url}, secrets={"enkrypt:apiKey": second.key})
    assert "+-2 replaced" in stack.up().lines
    assert (first.models(), sorted(second.models())) == ({}, ["chat/v1", "judge/v1"])
    stack.up("--expect-no-changes")


def test_a_protected_model_is_not_moved(story: Story) -> None:
    """Preview reports it, before anything is created in the new account or deleted in the old one."""
    first, second = story.api("first.db"), story.api("second.db")
    reached = {"isCompatibleWith": "openai", "endpoint": {"host": "chat.example.com"}}
    chat = {"modelSavedName": "chat", "modelConfig": reached, "deletionProtection": True}
    stack = yaml(story, {"resources": {"chat": {"type": "enkrypt:EnkryptModel", "properties": chat}}}, first)
    stack.up()
    stack.refresh()
    stack.config_set({"enkrypt:endpoint": second.url}, secrets={"enkrypt:apiKey": second.key})
    line = "chat/v1 is protected from deletion and replacement, and enkrypt:endpoint names another account"
    for refused in (stack.preview(fails=True), stack.up(fails=True)):
        assert line in refused.text
    assert (list(first.models()), second.models()) == (["chat/v1"], {})


def test_an_explicit_provider_selects_the_account(story: Story) -> None:
    first, second = story.api("first.db"), story.api("second.db")
    key = story.secrets.make("the models' key")
    stack = native(story, EXPLICIT.replace("MODULE", "enkrypt_provider.native"), environment={MODEL_KEY: key})
    there = stack.with_environment({"URL": first.url, "KEY": first.key})
    there.up()
    there.up("--expect-no-changes")
    elsewhere = stack.with_environment({"URL": second.url, "KEY": second.key})
    elsewhere.up()
    assert (first.models(), list(second.models())) == ({}, ["chat/v1"])


def migrated(story: Story, stack: Stack, program: str) -> Stack:
    """The same stack with a native program, which differs in one import."""
    stack.write("__main__.py", program)
    stack.write("Pulumi.yaml", project(story, "python"))
    return stack


def test_a_dynamic_stack_becomes_native_without_a_call(story: Story) -> None:
    """After changing one import, the models stay as they are and the state gets the native names."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.write("models.json", json.dumps({"chat": model("chat"), "judge": model("judge")}))
    stack.up()
    api.calls()

    migrated(story, stack, PROGRAM)
    assert "~ 2 updated" in stack.up().lines
    assert api.calls() == []
    assert stack.outputs() == {"chat": "chat.example.com", "judge": "judge.example.com"}
    resources = stack.export()
    assert resources["chat"]["type"] == "enkrypt:index:EnkryptModel"
    assert {"__provider", "model_saved_name"} & {*resources["chat"]["inputs"], *resources["chat"]["outputs"]} == set()
    stack.up("--expect-no-changes")
    stack.destroy()
    assert api.models() == {}


def test_a_dynamic_stack_with_an_explicit_provider_becomes_native(story: Story) -> None:
    api = story.api()
    key = story.secrets.make("the models' key")
    environment = {MODEL_KEY: key, "URL": api.url, "KEY": api.key}
    stack = story.project(EXPLICIT.replace("MODULE", "enkrypt_provider"), environment=environment)
    stack.up()
    api.calls()
    migrated(story, stack, EXPLICIT.replace("MODULE", "enkrypt_provider.native"))
    assert "~ 1 updated" in stack.up().lines
    assert api.calls() == []
    stack.up("--expect-no-changes")
