"""The native package's names, derived mechanically: `model_saved_name` is `modelSavedName`.

Names in a map that takes any name are left alone. An unknown name passes through, so that documents in the API's
names, such as the dynamic provider's states, can be read too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from ..kinds.kind import Json, Kind, Properties
from ..kinds.registry import KINDS
from ..kinds.secrets import Path
from .package_schema import DYNAMIC, camel, resource

TYPES: Final[Mapping[str, Kind]] = {resource(kind.name): kind for kind in KINDS}
"""The kinds by native resource type."""
DYNAMIC_TYPES: Final[Mapping[str, Kind]] = {f"{DYNAMIC}{kind.name}": kind for kind in KINDS}
"""The kinds by dynamic resource type."""
ALL_TYPES: Final[Mapping[str, Kind]] = {**DYNAMIC_TYPES, **TYPES}
"""Both."""
PROVIDER_TYPES: Final = ("pulumi:providers:pulumi-python", "pulumi:providers:enkrypt")
"""The provider types of dynamic and native resources."""


def is_default_provider(urn: str) -> bool:
    """Whether a provider is the one that the engine creates from a stack's configuration, judging by its name.

    That is `default`, with the plugin's version and its download URL if any: `default_0_2_0_github_/host/path`.
    """
    return bool(_DEFAULT.fullmatch(urn.rpartition("::")[2]))


def to_package(kind: Kind, properties: Properties) -> Properties:
    """The same properties in the package's names."""
    found: Properties = _renamed(kind, properties, "", in_package(kind))
    return found


def from_package(kind: Kind, properties: Properties) -> Properties:
    """The same properties in the API's names."""
    found: Properties = _renamed(kind, properties, "", _in_api(kind))
    return found


def package_steps(kind: Kind, path: Path) -> Path:
    """The same path in the package's names."""
    steps: list[str | int] = []
    place = ""
    for part in path:
        if isinstance(part, int):
            steps.append(part)
        else:
            steps.append(in_package(kind).get(place, {}).get(part, part))
            place = f"{place}.{part}".removeprefix(".")
    return tuple(steps)


def property_path(steps: Path) -> str:
    """A path as the engine reads it: `modelConfig.apikeys[0]`, `modelConfig.metadata["a.b"]`."""
    return "".join(map(_step, steps)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    escaped = part.replace("\\", "\\\\").replace('"', '\\"')
    return f".{part}" if _PLAIN.fullmatch(part) else f'["{escaped}"]'


def problem_in_package(kind: Kind, problem: str) -> str:
    """A message with the package's names instead of the API's, and no Python syntax: `adoptExisting: true`."""
    names = {name: camel(name) for name in (*(field.name for field in kind.fields.values()), *_OPTIONS)}
    named = _WORD.sub(lambda word: names.get(word[0], word[0]), problem)
    return _PYTHON.sub(lambda value: _PLAINLY[value[0]], named)


_OPTIONS: Final = ("delete_before_replace",)
_PLAINLY: Final = {"=True": ": true", "=False": ": false", "=[…]": ""}
_PYTHON: Final = re.compile("|".join(map(re.escape, _PLAINLY)))
_DEFAULT: Final = re.compile(r"default(_\d+_\d+_\d+(_\w+)*)?(_[a-z0-9]+_/.+)?")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORD: Final = re.compile(r"\w+")


@cache
def in_package(kind: Kind) -> Mapping[str, Mapping[str, str]]:
    """The package's name for each field, by the dotted path of the object ("" is the root) and the API's name."""
    tables: dict[str, dict[str, str]] = {}
    for field in kind.fields.values():
        if not (field.parent and field.parent.is_map):
            tables.setdefault(field.path.rpartition(".")[0], {})[field.name] = camel(field.name)
    return tables


@cache
def _in_api(kind: Kind) -> Mapping[str, Mapping[str, str]]:
    return {place: {camel: name for name, camel in table.items()} for place, table in in_package(kind).items()}


def _renamed(kind: Kind, value: Json, place: str, tables: Mapping[str, Mapping[str, str]]) -> Json:
    if isinstance(value, list | tuple):
        return [_renamed(kind, item, place, tables) for item in value]
    table = tables.get(place)
    if not isinstance(value, dict) or table is None:
        return value
    api = _in_api(kind)[place]
    return {
        table.get(name, name): _renamed(kind, item, f"{place}.{api.get(name, name)}".removeprefix("."), tables)
        for name, item in value.items()
    }
