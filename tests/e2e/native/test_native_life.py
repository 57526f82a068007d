"""The life cycle of stacks that use the native plugin, from the first preview to the last destroy."""

from __future__ import annotations

import json
from typing import Any

from enkrypt_provider.emulator import Fault

from ..harness import Story
from ..programs import MODEL_KEY, model
from .projects import native, yaml


def test_each_step_makes_only_the_calls_it_needs(story: Story) -> None:
    """Each step makes exactly the calls that it needs, and its diff shows the changed fields."""
    api = story.api()
    stack = native(story, api=api, environment={MODEL_KEY: story.secrets.make("the models' key")})

    def declare(**models: Any) -> None:
        stack.write("models.json", json.dumps(models))

    declare(chat=model("chat", hosting_type="External"))
    previewed = stack.preview("--diff")
    assert 'host: "chat.example.com"' in previewed.lines
    assert "apikeys: [secret]" in previewed.lines
    assert api.calls() == []

    stack.up()
    assert api.calls() == ["add_model chat/v1"]
    assert stack.outputs() == {"chat": "chat.example.com"}  # plain text, though the keys are secret
    stack.up("--expect-no-changes")
    assert api.calls() == []

    api.change("chat/v1", {"model_config": {"hosting_type": "Internal"}})
    refreshed = stack.refresh("--diff")
    assert '~ hostingType: "External" => "Internal"' in refreshed.lines
    assert api.calls() == ["list_models"]
    declare(chat=model("chat", hosting_type="External", system_prompt="Be brief."))
    changed = stack.preview("--diff")
    assert '~ hostingType: "Internal" => "External"' in changed.lines
    assert '+ systemPrompt: "Be brief."' in changed.lines
    stack.up()
    assert api.calls() == ["list_models", "modify_model chat/v1"]

    declare(chat=model("chat", model_version="v2"))
    assert "+-1 to replace" in stack.preview().lines
    stack.up()
    assert api.calls() == ["add_model chat/v2", "list_models", "delete_model chat/v1"]
    stack.destroy("--refresh")
    assert api.models() == {}


def test_life_cycle_of_a_yaml_program(story: Story) -> None:
    """A key in the program, against all advice, does not reach the state."""
    api = story.api()
    key = story.secrets.make("the model's key")
    reached = {"isCompatibleWith": "openai", "endpoint": {"host": "chat.example.com"}, "apikeys": [key]}
    chat = {"type": "enkrypt:EnkryptModel", "properties": {"modelSavedName": "chat", "modelConfig": reached}}
    # Depends on an output of the API: the name alone is known earlier, so the look-up would run too early.
    found = {"fn::invoke": {"function": "enkrypt:listModels", "arguments": {"name": "c*-${chat.modelId}"}}}
    outputs = {"host": "${chat.modelConfig.endpoint.host}", "none": "${found.models}"}
    stack = yaml(story, {"resources": {"chat": chat}, "variables": {"found": found}, "outputs": outputs}, api)
    stack.preview()
    stack.up()
    assert stack.outputs() == {"host": "chat.example.com", "none": []}
    stack.up("--expect-no-changes")
    stack.destroy()
    assert api.models() == {}
    (stack.folder / "Pulumi.yaml").unlink()  # it contains the key


def test_a_model_that_fails_its_health_check_is_kept(story: Story) -> None:
    """A refresh keeps its error; the next `up` retries, even without a change."""
    api = story.api()
    stack = native(story, api=api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.write("models.json", json.dumps({"chat": {**model("chat"), "verify_health": True}}))
    api.fault(Fault(call="model_health", status=200, body='{"status": "unhealthy", "message": "no route"}'))
    failed = stack.up(fails=True)
    assert "* chat/v1 does not respond: unhealthy: no route" in failed.text
    assert stack.export()["chat"]["initErrors"] == ["chat/v1 does not respond: unhealthy: no route"]
    assert list(api.models()) == ["chat/v1"]
    assert "chat/v1 does not respond: unhealthy: no route" in stack.refresh().text
    assert stack.export()["chat"]["initErrors"] == ["chat/v1 does not respond: unhealthy: no route"]
    api.fault()
    api.calls()
    stack.up()
    assert api.calls()[-1] == "model_health chat/v1"
    assert "initErrors" not in stack.export()["chat"]


def test_errors_are_one_line_at_the_resource(story: Story) -> None:
    api = story.api()
    stack = native(story, api=api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.write("models.json", json.dumps({"chat": model("chat", hosting_type="Extern")}))
    (error,) = stack.preview(fails=True).errors
    assert error.startswith(
        "enkrypt:index:EnkryptModel resource 'chat' has a problem: modelConfig.hostingType: must be"
    )
    stack.write("models.json", json.dumps({"chat": model("chat")}))
    api.add(model("chat"))
    (error,) = stack.up(fails=True).errors
    assert error.startswith("chat/v1 is registered already")
