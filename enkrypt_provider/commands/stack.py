"""One stack as the commands see it, by the engine's own command line: its configuration, its state, an import.

Here: what is asked of `pulumi` and how its answers are read. A secret goes to it through a pipe, never as an
argument, which every process of the machine could read. What the answers mean is for others to say.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ..errors import ConfigurationError, plain

Json = Any

TYPE: Final = "pulumi-python:dynamic/enkrypt:EnkryptModel"
PROVIDER_TYPE: Final = "pulumi:providers:pulumi-python"
NAMESPACE: Final = "enkrypt:"

# How the engine writes a secret in a state and in an import file.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a name, no password

IMPORT: Final = ("--generate-code=false", "--yes")
"""What `pulumi import --file` needs besides: a dynamic resource has no schema to generate code from. What it
imports it protects until a program declares it: an `up` before that fails, and deletes no live registration."""


def secret(value: Json) -> Json:
    """`value` as a secret that the engine will encrypt: it stands here in the clear."""
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def revealed(value: Json) -> Json:
    """What a value of a state exported with its secrets holds."""
    is_secret = isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET
    return json.loads(value["plaintext"]) if is_secret and "plaintext" in value else value


@dataclass(frozen=True)
class Configured:
    """One value of a stack's configuration. Its repr shows none."""

    value: str = field(repr=False)
    is_secret: bool = False


@dataclass(frozen=True)
class Resource:
    """One resource of a state, with what it holds in the clear; an external one is read, not managed."""

    urn: str
    id: str
    type: str
    provider: str = ""
    is_external: bool = False
    inputs: Mapping[str, Json] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


class Stack:
    """The stack `name` of the project in `folder` or above it."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self.name = name
        self.folder = folder or Path.cwd()

    @classmethod
    def selected(cls, folder: Path | None = None) -> Stack:
        """The stack that the engine would take where none is named."""
        return cls(run("stack", "--show-name", folder=folder).strip(), folder)

    @cached_property
    def config(self) -> dict[str, Configured]:
        """The configuration, the project's defaults included: `enkrypt:apiKey` and so on, secrets in the clear."""
        found = json.loads(self._run("config", "--json", "--show-secrets"))
        return {name: Configured(_text(value), bool(value.get("secret"))) for name, value in found.items()}

    def get(self, name: str) -> str:
        """A configuration value, or ""."""
        return self.config[name].value if name in self.config else ""

    @property
    def values(self) -> dict[str, str]:
        """Every value under `enkrypt:`, secret or not, by the rest of its name."""
        mine = {name: found.value for name, found in self.config.items() if name.startswith(NAMESPACE)}
        return {name.removeprefix(NAMESPACE): value for name, value in mine.items()}

    @property
    def secrets(self) -> dict[str, str]:
        """Those of them that are secrets."""
        return {name: value for name, value in self.values.items() if self.config[NAMESPACE + name].is_secret}

    def origin(self, name: str) -> str:
        """Where a value of the configuration stands."""
        text = self.file.read_text(encoding="utf-8") if self.file.is_file() else ""
        own = (yaml.safe_load(text) or {}).get("config") or {}
        return self.file.name if name in own else "the defaults in Pulumi.yaml"

    def set_secret(self, name: str, value: str) -> None:
        """Sets the secret `enkrypt:NAME`."""
        self._run("config", "set", "--secret", "--raw", NAMESPACE + name, given=value)
        self.forget()

    def forget(self) -> None:
        """To be called when the configuration was changed."""
        vars(self).pop("config", None)

    def resources(self) -> list[Resource]:
        """Every resource of the state, secrets in the clear."""
        exported = json.loads(self._run("stack", "export", "--show-secrets"))
        return list(_resources(exported.get("deployment") or {}))

    def import_(self, document: Json) -> None:
        """Runs `pulumi import` with a document that no file ever holds; what the engine prints goes through."""
        words = ("import", "--file", "/dev/stdin", *IMPORT, "--skip-preview")
        self._run(*words, given=json.dumps(document), shown=True)

    @cached_property
    def file(self) -> Path:
        """The stack's own file, where it is or would be."""
        project = project_file(self.folder)
        folder = (yaml.safe_load(project.read_text(encoding="utf-8")) or {}).get("stackConfigDir") or "."
        return project.parent / str(folder) / f"Pulumi.{self.name.rpartition('/')[2]}.yaml"

    def _run(self, *words: str, given: str = "", shown: bool = False) -> str:
        return run(*words, "--stack", self.name, folder=self.folder, given=given, shown=shown)


def run(*words: str, folder: Path | None = None, given: str = "", shown: bool = False) -> str:
    """What `pulumi` answers; where it is `shown`, its output goes to the console instead.

    Raises `ConfigurationError` with the engine's own error.
    """
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise ConfigurationError("there is no `pulumi` on PATH: https://www.pulumi.com/docs/install/")
    done = subprocess.run(  # noqa: S603 - a list of words, by no shell
        [pulumi, *words, "--non-interactive"],
        cwd=folder,
        input=given,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        reason = "see above" if shown else _reason(done.stderr)
        raise ConfigurationError(f"`pulumi {' '.join(words)}` failed: {reason}")
    return done.stdout or ""


def project_file(folder: Path) -> Path:
    """The project's Pulumi.yaml, in `folder` or above it."""
    for place in (folder, *folder.absolute().parents):
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (place / name).is_file():
                return place / name
    raise ConfigurationError("there is no Pulumi.yaml in this folder or above it: run this in the project's folder")


def _reason(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.strip()] or ["it does not say why"]
    line = next((line for line in lines if "error: " in line), lines[-1])
    return plain(line.partition("error: ")[2] or line, 300)


def _text(value: Mapping[str, Json]) -> str:
    return str(value.get("value") or "")


def _resources(deployment: Mapping[str, Json]) -> Iterator[Resource]:
    for found in deployment.get("resources") or []:
        names = ("urn", "id", "type", "provider")
        texts = {name: str(found.get(name) or "") for name in names}
        yield Resource(
            **texts,
            is_external=bool(found.get("external")),
            inputs=found.get("inputs") or {},
            outputs=found.get("outputs") or {},
        )
