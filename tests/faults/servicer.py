"""The native plugin's servicer, called like a dynamic provider by the miniature engine. Contains no tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.runtime.proto import provider_pb2

from enkrypt_provider.core.controller import Controller
from enkrypt_provider.frontends.package_names import from_package, to_package
from enkrypt_provider.frontends.package_schema import resource
from enkrypt_provider.frontends.plugin.servicer import Plugin
from enkrypt_provider.frontends.property_values import OWNER, clear, from_engine, to_engine
from enkrypt_provider.kinds.kind import Kind

Properties = dict[str, Any]


class Log:
    """Shows messages to the user of the command."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def connect(self, _address: str) -> None:
        """Does nothing: the engine is in this process."""

    def write(self, _severity: str, line: str, _urn: str) -> None:
        self._show(line)


class NativeProvider:
    """One kind's resources, with the API's names instead of the package's.

    `urn` and `held`, the object's inputs in the state, are set before each operation.
    """

    def __init__(self, kind: Kind, controller: Controller, show: Callable[[str], None]) -> None:
        self.urn = ""
        self.held: Properties = {}
        self._kind = kind
        self._plugin = Plugin(Log(show))
        self._plugin._controllers = {kind: controller}

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        given = {name: value for name, value in news.items() if name != OWNER}
        found = self._ask("Check", provider_pb2.CheckRequest, olds=olds, news=given)
        return CheckResult(self._read(found.inputs), [CheckFailure("", it.reason) for it in found.failures])

    def diff(self, id_: str, olds: Properties, news: Properties) -> DiffResult:
        found = self._ask("Diff", provider_pb2.DiffRequest, id_, olds=olds, news=news, old_inputs=self.held)
        changes = found.changes == provider_pb2.DiffResponse.DIFF_SOME
        return DiffResult(changes, [*found.replaces], delete_before_replace=found.deleteBeforeReplace)

    def create(self, props: Properties) -> CreateResult:
        found = self._ask("Create", provider_pb2.CreateRequest, properties=props)
        return CreateResult(found.id, self._read(found.properties))

    def read(self, id_: str, props: Properties) -> ReadResult:
        found = self._ask("Read", provider_pb2.ReadRequest, id_, properties=props, inputs=self.held)
        return ReadResult(found.id, self._read(found.properties), self._read(found.inputs))

    def update(self, id_: str, olds: Properties, news: Properties) -> UpdateResult:
        found = self._ask("Update", provider_pb2.UpdateRequest, id_, olds=olds, news=news, old_inputs=self.held)
        return UpdateResult(self._read(found.properties))

    def delete(self, id_: str, props: Properties) -> None:
        self._ask("Delete", provider_pb2.DeleteRequest, id_, properties=props, old_inputs=self.held)

    def _ask(self, call: str, request: Any, id_: str = "", **messages: Properties) -> Any:
        """Calls the servicer. Errors are raised unchanged; gRPC would send one line."""
        given = {name: to_engine(to_package(self._kind, properties)) for name, properties in messages.items()}
        more = {"id": id_} if id_ else {}
        asked = request(urn=self.urn, type=resource(self._kind.name), **more, **given)
        return getattr(Plugin, call).__wrapped__(self._plugin, asked, None)

    def _read(self, message: Any) -> Properties:
        return from_package(self._kind, clear(from_engine(message)))
