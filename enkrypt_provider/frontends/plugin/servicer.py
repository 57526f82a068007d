"""The engine's protocol for providers over gRPC, in the core's types.

The engine starts it with its own address, reads the port from stdout and calls it for every resource of one provider.
What it prints is shown to nobody: messages go to the engine.
"""

from __future__ import annotations

import functools
import json
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol, TypeAlias, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from ... import __version__
from ...api import operation
from ...api.operation import TIME_LIMIT, Operation, Report
from ...core import diff as differences
from ...core.controller import Controller, Registered, Request
from ...errors import EnkryptError, plain
from ...kinds.kind import Kind, Properties, at
from ...kinds.model import MODEL
from ...kinds.secrets import place_of
from ...kinds.shortened import shortened
from .. import package_schema
from ..backend import current_backend
from ..package_names import package_steps, problem_in_package, property_path
from ..package_values import held, inputs_message, is_of_dynamic, outputs_message, preview, received
from ..property_values import clear, from_engine, to_engine, without_unknown
from .diff import diff_response
from .functions import FUNCTIONS
from .settings import checked, is_other_account, plain_names

WITHHELD: Final = "__withheld"
"""An output that no person sees: the secret fields that an import left out. A storage format."""

T = TypeVar("T")
Context: TypeAlias = Any
"""`grpc.ServicerContext`; the library has no types."""


class Log(Protocol):
    """Where messages for the person who runs the command go: the engine."""

    def connect(self, address: str) -> None: ...

    def write(self, severity: operation.Severity, line: str, urn: str) -> None: ...


class InitFailed(EnkryptError):
    """A registration is there, and is no use yet."""

    def __init__(self, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__("; ".join(detail.reasons))
        self.detail = detail


def _one_line(call: Callable[[Any, Any, Context], T]) -> Callable[[Any, Any, Context], T]:
    """Show an expected error as one line; a bug keeps its traceback."""

    @functools.wraps(call)
    def wrapped(plugin: Any, request: Any, context: Context) -> T:
        try:
            return call(plugin, request, context)
        except InitFailed as failed:
            message, detail = str(failed), failed.detail
        except EnkryptError as error:
            message, detail = str(error), None
        except Exception:  # noqa: BLE001 - gRPC would show the last line alone
            message, detail = traceback.format_exc(), None
        _abort(context, message, detail)

    return wrapped


def _abort(context: Context, message: str, detail: provider_pb2.ErrorResourceInitFailed | None) -> NoReturn:
    if detail is not None:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort has raised")


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """The provider of one process of the plugin."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._interrupted = threading.Event()
        self._controller: Controller

    # ---- the plugin

    def Handshake(self, request: Any, _context: Context) -> Any:
        self._log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()  # secrets come in the clear and are marked here

    def Attach(self, request: Any, _context: Context) -> Any:
        self._log.connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, _request: Any, _context: Context) -> Any:
        return plugin_pb2.PluginInfo(version=__version__)

    def GetSchema(self, _request: Any, _context: Context) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(package_schema.package()))

    def Cancel(self, _request: Any, _context: Context) -> Any:
        self._interrupted.set()
        return empty_pb2.Empty()

    # ---- the provider's configuration

    def CheckConfig(self, request: Any, _context: Context) -> Any:
        config, problems = checked(_values(request.news), request.urn)
        return provider_pb2.CheckResponse(inputs=to_engine(config), failures=_failures(problems))

    def DiffConfig(self, request: Any, _context: Context) -> Any:
        old = plain_names(_values(request.old_inputs if request.HasField("old_inputs") else request.olds))
        new = plain_names(_values(request.news))
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "version"]
        if not changed:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            diffs=changed,
            replaces=["endpoint"] if is_other_account(old, new) else [],
        )

    @_one_line
    def Configure(self, request: Any, _context: Context) -> Any:
        config = plain_names(_values(request.args))
        self._controller = Controller.configured(
            lambda name: config.get(name.removeprefix("enkrypt:")), place=current_backend()
        )
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    # ---- a resource

    @_one_line
    def Check(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        olds, news = received(kind, request.olds), received(kind, request.news)
        result = self._controller.check(self._request(request, inputs=news, state=olds))
        problems = [problem_in_package(kind, problem) for problem in result.problems]
        inputs = differences.in_order_of(olds, result.inputs, kind)
        return provider_pb2.CheckResponse(inputs=inputs_message(kind, inputs), failures=_failures(problems))

    @_one_line
    def Diff(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        asked = self._request(request, inputs=received(kind, request.news), state=_state(kind, request))
        changes = self._controller.diff(asked).changes
        self._warn_of_withheld(kind, asked, changes)
        if changes or not is_of_dynamic(kind, request.olds):
            return diff_response(kind, changes, asked.state, asked.inputs)
        # An update without a call gives the outputs the package's names.
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_SOME)

    def _warn_of_withheld(self, kind: Kind, asked: Request, changes: list[differences.Change]) -> None:
        missing = [path for path in asked.state.get(WITHHELD, ()) if at(asked.inputs, path) in (None, [], {}, "")]
        if missing and any(change.rule is not differences.Rule.OPTION for change in changes):
            names = ", ".join(property_path(package_steps(kind, tuple(path.split(".")))) for path in missing)
            asked.report(
                "warning",
                f"{plain(asked.id)}: the import left out {names}, and an update sends the whole object: declare it, "
                "or the API no longer has it",
            )

    @_one_line
    def Create(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        inputs = received(kind, request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=outputs_message(kind, preview(kind, inputs)))
        created = self._controller.create(self._request(request, inputs=inputs))
        properties = _kept(kind, created)
        return provider_pb2.CreateResponse(id=created.id, properties=properties)

    @_one_line
    def Read(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        if not request.properties.fields and not request.inputs.fields:
            return self._imported(kind, request)
        state = held(received(kind, request.properties), received(kind, request.inputs))
        found = self._controller.read(self._request(request, state=state))
        if not found.id:
            return provider_pb2.ReadResponse()
        withheld = {name: state[name] for name in (WITHHELD,) if name in state}
        return provider_pb2.ReadResponse(
            id=found.id,
            properties=outputs_message(kind, {**found.state, **withheld}),
            inputs=inputs_message(kind, found.inputs),
        )

    def _imported(self, kind: Kind, request: Any) -> Any:
        """Read what no state knows: `pulumi import`, `import_`, `get`. The inputs are what generated code shows."""
        found = self._controller.read(self._request(request))
        client = self._controller.registrations.client
        if not found.id:
            client.registered(kind.identity_from(request.id))  # names what comes near
        open_inputs = differences.without_secrets(found.inputs, kind)
        inputs = shortened(kind, found.inputs, open_inputs, client.settings.dialect)
        withheld = [place_of(path) for path in kind.secret_paths(found.inputs)]
        outputs = {**found.state, WITHHELD: withheld} if withheld else found.state
        return provider_pb2.ReadResponse(
            id=found.id, properties=outputs_message(kind, outputs), inputs=inputs_message(kind, inputs)
        )

    @_one_line
    def Update(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        asked = self._request(request, inputs=received(kind, request.news), state=_state(kind, request))
        if request.preview:
            state = preview(kind, asked.inputs, asked.state)
            return provider_pb2.UpdateResponse(properties=outputs_message(kind, state))
        if is_of_dynamic(kind, request.olds) and not self._controller.diff(asked).changes:
            return provider_pb2.UpdateResponse(properties=outputs_message(kind, _own(kind, asked.state)))
        return provider_pb2.UpdateResponse(properties=_kept(kind, self._controller.update(asked)))

    @_one_line
    def Delete(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        state = held(received(kind, request.properties), received(kind, request.old_inputs))
        self._controller.delete(self._request(request, state=state))
        return empty_pb2.Empty()

    # ---- functions

    @_one_line
    def Invoke(self, request: Any, _context: Context) -> Any:
        function = FUNCTIONS.get(request.tok)
        if function is None:
            raise EnkryptError(f"there is no function {request.tok}; there are {', '.join(FUNCTIONS)}")
        with operation.running(Operation(self._report(""), interrupted=self._interrupted)):
            client = self._controller.registrations.client
            found = function(client, _values(request.args), preview=request.preview)
        return provider_pb2.InvokeResponse(**{"return": to_engine(found)})

    # ---- requests

    def _request(self, request: Any, *, inputs: Properties | None = None, state: Properties | None = None) -> Request:
        return Request(
            urn=request.urn,
            id=getattr(request, "id", ""),
            inputs=inputs or {},
            state=state or {},
            timeout=getattr(request, "timeout", 0.0) or TIME_LIMIT,
            report=self._report(request.urn),
            interrupted=self._interrupted,
            keeps_unhealthy=True,
        )

    def _report(self, urn: str) -> Report:
        return lambda severity, line: self._log.write(severity, line, urn)


KINDS = {package_schema.token(kind): kind for kind in (MODEL,)}


def _kind(request: Any) -> Kind:
    return KINDS[request.type]


def _values(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = without_unknown(clear(from_engine(message)))
    return found


def _state(kind: Kind, request: Any) -> Properties:
    return held(received(kind, request.olds), received(kind, request.old_inputs))


def _own(kind: Kind, state: Properties) -> Properties:
    """A state of the dynamic provider without what only that one has."""
    names = {path for path in kind.fields if "." not in path} | {"__account"}
    return {name: value for name, value in state.items() if name in names}


def _failures(problems: list[str]) -> list[Any]:
    # With a property's name the engine would print the property's value, secrets in the clear.
    return [provider_pb2.CheckFailure(property="", reason=problem) for problem in problems]


def _kept(kind: Kind, registered: Registered) -> Any:
    """The outputs. Raise `InitFailed` where the registration is there and its model does not answer."""
    outputs = outputs_message(kind, registered.state)
    if registered.problem:
        raise InitFailed(
            provider_pb2.ErrorResourceInitFailed(id=registered.id, properties=outputs, reasons=[registered.problem])
        )
    return outputs
