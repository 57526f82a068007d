"""The engine's gRPC protocol for providers, translated to the core's types.

The engine starts the plugin with its own address, reads the port from stdout and calls it for every resource of one
provider. Nobody sees anything else that the plugin prints: messages go to the engine.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from ...api import operation
from ...api.client import EnkryptClient
from ...api.operation import TIME_LIMIT, Operation, Report
from ...core import diff as differences
from ...core import health
from ...core.controller import ACCOUNT, WITHHELD, Controller, Registered, Request, connect
from ...core.database import Database
from ...errors import ConfigurationError, EnkryptError, near_match, plain
from ...kinds.kind import Kind, Properties
from ...kinds.plain import inexact
from ...kinds.registry import KINDS
from ...kinds.shortened import shortened
from ..backend import current_backend
from ..package_names import TYPES, problem_in_package
from ..package_values import held, inputs_message, is_of_dynamic, outputs_message, preview, received
from ..property_values import clear, from_engine, to_engine, without_unknown
from . import kept
from .description import Description, Log
from .diff import diff_response
from .errors import Context, InitFailed, one_line
from .functions import FUNCTIONS
from .settings import checked, is_other_account, plain_names, settings


class Plugin(Description, provider_pb2_grpc.ResourceProviderServicer):
    """The provider in one process of the plugin."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self._interrupted = threading.Event()
        self._controllers: dict[Kind, Controller] = {}

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

    @one_line
    def Configure(self, request: Any, _context: Context) -> Any:
        self._controllers = _controllers(_values(request.args))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    # ---- a resource

    @one_line
    def Check(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        olds, news = received(kind, request.olds), received(kind, request.news)
        result = self._controllers[kind].check(self._request(request, inputs=news, state=olds))
        account = self._account(kind)
        problems = [*result.problems, *map(str, inexact(news)), *kept.leaving(kind, olds, account)]
        problems = [problem_in_package(kind, problem) for problem in problems]
        inputs = kept.with_account(differences.in_order_of(olds, result.inputs, kind), account)
        return provider_pb2.CheckResponse(inputs=inputs_message(kind, inputs), failures=_failures(problems))

    @one_line
    def Diff(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        asked = self._request(request, inputs=received(kind, request.news), state=_state(kind, request))
        result = self._controllers[kind].diff(asked)
        kept.warn_of_withheld(kind, asked, result.changes)
        if result.changes or not is_of_dynamic(kind, request.olds):
            return diff_response(kind, result, asked.state, asked.inputs)
        # An update that calls nothing gives the outputs the package's names.
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_SOME)

    @one_line
    def Create(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        inputs = received(kind, request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=outputs_message(kind, preview(kind, inputs)))
        created = self._controllers[kind].create(self._request(request, inputs=inputs))
        return provider_pb2.CreateResponse(id=created.id, properties=_outputs(kind, created))

    @one_line
    def Read(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        if not request.properties.fields and not request.inputs.fields:
            return self._imported(kind, request)
        state = held(received(kind, request.properties), received(kind, request.inputs))
        asked = self._request(request, state=state)
        found = self._controllers[kind].read(asked)
        if not found.id:
            return provider_pb2.ReadResponse()
        inputs = inputs_message(kind, kept.with_account(found.inputs, found.state[ACCOUNT]))
        problem = self._illness(kind, asked, found) if kept.UNHEALTHY in state else ""
        withheld = {name: value for name, value in state.items() if name == WITHHELD}
        read = replace(found, state={**found.state, **withheld}, problem=problem)
        return provider_pb2.ReadResponse(id=found.id, properties=_outputs(kind, read, inputs), inputs=inputs)

    def _imported(self, kind: Kind, request: Any) -> Any:
        """Read a registration that is in no state: `pulumi import`, `import_`, `get`. The inputs become the code."""
        controller = self._controllers[kind]
        found = controller.read(self._request(request))  # raises with the nearest name if there is none
        open_inputs = differences.without_secrets(found.inputs, kind)
        inputs = shortened(kind, found.inputs, open_inputs, controller.registrations.client.settings.dialect)
        outputs = {**found.state, **kept.withheld(kind, found.inputs)}
        return provider_pb2.ReadResponse(
            id=found.id, properties=outputs_message(kind, outputs), inputs=inputs_message(kind, inputs)
        )

    @one_line
    def Update(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        asked = self._request(request, inputs=received(kind, request.news), state=_state(kind, request))
        if request.preview:
            state = preview(kind, asked.inputs, asked.state)
            return provider_pb2.UpdateResponse(properties=outputs_message(kind, state))
        if is_of_dynamic(kind, request.olds) and not self._controllers[kind].diff(asked).changes:
            return provider_pb2.UpdateResponse(properties=outputs_message(kind, _own(kind, asked.state)))
        updated = self._controllers[kind].update(asked)
        is_sent = updated.state.get("updated_at") != asked.state.get("updated_at")
        if kept.UNHEALTHY in asked.state and asked.inputs.get("verify_health") and not is_sent:
            updated = replace(updated, problem=self._illness(kind, asked, updated))
        return provider_pb2.UpdateResponse(properties=_outputs(kind, updated))

    @one_line
    def Delete(self, request: Any, _context: Context) -> Any:
        kind = _kind(request)
        state = held(received(kind, request.properties), received(kind, request.old_inputs))
        self._controllers[kind].delete(self._request(request, state=state))
        return empty_pb2.Empty()

    # ---- functions

    @one_line
    def Invoke(self, request: Any, _context: Context) -> Any:
        function = FUNCTIONS.get(request.tok)
        if function is None:
            raise EnkryptError(f"there is no function {request.tok}; the functions are {', '.join(FUNCTIONS)}")
        with operation.running(Operation(self._report(""), interrupted=self._interrupted)):
            client = next(iter(self._controllers.values())).registrations.client
            found = function(client, _values(request.args), preview=request.preview)
        return provider_pb2.InvokeResponse(**{"return": to_engine(found)})

    # ---- requests

    def _account(self, kind: Kind) -> str:
        with contextlib.suppress(ConfigurationError):  # the check reported it
            return self._controllers[kind].registrations.client.settings.account
        return ""

    def _illness(self, kind: Kind, asked: Request, found: Registered) -> str:
        """Ask again why a model does not respond."""
        client = self._controllers[kind].registrations.client
        with operation.running(Operation(asked.report, asked.timeout, interrupted=asked.interrupted)):
            return health.problem(client, kind.identity_from(found.id), asked.inputs or found.inputs)

    def _request(self, request: Any, *, inputs: Properties | None = None, state: Properties | None = None) -> Request:
        return Request(
            urn=request.urn,
            id=getattr(request, "id", ""),
            inputs=inputs or {},
            state=state or {},
            timeout=getattr(request, "timeout", 0.0) or TIME_LIMIT,
            report=self._report(request.urn, _kind(request)),
            interrupted=self._interrupted,
            keeps_unhealthy=True,
        )

    def _report(self, urn: str, kind: Kind | None = None) -> Report:
        return lambda severity, line: self._log.write(severity, problem_in_package(kind, line) if kind else line, urn)


def _controllers(config: dict[str, Any]) -> dict[Kind, Controller]:
    """Return a controller for each kind; they share the client and this machine's database."""
    try:
        client = EnkryptClient(settings(config))
    except ConfigurationError as error:
        return dict.fromkeys(KINDS, Controller(error))
    place, database = current_backend(), Database()
    return {kind: Controller(connect(client, place, database, kind)) for kind in KINDS}


def _kind(request: Any) -> Kind:
    if request.type not in TYPES:
        near = near_match(request.type, tuple(TYPES))
        raise EnkryptError(f"there is no resource {plain(request.type)}{near}; the resources are {', '.join(TYPES)}")
    return TYPES[request.type]


def _values(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = without_unknown(clear(from_engine(message)))
    return found


def _state(kind: Kind, request: Any) -> Properties:
    return held(received(kind, request.olds), received(kind, request.old_inputs))


def _own(kind: Kind, state: Properties) -> Properties:
    """Return a state of the dynamic provider without the properties that only that provider has."""
    names = {path for path in kind.fields if "." not in path} | {"__account"}
    return {name: value for name, value in state.items() if name in names}


def _failures(problems: list[str]) -> list[Any]:
    # If a failure names a property, the engine prints the property's value, secrets in the clear.
    return [provider_pb2.CheckFailure(property="", reason=problem) for problem in problems]


def _outputs(kind: Kind, registered: Registered, inputs: Any = None) -> Any:
    """Return the outputs. Raise `InitFailed` if the model is registered but does not respond."""
    if not registered.problem:
        return outputs_message(kind, registered.state)
    outputs, reasons = outputs_message(kind, {**registered.state, kept.UNHEALTHY: True}), [registered.problem]
    raise InitFailed(
        provider_pb2.ErrorResourceInitFailed(id=registered.id, properties=outputs, reasons=reasons, inputs=inputs)
    )
