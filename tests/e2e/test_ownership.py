"""Who owns a registration: adopted, protected, replaced by force, or looked at from another stack."""

from __future__ import annotations

import json

from .harness import Story
from .programs import DECLARED, MODEL_KEY, model


def declare(*models: tuple[str, dict[str, object]]) -> str:
    return json.dumps(dict(models))


def test_adoption_is_asked_for_told_and_never_deletes_what_it_took(story: Story) -> None:
    """Without `adopt_existing` a taken name is an error; with it the registration is updated, and kept."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    api.add(model("taken", hosting_type="Internal"))
    number = api.models()["taken/v1"]["model_id"]

    stack.write("models.json", declare(("mine", model("taken"))))
    refused = stack.up(fails=True)
    assert "taken/v1 is registered already" in refused.text
    assert "model_config.hosting_type" in refused.text
    assert "adopt_existing=True" in refused.text

    stack.config_set({"enkrypt:checkOnline": "true"})
    assert "taken/v1 is registered already: to take it over set adopt_existing=True" in stack.preview(fails=True).text
    stack.write("models.json", declare(("mine", {**model("taken"), "adopt_existing": True})))
    api.calls()
    assert "taken/v1 is registered already: it will be adopted" in stack.preview().text
    assert api.calls() == ["consumer_info", "list_models"]
    assert "adopted, and updated to what is declared" in stack.up().text
    assert (api.models()["taken/v1"]["model_config"]["hosting_type"], len(api.models())) == ("External", 1)

    urn = stack.export()["mine"]["urn"]
    forced = stack.up("--replace", urn)
    assert "taken/v1 is kept" in forced.text
    assert api.models()["taken/v1"]["model_id"] == number
    stack.destroy()
    assert api.models() == {}


def test_a_protected_registration_is_neither_deleted_nor_replaced(story: Story) -> None:
    """Delete and replacement are refused before anything is changed; once lifted, both are done."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    kept = {**model("kept"), "deletion_protection": True}
    stack.write("models.json", declare(("kept", kept), ("other", model("other"))))
    stack.up()
    api.calls()

    # With its preview, as a person runs it: there the engine refuses, before the unprotected one is touched.
    assert "protect" in stack.run("destroy", "--yes", fails=True).text
    stack.write("models.json", declare(("kept", {**kept, "model_saved_name": "renamed"})))
    renamed = stack.preview(fails=True)
    assert "kept/v1 is protected from deletion and replacement: set deletion_protection=False" in renamed.text
    assert (api.calls(), sorted(api.models())) == ([], ["kept/v1", "other/v1"])

    stack.write("models.json", declare(("kept", {**kept, "deletion_protection": False}), ("other", model("other"))))
    stack.up()
    assert api.calls() == []
    stack.destroy()
    assert api.models() == {}


ACCOUNTS = """
import json
import os
from pathlib import Path

import pulumi
from enkrypt_provider import EnkryptModel, EnkryptProvider, get_model_output, list_models_output

settings = json.loads(Path("accounts.json").read_text())
for name, endpoint in settings.items():
    account = EnkryptProvider(name, api_key=os.environ[f"KEY_{name}"], endpoint=endpoint)
    mine = EnkryptModel(
        f"chat-{name}",
        model_saved_name="chat",
        model_config={
            "is_compatible_with": "openai",
            "endpoint": {"host": f"{name}.example.com"},
            "apikeys": [os.environ["MODEL_KEY"]],
        },
        opts=pulumi.ResourceOptions(provider=account),
    )
    here = pulumi.InvokeOptions(provider=account)
    found = get_model_output(mine.id.apply(lambda id: id.split("/")[0]), opts=here)
    seen = EnkryptModel.get(f"seen-{name}", mine.id, opts=pulumi.ResourceOptions(provider=account))
    pulumi.export(name, found.apply(lambda model: [model.model_id, model.model_config.endpoint.host]))
    pulumi.export(f"{name}-key", found.apply(lambda model: model.model_config.apikeys))
    pulumi.export(f"{name}-seen", seen.model_saved_name)
    pulumi.export(f"{name}-config", seen.model_config)
"""


def test_three_accounts_in_one_program(story: Story) -> None:
    """Each model, look-up and `get` goes to its own account; a rotated key is an update of that provider alone."""
    names = ("eu", "us", "apac")
    apis = {name: story.api(f"{name}.db") for name in names}
    keys = {f"KEY_{name}": apis[name].key for name in names}
    model_key = story.secrets.make("the model's key")
    stack = story.project(ACCOUNTS, environment={**keys, MODEL_KEY: model_key})
    stack.write("accounts.json", json.dumps({name: apis[name].url for name in names}))
    stack.up()

    outputs = stack.outputs()
    for name, api in apis.items():
        chat = api.models()["chat/v1"]
        assert outputs[name] == [chat["model_id"], f"{name}.example.com"]
        assert (outputs[f"{name}-key"], outputs[f"{name}-seen"], outputs[f"{name}-config"]) == (
            "[secret]",
            "chat",
            "[secret]",
        )
        assert api.calls().count("add_model chat/v1") == 1

    rotated = {**keys, "KEY_us": apis["us"].rotate(story.secrets.make("the rotated key"))}
    later = stack.with_environment(rotated)
    changed = later.preview()
    assert "1 to update" in changed.text
    later.up()
    later.destroy()
    assert [api.models() for api in apis.values()] == [{}, {}, {}]


def test_a_rotation_of_a_models_keys_is_named_without_their_value(story: Story) -> None:
    """When only keys change, the preview says whose and which."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the first key")})
    stack.write("models.json", declare(("chat", model("chat"))))
    stack.up()
    later = stack.with_environment({MODEL_KEY: story.secrets.make("the second key")})
    assert "chat/v1: its keys change (model_config.apikeys)" in later.preview().text
    api.calls()
    later.up()
    assert api.calls() == ["list_models", "modify_model chat/v1"]


def test_a_model_that_does_not_answer_is_taken_back_and_named(story: Story) -> None:
    """`verify_health` fails the `up` and leaves nothing behind; the next `up` begins anew."""
    api = story.api()
    stack = story.project(DECLARED, api, environment={MODEL_KEY: story.secrets.make("the model's key")})
    stack.write("models.json", declare(("chat", {**model("chat"), "verify_health": True})))
    stack.config_set({"enkrypt:maxRetries": "0"})
    api.fault({"call": "model_health", "status": 502, "first": 1})
    failed = stack.up(fails=True)
    assert "chat/v1: its health could not be verified" in failed.text
    assert "it was deleted again" in failed.text
    assert api.models() == {}
    api.calls()
    stack.up()
    assert api.calls() == ["add_model chat/v1", "model_health chat/v1"]
    stack.destroy()
    assert api.models() == {}
