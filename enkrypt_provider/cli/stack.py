"""One stack, through the engine's command line: its configuration, its state, and imports into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ..errors import ConfigurationError
from ..frontends.backend import nearest_project
from ..frontends.package_names import ALL_TYPES, PROVIDER_TYPES, TYPES, from_package, is_default_provider
from ..frontends.package_schema import DYNAMIC, resource
from ..kinds.kind import Identifier, Kind
from . import engine

Json = Any

PROVIDER_KEY: Final = "__provider"
"""The input of a dynamic resource that holds its provider, pickled: `pulumi.dynamic.dynamic.PROVIDER_KEY`."""
NAMESPACE: Final = "enkrypt:"


def type_of(kind: Kind, *, is_native: bool = False) -> str:
    """Return the resource type of a kind."""
    return resource(kind.name) if is_native else f"{DYNAMIC}{kind.name}"


# How the engine writes a secret in a state and in an import file.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - not a password

IMPORT: Final = ("--generate-code=false", "--yes")
"""Options for `pulumi import --file`: a dynamic resource has no schema to generate code from. Imported resources are
protected until a program declares them: an `up` before that fails instead of deleting live registrations."""


def secret(value: Json) -> Json:
    """Return `value`, in the clear, marked as a secret that the engine will encrypt."""
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def revealed(value: Json) -> Json:
    """Return a value in the clear, from a state that was exported with its secrets."""
    is_secret = isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET
    return json.loads(value["plaintext"]) if is_secret and "plaintext" in value else value


@dataclass(frozen=True)
class Configured:
    """One value of a stack's configuration, which the repr does not show."""

    value: str = field(repr=False)
    is_secret: bool = False


@dataclass(frozen=True)
class Resource:
    """One resource of a state, in the clear and with the API's field names; an external one is read, not managed."""

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

    @property
    def kind(self) -> Kind | None:
        """The kind of registration, or None for any other resource."""
        return ALL_TYPES.get(self.type)

    @property
    def key(self) -> tuple[Kind, Identifier] | None:
        """The kind and identity of the registration, or None."""
        return (self.kind, self.kind.identity_from(self.id)) if self.kind else None

    @property
    def is_native(self) -> bool:
        """Whether the native plugin manages it."""
        return self.type in TYPES

    @property
    def is_default(self) -> bool:
        """Whether this is a default provider, configured by the stack instead of the program."""
        return is_default_provider(self.urn)


class Stack:
    """The stack `name` of the project in `folder` or above it."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self.name = name
        self.folder = folder or Path.cwd()

    @classmethod
    def selected(cls) -> Stack:
        """Return the selected stack."""
        return cls(engine.run("stack", "--show-name").strip())

    @cached_property
    def config(self) -> dict[str, Configured]:
        """The configuration with the project's defaults: `enkrypt:apiKey` and so on, with secrets in the clear."""
        found = engine.read("config", "--json", "--show-secrets", "--stack", self.name, folder=self.folder)
        return {
            name: Configured(str(value.get("value") or ""), bool(value.get("secret")))
            for name, value in found.items()
        }

    def get(self, name: str) -> str:
        """Return a configuration value, or ""."""
        return self.config[name].value if name in self.config else ""

    @property
    def values(self) -> dict[str, str]:
        """Every value under `enkrypt:`, secret or not, by its name without that prefix."""
        mine = {name: found.value for name, found in self.config.items() if name.startswith(NAMESPACE)}
        return {name.removeprefix(NAMESPACE): value for name, value in mine.items()}

    @property
    def secrets(self) -> dict[str, str]:
        """The `values` that are secrets."""
        return {name: value for name, value in self.values.items() if self.config[NAMESPACE + name].is_secret}

    def origin(self, name: str) -> str:
        """Return where a configuration value is set."""
        own = read_yaml(self.file).get("config") or {}
        return self.file.name if name in own else "the defaults in Pulumi.yaml"

    def set_secret(self, name: str, value: str) -> None:
        """Set the secret `enkrypt:NAME`."""
        self._run("config", "set", "--secret", "--raw", NAMESPACE + name, given=value)
        self.forget()

    def forget(self) -> None:
        """Drop the cached configuration after a change."""
        vars(self).pop("config", None)

    def resources(self) -> list[Resource]:
        """Return every resource of the state, with secrets in the clear."""
        exported = engine.read("stack", "export", "--show-secrets", "--stack", self.name, folder=self.folder)
        return list(_resources(exported.get("deployment") or {}))

    def import_(self, document: Json) -> None:
        """Run `pulumi import` with a document that is never written to a file; show the engine's output."""
        words = ("import", "--file", "/dev/stdin", *IMPORT, "--skip-preview")
        self._run(*words, given=json.dumps(document), shown=True)

    @cached_property
    def file(self) -> Path:
        """The stack's own file, which may not exist."""
        project = project_file(self.folder)
        folder = read_yaml(project).get("stackConfigDir") or "."
        return project.parent / str(folder) / f"Pulumi.{self.name.rpartition('/')[2]}.yaml"

    def _run(self, *words: str, given: str = "", shown: bool = False) -> str:
        return engine.run(*words, "--stack", self.name, folder=self.folder, given=given, shown=shown)


def project_file(folder: Path) -> Path:
    """Return the project's Pulumi.yaml, in `folder` or above it. Raise `ConfigurationError` if there is none."""
    if file := nearest_project(folder):
        return file
    raise ConfigurationError("there is no Pulumi.yaml in this folder or above it: run this in the project's folder")


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the object in a YAML file, or {} if there is no file. Raise `ConfigurationError` if it is invalid."""
    try:
        found = yaml.safe_load(file.read_bytes()) if file.is_file() else {}
    except yaml.YAMLError:  # the engine may still read it, such as the first of two documents
        raise ConfigurationError(f"{file.name} cannot be read: it must be one YAML document in UTF-8") from None
    return found if isinstance(found, dict) else {}


def _resources(deployment: Mapping[str, Json]) -> Iterator[Resource]:
    for found in deployment.get("resources") or []:
        type_ = str(found.get("type") or "")
        yield Resource(
            urn=str(found.get("urn") or ""),
            id=str(found.get("id") or ""),
            type=type_,
            provider=str(found.get("provider") or ""),
            is_external=bool(found.get("external")),
            inputs=_in_api_names(type_, found.get("inputs") or {}),
            outputs=_in_api_names(type_, found.get("outputs") or {}),
        )


def _in_api_names(type_: str, properties: dict[str, Json]) -> dict[str, Json]:
    if type_ in TYPES:
        return from_package(TYPES[type_], properties)
    if type_ in PROVIDER_TYPES:
        return {NAMESPACE + name.removeprefix(NAMESPACE): value for name, value in properties.items()}
    return properties
