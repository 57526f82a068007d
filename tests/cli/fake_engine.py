"""A fake `pulumi` for the commands that this package runs: configuration, state, import, versions.

It stores a stack's configuration where the real one does, and runs in the test's own process, since starting a Python
for each command would be slow. tests/e2e checks the same commands with the real one.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from enkrypt_provider.cli.stack import secret

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


@dataclass
class Project:
    """A project with one stack, `dev`."""

    folder: Path
    state: list[Json] = field(default_factory=list)
    """The stack's resources."""
    about: Json = field(default_factory=lambda: dict(ABOUT))
    """The output of `pulumi about`."""
    plugins: list[Json] = field(default_factory=list)
    """The installed plugins."""
    ran: list[str] = field(default_factory=list)
    """The commands that were run, in order."""

    @property
    def stack_file(self) -> Path:
        return self.folder / "stacks" / "Pulumi.dev.yaml"

    def configure(self, values: dict[str, Json]) -> None:
        """Write the stack's configuration; `{"secure": …}` is an encrypted secret."""
        self.stack_file.write_text(yaml.safe_dump({"config": values}))

    def config(self) -> dict[str, Json]:
        text = self.stack_file.read_text() if self.stack_file.exists() else "config: {}"
        found: dict[str, Json] = yaml.safe_load(text)["config"]
        return found

    def defaults(self) -> dict[str, Json]:
        declared = yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["config"]
        return {name: setting["default"] for name, setting in declared.items()}

    def hold(self, *resources: Json) -> None:
        """Add resources to the state."""
        self.state += resources

    def move_engine(self, folder: Path) -> None:
        """Move the engine to a folder that is not on PATH."""
        folder.mkdir(parents=True)
        (self.folder / "bin").rename(folder / "bin")

    # ---- the engine's side

    def run(self, words: Sequence[str], given: str = "") -> str:
        """Return what a command prints. Raise `SystemExit` with the error."""
        self.ran.append(" ".join(words))
        if "--stack" in words and words[words.index("--stack") + 1] != "dev":
            sys.exit("error: no stack named 'nope' found")
        match list(words):
            case ["stack", "--show-name", *_]:
                return "dev\n"
            case ["about", *_]:
                return json.dumps(self.about)
            case ["config", "set", "--secret", "--raw", name, *_]:
                self.configure({**self.config(), name: encrypted(given)})
            case ["config", "--json", *_]:
                values = {**self.defaults(), **self.config()}
                return json.dumps({name: _shown(value) for name, value in values.items()})
            case ["stack", "export", *_]:
                return self.export()
            case ["import", "--file", "/dev/stdin", *_]:
                return self._import(json.loads(given))
            case ["plugin", "ls", *_]:
                return json.dumps(self.plugins)
            case ["plugin", "install", "resource", name, version, "--file", file, *_]:
                shutil.copy(file, self.folder / f"{name}-{version}")
            case other:
                sys.exit(f"error: unknown command {other}")
        return ""

    def export(self) -> str:
        return json.dumps({"version": 3, "deployment": {"resources": self.state}})

    def _import(self, document: Json) -> str:
        made = [
            {**entry, "urn": urn(entry["type"], entry["name"]), "provider": provider("")["urn"] + "::1"}
            for entry in document["resources"]
        ]
        self.hold(*made)
        return f"= {len(made)} imported\n"

    # ---- replaces the module `subprocess`

    PIPE: ClassVar = subprocess.PIPE

    def Popen(self, words: Sequence[Any], *, env: Mapping[str, str], stdout: Any, **_: Any) -> Process:
        pulumi, *rest = words
        assert str(pulumi) == shutil.which("pulumi", path=env["PATH"])
        return Process(self, rest, is_shown=stdout is None)


@dataclass
class Process:
    """One command."""

    project: Project
    words: Sequence[str]
    is_shown: bool
    returncode: int = 0

    def communicate(self, given: str) -> tuple[str | None, str]:
        try:
            printed = self.project.run(self.words, given)
        except SystemExit as ended:
            self.returncode = 1
            return "", str(ended)
        if self.is_shown:
            print(printed, end="")
        return printed, ""


def project(folder: Path) -> Project:
    """Create a project in `folder`, with the engine in `folder/bin`."""
    for name in ("stacks", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
    (folder / "bin" / "pulumi").touch(mode=0o755)
    made = Project(folder)
    made.configure({})
    return made


def encrypted(text: str) -> dict[str, str]:
    """Return a secret as a stack's file stores it."""
    return {"secure": base64.b64encode(text.encode()).decode()}


def provider(key: str, name: str = "default") -> Json:
    """Return a provider of the state with this API key."""
    inputs = {"enkrypt:apiKey": secret(key) if key else ""}
    return {
        "urn": urn("pulumi:providers:pulumi-python", name),
        "id": "1",
        "type": "pulumi:providers:pulumi-python",
        "inputs": inputs,
    }


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::{type_}::{name}"


def _shown(value: Json) -> Json:
    if isinstance(value, dict) and set(value) == {"secure"}:
        return {"value": base64.b64decode(value["secure"]).decode(), "secret": True}
    if isinstance(value, dict | list):
        return {"value": json.dumps(value), "objectValue": value, "secret": False}
    return {"value": str(value), "secret": False}
