"""Several accounts, several machines, changed addresses: a state object stands for the registration that it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .api import Api
from .harness import Stack, Story
from .programs import DECLARED, MODEL_KEY, model

TWO_ACCOUNTS = """
import json
import os
from pathlib import Path

import pulumi
from enkrypt_provider import EnkryptModel, EnkryptProvider

said = json.loads(Path("program.json").read_text())
accounts = {
    name: EnkryptProvider(name, api_key=os.environ[f"KEY_{name}"], endpoint=endpoint)
    for name, endpoint in said["accounts"].items()
}
for name, (account, arguments) in said["models"].items():
    EnkryptModel(name, **arguments, opts=pulumi.ResourceOptions(provider=accounts[account]))
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


@pytest.fixture
def here(story: Story) -> tuple[Stack, Api]:
    """A stack with one model, and its API."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    declare(stack, chat=model("chat"))
    stack.up()
    return stack, api


def declare(stack: Stack, **models: Any) -> None:
    stack.write("models.json", json.dumps(models))


def number(api: Api, id_: str) -> Any:
    return api.models()[id_]["model_id"]


def on_another_machine(stack: Stack) -> Stack:
    """The same stack, on a machine that remembers nothing."""
    folder = stack.story.folder / f"machine{len(list(stack.story.folder.glob('machine*')))}"
    folder.mkdir()
    return stack.with_environment({"XDG_STATE_HOME": str(folder)})


# ---- a changed endpoint


def test_a_changed_endpoint_moves_the_models_and_says_what_stays(here: tuple[Stack, Api], story: Story) -> None:
    """The preview says that each model is replaced and why; the old account keeps its own, and the run says so."""
    stack, old = here
    new = story.api("new.db")
    stack.config_set({"enkrypt:endpoint": new.url}, secrets={"enkrypt:apiKey": new.key})

    preview = stack.preview()
    assert f"chat/v1 is registered at {old.url}; it is replaced by one at {new.url}" in preview.text
    assert "+-1 to replace" in "".join(preview.text.split(" ")) or "1 to replace" in preview.text
    moved = stack.up()

    assert f"chat/v1 (model_id {number(old, 'chat/v1')}) stays registered at {old.url}" in moved.text
    assert (list(old.models()), list(new.models())) == (["chat/v1"], ["chat/v1"])
    assert stack.export()["chat"]["outputs"]["model_id"] == number(new, "chat/v1")
    assert "2 unchanged" in stack.up().lines
    stack.destroy()
    assert (list(old.models()), list(new.models())) == (["chat/v1"], [])


def test_the_same_registration_under_another_address_is_not_replaced(here: tuple[Stack, Api]) -> None:
    """Where number and time of creation are the same at the new address, only the address has changed."""
    stack, api = here
    before = api.models()
    stack.config_set({"enkrypt:endpoint": api.url.replace("127.0.0.1", "localhost")})

    assert "2 unchanged" in stack.up().lines
    stack.refresh()

    assert stack.export()["chat"]["outputs"]["__account"] == api.url.replace("127.0.0.1", "localhost")
    assert api.models() == before
    stack.destroy()
    assert api.models() == {}


def test_a_refresh_of_another_account_loses_nothing(here: tuple[Stack, Api], story: Story) -> None:
    """A refresh at a new address does not say that the models are gone."""
    stack, old = here
    new = story.api("new.db")
    stack.config_set({"enkrypt:endpoint": new.url}, secrets={"enkrypt:apiKey": new.key})

    refreshed = stack.refresh("--run-program")

    assert "it was not read" in refreshed.text
    assert stack.export()["chat"]["outputs"]["model_id"] == number(old, "chat/v1")


def test_a_model_moves_from_one_provider_to_another(story: Story) -> None:
    """A model that gets another explicit provider is registered there and deleted where it was."""
    east, west = story.api("east.db"), story.api("west.db")
    stack = story.project(TWO_ACCOUNTS, environment={"KEY_east": east.key, "KEY_west": west.key})
    accounts = {"east": east.url, "west": west.url}
    stack.write("program.json", json.dumps({"accounts": accounts, "models": {"chat": ["east", model("chat")]}}))
    stack.up()

    stack.write("program.json", json.dumps({"accounts": accounts, "models": {"chat": ["west", model("chat")]}}))
    assert f"it is replaced by one at {west.url}" in stack.preview().text
    stack.up()

    assert (list(east.models()), list(west.models())) == ([], ["chat/v1"])
    assert "4 unchanged" in stack.up().lines


def test_equal_names_in_two_accounts_do_not_meet(story: Story) -> None:
    """Two accounts with one name each: an upgrade of the one and the removal of the other concern their own alone."""
    east, west = story.api("east.db"), story.api("west.db")
    stack = story.project(TWO_ACCOUNTS, environment={"KEY_east": east.key, "KEY_west": west.key})
    accounts = {"east": east.url, "west": west.url}
    models = {"one": ["east", model("chat")], "two": ["west", model("chat")]}
    stack.write("program.json", json.dumps({"accounts": accounts, "models": models}))
    stack.up()

    models["one"] = ["east", model("chat", model_version="v2")]
    stack.write("program.json", json.dumps({"accounts": accounts, "models": models}))
    upgraded = stack.up()
    assert (list(east.models()), list(west.models())) == (["chat/v2"], ["chat/v1"])
    del models["two"]
    stack.write("program.json", json.dumps({"accounts": accounts, "models": models}))
    dropped = stack.up()

    assert (list(east.models()), list(west.models())) == (["chat/v2"], [])
    assert "is kept" not in upgraded.text + dropped.text


# ---- another machine, another backend


def test_each_command_may_run_on_another_machine(here: tuple[Stack, Api]) -> None:
    """What a machine remembers is not needed: update, rename, refresh and destroy work on a new one."""
    stack, api = here
    first = number(api, "chat/v1")
    declare(stack, chat=model("chat", system_prompt="Be fair."))
    on_another_machine(stack).up()
    assert number(api, "chat/v1") == first
    on_another_machine(stack).refresh()
    declare(stack, chat=model("chat", system_prompt="Be fair.", model_version="v2"))
    on_another_machine(stack).up()
    assert list(api.models()) == ["chat/v2"]
    on_another_machine(stack).destroy()
    assert api.models() == {}


def test_a_stack_of_another_backend_takes_nothing_over(here: tuple[Stack, Api], story: Story) -> None:
    """The same folder, project and stack name after another login: the registration is the other stack's."""
    stack, api = here
    before = api.models()
    other = story.folder / "other state"
    other.mkdir()
    beside = stack.with_environment({"PULUMI_BACKEND_URL": other.as_uri()})
    beside.run("stack", "init", "dev")
    beside.config_set({"enkrypt:endpoint": api.url}, secrets={"enkrypt:apiKey": api.key})

    refused = beside.up(fails=True)

    assert "chat/v1 is registered already" in refused.text
    assert api.models() == before


# ---- names among the resources of a stack


def test_two_children_of_one_name_are_two_resources(story: Story) -> None:
    """Two components whose children have one name and one identity are refused at preview, both named."""
    api = story.api()
    stack = story.project(COMPONENTS, api)

    refused = stack.preview(fails=True)

    assert "shared/v1 is declared twice, here and as 'chat' in example:" in refused.text
    assert api.models() == {}


def test_a_name_is_handed_over_in_one_up(here: tuple[Stack, Api]) -> None:
    """One resource gives a name up, another takes it: no adoption is asked for, and nothing is registered twice."""
    stack, api = here
    declare(stack, chat=model("chat-old"), successor=model("chat", system_prompt="Be brief."))

    stack.up()

    assert sorted(api.models()) == ["chat-old/v1", "chat/v1"]
    assert api.models()["chat/v1"]["model_config"]["system_prompt"] == "Be brief."
    assert "3 unchanged" in stack.up().lines
    stack.destroy()
    assert api.models() == {}


def test_two_resources_swap_their_names(story: Story) -> None:
    """Neither is asked to adopt; afterwards each has what it declares."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    declare(stack, a=model("x", system_prompt="a"), b=model("y", system_prompt="b"))
    stack.up()
    declare(stack, a=model("y", system_prompt="a"), b=model("x", system_prompt="b"))

    on_another_machine(stack).up()

    prompts = {id_: it["model_config"]["system_prompt"] for id_, it in api.models().items()}
    assert prompts == {"y/v1": "a", "x/v1": "b"}
    assert "3 unchanged" in stack.up().lines


def test_a_forced_replacement_without_proof_is_refused_with_the_way_that_works(here: tuple[Stack, Api]) -> None:
    """The engine does not say that both are one resource: nothing is lost, and the message says what to do."""
    stack, api = here
    before = api.models()

    refused = on_another_machine(stack).up("--replace", stack.export()["chat"]["urn"], fails=True)

    assert "to replace it by force, ResourceOptions(delete_before_replace=True)" in refused.text
    assert api.models() == before
    assert "2 unchanged" in stack.up().lines


# ---- somebody else's


def test_what_somebody_made_anew_is_neither_updated_nor_deleted(here: tuple[Stack, Api]) -> None:
    """The number tells: theirs stays as it is, and the run says so."""
    stack, api = here
    api.delete("chat/v1")
    api.add(model("chat", system_prompt="theirs"))
    theirs = api.models()

    declare(stack, chat=model("chat", system_prompt="ours"))
    refused = stack.up(fails=True)
    destroyed = stack.destroy()

    assert "chat/v1 was deleted and registered anew by somebody else" in refused.text
    assert "theirs is kept" in destroyed.text or "it is kept" in destroyed.text
    assert api.models() == theirs


# ---- what was not confirmed


def test_an_update_whose_response_was_lost_is_sent_again_though_the_program_is_reverted(
    here: tuple[Stack, Api],
) -> None:
    """The API has the other value, the state does not: the next up puts it right."""
    stack, api = here
    stack.config_set({"enkrypt:maxRetries": "0"})
    declare(stack, chat=model("chat", system_prompt="new"))
    api.fault({"call": "modify_model", "reset": "after"})
    stack.up(fails=True)
    api.fault()
    assert api.models()["chat/v1"]["model_config"]["system_prompt"] == "new"

    declare(stack, chat=model("chat"))
    told = stack.up()

    assert "the last update was not confirmed" in told.text
    assert api.models()["chat/v1"]["model_config"]["system_prompt"] == ""
    assert "2 unchanged" in stack.up().lines


def test_a_create_that_fails_its_health_check_leaves_nothing(story: Story) -> None:
    """The registration is taken back, so that no later run can end green with it left behind."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    declare(stack, chat={**model("chat"), "verify_health": True})
    api.fault({"call": "model_health", "status": 400})

    failed = stack.up(fails=True)

    assert "it was deleted again" in failed.text
    assert api.models() == {}


def test_an_update_that_fails_its_health_check_is_set_back(story: Story) -> None:
    """The old values are registered again, as the state says."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    declare(stack, chat={**model("chat"), "verify_health": True})
    stack.up()
    changed = model("chat", endpoint={"host": "other.example.com"})
    declare(stack, chat={**changed, "verify_health": True})
    api.fault({"call": "model_health", "status": 400})

    failed = stack.up(fails=True)

    assert "it was set back to what it was" in failed.text
    assert api.models()["chat/v1"]["model_config"]["endpoint"]["host"] == "chat.example.com"
    api.fault()
    declare(stack, chat={**model("chat"), "verify_health": True})
    assert "2 unchanged" in stack.up().lines


# ---- the vendor's rate limits


def test_a_first_up_keeps_the_vendors_rate_limit(story: Story) -> None:
    """A dozen models on an API of 3 calls a second: all are registered, and no call is refused."""
    api = story.api(limits=like_vendor())
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.config_set({"enkrypt:rateLimit": "3/s,100/min"})
    declare(stack, **{f"m{i}": model(f"m{i}") for i in range(12)})

    stack.up()

    calls = api.calls()
    assert sorted(calls) == sorted(f"add_model m{i}/v1" for i in range(12))


def like_vendor() -> Any:
    from enkrypt_provider.emulator import LIKE_VENDOR

    return LIKE_VENDOR
