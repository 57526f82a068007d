"""The catalogue: models declared in a stack's configuration, so that a program differs by its stack's file alone.

Reads and validates `enkrypt:models` before anything is declared. A secret is never in it: `{secret: NAME}`,
at any place, stands for the secret configuration value `enkrypt:NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi
from pulumi.output import UNKNOWN

from . import schema
from .errors import ConfigurationError, plain
from .fields import COMPUTED, Dialect
from .settings import Settings

MODELS: Final = "models"


def load(config: pulumi.Config | None = None) -> dict[str, dict[str, Any]]:
    """The catalogue of this stack: the arguments of an `EnkryptModel` for each entry, by its name.

    Raises `pulumi.RunError`, a line for each problem: the entry, the field, the rule and the way out. No
    problem shows a value.
    """
    config = config or pulumi.Config("enkrypt")
    entries = _entries(config)
    problems = [
        *_settings_problems(config),
        *_secret_problems(config, entries),
        *_model_problems(entries, "v2" if config.get("dialect") == "v2" else "v1"),
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
    wanted: dict[str, list[str]] = {}
    for name, entry in entries.items():
        for secret in _secrets(entry):
            wanted.setdefault(secret, []).append(plain(name, 60))
    for secret, users in wanted.items():
        if not config.get(secret):
            command = f"pulumi config set --secret enkrypt:{plain(secret, 60)} --stack {pulumi.get_stack()}"
            yield f"the secret of {', '.join(dict.fromkeys(users))} is not set: run `{command}`"


def _model_problems(entries: Mapping[str, Any], dialect: Dialect) -> Iterator[str]:
    seen: dict[schema.Identifier, str] = {}
    for name, entry in entries.items():
        path = f"models.{plain(name, 60)}"
        if not isinstance(entry, dict) or _secret_of(entry):
            yield f"{path}: must be an object"
            continue
        inputs, problems = schema.parse(mapped(entry, lambda _secret: UNKNOWN), dialect)
        yield from (f"{path}.{problem}" for problem in problems)
        yield from (f"{path}.{field}: is set by the server: leave it out" for field in COMPUTED if field in entry)
        identity = None if problems else schema.known_identity(inputs)
        if identity and (other := seen.setdefault(identity, name)) != name:
            yield f"{path}: declares the same name and version as models.{plain(other, 60)}"


def _resolved(entry: Any, config: pulumi.Config) -> Any:
    return mapped(entry, config.require_secret)


def _secret_of(value: Any) -> str | None:
    name = value.get("secret") if isinstance(value, dict) and len(value) == 1 else None
    return name if isinstance(name, str) else None


def _secrets(value: Any) -> Iterator[str]:
    if (name := _secret_of(value)) is not None:
        yield name
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets(item)


def mapped(value: Any, secret: Any) -> Any:
    """`value` with `secret(NAME)` in the place of each `{secret: NAME}`."""
    if (name := _secret_of(value)) is not None:
        return secret(name)
    if isinstance(value, dict):
        return {k: mapped(v, secret) for k, v in value.items()}
    return [mapped(v, secret) for v in value] if isinstance(value, list) else value
