"""Errors from the API and the network: one line with the fix, and a next `up` that completes."""

from __future__ import annotations

import socket

from .harness import Run, Stack, Story
from .programs import model

SET_A_KEY = "`pulumi config set --secret enkrypt:apiKey`"


def one_error(run: Run, *parts: str) -> None:
    """Asserts one error line that contains all `parts`, besides lines about models that were not read."""
    (error,) = [line for line in run.errors if not line.endswith("not read, since the API key is refused")]
    assert [part for part in parts if part not in error] == [], error
    assert "Traceback" not in run.text


def declare(stack: Stack, *names: str) -> None:
    stack.declare(**{name: model(name) for name in names})


def test_a_failure_affects_only_its_own_model_until_the_next_up(story: Story) -> None:
    """A taken name, a refused key and an unreachable API."""
    api = story.api()
    stack = story.declaring(api)
    declare(stack, "one", "taken", "two")
    api.add({**model("taken"), "testing_for": "Copilot"})
    taken = stack.up(fails=True)
    one_error(taken, "enkrypt_provider.ModelExists: taken/v1", "testing_for", "adopt_existing=True")
    assert {"one", "two"} <= set(stack.export())
    api.delete("taken/v1")
    api.calls()
    stack.up()
    assert api.calls() == ["add_model taken/v1"]

    declare(stack, "one", "taken", "two", "three")
    new_key = api.rotate(story.secrets.make("the new key"))
    one_error(stack.up(fails=True), "enkrypt_provider.AuthenticationFailed: create three/v1", "401", SET_A_KEY)
    one_error(stack.refresh(fails=True), "enkrypt_provider.AuthenticationFailed: list the models", "--run-program")
    assert len(api.calls()) == 2  # a refused key is not retried
    stack.config_set(secrets={"enkrypt:apiKey": new_key})
    stack.refresh("--run-program")
    stack.up()
    assert api.calls() == ["list_models", "add_model three/v1"]

    declare(stack, "one", "taken", "two", "three", "four")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    away = stack.up("--config", f"enkrypt:endpoint={nowhere}", "--config", "enkrypt:maxRetries=1", fails=True)
    # The other models are looked up at the new address; the engine may stop the program before `four`.
    assert away.errors, away
    assert all("enkrypt_provider.ServiceUnavailable: " in line and nowhere in line for line in away.errors), away
    assert "tried 2 times" in away.text
    assert "Traceback" not in away.text
    assert "one" in stack.export()
    stack.up("--config", f"enkrypt:endpoint={api.url}")
    assert set(api.models()) == {f"{name}/v1" for name in ("one", "taken", "two", "three", "four")}
