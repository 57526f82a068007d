"""The document for `pulumi import --file`: for each registration, a state that the next `up` leaves unchanged.

The inputs are what `check` returns for the declared arguments, so that nothing differs. The document holds secrets in
the clear until the engine encrypts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider

from .. import provider
from ..core import diff as differences
from ..core.controller import ACCOUNT
from ..errors import ConfigurationError
from ..frontends.package_names import package_steps, to_package
from ..frontends.package_values import open_outputs
from ..frontends.property_values import hidden_at
from ..kinds import codec
from ..kinds.kind import Kind, Properties
from ..kinds.markers import Dialect
from .declarations import Declaration
from .stack import PROVIDER_KEY, secret, type_of

Json = Any


def entry(
    declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect, account: str, *, is_native: bool = False
) -> Json:
    """Return the import file's entry for a registration in `account`, which is that of `Settings`.

    Raise `ConfigurationError` if a secret's value breaks a rule.
    """
    kind, live = declaration.kind, declaration.live
    settled = differences.settle(_declared(declaration, secrets, dialect), live, kind)
    held = _native if is_native else _dynamic
    properties = held(kind, codec.from_state(kind, settled), {**live.computed, ACCOUNT: account})
    type_ = type_of(kind, is_native=is_native)
    return {"type": type_, "name": declaration.name, "id": str(live.identity), **properties}


def _dynamic(kind: Kind, inputs: Properties, computed: Properties) -> Json:
    def held(properties: Properties) -> Json:
        hidden = hidden_at(properties, kind.secret_paths(properties), secret)
        return {**hidden, PROVIDER_KEY: pickled}

    pickled = pickled_provider(kind)
    return {"inputs": held(inputs), "outputs": held({**inputs, **computed})}


def _native(kind: Kind, inputs: Properties, computed: Properties) -> Json:
    paths = [package_steps(kind, path) for path in kind.secret_paths(inputs)]
    return {
        "inputs": hidden_at(to_package(kind, inputs), paths, secret),
        "outputs": open_outputs(kind, {**inputs, **computed}),
    }


def drift(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> list[str]:
    """Return the fields in which the registration differs from its declaration: the next `up` changes them."""
    declared = _declared(declaration, secrets, dialect)
    return differences.differing(declared, declaration.live, declaration.kind)


def pickled_provider(kind: Kind) -> str:
    """Return the provider's pickle as every state should hold it: by reference."""
    return str(serialize_provider(getattr(provider, f"{kind.name}Provider")()))


def _declared(declaration: Declaration, secrets: Mapping[str, str], dialect: Dialect) -> Properties:
    declared, problems = declaration.parsed(dialect, secrets.__getitem__)
    if problems:
        raise ConfigurationError(str(problems[0]))
    return declared
