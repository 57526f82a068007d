"""What the API or the network refuses: one line that says what to do, the rest of the stack kept, and a way on."""

from __future__ import annotations

import json
import socket

from .api import Api
from .harness import Run, Stack, Story
from .programs import DECLARED, MODEL_KEY, model


def test_a_taken_name_costs_that_model_alone(story: Story) -> None:
    """A name that others hold fails its own resource; the others stand, and once it is free up completes."""
    api, stack = _project(story)
    _declare(stack, "one", "taken", "two")
    api.add({**model("taken"), "testing_for": "Copilot"})

    first = stack.up(fails=True)

    told_once(first, "enkrypt_provider.ModelExists: taken/v1", "testing_for", "adopt_existing=True")
    assert {"one", "two"} <= set(stack.export())
    api.delete("taken/v1")
    api.calls()
    stack.up()
    assert api.calls() == ["add_model taken/v1"]


def test_a_refused_key_says_what_to_do(story: Story) -> None:
    """A key that is not accepted is one line; after a rotation, refresh says how to use the new key, and it works."""
    api, stack = _project(story)
    _declare(stack, "one")
    stack.up()
    _declare(stack, "one", "two")
    new_key = api.rotate(story.secrets.make("the new key"))
    api.calls()

    told_once(stack.up(fails=True), "enkrypt_provider.AuthenticationFailed: create two/v1", "401", SET_A_KEY)
    told_once(stack.refresh(fails=True), "enkrypt_provider.AuthenticationFailed: list the models", "--run-program")
    assert len(api.calls()) == 2  # a refused key is not tried again

    stack.config_set(secrets={"enkrypt:apiKey": new_key})
    stack.refresh("--run-program")
    stack.up()
    assert api.calls() == ["list_models", "add_model two/v1"]
    assert set(api.models()) == {"one/v1", "two/v1"}


def test_an_api_out_of_reach_leaves_the_stack_whole(story: Story) -> None:
    """Where nothing answers, a line says where and how often it was tried; when it answers again up completes."""
    api, stack = _project(story)
    _declare(stack, "one")
    stack.up()
    _declare(stack, "one", "two")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"

    away = stack.up("--config", f"enkrypt:endpoint={nowhere}", "--config", "enkrypt:maxRetries=1", fails=True)
    # Of `one` the new address is asked whether it is there; the engine may stop the program before `two`.
    assert away.errors, away
    assert all("enkrypt_provider.ServiceUnavailable: " in line and nowhere in line for line in away.errors), away
    assert "tried 2 times" in away.text
    assert "Traceback" not in away.text
    assert "one" in stack.export()

    stack.up("--config", f"enkrypt:endpoint={api.url}")
    assert set(api.models()) == {"one/v1", "two/v1"}


SET_A_KEY = "`pulumi config set --secret enkrypt:apiKey`"


def told_once(run: Run, *parts: str) -> None:
    """One error, on one line, which holds all `parts`."""
    assert len(run.errors) == 1, run
    assert [part for part in parts if part not in run.errors[0]] == [], run.errors[0]
    assert "Traceback" not in run.text


def _project(story: Story) -> tuple[Api, Stack]:
    api = story.api()
    return api, story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the models' key")})


def _declare(stack: Stack, *names: str) -> None:
    stack.write("models.json", json.dumps({name: model(name) for name in names}))
