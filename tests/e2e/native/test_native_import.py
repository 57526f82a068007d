"""Importing existing registrations into the native plugin, and looking them up in programs."""

from __future__ import annotations

from typing import Final

from ..harness import Story
from ..programs import MODEL_KEY, model
from .projects import native, yaml

IMPORTED: Final = """
import os

import pulumi
from enkrypt_provider.native import EnkryptModel

EnkryptModel("chat", opts=pulumi.ResourceOptions(import_="chat/v1"), model_saved_name="chat", model_config={
    "is_compatible_with": "openai",
    "endpoint": {"host": "chat.example.com"},
    "system_prompt": "Be brief.",
})
"""
LOOKED_UP: Final = """
import pulumi
from enkrypt_provider import native

found = native.get_model("theirs")
pulumi.export("host", found.model_config.endpoint.host)
pulumi.export("names", [model.model_saved_name for model in native.list_models("t*")])
read = native.EnkryptModel.get("read", "theirs")
pulumi.export("number", read.model_id)
made = native.EnkryptModel("made", model_saved_name="made", model_config={
    "is_compatible_with": "openai", "endpoint": {"host": found.model_config.endpoint.host},
})
pulumi.export("made", native.get_model_output(made.model_saved_name).model_config.endpoint.host)
"""


def test_pulumi_import_writes_short_code_without_keys(story: Story) -> None:
    """With the generated properties the next preview is clean; a later change warns about the omitted keys."""
    api = story.api()
    key = story.secrets.make("the model's key")
    api.add(model("chat", system_prompt="Be brief.", apikeys=[key], metadata={"owner": "ml"}))
    stack = yaml(story, {}, api)
    imported = stack.run("import", "enkrypt:index:EnkryptModel", "chat", "chat/v1", "--yes", "--protect=false")
    code = imported.stdout[imported.stdout.index("resources:") :]
    assert "modelSavedName: chat" in code
    assert "systemPrompt: Be brief." in code
    assert "owner: ml" in code
    assert len([line for line in code.splitlines() if line.strip()]) < 20
    properties = {
        "modelSavedName": "chat",
        "modelConfig": {
            "isCompatibleWith": "openai",
            "endpoint": {"host": "chat.example.com"},
            "systemPrompt": "Be brief.",
            "metadata": {"owner": "ml"},
        },
    }
    resources = {"chat": {"type": "enkrypt:EnkryptModel", "properties": properties}}
    stack = yaml(story, {"resources": resources}, api, name="again")
    stack.run(
        "import", "enkrypt:index:EnkryptModel", "chat", "chat", "--yes", "--protect=false", "--generate-code=false"
    )
    assert "2 unchanged" in stack.preview().lines
    changed = {**properties, "testingFor": "Chatbot"}
    project = (stack.folder / "Pulumi.yaml").read_text()
    stack.write("Pulumi.yaml", project.replace('"modelSavedName"', '"testingFor": "Chatbot", "modelSavedName"'))
    assert changed["testingFor"] == "Chatbot"
    warned = stack.preview().text
    assert "warning: chat/v1: the import left out modelConfig.apikeys" in warned


def test_the_import_option_imports_a_model(story: Story) -> None:
    api = story.api()
    api.add(model("chat", system_prompt="Be brief."))
    stack = native(story, IMPORTED, api)
    api.calls()
    assert "= 1 imported" in stack.up().lines
    stack.write("__main__.py", IMPORTED.replace('opts=pulumi.ResourceOptions(import_="chat/v1"), ', ""))
    stack.up("--expect-no-changes")
    assert not [call for call in api.calls() if not call.startswith(("get_", "list_"))]


def test_importing_an_unknown_model_suggests_the_nearest_name(story: Story) -> None:
    api = story.api()
    api.add(model("chat"))
    stack = native(story, IMPORTED, api)
    failed = stack.run(
        "import", "enkrypt:index:EnkryptModel", "chat", "chta", "--yes", "--generate-code=false", fails=True
    )
    assert any(
        'no model chta/v1 is registered with this account; did you mean "chat/v1"?' in e for e in failed.errors
    )


def test_functions_return_no_secret(story: Story) -> None:
    api = story.api()
    api.add(model("theirs", apikeys=[story.secrets.make("their key")]))
    stack = native(story, LOOKED_UP, api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.preview()
    stack.up()
    host = "theirs.example.com"
    number = api.models()["theirs/v1"]["model_id"]
    assert stack.outputs() == {"host": host, "names": ["theirs"], "number": number, "made": host}
