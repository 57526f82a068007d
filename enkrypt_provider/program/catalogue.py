"""The catalogue: models declared in a stack's configuration, so that a program differs by its stack's file alone.

Reads and validates `enkrypt:models` before anything is declared. A secret is never in it: `{secret: NAME}`,
at any place, stands for the secret configuration value `enkrypt:NAME`; `{config: NAME}` for the plain one, so
that one catalogue, in Pulumi.yaml, serves every stack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pulumi
from pulumi.runtime import is_config_secret

from ..errors import ConfigurationError, plain
from ..kinds import codec
from ..kinds.kind import Identifier
from ..kinds.markers import Dialect
from ..kinds.model import MODEL
from ..kinds.plain import UNKNOWN
from ..settings import Settings

MODELS: Final = "models"
SECRET: Final = "secret"  # noqa: S105 - a name, no password
VALUE: Final = "config"
"""What a reference is called: `{secret: NAME}`, `{config: NAME}`."""


def load(config: pulumi.Config | None = None) -> dict[str, dict[str, Any]]:
    """The catalogue of this stack: the arguments of an `EnkryptModel` for each entry, by its name.

    Raises `pulumi.RunError`, a line for each problem: the entry, the field, the rule and what to do. No
    problem shows a value.
    """
    config = config or pulumi.Config("enkrypt")
    entries = _entries(config)
    problems = [
        *_settings_problems(config),
        *_secret_problems(config, entries),
        *_value_problems(config, entries),
        *_model_problems(config, entries, "v2" if config.get("dialect") == "v2" else "v1"),
    ]
    if problems:
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        lines = "\n  ".join(problems)
        raise pulumi.RunError(f"{count} in the configuration of stack {pulumi.get_stack()}:\n  {lines}")
    return {name: _resolved(entry, config) for name, entry in entries.items()}


def _entries(config: pulumi.Config) -> dict[str, Any]:
    found = config.get_object(MODELS)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise pulumi.RunError("enkrypt:models must be an object: a name for each model, and its arguments below it")
    return found


def _settings_problems(config: pulumi.Config) -> Iterator[str]:
    try:
        Settings.from_config(lambda key: config.get(key.partition(":")[2]))
    except ConfigurationError as error:
        yield str(error).replace("--secret enkrypt:apiKey", f"--secret enkrypt:apiKey --stack {pulumi.get_stack()}")


def _secret_problems(config: pulumi.Config, entries: Mapping[str, Any]) -> Iterator[str]:
    for name, users in _users(entries, SECRET):
        if not config.get(name):
            yield f"the secret of {users} is not set: run `pulumi config set --secret {_setting(name)}`"


def _value_problems(config: pulumi.Config, entries: Mapping[str, Any]) -> Iterator[str]:
    for name, users in _users(entries, VALUE):
        if is_config_secret(config.full_key(name)):
            yield f"the value of {users} is a secret: write {{secret: {plain(name, 60)}}} in place of {{config: …}}"
        elif config.get(name) is None:
            yield f"the value of {users} is not set: run `pulumi config set {_setting(name)}`"


def _setting(name: str) -> str:
    return f"enkrypt:{plain(name, 60)} --stack {pulumi.get_stack()}"


def _users(entries: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """Each name that stands in a reference of this kind, and the entries in which it does."""
    wanted: dict[str, list[str]] = {}
    for user, entry in entries.items():
        for name in _references(entry, kind):
            wanted.setdefault(name, []).append(plain(user, 60))
    yield from ((name, ", ".join(dict.fromkeys(users))) for name, users in wanted.items())


def _model_problems(config: pulumi.Config, entries: Mapping[str, Any], dialect: Dialect) -> Iterator[str]:
    seen: dict[Identifier, str] = {}
    for name, entry in entries.items():
        path = f"models.{plain(name, 60)}"
        if not isinstance(entry, dict) or _reference(entry, SECRET) or _reference(entry, VALUE):
            yield f"{path}: must be an object"
            continue
        inputs, problems = codec.parse(MODEL, _known(entry, config), dialect)
        yield from (f"{path}.{problem}" for problem in problems)
        yield from (
            f"{path}.{field}: is set by the server: leave it out" for field in MODEL.computed if field in entry
        )
        identity = None if problems else MODEL.known_identity(inputs)
        if identity and (other := seen.setdefault(identity, name)) != name:
            yield f"{path}: declares the same name and version as models.{plain(other, 60)}"


def _known(entry: Any, config: pulumi.Config) -> Any:
    def value(name: str) -> Any:
        found = None if is_config_secret(config.full_key(name)) else config.get(name)
        return UNKNOWN if found is None else meant(found)

    return mapped(mapped(entry, VALUE, value), SECRET, lambda _name: UNKNOWN)


def _resolved(entry: Any, config: pulumi.Config) -> Any:
    return mapped(mapped(entry, VALUE, lambda name: meant(config.require(name))), SECRET, config.require_secret)


def _reference(value: Any, kind: str) -> str | None:
    name = value.get(kind) if isinstance(value, dict) and len(value) == 1 else None
    return name if isinstance(name, str) else None


def _references(value: Any, kind: str) -> Iterator[str]:
    if (name := _reference(value, kind)) is not None:
        yield name
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item, kind)


def mapped(value: Any, kind: str, put: Callable[[str], Any]) -> Any:
    """`value` with `put(NAME)` in the place of each `{kind: NAME}`."""
    if (name := _reference(value, kind)) is not None:
        return put(name)
    if isinstance(value, dict):
        return {k: mapped(v, kind, put) for k, v in value.items()}
    return [mapped(v, kind, put) for v in value] if isinstance(value, list) else value


def meant(text: str) -> Any:
    """What a configuration value means in a catalogue: a list, an object, true, false, or else its text."""
    # No numbers: a version such as 1.10 is a text, and a text is good where a number is wanted.
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list | bool) else text
