"""What a program, a person and the state get to see of a model."""

from __future__ import annotations

import json

from .harness import Story
from .programs import MODEL_KEY

PROGRAM = """
import os

import pulumi
from enkrypt_provider import EndpointArgs, EnkryptModel, EnkryptModelArgs, ModelConfigArgs

model = EnkryptModel(
    "chat",
    EnkryptModelArgs(
        model_saved_name="chat",
        model_config=ModelConfigArgs(
            is_compatible_with="openai",
            endpoint=EndpointArgs(host="chat.example.com", port=8443),
            apikeys=[os.environ["MODEL_KEY"]],
        ),
    ),
)
pulumi.export("id", model.id)
pulumi.export("next_id", model.model_id.apply(lambda number: number + 1))
pulumi.export("model_id", model.model_id)
pulumi.export("created_at", model.created_at)
pulumi.export("updated_at", model.updated_at)
pulumi.export("project_name", model.project_name)
pulumi.export("testing_for", model.testing_for)
pulumi.export("model_config", model.model_config)
pulumi.export("kinds", model.model_config.apply(lambda it: [type(part).__name__ for part in (it, it.endpoint.port)]))

EnkryptModel(
    "shadow",
    model_saved_name="shadow",
    model_config={"is_compatible_with": "openai", "endpoint": {"host": model.model_config.endpoint.host}},
)
"""


def test_outputs_are_typed_and_keys_are_secret(story: Story) -> None:
    """Outputs have the types that they are declared with; the key is in the state, encrypted, and shown on demand."""
    api = story.api()
    key = story.secrets.make("the model's key")
    stack = story.project(PROGRAM, api, environment={MODEL_KEY: key})
    stack.up()

    chat = api.models()["chat/v1"]
    outputs = stack.outputs()
    assert type(outputs["model_id"]) is int
    assert outputs == {
        "id": "chat/v1",
        "model_id": chat["model_id"],
        "next_id": chat["model_id"] + 1,
        "created_at": chat["created_at"],
        "updated_at": chat["updated_at"],
        "project_name": "default",
        "testing_for": "LLM",
        "model_config": "[secret]",
        "kinds": "[secret]",
    }
    assert api.models()["shadow/v1"]["model_config"]["endpoint"]["host"] == "chat.example.com"

    # What follows is kept, and searched for the key at the end of the story.
    assert "model_config [secret]" in stack.run("stack", "output").lines
    assert "enkrypt:apiKey [secret]" in stack.run("config").lines
    for resource in stack.export().values():
        assert key not in json.dumps(resource)

    revealed = json.loads(stack.reveal("stack", "output", "--json", "--show-secrets"))
    assert revealed["model_config"]["apikeys"] == [key]
    assert revealed["kinds"] == ["ModelConfig", "int"]
    assert api.key in stack.reveal("config", "--show-secrets")
