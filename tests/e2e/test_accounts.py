"""Several accounts and machines, changed addresses: a state object represents one particular registration."""

from __future__ import annotations

import json
from typing import Any

from .api import Api
from .harness import Stack, Story
from .programs import MODEL_KEY, model

ACCOUNTS = """
import json
import os
from pathlib import Path

import pulumi
from enkrypt_provider import EnkryptModel, EnkryptProvider, get_model_output

spec = json.loads(Path("program.json").read_text())
accounts = {
    name: EnkryptProvider(name, api_key=os.environ[f"KEY_{name}"], endpoint=endpoint)
    for name, endpoint in spec["accounts"].items()
}
for name, (account, arguments) in spec["models"].items():
    arguments["model_config"]["apikeys"] = [os.environ["MODEL_KEY"]]
    there = pulumi.ResourceOptions(provider=accounts[account])
    mine = EnkryptModel(name, **arguments, opts=there)
    if spec["looks"]:
        found = get_model_output(mine.model_saved_name, opts=pulumi.InvokeOptions(provider=accounts[account]))
        seen = EnkryptModel.get(f"seen-{name}", mine.id, opts=there)
        pulumi.export(name, found.apply(lambda model: [model.model_id, model.model_config.endpoint.host]))
        pulumi.export(f"{name}-key", found.apply(lambda model: model.model_config.apikeys))
        pulumi.export(f"{name}-seen", seen.model_saved_name)
        pulumi.export(f"{name}-config", seen.model_config)
"""


def number(api: Api, id_: str) -> Any:
    return api.models()[id_]["model_id"]


def on_another_machine(stack: Stack) -> Stack:
    """The same stack, on a machine without a journal."""
    folder = stack.story.folder / f"machine{len(list(stack.story.folder.glob('machine*')))}"
    folder.mkdir()
    return stack.with_environment({"XDG_STATE_HOME": str(folder)})


def test_a_new_address_changes_nothing_and_a_new_account_is_a_move(story: Story) -> None:
    """Preview and up report a move, which keeps the old registration; a refresh in between loses nothing."""
    old, new = story.api(), story.api("new.db")
    stack = story.declaring(old, chat=model("chat"))
    stack.up()
    before = old.models()
    address = old.url.replace("127.0.0.1", "localhost")
    stack.config_set({"enkrypt:endpoint": address})
    assert "2 unchanged" in stack.up().lines
    stack.refresh()
    assert stack.export()["chat"]["outputs"]["__account"] == address
    assert old.models() == before

    stack.config_set({"enkrypt:endpoint": new.url}, secrets={"enkrypt:apiKey": new.key})
    assert "it was not read" in stack.refresh("--run-program").text
    assert stack.export()["chat"]["outputs"]["model_id"] == number(old, "chat/v1")
    preview = stack.preview()
    assert f"chat/v1 is registered at {address}; it is replaced by one at {new.url}" in preview.text
    assert "1 to replace" in preview.text
    assert f"chat/v1 (model_id {number(old, 'chat/v1')}) stays registered at {address}" in stack.up().text
    assert (old.models(), list(new.models())) == (before, ["chat/v1"])
    assert stack.export()["chat"]["outputs"]["model_id"] == number(new, "chat/v1")
    assert "2 unchanged" in stack.up().lines
    stack.destroy()
    assert (old.models(), new.models()) == (before, {})


def test_each_provider_of_a_program_has_its_own_account(story: Story) -> None:
    """Equal names do not collide, look-ups stay in one account, models can move, a rotated key is an update."""
    apis = {name: story.api(f"{name}.db") for name in ("east", "west")}
    east, west = apis.values()
    keys = {f"KEY_{name}": api.key for name, api in apis.items()}
    stack = story.project(ACCOUNTS, environment={**keys, MODEL_KEY: story.secrets.make("the models' key")})

    def declare(*, looks: bool = False, **models: Any) -> None:
        accounts = {name: api.url for name, api in apis.items()}
        stack.write("program.json", json.dumps({"accounts": accounts, "models": models, "looks": looks}))

    declare(one=["east", model("chat")], two=["west", model("chat")], looks=True)
    stack.up()
    outputs = stack.outputs()
    for name, api in zip(("one", "two"), apis.values(), strict=True):
        assert outputs[name] == [number(api, "chat/v1"), "chat.example.com"]
        shown = [outputs[f"{name}-{what}"] for what in ("key", "seen", "config")]
        assert shown == ["[secret]", "chat", "[secret]"]
        assert api.calls().count("add_model chat/v1") == 1

    stack = stack.with_environment({"KEY_west": west.rotate(story.secrets.make("the rotated key"))})
    assert "1 to update" in stack.preview().text
    declare(one=["east", model("chat", model_version="v2")], two=["west", model("chat")])
    upgraded = stack.up()
    assert (list(east.models()), list(west.models())) == (["chat/v2"], ["chat/v1"])
    declare(one=["east", model("chat", model_version="v2")], two=["east", model("chat")])
    assert f"it is replaced by one at {east.url}" in stack.preview().text
    moved = stack.up()
    assert (sorted(east.models()), west.models()) == (["chat/v1", "chat/v2"], {})
    assert "is kept" not in upgraded.text + moved.text
    stack.destroy()
    assert east.models() == {}


def test_each_command_may_run_on_another_machine(story: Story) -> None:
    """A machine's journal is needed only where nothing else proves that a registration is this resource's."""
    api = story.api()
    stack = story.declaring(api, chat=model("chat"))
    stack.up()
    first = number(api, "chat/v1")
    stack.declare(chat=model("chat", system_prompt="Be fair."))
    on_another_machine(stack).up()
    on_another_machine(stack).refresh()
    assert number(api, "chat/v1") == first

    forced = on_another_machine(stack).up("--replace", stack.export()["chat"]["urn"], fails=True)
    assert "if this is a --replace, the resource option delete_before_replace=True" in forced.text
    (story.folder / "other state").mkdir()
    backend = stack.with_environment({"PULUMI_BACKEND_URL": (story.folder / "other state").as_uri()})
    backend.run("stack", "init", "dev")
    backend.config_set({"enkrypt:endpoint": api.url}, secrets={"enkrypt:apiKey": api.key})
    assert "chat/v1 is registered already" in backend.up(fails=True).text
    assert number(api, "chat/v1") == first

    # One resource releases a name and another takes it, in the same up.
    stack.declare(chat=model("chat-old"), successor=model("chat", system_prompt="Be brief."))
    on_another_machine(stack).up()
    prompts = {id_: it["model_config"]["system_prompt"] for id_, it in api.models().items()}
    assert prompts == {"chat/v1": "Be brief.", "chat-old/v1": ""}
    assert "3 unchanged" in stack.up().lines
    on_another_machine(stack).destroy()
    assert api.models() == {}


def test_a_lost_update_is_sent_again_and_a_reregistered_model_is_kept(story: Story) -> None:
    """A lost response is followed by a new update; a changed model_id shows that the model was registered again."""
    api = story.api()
    stack = story.declaring(api, settings={"enkrypt:maxRetries": "0"}, chat=model("chat"))
    stack.up()
    stack.declare(chat=model("chat", system_prompt="new"))
    api.fault({"call": "modify_model", "reset": "after"})
    stack.up(fails=True)
    api.fault()
    assert api.models()["chat/v1"]["model_config"]["system_prompt"] == "new"
    stack.declare(chat=model("chat"))
    assert "the last update was not confirmed" in stack.up().text
    assert api.models()["chat/v1"]["model_config"]["system_prompt"] == ""
    assert "2 unchanged" in stack.up().lines

    api.delete("chat/v1")
    api.add(model("chat", system_prompt="theirs"))
    theirs = api.models()
    stack.declare(chat=model("chat", system_prompt="ours"))
    assert "chat/v1 was deleted and registered again by somebody else" in stack.up(fails=True).text
    assert "it is kept" in stack.destroy().text
    assert api.models() == theirs
