"""A miniature engine: the real engine's order of calls and its state, in this process and without waiting.

The order was measured with the real engine (see test_replacement.py): a resource is checked, diffed, then created or
updated; a replacement is created before the old object is deleted; deletes come last. The state is JSON,
in which every number is a float. Contains no tests.
"""

from __future__ import annotations

import copy
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import httpx
from documents import without_secrets
from pulumi.dynamic import CheckResult

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.pace import Pace, new_pace
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.core.controller import Controller, connect
from enkrypt_provider.core.database import Database
from enkrypt_provider.core.registrations import Registrations
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.frontends.property_values import OWNER
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.provider import (
    EnkryptDeploymentProvider,
    EnkryptGuardrailsPolicyProvider,
    EnkryptModelProvider,
    _Provider,
)
from enkrypt_provider.settings import Settings

from .servicer import NativeProvider

Properties = dict[str, Any]
Program = Mapping[str, Properties]
"""A program: the arguments of each resource, by name."""

PROVIDER: Final = "provider"
"""The resource option that names an explicit provider; here it is one of the arguments."""
START: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
BETWEEN_COMMANDS: Final = 0.5
"""The pause before each command, in seconds."""
BETWEEN_LIMITED_COMMANDS: Final = 61.0
"""The same with rate limits, in seconds: a process does not know about the previous one's calls."""
NOTHING: Final[Program] = {}
CLASSES: Final[Mapping[Kind, type[_Provider]]] = {
    MODEL: EnkryptModelProvider,
    GUARDRAILS_POLICY: EnkryptGuardrailsPolicyProvider,
    DEPLOYMENT: EnkryptDeploymentProvider,
}
_RUNS = itertools.count()


class Killed(BaseException):
    """kill -9: no `except Exception` sees it."""


class CheckFailed(EnkryptError):
    """A failed check, which the engine reports as a problem of the resource."""


def kind_of(arguments: Mapping[str, Any]) -> Kind:
    """The kind of resource that these arguments declare."""
    if "model_config" in arguments:
        return MODEL
    return GUARDRAILS_POLICY if "detectors" in arguments else DEPLOYMENT


@dataclass
class Object:
    """One object in the state."""

    name: str
    id: str
    inputs: Properties
    outputs: Properties
    provider: str = ""
    goes: bool = False
    """Whether it was replaced but is not deleted yet."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.inputs)


@dataclass
class Death:
    """Counts the moments at which the machine may die, and kills it after `after` of them."""

    after: int | None = None

    def moment(self) -> None:
        if self.after is None:
            return
        self.after -= 1
        if self.after < 0:
            self.after = None
            raise Killed


@dataclass
class Clock:
    """A clock that advances only when somebody sleeps, and by 1 ms whenever the time of day is read."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def time(self) -> float:
        """Seconds since 1970."""
        self.now += 0.001
        return START.timestamp() + self.now

    def date(self) -> datetime:
        return datetime.fromtimestamp(self.time(), timezone.utc)


class DyingTransport(httpx.BaseTransport):
    """A transport that may die just before a request or just after its work."""

    def __init__(self, inner: httpx.BaseTransport, death: Death) -> None:
        self._inner = inner
        self._death = death

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._death.moment()
        response = self._inner.handle_request(request)
        self._death.moment()
        return response


@dataclass
class Machine:
    """The machine that runs the engine: its transport to the API, its journal's folder, and the lines shown on it.

    `settings` are the stack's, `explicit` those of its explicit providers by name. `pause` is the time before each
    command, in seconds. With `is_new`, each command runs on a machine without a journal; with `is_native`, calls go
    to the plugin's servicer.
    """

    settings: Settings
    transport: Callable[[], httpx.BaseTransport | None]
    folder: Path
    explicit: dict[str, Settings] = field(default_factory=dict)
    is_new: bool = False
    is_native: bool = False
    pause: float = BETWEEN_COMMANDS
    death: Death = field(default_factory=Death)
    shown: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=lambda: Clock())
    time: Callable[[], float] = time.time
    """The API's clock, in seconds since 1970."""

    def run(self, stack: str) -> _Run:
        """The provider processes of a new command."""
        self.clock.sleep(self.pause)
        number = next(_RUNS)
        return _Run(self, f"run {number}", self.folder / f"new{number}" if self.is_new else self.folder, stack)


@dataclass
class _Run:
    """One command. The result of each operation reaches the state unless the machine dies first."""

    machine: Machine
    name: str
    folder: Path
    stack: str
    _providers: dict[tuple[str, Kind], _Provider | NativeProvider] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _databases: dict[str, Database] = field(default_factory=dict)

    def __call__(self, operation: str, of: Object, *arguments: Any, held: Properties | None = None) -> Any:
        """Calls an operation of an object's provider; `held` are the inputs in the state."""
        given = [_stored(argument) if isinstance(argument, dict) else argument for argument in arguments]
        provider = self._provider(of.provider, of.kind)
        if isinstance(provider, NativeProvider):
            provider.urn, provider.held = f"{self.stack}::story::{of.kind.name}::{of.name}", held or {}
        result = getattr(provider, operation)(*given)
        self.machine.death.moment()
        return result

    def _provider(self, name: str, kind: Kind) -> _Provider | NativeProvider:
        """The provider of a kind. All kinds share one process, and so its rate limit."""
        if (name, kind) not in self._providers:
            self._providers[name, kind] = self._new_provider(Controller(self._connected(name, kind)), kind)
        return self._providers[name, kind]

    def _new_provider(self, controller: Controller, kind: Kind) -> _Provider | NativeProvider:
        show = self.machine.shown.append
        if self.machine.is_native:
            return NativeProvider(kind, controller, show)
        provider = CLASSES[kind]()
        provider._frontend = DynamicFrontend(controller, lambda _severity, line: show(line), kind)
        return provider

    def _connected(self, name: str, kind: Kind) -> Registrations:
        machine = self.machine
        settings = machine.explicit[name] if name else machine.settings
        if name not in self._databases:
            self._paces[name] = new_pace(settings, sleep=machine.clock.sleep, clock=machine.clock)
            self._databases[name] = Database(self.folder / "provider.sqlite", run=self.name)
        retry = RetryPolicy(settings.max_retries, sleep=machine.clock.sleep)
        inner = machine.transport()
        dying = DyingTransport(inner, machine.death) if inner else None
        client = EnkryptClient(settings, transport=dying, retry=retry, pace=self._paces[name])
        registrations = connect(client, database=self._databases[name], kind=kind)
        # These clocks make the results independent of how busy the machine is.
        registrations.journal._now, registrations.snapshot._clock = machine.time, machine.clock
        return registrations


@dataclass
class Engine:
    """One stack: `up`, `refresh` and `destroy` raise the first error and keep the results before it."""

    machine: Machine
    stack: str = "dev"
    state: list[Object] = field(default_factory=list)

    # ---- commands

    def up(
        self, program: Program, *, replace: Iterable[str] = (), refresh: bool = False, goes_on: bool = False
    ) -> None:
        """With `goes_on` (--continue-on-error), a failure does not stop the other resources."""
        run = self.machine.run(self.stack)
        if refresh:
            self._refresh(run)
        errors = []
        for name, arguments in sorted(program.items(), key=lambda it: kind_of(it[1]) is DEPLOYMENT):
            try:
                self._register(run, name, arguments, forced=name in replace)
            except EnkryptError as error:
                errors.append(error)
                if not goes_on:
                    raise
        errors += self._delete(run, [it for it in self.state if it.goes or it.name not in program], goes_on=goes_on)
        if errors:
            raise errors[0]

    def refresh(self) -> None:
        self._refresh(self.machine.run(self.stack))

    def destroy(self, *, refresh: bool = False) -> None:
        run = self.machine.run(self.stack)
        if refresh:
            self._refresh(run)
        self._delete(run, list(self.state))

    # ---- state

    def held(self) -> dict[str, Object]:
        """The objects that are not to be deleted, by resource name."""
        return {it.name: it for it in self.state if not it.goes}

    # ---- one resource

    def _register(self, run: _Run, name: str, arguments: Properties, *, forced: bool) -> None:
        kind, provider = kind_of(arguments), arguments.get(PROVIDER, "")
        news = {key: copy.deepcopy(value) for key, value in arguments.items() if key != PROVIDER}
        news[OWNER] = f"organization/urn:pulumi:{self.stack}::story::enkrypt:{kind.name}::{name}"
        new = Object(name, "", news, {}, provider)
        old = self.held().get(name)
        inputs = _checked(run("check", new, old.inputs if old and not forced else {}, news))
        if old is None or forced:
            self._replace(run, old, new, inputs)
        else:
            self._step(run, old, new, inputs)

    def _step(self, run: _Run, old: Object, new: Object, inputs: Properties) -> None:
        diff = run("diff", new, old.id, old.outputs, inputs, held=old.inputs)
        if diff.replaces:
            inputs = _checked(run("check", new, {}, new.inputs))
            if diff.delete_before_replace:
                self._delete(run, [old])
            self._replace(run, old, new, inputs)
            return
        old.provider = new.provider
        if diff.changes:
            outs = run("update", old, old.id, old.outputs, inputs, held=old.inputs).outs
            old.inputs, old.outputs = inputs, _stored(outs or {})
        else:
            old.inputs = inputs

    def _refresh(self, run: _Run) -> None:
        """Reads each object, also those to be deleted, then diffs it without a check."""
        for it in list(self.state):
            found = run("read", it, it.id, it.outputs, held=it.inputs)
            if not found.id:
                self.state.remove(it)
                continue
            before, it.id = it.inputs, found.id
            it.inputs, it.outputs = _stored(found.inputs or {}), _stored(found.outs or {})
            run("diff", it, it.id, it.outputs, before, held=it.inputs)

    def _replace(self, run: _Run, old: Object | None, new: Object, inputs: Properties) -> None:
        created = run("create", new, inputs)
        self.state.append(Object(new.name, created.id, inputs, _stored(created.outs or {}), new.provider))
        if old:
            old.goes = True

    def _delete(self, run: _Run, objects: list[Object], *, goes_on: bool = False) -> list[EnkryptError]:
        """Deletes deployments first, since they depend on the others; returns the errors if `goes_on`."""
        errors = []
        for it in sorted(objects, key=lambda it: it.kind is not DEPLOYMENT):
            try:
                run("delete", it, it.id, it.outputs, held=it.inputs)
            except EnkryptError as error:
                errors.append(error)
                if not goes_on:
                    raise
            else:
                self.state.remove(it)
        return errors


def _checked(result: CheckResult) -> Properties:
    if result.failures:
        raise CheckFailed("; ".join(failure.reason for failure in result.failures))
    return _stored(dict(result.inputs))


def _stored(properties: Mapping[str, Any]) -> Properties:
    """The properties as read back from the state: a copy without nulls, in which every number is a float."""
    found: Properties = _floats(json.loads(json.dumps(without_secrets(dict(properties)))))
    return found


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def in_json(state: list[Object]) -> str:
    """Serializes a state for another process."""
    return json.dumps([asdict(it) for it in state])


def out_of_json(text: str) -> list[Object]:
    """Parses the output of `in_json`."""
    return [Object(**it) for it in json.loads(text)]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all behind it, which a debugger, a logger or a bare `raise` could show."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
