"""What `pulumi import --file` takes: for each registration the state that the next `up` finds unchanged.

The inputs are what `check` makes of the declared arguments, so that there is nothing to differ. The document holds
secrets in the clear until the engine encrypts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from ..core import diff as differences
from ..core.controller import ACCOUNT
from ..errors import ConfigurationError
from ..kinds import codec
from ..kinds.kind import Properties
from ..kinds.markers import Dialect
from ..kinds.model import MODEL
from ..kinds.secrets import replaced_at
from ..provider import EnkryptModelProvider
from .declarations import Declaration
from .stack import TYPE, secret

Json = Any


def document(entries: Iterable[Json]) -> Json:
    """Return the content of an import file."""
    return {"resources": list(entries)}


def entry(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect, account: str) -> Json:
    """Return a registration as an import file has it, in the `account` of `Settings`.

    Raise `ConfigurationError` where a secret's value breaks a rule.
    """
    inputs = _inputs(declaration, secrets, dialect)
    hidden = {**replaced_at(inputs, MODEL.secret_paths(inputs), secret), PROVIDER_KEY: pickled_provider()}
    return {
        "type": TYPE,
        "name": declaration.name,
        "id": str(declaration.identity),
        "inputs": hidden,
        "outputs": {**hidden, **declaration.live.computed, ACCOUNT: account},
    }


def drift(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> list[str]:
    """Return the fields in which the registration is not what is declared: the next `up` changes them."""
    return differences.differing(_declared(declaration, secrets, dialect), declaration.live, MODEL)


def pickled_provider() -> str:
    """Return the provider as every state should hold it: by reference."""
    return str(serialize_provider(EnkryptModelProvider()))


def _inputs(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    settled = differences.settle(_declared(declaration, secrets, dialect), declaration.live, MODEL)
    return codec.from_state(MODEL, settled)


def _declared(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    declared, problems = declaration.parsed(dialect, secrets.__getitem__)
    if problems:
        raise ConfigurationError(str(problems[0]))
    return declared
