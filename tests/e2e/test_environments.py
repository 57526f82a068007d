"""Stacks that share values through stack references."""

from __future__ import annotations

from .harness import Story

SHARING = """
import pulumi

config = pulumi.Config()
pulumi.export("llmHost", config.require("llmHost"))
pulumi.export("llmKey", config.require_secret("llmKey"))
"""

REGISTERING = """
import pulumi
from enkrypt_provider import EnkryptModel

platform = pulumi.StackReference(f"organization/platform/{pulumi.get_stack()}")
chat = EnkryptModel(
    "chat",
    model_saved_name="chat",
    model_config={
        "is_compatible_with": "openai",
        "endpoint": {"host": platform.require_output("llmHost")},
        "apikeys": [platform.require_output("llmKey")],
    },
)
pulumi.export("model", chat.id)
"""

USING = """
import pulumi

models = pulumi.StackReference(f"organization/models/{pulumi.get_stack()}")
pulumi.export("guarded", models.require_output("model"))
"""


def test_stack_references_pass_a_host_a_key_and_an_id(story: Story) -> None:
    """A changed output of one stack is an update in the next; the key never appears in plain text."""
    api = story.api()
    platform = story.project(SHARING, name="platform")
    platform.config_set({"llmHost": "one.example.com"}, secrets={"llmKey": story.secrets.make("the shared key")})
    platform.up()
    models = story.project(REGISTERING, api, name="models")
    models.up()
    assert api.calls() == ["add_model chat/v1"]
    using = story.project(USING, name="product")
    using.up()
    assert using.outputs() == {"guarded": "chat/v1"}

    platform.config_set({"llmHost": "two.example.com"})
    platform.up()
    assert "~ 1 to update" in models.preview().lines
    models.up()
    assert api.calls() == ["list_models", "modify_model chat/v1"]
    assert api.models()["chat/v1"]["model_config"]["endpoint"]["host"] == "two.example.com"
    assert "1 unchanged" in using.up().lines
