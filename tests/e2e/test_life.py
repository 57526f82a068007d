"""The life cycle of a stack, from the first preview to the last destroy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enkrypt_provider.emulator import LIKE_VENDOR

from .api import Api
from .harness import Stack, Story
from .programs import model


@dataclass
class Life:
    """A stack, its API, and the models that are currently declared."""

    stack: Stack
    api: Api
    models: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def declare(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.models[name] = arguments
        self.stack.declare(**self.models)


CHAT: Mapping[str, Any] = {
    "model_saved_name": "chat",
    "model_name": "gpt-4o-mini",
    "testing_for": "Chatbot",
    "certifications": ["GDPR", "HIPAA"],
    "model_config": {
        "is_compatible_with": "openai",
        "hosting_type": "External",
        "endpoint": {"host": "chat.example.com", "port": 443},
        "auth_data": {"space_after_prefix": True},
        "metadata": {"max_tokens": 2048, "input_cost": 0.15, "owner": "ml-platform"},
        "default_request_options": {"temperature": 0.2, "stop": ["END", "."]},
    },
}

DRIFT: Mapping[str, Any] = {
    "model_name": "gpt-4o",
    "certifications": ["GDPR", "SOC 3"],
    "model_config": {
        "hosting_type": "Internal",
        "endpoint": {"port": 8443},
        "auth_data": {"space_after_prefix": False},
        "metadata": {"max_tokens": 512, "input_cost": 0.3},
        "default_request_options": {"temperature": 1, "stop": ["END", "!"]},
    },
}
SHOWN = {
    # how each kind of field is shown: (declared value, drifted value)
    "model_name": ('"gpt-4o-mini"', '"gpt-4o"'),
    "[1]": ('"HIPAA"', '"SOC 3"'),
    "hosting_type": ('"External"', '"Internal"'),
    "port": ("443", "8443"),
    "space_after_prefix": ("true", "false"),
    "max_tokens": ("2048", "512"),
    "input_cost": ("0.15", "0.3"),
    "temperature": ("0.2", "1"),
}


def test_each_step_makes_only_the_calls_it_needs(story: Story) -> None:
    """Each step makes exactly the calls that it needs, in order, and shows its changes."""
    api = story.api()
    life = Life(story.declaring(api), api)
    life.declare("chat", CHAT)
    life.declare("judge", model("judge", system_prompt="Be fair."))
    life.declare("guard", model("guard"))

    for step in (
        previewed, registered, left_alone, updated, drifted, repaired, lost, registered_again, renamed, destroyed
    ):  # fmt: skip
        step(life)

    assert (story.folder / "state/.pulumi/history").is_dir()  # searched for keys by `new_story`
    assert (story.folder / "state/.pulumi/backups").is_dir()


def previewed(life: Life) -> None:
    """The first preview shows the planned resources and makes no API call."""
    preview = life.stack.preview()

    assert "+ 4 to create" in preview.lines
    assert life.api.calls() == []


def registered(life: Life) -> None:
    """An up of N models makes N add-model calls and nothing else."""
    up = life.stack.up()

    assert "+ 4 created" in up.lines
    assert sorted(life.api.calls()) == ["add_model chat/v1", "add_model guard/v1", "add_model judge/v1"]


def left_alone(life: Life) -> None:
    """An up with no change makes no call."""
    up = life.stack.up()

    assert "4 unchanged" in up.lines
    assert life.api.calls() == []


def updated(life: Life) -> None:
    """A changed field costs one list, to check the model_id, and one modify-model; only that field is shown."""
    life.declare("judge", model("judge", system_prompt="Be strict."))

    preview = life.stack.preview("--diff")
    up = life.stack.up()

    changes = [line for line in preview.lines if " => " in line]
    assert changes == ['~ system_prompt: "Be fair." => "Be strict."']
    assert "~ 1 updated" in up.lines
    assert life.api.calls() == ["list_models", "modify_model judge/v1"]
    assert life.api.models()["judge/v1"]["model_config"]["system_prompt"] == "Be strict."


def drifted(life: Life) -> None:
    """One list-models finds others' changes, and every kind of field shows its old and new value."""
    life.api.change("chat/v1", DRIFT)

    refresh = life.stack.refresh("--diff")
    calls = life.api.calls()
    preview = life.stack.preview("--diff")

    assert calls == ["list_models"]
    for name, (declared, live) in SHOWN.items():
        assert f"~ {name}: {declared} => {live}" in refresh.lines
        assert f"~ {name}: {live} => {declared}" in preview.lines
    assert "~ 1 to update" in preview.lines
    assert life.api.calls() == []


def repaired(life: Life) -> None:
    """The up after drift resets every field with one list and one modify-model."""
    life.stack.up()

    assert life.api.calls() == ["list_models", "modify_model chat/v1"]
    chat = life.api.models()["chat/v1"]
    assert {name: chat[name] for name in ("model_name", "certifications")} == {
        name: CHAT[name] for name in ("model_name", "certifications")
    }
    for name in ("hosting_type", "metadata", "default_request_options"):
        assert chat["model_config"][name] == CHAT["model_config"][name]


def lost(life: Life) -> None:
    """Refresh notices a deleted model, confirms it with one get-model, and drops it from the state."""
    life.api.delete("guard/v1")

    refresh = life.stack.refresh()

    assert "- 1 deleted" in refresh.lines
    assert life.api.calls() == ["list_models", "get_model guard/v1"]


def registered_again(life: Life) -> None:
    """The next up registers that model again, and only that one."""
    life.stack.up()

    assert life.api.calls() == ["add_model guard/v1"]


def renamed(life: Life) -> None:
    """A new name is registered before the old one is deleted."""
    life.declare("judge", {**life.models["judge"], "model_saved_name": "judge-2"})

    life.stack.up()

    assert life.api.calls() == ["add_model judge-2/v1", "list_models", "delete_model judge/v1"]


def destroyed(life: Life) -> None:
    """A destroy of N models costs one list and N delete-model calls, and leaves none registered."""
    life.stack.destroy()

    deleted = ["delete_model chat/v1", "delete_model guard/v1", "delete_model judge-2/v1"]
    assert sorted(life.api.calls()) == [*deleted, "list_models"]
    assert life.api.models() == {}


def test_many_models_are_registered_once_each_within_the_rate_limit(story: Story) -> None:
    """A dozen, from several threads, on an API that allows 3 calls a second: none is refused."""
    api = story.api(limits=LIKE_VENDOR)
    names = [f"model-{number}" for number in range(12)]
    settings = {"enkrypt:rateLimit": "3/s,100/min"}
    stack = story.declaring(api, settings=settings, **{name: model(name) for name in names})
    stack.up()
    assert sorted(api.calls()) == sorted(f"add_model {name}/v1" for name in names)
    stack.refresh()
    assert api.calls() == ["list_models"]
    stack.destroy("--refresh")
    assert sorted(api.calls()) == sorted([*(f"delete_model {name}/v1" for name in names), "list_models"])
    assert api.models() == {}
