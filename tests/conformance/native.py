"""The native plugin in place of the dynamic provider: its state merges inputs and outputs, with the API's names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from frontends.plugin_engine import Engine, Held
from pulumi.runtime.proto import provider_pb2

from enkrypt_provider.frontends.package_names import from_package, to_package
from enkrypt_provider.frontends.package_schema import snake
from enkrypt_provider.frontends.property_values import clear
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.model import MODEL

from .stack import Stack

NAME = "x"
REPLACING = (
    provider_pb2.PropertyDiff.ADD_REPLACE,
    provider_pb2.PropertyDiff.DELETE_REPLACE,
    provider_pb2.PropertyDiff.UPDATE_REPLACE,
)


class NativeFrontend:
    """The operations that `Stack` needs of a front end, over the engine's protocol."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def check(self, olds: Properties, news: Properties) -> Any:
        inputs, problems = self._engine.check(NAME, to_package(MODEL, news), to_package(MODEL, olds))
        failures = [SimpleNamespace(property="", reason=problem) for problem in problems]
        # The engine's numbers are floats.
        found = codec.from_state(MODEL, from_package(MODEL, clear(inputs)))
        return SimpleNamespace(inputs=found, failures=failures)

    def diff(self, id_: str, olds: Properties, news: Properties) -> Any:
        found = self._engine.diff(NAME, _held(id_, olds), to_package(MODEL, news))
        replaces = [snake(path) for path, entry in found.detailedDiff.items() if entry.kind in REPLACING]
        return SimpleNamespace(changes=found.changes == provider_pb2.DiffResponse.DIFF_SOME, replaces=replaces)

    def create(self, props: Properties) -> Any:
        return _result(self._engine.create(NAME, to_package(MODEL, props)))

    def update(self, id_: str, olds: Properties, news: Properties) -> Any:
        return _result(self._engine.update(NAME, _held(id_, olds), to_package(MODEL, news)))

    def read(self, id_: str, props: Properties) -> Any:
        return _result(self._engine.read(NAME, id_, _held(id_, props) if props else None))


class NativeStack(Stack):
    def __init__(self, engine: Engine) -> None:
        self.provider: Any = NativeFrontend(engine)

    def imported(self, id_: str, program: Properties) -> list[str]:
        """The same without secrets: an import leaves them out, or generated code would show them."""
        return [path for path in super().imported(id_, program) if not MODEL.is_secret(path)]


def _held(id_: str, state: Properties) -> Held:
    inputs = to_package(MODEL, codec.declared(MODEL, state))
    return Held(id_, inputs, to_package(MODEL, state))


def _result(held: Held) -> Any:
    found = {**from_package(MODEL, clear(held.outputs)), **from_package(MODEL, clear(held.inputs))}
    return SimpleNamespace(id=held.id, outs=found)
