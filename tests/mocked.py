"""Runs programs under mocks that refuse nothing, to see what they ask the engine to register. Contains no tests.

The kit's own `MockStack` runs the provider. Here the provider itself is tested: requests are recorded even if they
would be refused, and the fields that a server sets are always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from documents import COMPUTED
from pulumi.runtime.mocks import MockResourceArgs

from enkrypt_provider.frontends.package_names import ALL_TYPES
from enkrypt_provider.frontends.property_values import clear
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.testing import EnkryptMocks, MockStack, Secret
from enkrypt_provider.testing import Resource as Registered

__all__ = ["SERVER", "Registered", "Run", "Secret", "Server", "run", "shown"]

Json = Any
SERVER = "test:index:Server"


class Server(pulumi.CustomResource):
    """A resource of another provider, whose outputs a preview does not know."""

    address: pulumi.Output[str]
    scheme: pulumi.Output[str]

    def __init__(self, name: str, size: int = 1, **properties: Any) -> None:
        super().__init__(SERVER, name, {"size": size, "address": None, "scheme": None, **properties})


@dataclass
class Run:
    """The result of a program."""

    resources: dict[str, Registered] = field(default_factory=dict)
    exports: dict[str, Json] = field(default_factory=dict)
    seen: list[Json] = field(default_factory=list)


class _Tolerant(EnkryptMocks):
    """Parses the inputs as the provider does; except in a preview, adds the fields that a server sets."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Json]]:
        kind = ALL_TYPES.get(args.typ, MODEL)
        inputs, problems = codec.parse(kind, args.inputs, "v2")
        if pulumi.runtime.is_dry_run():
            return "", args.inputs if problems else inputs
        if problems:
            return args.resource_id or "an-id", args.inputs
        return str(kind.known_identity(inputs)), {**inputs, **COMPUTED}


class _Stack(MockStack):
    def _mocks(self) -> EnkryptMocks:
        return _Tolerant(registry=self.registry)


def run(
    program: Callable[[], Any],
    *,
    config: dict[str, Json] | None = None,
    secret_names: Iterable[str] = (),
    stack: str = "dev",
    preview: bool = False,
) -> Run:
    """Run a program in the project `enkrypt`. What it returns, with Outputs resolved, is `seen`."""
    made = Run()

    def whole() -> None:
        pulumi.Output.all(program()).apply(lambda returned: made.seen.append(returned[0]))

    given = {name: Secret(value) if name in set(secret_names) else value for name, value in (config or {}).items()}
    found = _Stack(whole, config=given, stack=stack, project="enkrypt")._run(whole, preview=preview)
    made.resources.update(found.resources)
    made.exports.update(clear(found.outputs))
    return made


def shown(value: Json) -> Json:
    """Return a value with its secrets replaced."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value
