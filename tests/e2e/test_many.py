"""Many models at once."""

from __future__ import annotations

import json

from .harness import Story
from .programs import DECLARED, MODEL_KEY, model

MODELS = 30


def test_many_models_are_registered_once_each(story: Story) -> None:
    """Thirty models, registered by several threads at once, are thirty calls and thirty registrations."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    names = [f"model-{number}" for number in range(MODELS)]
    stack.write("models.json", json.dumps({name: model(name) for name in names}))

    stack.up()
    added = api.calls()
    stack.refresh()
    read = api.calls()
    stack.destroy()

    assert sorted(added) == sorted(f"add_model {name}/v1" for name in names)
    assert read == ["list_models"]
    assert sorted(api.calls()) == sorted([*(f"delete_model {name}/v1" for name in names), "list_models"])
    assert api.models() == {}
