"""What `pulumi import --file` takes: for each registration the state that the next `up` finds unchanged.

The inputs are by construction what `check` makes of the declared arguments, so that there is nothing to differ.
The document holds secrets in the clear until the engine encrypts them: whoever keeps it, keeps it to himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider

from ..core import diff as differences
from ..errors import ConfigurationError
from ..kinds import codec
from ..kinds.kind import Properties
from ..kinds.markers import Dialect
from ..kinds.model import MODEL
from ..kinds.secrets import replaced_at
from ..provider import EnkryptModelProvider
from .declaring import Declaration
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
    return codec.from_state(MODEL, settled)


def _declared(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    declared, problems = declaration.parsed(dialect, secrets.__getitem__)
    if problems:
        raise ConfigurationError(f"{declaration.name}: {problems[0]}")
    return declared


def _entry(declaration: Declaration, inputs: Properties) -> Json:
    hidden = {**replaced_at(inputs, MODEL.secret_paths(inputs), secret), "__provider": pickled_provider()}
    return {
        "type": TYPE,
        "name": declaration.name,
        "id": str(declaration.identity),
        "inputs": hidden,
        "outputs": {**hidden, **declaration.live.computed},
    }
