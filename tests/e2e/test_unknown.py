"""Values that another resource will only know once it is made."""

from __future__ import annotations

from .harness import Story
from .programs import MODEL_KEY

PROGRAM = """
import os

import pulumi
from enkrypt_provider import EndpointArgs, EnkryptModel, EnkryptModelArgs, ModelConfigArgs

base = EnkryptModel(
    "base",
    EnkryptModelArgs(
        model_saved_name="base",
        model_config=ModelConfigArgs(
            is_compatible_with="openai",
            endpoint=EndpointArgs(host="base.example.com"),
            apikeys=[os.environ["MODEL_KEY"]],
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
        "apikeys": [base.model_id.apply(lambda number: os.environ["MODEL_KEY"] + str(number))],
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
"""


def test_what_is_unknown_at_preview_is_known_at_up(story: Story) -> None:
    """Host, key, number, name or a whole object may come from another resource: preview passes, up fills it in."""
    api = story.api()
    key = story.secrets.make("the models' key")
    program = PROGRAM.replace("{HOST}", "m{number}.example.com")
    stack = story.project(program, api, environment={MODEL_KEY: key})

    preview = stack.preview("--diff")
    assert "host: [unknown]" in preview.lines
    stack.up()

    models = api.models()
    number = models["base/v1"]["model_id"]
    parts = models["parts/v1"]["model_config"]
    assert parts["endpoint"]["host"] == f"m{number}.example.com"
    assert parts["apikeys"] == [f"{key}{number}"]
    assert parts["metadata"] == {"max_tokens": number, "since": models["base/v1"]["created_at"]}
    whole = models["whole-default/v1"]["model_config"]
    assert whole["endpoint"] == models["base/v1"]["model_config"]["endpoint"]
    assert whole["apikeys"] == [key]
    assert len(api.calls()) == 3


def test_what_turns_out_wrong_at_up_is_refused(story: Story) -> None:
    """A value that preview could not judge is judged at up: the model is refused by its path, and not sent."""
    api = story.api()
    program = PROGRAM.replace("{HOST}", "https://m{number}.example.com/v1")
    stack = story.project(program, api, environment={MODEL_KEY: story.secrets.make("the models' key")})

    stack.preview()
    up = stack.up(fails=True)

    assert len(up.errors) == 1
    assert "model_config.endpoint.host: must be a host name alone" in up.errors[0]
    assert "add_model parts/v1" not in api.calls()
    assert "base/v1" in api.models()
