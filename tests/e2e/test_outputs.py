"""What a program, a user and the state see of a model, and when."""

from __future__ import annotations

import json

from .harness import Story
from .programs import MODEL_KEY

PROGRAM = """
import os

import pulumi
from enkrypt_provider import EndpointArgs, EnkryptModel, EnkryptModelArgs, ModelConfigArgs

key = os.environ["MODEL_KEY"]
base = EnkryptModel(
    "base",
    EnkryptModelArgs(
        model_saved_name="base",
        model_config=ModelConfigArgs(
            is_compatible_with="bedrock",
            endpoint=EndpointArgs(host="Base.Example.com", port=8443),
            apikeys=[key],
            metadata={
                "aws_secret_access_key": key,
                "aws_region": "eu",
                "relay": {"target_headers": {"X-Team": key}},
                "steps": [{"token": key}],
            },
        ),
    ),
)
host = base.model_id.apply(lambda number: f"{HOST}")
EnkryptModel(
    "parts",
    model_saved_name="parts",
    model_config={
        "is_compatible_with": "openai",
        "endpoint": {"host": host},
        "apikeys": [base.model_id.apply(lambda number: key + str(number))],
        "metadata": {"max_tokens": base.model_id, "since": base.created_at},
    },
)
EnkryptModel(
    "whole",
    model_saved_name=base.project_name.apply(lambda project: f"whole-{project}"),
    model_config=base.model_config.apply(
        lambda config: {
            "is_compatible_with": config.is_compatible_with,
            "endpoint": {"host": config.endpoint.host, "port": config.endpoint.port},
            "apikeys": config.apikeys,
        }
    ),
)
pulumi.export("id", base.id)
pulumi.export("next_id", base.model_id.apply(lambda number: number + 1))
for name in ("model_id", "created_at", "updated_at", "project_name", "testing_for", "model_config"):
    pulumi.export(name, getattr(base, name))
pulumi.export("kinds", base.model_config.apply(lambda it: [type(part).__name__ for part in (it, it.endpoint.port)]))
"""


def test_outputs_are_typed_kept_secret_and_usable_as_inputs(story: Story) -> None:
    """A host, key, number or whole object may be another resource's output: unknown at preview, checked at up."""
    api = story.api()
    key = story.secrets.make("the models' key")
    program = PROGRAM.replace("{HOST}", "m{number}.example.com")
    stack = story.project(program, api, environment={MODEL_KEY: key})
    assert {"host: [unknown]", 'aws_region: "eu"'} <= {line.lstrip("+ ") for line in stack.preview("--diff").lines}
    stack.up()
    assert len(api.calls()) == 3

    models = api.models()
    base, parts, whole = (models[f"{name}/v1"] for name in ("base", "parts", "whole-default"))
    number = base["model_id"]
    assert parts["model_config"]["endpoint"]["host"] == f"m{number}.example.com"
    assert parts["model_config"]["apikeys"] == [f"{key}{number}"]
    assert parts["model_config"]["metadata"] == {"max_tokens": number, "since": base["created_at"]}
    for name in ("endpoint", "apikeys"):
        assert whole["model_config"][name] == base["model_config"][name]

    outputs = stack.outputs()
    assert type(outputs["model_id"]) is int
    exported = ("model_id", "created_at", "updated_at", "project_name", "testing_for")
    hidden = {"model_config": "[secret]", "kinds": "[secret]"}
    assert outputs == {"id": "base/v1", "next_id": number + 1, **{name: base[name] for name in exported}, **hidden}
    # All output is recorded and searched for the key at the end.
    assert "model_config [secret]" in stack.run("stack", "output").lines
    assert "enkrypt:apiKey [secret]" in stack.run("config").lines
    assert key not in json.dumps(stack.export())
    revealed = json.loads(stack.reveal("stack", "output", "--json", "--show-secrets"))
    assert revealed["model_config"]["apikeys"] == [key]
    assert revealed["kinds"] == ["ModelConfig", "int"]
    assert api.key in stack.reveal("config", "--show-secrets")

    api.calls()
    stack.refresh("--expect-no-changes")
    stack.up("--expect-no-changes")
    assert api.calls() == ["list_models"]
    stack.destroy()
    api.calls()
    stack.write("__main__.py", PROGRAM.replace("{HOST}", "https://m{number}.example.com/v1"))
    stack.preview()
    (error,) = stack.up(fails=True).errors
    assert "model_config.endpoint.host: must be a host name alone" in error
    assert "add_model parts/v1" not in api.calls()
    assert "base/v1" in api.models()
