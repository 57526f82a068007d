"""A key is a secret however it is set: by a transform, a stack transformation or a subclass, in any field."""

from __future__ import annotations

import json

from .harness import Story

PROGRAM = """
import copy, json, os
import pulumi
from enkrypt_provider import EnkryptModel

keys = iter(json.loads(os.environ["KEYS"]))
config = {"is_compatible_with": "openai", "endpoint": {"host": "h.example.com"}}


def with_keys(props, _cache={}):
    if "model_config" not in props:
        return dict(props)
    name = props["model_saved_name"]
    if name not in _cache:
        _cache[name] = {
            **props["model_config"],
            "apikeys": [next(keys)],
            "auth_data": {"boxai_client_secret": next(keys)},
            "custom_headers": [{"key": "X-Team", "value": next(keys)}],
            "model_auth_type": "jwt",
            "model_jwt_config": {"jwt_url": "https://id.example.com/t", "jwt_body": next(keys)},
            "metadata": {
                "relay": {"target_headers": {"X-Key": next(keys), "X-Other": {"deep": [next(keys)]}}},
                "list": [{"accessToken": next(keys)}, {"name": "api-key", "value": next(keys)}],
                "proxy": f"http://me:{next(keys)}@proxy.example.com",
            },
            "default_request_options": {"auth": {"user": next(keys)}, "n": {"sessionKey": next(keys)}},
        }
    return {**props, "model_config": _cache[name]}


class TeamModel(EnkryptModel):
    def __init__(self, name, **arguments):
        super().__init__(name, **with_keys({"model_saved_name": name, "model_config": config, **arguments}))


TeamModel("of-a-class")
pulumi.runtime.register_resource_transform(
    lambda it: pulumi.ResourceTransformResult(with_keys(it.props), it.opts) if it.name == "of-a-transform" else None
)
EnkryptModel("of-a-transform", model_saved_name="of-a-transform", model_config=config)
pulumi.runtime.register_stack_transformation(
    lambda it: pulumi.ResourceTransformationResult(with_keys(it.props), it.opts) if it.name == "of-a-stack" else None
)
EnkryptModel("of-a-stack", model_saved_name="of-a-stack", model_config=config)
"""
MODELS, KEYS = 3, 11


def keys(story: Story) -> dict[str, str]:
    return {"KEYS": json.dumps([story.secrets.make(f"key {number}") for number in range(MODELS * KEYS)])}


def test_no_key_is_shown_or_stored_however_it_is_set(story: Story) -> None:
    """Not in any preview, diff, state or history, on create, update, refresh or delete."""
    api = story.api(dialect="v2")
    stack = story.project(PROGRAM, api, settings={"enkrypt:dialect": "v2"})
    first, second = (stack.with_environment(keys(story)) for _ in range(2))
    first.preview("--diff")
    first.up("--diff")
    assert f"~ {MODELS} updated" in second.up("--diff").lines
    second.refresh("--diff")
    assert f"{MODELS + 1} unchanged" in second.up("--diff").lines
    assert len(api.models()) == MODELS
    shown = second.run("stack", "export").stdout
    assert '"X-Team"' not in shown  # a list of headers is secret as a whole
    assert '"X-Key"' in shown
    second.destroy()
    assert api.models() == {}
