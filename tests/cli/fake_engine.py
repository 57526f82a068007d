"""A `pulumi` of one file, for the commands that this package asks of it: configuration, state, import, versions.

It keeps a stack's configuration where the real one does and its state beside it, in a second, not in ten. What
the real one says to the same is proven by tests/e2e. As a program it is that `pulumi`; no test lives here.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = Any

PROJECT = {
    "name": "shop",
    "runtime": "python",
    "stackConfigDir": "stacks",
    "config": {"enkrypt:timeout": {"default": 30}},
}
ABOUT = {
    "cliAbout": {"version": "3.259.0"},
    "plugins": [{"name": "python", "version": "3.79.0", "kind": "language"}],
}
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Project:
    """A project with one stack, `dev`, as a test sees it."""

    folder: Path

    @property
    def stack_file(self) -> Path:
        return self.folder / "stacks" / "Pulumi.dev.yaml"

    def configure(self, values: dict[str, Json]) -> None:
        """Writes the stack's configuration; `{"secure": …}` is a secret, encrypted."""
        self.stack_file.write_text(yaml.safe_dump({"config": values}))

    def config(self) -> dict[str, Json]:
        text = self.stack_file.read_text() if self.stack_file.exists() else "config: {}"
        found: dict[str, Json] = yaml.safe_load(text)["config"]
        return found

    def defaults(self) -> dict[str, Json]:
        declared = yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["config"]
        return {name: setting["default"] for name, setting in declared.items()}

    def state(self) -> list[Json]:
        file = self.folder / "state.json"
        return json.loads(file.read_text()) if file.exists() else []

    def hold(self, *resources: Json) -> None:
        """Puts resources into the state."""
        (self.folder / "state.json").write_text(json.dumps([*self.state(), *resources]))

    def about(self, **changes: Json) -> None:
        """Changes what the engine says of itself."""
        (self.folder / "about.json").write_text(json.dumps({**ABOUT, **changes}))

    def plugins(self, found: Json) -> None:
        """Says which plugins are installed."""
        (self.folder / "plugins.json").write_text(json.dumps(found))

    def move_engine(self, folder: Path) -> None:
        """Puts the engine elsewhere than on PATH; ENGINE_PROJECT must then name the project's folder."""
        folder.mkdir(parents=True)
        (self.folder / "bin").rename(folder / "bin")

    def ran(self) -> list[str]:
        """The commands that were typed, in order."""
        log = self.folder / "commands.log"
        return log.read_text().splitlines() if log.exists() else []


def project(folder: Path) -> Project:
    """A new project in `folder`, with the engine in `folder/bin`."""
    for name in ("stacks", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
    engine = folder / "bin" / "pulumi"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{Path(__file__).resolve()}" "$@"\n')
    engine.chmod(0o755)
    made = Project(folder)
    made.configure({})
    return made


def encrypted(text: str) -> dict[str, str]:
    """A secret as it stands in a stack's file."""
    return {"secure": base64.b64encode(text.encode()).decode()}


def provider(key: str, name: str = "default") -> Json:
    """A provider in the state, with this API key."""
    inputs: Json = {"enkrypt:apiKey": {SIGNATURE: SECRET, "plaintext": json.dumps(key)} if key else ""}
    return {
        "urn": urn("pulumi:providers:pulumi-python", name),
        "id": "1",
        "type": "pulumi:providers:pulumi-python",
        "inputs": inputs,
    }


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::{type_}::{name}"


# ---- the engine's side


def main(words: Sequence[str], here: Project) -> str:
    with (here.folder / "commands.log").open("a") as log:
        log.write(" ".join(words) + "\n")
    if "--stack" in words and words[words.index("--stack") + 1] != "dev":
        sys.exit("error: no stack named 'nope' found")
    match list(words):
        case ["stack", "--show-name", *_]:
            return "dev\n"
        case ["about", *_]:
            about = here.folder / "about.json"
            return about.read_text() if about.exists() else json.dumps(ABOUT)
        case ["config", "set", "--secret", "--raw", name, *_]:
            here.configure({**here.config(), name: encrypted(sys.stdin.read())})
        case ["config", "--json", *_]:
            return json.dumps({name: _shown(value) for name, value in {**here.defaults(), **here.config()}.items()})
        case ["stack", "export", *_]:
            return json.dumps({"version": 3, "deployment": {"resources": here.state()}})
        case ["import", "--file", file, *_]:
            return _import(json.loads(Path(file).read_text()), here)
        case ["plugin", "ls", *_]:
            plugins = here.folder / "plugins.json"
            return plugins.read_text() if plugins.exists() else "[]"
        case ["plugin", "install", "resource", name, version, "--file", file, *_]:
            shutil.copy(file, here.folder / f"{name}-{version}")
        case other:
            sys.exit(f"error: unknown command {other}")
    return ""


def _shown(value: Json) -> Json:
    if isinstance(value, dict) and set(value) == {"secure"}:
        return {"value": base64.b64decode(value["secure"]).decode(), "secret": True}
    if isinstance(value, dict | list):
        return {"value": json.dumps(value), "objectValue": value, "secret": False}
    return {"value": str(value), "secret": False}


def _import(document: Json, here: Project) -> str:
    made = [
        {**entry, "urn": urn(entry["type"], entry["name"]), "provider": provider("")["urn"] + "::1"}
        for entry in document["resources"]
    ]
    here.hold(*made)
    return f"= {len(made)} imported\n"


if __name__ == "__main__":
    elsewhere = os.environ.get("ENGINE_PROJECT") or Path(os.environ["PATH"].partition(os.pathsep)[0]).parent
    sys.stdout.write(main(sys.argv[1:], Project(Path(elsewhere))))
