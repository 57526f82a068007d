"""A model, its policy and its deployment in one real stack, killed during create, rename and destroy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from e2e.api import Api
from e2e.harness import Stack, Story
from e2e.native.projects import project

from .conftest import Count
from .running import EVERYTHING, going, wait_for
from .stacks import QUICK, Frontend

PROGRAM: Final = """
from pathlib import Path

from MODULE import EnkryptDeployment, EnkryptGuardrailsPolicy, EnkryptModel

name = Path("name").read_text()
model = EnkryptModel("model", model_saved_name=name, model_config={
    "is_compatible_with": "openai", "endpoint": {"host": "x.example.com"},
})
policy = EnkryptGuardrailsPolicy("policy", name=name, detectors={"toxicity": {"enabled": True}})
EnkryptDeployment("deployment", name=name, model_saved_name=model.model_saved_name, input_guardrails_policy={
    "policy_name": policy.name, "enabled": True, "block": ["toxicity"],
})
"""
LISTS: Final = {"/models/list-models": "models", "/guardrails/list-policies": "policies",
                "/deployments/list-deployments": "deployments"}  # fmt: skip

NOTHING: Final[dict[str, set[str]]] = {"models": set(), "policies": set(), "deployments": set()}


def live(api: Api) -> dict[str, dict[str, int]]:
    """The id of each registration of each kind, by name."""
    return {
        field: {_name(it): _number(it) for it in api._answer("GET", path)[field]} for path, field in LISTS.items()
    }


def _name(registration: Any) -> str:
    return str(registration.get("name") or registration["model_saved_name"])


def _number(registration: Any) -> int:
    return next(
        int(registration[name]) for name in ("policy_id", "deployment_id", "model_id") if name in registration
    )


def all_named(name: str) -> dict[str, set[str]]:
    return {field: {name} for field in LISTS.values()}


def names(api: Api) -> dict[str, set[str]]:
    return {field: {*found} for field, found in live(api).items()}


@pytest.mark.parametrize("frontend", ["dynamic", "native"])
def test_three_kinds_survive_kills_and_keep_their_order(story: Story, count: Count, frontend: Frontend) -> None:
    """Created registrations stay; a deployment is created after and deleted before those that it refers to."""
    api = story.api()
    module = "enkrypt_provider.native" if frontend == "native" else "enkrypt_provider"
    stack = story.project(PROGRAM.replace("MODULE", module), api, settings=QUICK)
    if frontend == "native":
        stack.write("Pulumi.yaml", project(story, "python"))

    stack.write("name", "x")
    kill_during(stack, api, "up", "add_deployment", lambda: names(api)["models"] and names(api)["policies"])
    created = live(api)
    recover(stack)
    assert names(api) == all_named("x")
    assert {**live(api), "deployments": {}} == created

    stack.write("name", "y")
    kill_during(stack, api, "up", "delete_model", lambda: names(api)["policies"] == {"y"})
    recover(stack)
    assert names(api) == all_named("y")
    stack.up("--expect-no-changes")

    api.calls()
    kill_during(stack, api, "destroy", "delete_model", lambda: not names(api)["policies"])
    assert names(api) == {**NOTHING, "models": {"y"}}
    stack.run("cancel", "--yes")
    stack.destroy()
    assert names(api) == NOTHING
    deleted = [call.partition(" ")[0] for call in api.calls() if call.startswith("delete_")]
    assert deleted[0] == "delete_deployment"
    assert {*deleted[1:]} == {"delete_model", "delete_policy"}
    count("kill -9 of stacks with all three kinds", 3)


def kill_during(stack: Stack, api: Api, command: str, call: str, once: Callable[[], object]) -> None:
    """Sends kill -9 to a command that is held up at a call."""
    api.fault({"call": call, "status": 503, "retry_after": 60})
    with going(stack, command, "--yes", "--skip-preview") as run:
        wait_for(once, f"the call before {call}")
        wait_for(lambda: is_written(stack), "the state of that")  # the engine would lose a partly written file
        run.kill(EVERYTHING)
        run.end(fails=True)
    api.fault()


def is_written(stack: Stack) -> bool:
    """Whether the engine finished writing the state file a while ago."""
    file = stack.story.folder / "state/.pulumi/stacks/story/dev.json"
    return file.exists() and file.stat().st_size > 0 and time.time() - file.stat().st_mtime > 0.5


def recover(stack: Stack) -> None:
    stack.run("cancel", "--yes")
    stack.refresh()
    stack.up()
