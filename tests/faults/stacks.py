"""A stack of the real engine for fault tests: its program, its state on disk, and the documented recovery after an
interruption. Contains no tests."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from e2e.api import Api
from e2e.harness import Run, Stack, Story
from e2e.native.projects import project

from .conftest import chance
from .running import going, wait_for

Frontend = Literal["dynamic", "native"]

PROGRAM: Final = """
import json
import os
from pathlib import Path

import pulumi
from MODULE import EnkryptModel, EnkryptProvider

spec = json.loads(Path("program.json").read_text())
account = EnkryptProvider("account", api_key=os.environ["API_KEY"], **spec["account"]) if "account" in spec else None
models = {}
for name, arguments in spec["models"].items():
    arguments["model_config"]["apikeys"] = [os.environ["MODEL_KEY"]]
    after = [models[other] for other in spec.get("after", {}).get(name, [])]
    options = pulumi.ResourceOptions(depends_on=after, provider=account, **spec.get("options", {}).get(name, {}))
    models[name] = EnkryptModel(name, **arguments, opts=options)
"""
"""Registers the models in `program.json`, with its dependencies, options and explicit provider, if any."""

TYPES: Final[Mapping[Frontend, str]] = {
    "dynamic": "pulumi-python:dynamic/enkrypt:EnkryptModel",
    "native": "enkrypt:index:EnkryptModel",
}
ADOPT: Final[Mapping[Frontend, str]] = {"dynamic": "adopt_existing=True", "native": "adoptExisting: true"}
"""The setting that a message suggests, as users of the front end write it."""
Models = Mapping[str, Mapping[str, Any]]
QUICK: Final = {"enkrypt:maxRetries": "3", "enkrypt:timeout": "5"}


@dataclass
class Troubled:
    """A stack of either front end, and its API."""

    story: Story
    api: Api
    frontend: Frontend = "dynamic"
    environment: Mapping[str, str] = field(default_factory=dict)
    stack: Stack = field(init=False)
    models: dict[str, Any] = field(default_factory=dict)
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = self.story.secrets.make("the models' key")
        keys = {"MODEL_KEY": self.key, "API_KEY": self.api.key, **self.environment}
        module = "enkrypt_provider.native" if self.frontend == "native" else "enkrypt_provider"
        self.stack = self.story.project(PROGRAM.replace("MODULE", module), self.api, environment=keys, settings=QUICK)
        if self.frontend == "native":
            self.stack.write("Pulumi.yaml", project(self.story, "python"))

    def declare(self, models: Models, **more: Any) -> None:
        self.models = dict(models)
        self.stack.write("program.json", json.dumps({"models": models, **more}))

    def urn(self, name: str) -> str:
        return f"urn:pulumi:dev::story::{TYPES[self.frontend]}::{name}"

    def wait_until_written(self) -> None:
        """Waits until the state is on disk: a kill during the write may leave an empty file beside it."""
        wait_for(lambda: time.time() - self._file.stat().st_mtime > 0.5, "the state to be written")

    @property
    def _file(self) -> Path:
        return self.story.folder / "state/.pulumi/stacks/story/dev.json"

    def state(self) -> list[dict[str, Any]]:
        """The models in the state on disk, even while a command runs."""
        try:
            resources = json.loads(self._file.read_text())["checkpoint"]["latest"].get("resources") or []
        except (OSError, ValueError, KeyError, TypeError):
            return []  # it is being written
        return [it for it in resources if it["type"].endswith("EnkryptModel")]

    def objects(self, name: str) -> list[dict[str, Any]]:
        return [it for it in self.state() if it["urn"].endswith(f"::{name}")]

    def numbers(self) -> dict[str, int]:
        """The model_id of each registration, by NAME/VERSION."""
        return {id_: it["model_id"] for id_, it in self.api.models().items()}

    def recover(self, *, refresh: bool = True) -> Run:
        """Runs the commands that docs/faults.md gives for an interruption; returns the final `up`."""
        for file in self._file.parent.glob("*.attrs"):
            if not file.stat().st_size:  # killed while the engine wrote it
                file.unlink()
        self.type("cancel", "--yes")  # an error if there is nothing to cancel
        if refresh:
            self.stack.refresh()
        return self.stack.up()

    def type(self, *command: str, fails: bool | None = None) -> Run:
        """Runs any command; whether it fails is checked only if `fails` is given."""
        with going(self.stack, *command) as it:
            return it.end(fails=fails)

    def disagreements(self) -> list[str]:
        """Every disagreement between the API, the state and the program."""
        wanted = {_identity(it): it for it in self.models.values()}
        live, found = self.api.models(), []
        found += [f"{id_} is registered and not declared" for id_ in live.keys() - wanted.keys()]
        found += [f"{id_} is declared and not registered" for id_ in wanted.keys() - live.keys()]
        held = {it["id"]: it for it in self.state() if not it.get("delete")}
        found += [f"the state holds two objects of {it['id']}" for it in self.state() if it.get("delete")]
        found += [f"the state lacks {id_}" for id_ in wanted.keys() - held.keys()]
        found += [f"the state holds {id_}" for id_ in held.keys() - wanted.keys()]
        for id_ in wanted.keys() & live.keys() & held.keys():
            if number_in(held[id_]) != live[id_]["model_id"]:
                found.append(f"the state's model_id of {id_} is not the API's")
            if not _holds(live[id_], {k: v for k, v in wanted[id_].items() if k != "adopt_existing"}):
                found.append(f"{id_} is not as declared")
            if live[id_]["model_config"]["apikeys"] != [self.key]:
                found.append(f"{id_} has other keys")
        return sorted(found)


def either(*where: object) -> Frontend:
    """The front end that the seed selects for a test."""
    return chance("front end", *where).choice(("dynamic", "native"))


def number_in(held: Mapping[str, Any]) -> int:
    """The model_id in an object of the state."""
    outputs = held["outputs"]
    return int(outputs["model_id"] if "model_id" in outputs else outputs["modelId"])


def _identity(arguments: Mapping[str, Any]) -> str:
    return f"{arguments['model_saved_name']}/{arguments['model_config'].get('model_version', 'v1')}"


def _holds(live: Any, declared: Any) -> bool:
    """Whether `live` contains everything declared; all else is a default."""
    if isinstance(declared, Mapping):
        return isinstance(live, Mapping) and all(_holds(live.get(name), it) for name, it in declared.items())
    return bool(live == declared)
