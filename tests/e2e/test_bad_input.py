"""Mistakes are reported before anything is sent: every one, with its path, the rule and a suggestion."""

from __future__ import annotations

from .harness import Story
from .programs import MODEL_KEY

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
COMPONENTS = """
import pulumi
from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs


class Team(pulumi.ComponentResource):
    def __init__(self, name: str, kind: str) -> None:
        super().__init__(kind, name)
        config = ModelConfigArgs(is_compatible_with="openai", endpoint=EndpointArgs(host="h.example.com"))
        EnkryptModel("chat", model_saved_name="shared", model_config=config, opts=pulumi.ResourceOptions(parent=self))


Team("red", "example:Red")
Team("blue", "example:Blue")
"""
PROBLEMS = {
    "model_saved_name": 'must be printable ASCII, without "/"',
    "testing_for": 'did you mean "LLM"?',
    "model_type": "must be text_2_text",
    "certifications[1]": 'did you mean "HIPAA"?',
    "model_config.is_compatible_with": 'did you mean "openai"?',
    "model_config.hosting_typ": 'did you mean "hosting_type"?',
    "model_config.system_prompt": "must be a string",
    "model_config.endpoint.host": "must be a host name alone",
    "model_config.endpoint.port": "must be from 1 to 65535",
    "model_config.endpoint.base_path": 'must be empty or start with "/"',
    "model_config.apikeys[1]": "must not be empty or contain spaces",
    "model_config.metadata.max_tokens": "must be a whole number",
    "model_config.metadata.input_cost": "must be 0 or more",
}


def test_each_mistake_is_one_line_and_nothing_is_sent(story: Story) -> None:
    """Thirteen wrong fields, some holding a secret; an identity declared in two components; a wrong setting."""
    api = story.api()
    stack = story.project(WRONG, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    for run in (stack.preview(fails=True), stack.up(fails=True)):
        assert len(run.errors) == len(PROBLEMS)
        for path, rule in PROBLEMS.items():
            assert len([line for line in run.errors if f" {path}: " in line and rule in line]) == 1, path
        assert "Traceback" not in run.text

    stack.write("__main__.py", COMPONENTS)
    assert "shared/v1 is declared twice, here and as 'chat' in example:" in stack.preview(fails=True).text
    setting = stack.preview("--config", "enkrypt:timeout=abc", fails=True)
    assert setting.errors
    assert all("enkrypt:timeout must be a number of seconds" in line for line in setting.errors)
    assert "Traceback" not in setting.text
    assert (api.calls(), api.models()) == ([], {})
