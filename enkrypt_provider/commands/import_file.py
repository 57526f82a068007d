"""What `pulumi import --file` takes: for each registration the state that the next `up` finds unchanged.

The inputs are by construction what `check` makes of the declared arguments, so that there is nothing to differ.
The document holds secrets in the clear until the engine encrypts them: whoever keeps it, keeps it to himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider

from .. import schema
from ..core import diff as differences
from ..errors import ConfigurationError
from ..fields import Dialect
from ..provider import EnkryptModelProvider
from ..schema import Properties
from .declaring import Declaration
from .masking import FIELDS
from .stack import TYPE, secret

Json = Any


def document(declarations: Iterable[Declaration], secrets: Mapping[str, str], dialect: Dialect) -> Json:
    """The content of an import file. Raises `ConfigurationError` where a secret's value breaks a rule."""
    return {"resources": [_entry(found, _inputs(found, secrets, dialect)) for found in declarations]}


def drift(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> list[str]:
    """The fields in which the registration is not what is declared: the next `up` would change them."""
    return differences.differing(_declared(declaration, secrets, dialect), declaration.live)


def pickled_provider() -> str:
    """The provider as every state should hold it: by reference."""
    return str(serialize_provider(EnkryptModelProvider()))


def _inputs(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    settled = differences.settle(_declared(declaration, secrets, dialect), declaration.live)
    return schema.from_engine(settled)


def _declared(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    declared, problems = declaration.parsed(dialect, secrets.__getitem__)
    if problems:
        raise ConfigurationError(f"{declaration.name}: {problems[0]}")
    return declared


def _entry(declaration: Declaration, inputs: Properties) -> Json:
    hidden = {**_hidden(inputs, declaration.arguments["model_config"]), "__provider": pickled_provider()}
    return {
        "type": TYPE,
        "name": declaration.name,
        "id": str(declaration.identity),
        "inputs": hidden,
        "outputs": {**hidden, **declaration.live.computed},
    }


def _hidden(inputs: Properties, declared: Mapping[str, Json]) -> Properties:
    # What is secret in a state is what was declared: a default is in the clear.
    config = inputs["model_config"]
    hidden = {name: secret(config[name]) for name in FIELDS if name in config and name in declared}
    return {**inputs, "model_config": {**config, **hidden}}
