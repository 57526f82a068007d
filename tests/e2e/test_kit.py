"""The test kit behaves like the engine: both give the same stack for one program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enkrypt_provider.frontends.property_values import Json, clear
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.testing import CheckFailed, MockStack, Result, Secret

from .harness import Stack, Story

PROGRAM = """
import pulumi
from enkrypt_provider import EnkryptModel, EnkryptProvider

config = pulumi.Config()


def declared(name, host, **fields):
    keys = [config.require_secret("key")]
    endpoint = {"host": host, "port": config.get_int("port") or 443}
    config_of_model = {"is_compatible_with": "openai", "endpoint": endpoint, "apikeys": keys, **fields}
    return {"model_saved_name": name, "model_config": config_of_model}


class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Team", name)
        self.model = EnkryptModel(f"{name}-model", opts=pulumi.ResourceOptions(parent=self), **declared(name, "team"))
        self.register_outputs({"model": self.model.id})


first = EnkryptModel("first", **declared("first", "first.example.com"))
second = EnkryptModel(
    "second",
    model_name=pulumi.Output.concat("after ", first.created_at),
    certifications=["GDPR"],
    deletion_protection=config.get_bool("protected"),
    **declared("second", first.model_id.apply(lambda number: f"host-{number}.example.com")),
)
third = EnkryptModel("third", opts=pulumi.ResourceOptions(depends_on=[second]), **declared("third", "h"))
team = Team("team")
pulumi.export("ids", [first.id, second.id, team.model.id])
pulumi.export("config", second.model_config)
pulumi.export("key", config.require_secret("key"))
"""
ENVELOPE = "4dabf18193072939515e22adb298388d"


def in_state(stack: Stack) -> dict[str, Json]:
    """The engine's state of each resource, except the stack itself and providers."""
    return {
        it["urn"]: {
            "id": it.get("id", ""),
            "outputs": _comparable(it.get("outputs", {})),
            "dependencies": sorted(it.get("dependencies") or []),
            "reasons": {name: sorted(of) for name, of in (it.get("propertyDependencies") or {}).items() if of},
            "parent": it["parent"],
            "protect": it.get("protect", False),
        }
        for it in stack.export().values()
        if not it["type"].startswith("pulumi:")
    }


def in_kit(result: Result) -> dict[str, Json]:
    """The same from the kit."""
    return {
        it.urn: {
            "id": it.id,
            "outputs": _comparable(it.outputs),
            "dependencies": sorted(it.dependencies),
            "reasons": {name: sorted(of) for name, of in it.reasons.items() if of},
            "parent": it.parent,
            "protect": it.protect,
        }
        for it in result.resources.values()
    }


def _comparable(value: Any) -> Any:
    """Removes expected differences: server-set fields, internal fields, the representation of secrets."""
    if isinstance(value, Secret) or (isinstance(value, dict) and ENVELOPE in value):
        return "[secret]"
    if isinstance(value, dict):
        skipped = {*MODEL.computed, "model_name"}
        return {k: _comparable(v) for k, v in value.items() if not k.startswith("__") and k not in skipped}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return "host-N.example.com" if isinstance(value, str) and value.startswith("host-") else value


def test_the_kit_and_the_engine_give_the_same_result(story: Story) -> None:
    """Same error line for a wrong argument, same state and registrations after up, same steps for a change."""
    api, key = story.api(), story.secrets.make("the models' key")
    real = story.project(PROGRAM, api)
    real.config_set({"story:port": "99999", "story:protected": "true"}, secrets={"story:key": key})
    config = {"port": "99999", "protected": "true", "key": Secret(key)}
    kit = MockStack(Path(real.folder), project="story", config=config)
    with pytest.raises(CheckFailed) as refused:
        kit.preview()
    shown = real.preview(fails=True).errors
    assert shown
    assert set(shown) <= set(refused.value.problems)

    real.config_set({"story:port": "443"})
    kit.config["port"] = "443"
    real.up()
    result = kit.up()
    assert len(result.resources) == 5
    assert in_kit(result) == in_state(real)
    outputs = real.export()["story-dev"]["outputs"]
    assert _comparable(result.outputs) == {name: _comparable(value) for name, value in outputs.items()}
    assert result.changes == dict.fromkeys(result.resources, "create")
    assert {name: _comparable(clear(it)) for name, it in kit.registry.models().items()} == {
        name: _comparable(it) for name, it in api.models().items()
    }

    real.config_set({"story:port": "8443"})
    kit.config["port"] = "8443"
    seen = kit.preview()
    lines = real.preview().lines
    for name, change in seen.changes.items():
        planned = [line for line in lines if f" {name} " in f"{line} "]
        assert any(" update" in line for line in planned) is (change == "update"), (name, change, planned)
    assert seen.changes["first"] == "update"
