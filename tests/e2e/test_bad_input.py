"""What is wrong is said before anything is sent: all of it, where it stands, which rule, what was meant."""

from __future__ import annotations

import json

from .harness import Story
from .programs import DECLARED, MODEL_KEY, model

WRONG = """
import os

from enkrypt_provider import EnkryptModel

key = os.environ["MODEL_KEY"]
EnkryptModel(
    "wrong",
    model_saved_name="a name/with a slash",
    testing_for="LMM",
    model_type=key,
    certifications=["GDPR", "HIPPA"],
    model_config={
        "is_compatible_with": "open_ai",
        "hosting_typ": "External",
        "system_prompt": {"text": key},
        "endpoint": {"host": key, "port": 99999, "base_path": "/a b"},
        "apikeys": [key, f"{key} {key}"],
        "metadata": {"max_tokens": "many", "input_cost": -1},
    },
)
"""
PROBLEMS = {
    "model_saved_name": 'must be printable ASCII, without "/"',
    "testing_for": 'did you mean "LLM"?',
    "model_type": "must be one of text_2_text",
    "certifications[1]": 'did you mean "HIPAA"?',
    "model_config.is_compatible_with": 'did you mean "openai"?',
    "model_config.hosting_typ": 'did you mean "hosting_type"?',
    "model_config.system_prompt": "must be a string",
    "model_config.endpoint.host": "must be a host name alone",
    "model_config.endpoint.port": "must be from 1 to 65535",
    "model_config.endpoint.base_path": 'must be empty or start with "/"',
    "model_config.apikeys[1]": "must not be empty or hold spaces",
    "model_config.metadata.max_tokens": "must be a whole number",
    "model_config.metadata.input_cost": "must be 0 or more",
}


def test_every_wrong_field_is_named(story: Story) -> None:
    """A model with thirteen wrong fields gets thirteen lines, even where a wrong value is a secret, and no call."""
    api = story.api()
    stack = story.project(WRONG, api, environment={MODEL_KEY: story.secrets.make("the model's key")})

    for run in (stack.preview(fails=True), stack.up(fails=True)):
        assert len(run.errors) == len(PROBLEMS)
        for path, rule in PROBLEMS.items():
            assert len([line for line in run.errors if f" {path}: " in line and rule in line]) == 1, path
        assert "Traceback" not in run.text
    assert api.calls() == []


def test_a_wrong_catalogue_is_told_as_a_whole(story: Story) -> None:
    """What is wrong in any model of a stack's file comes in one message, with the place in that file."""
    nameless = model("nameless")
    del nameless["model_saved_name"]
    models = {
        "versionless": model("a", model_version=1.1),
        "nameless": nameless,
        "one": model("same"),
        "other": model("same"),
        "keyless": model("b", apikeys=[{"secret": "bKey"}]),
        "text": "gpt-4o-mini",
    }
    config = {"enkrypt:endpoint": "embedded", "enkrypt:models": models}
    stack = story.own_project("broken", config)

    preview = stack.preview(fails=True)

    assert preview.errors == ["5 problems in the configuration of stack broken:"]
    for problem in (
        "models.versionless.model_config.model_version: must be a string (in YAML, quote it)",
        "models.nameless.model_saved_name: is required",
        "models.other: declares the same name and version as models.one",
        "models.text: must be an object",
        "the secret of keyless is not set: run `pulumi config set --secret enkrypt:bKey --stack broken`",
    ):
        assert preview.lines.count(problem) == 1


def test_a_wrong_setting_is_one_line(story: Story) -> None:
    """A wrong setting is told once, by its name and rule, before a call or a key could go anywhere."""
    stack = story.project(DECLARED, environment={MODEL_KEY: story.secrets.make("the model's key")})
    stack.write("models.json", json.dumps({"chat": model("chat")}))
    stack.config_set(secrets={"enkrypt:apiKey": story.secrets.make("the API key")})

    for value, back, rule in (
        ("enkrypt:timeout=abc", "enkrypt:timeout=30", "enkrypt:timeout must be a number of seconds"),
        ("enkrypt:dialect=v9", "enkrypt:dialect=v1", "enkrypt:dialect must be one of v1"),
        ("enkrypt:endpoint=http://example.com", "", "enkrypt:endpoint must be https"),
    ):
        preview = stack.preview("--config", value, fails=True)
        assert len(preview.errors) == 1
        assert rule in preview.errors[0]
        assert "Traceback" not in preview.text
        if back:
            stack.run("config", "set", *back.split("="))
