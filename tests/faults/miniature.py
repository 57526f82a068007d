"""The engine in miniature: its order of calls and its state, in this process and without its waits.

As measured with the real one (tests/faults/test_replacement.py holds it to that): a resource is checked, diffed, then
created or updated; a replacement is created before the old object goes; what goes, goes last. A state is JSON,
in which every number is a float. No claim is made here.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from pulumi.dynamic import CheckResult

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.pace import new_pace
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.core.controller import Controller, connect
from enkrypt_provider.core.database import Database
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.frontends.property_values import OWNER, without_secrets
from enkrypt_provider.provider import EnkryptModelProvider
from enkrypt_provider.settings import Settings

Properties = dict[str, Any]
Program = Mapping[str, Properties]
"""What a program declares: the arguments of each resource, by its name."""

BETWEEN_COMMANDS: Final = 61.0
"""Seconds: a process does not know of the calls of the one before it."""
NOTHING: Final[Program] = {}
_RUNS = itertools.count()


class Killed(BaseException):
    """kill -9: no `except Exception` sees it."""


class CheckFailed(EnkryptError):
    """The engine's word for it: the resource has a problem."""


@dataclass
class Object:
    """One object of the state."""

    name: str
    id: str
    inputs: Properties
    outputs: Properties
    goes: bool = False
    """Replaced, and not deleted yet."""


@dataclass
class Death:
    """Counts the moments at which the machine may die, and kills it at the chosen one."""

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
    """Seconds that pass only while somebody waits."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class DyingTransport(httpx.BaseTransport):
    """A transport that dies, where it must, just before a request or just after its work."""

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
    """Where the engine runs: its way to the API, its folder for what outlives a process, what was shown on it."""

    settings: Settings
    transport: Callable[[], httpx.BaseTransport | None]
    folder: Path
    death: Death = field(default_factory=Death)
    shown: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=lambda: Clock())

    def provider(self) -> EnkryptModelProvider:
        """A provider as a process of its own would have it, in a run of its own."""
        self.clock.sleep(BETWEEN_COMMANDS)
        retry = RetryPolicy(self.settings.max_retries, sleep=self.clock.sleep)
        pace = new_pace(self.settings, sleep=self.clock.sleep, clock=self.clock)
        inner = self.transport()
        dying = DyingTransport(inner, self.death) if inner else None
        client = EnkryptClient(self.settings, transport=dying, retry=retry, pace=pace)
        database = Database(self.folder / "provider.sqlite", run=f"run {next(_RUNS)}")
        provider = EnkryptModelProvider()
        provider._frontend = DynamicFrontend(
            Controller(connect(client, database=database)), lambda _severity, line: self.shown.append(line)
        )
        return provider


@dataclass
class Engine:
    """One stack: `up`, `refresh` and `destroy` each raise the first error, and keep what was done before it."""

    machine: Machine
    stack: str = "dev"
    state: list[Object] = field(default_factory=list)

    # ---- commands

    def up(self, program: Program, *, replace: Iterable[str] = ()) -> None:
        run = _Run(self.machine.provider(), self.machine.death)
        for name, arguments in program.items():
            self._register(run, name, arguments, forced=name in replace)
        self._delete(run, [it for it in self.state if it.goes or it.name not in program])

    def refresh(self) -> None:
        run = _Run(self.machine.provider(), self.machine.death)
        for it in [it for it in self.state if not it.goes]:
            found = run(run.provider.read, it.id, it.outputs)
            if found.id:
                it.id, it.inputs, it.outputs = found.id, _stored(found.inputs or {}), _stored(found.outs or {})
            else:
                self.state.remove(it)

    def destroy(self) -> None:
        self._delete(_Run(self.machine.provider(), self.machine.death), list(self.state))

    # ---- what it knows

    def held(self) -> dict[str, Object]:
        """The objects that are to stay, by the name of their resource."""
        return {it.name: it for it in self.state if not it.goes}

    # ---- one resource

    def _register(self, run: _Run, name: str, arguments: Properties, *, forced: bool) -> None:
        news = {
            **copy.deepcopy(arguments),
            OWNER: f"organization/urn:pulumi:{self.stack}::story::enkrypt:EnkryptModel::{name}",
        }
        old = self.held().get(name)
        inputs = _checked(run(run.provider.check, old.inputs if old and not forced else {}, news))
        if old is None:
            self._create(run, name, inputs)
        elif forced:
            self._replace(run, old, inputs)
        else:
            self._step(run, old, inputs, news)

    def _step(self, run: _Run, old: Object, inputs: Properties, news: Properties) -> None:
        diff = run(run.provider.diff, old.id, old.outputs, inputs)
        if diff.replaces:
            self._replace(run, old, _checked(run(run.provider.check, {}, news)))
        elif diff.changes:
            outs = run(run.provider.update, old.id, old.outputs, inputs).outs
            old.inputs, old.outputs = inputs, _stored(outs or {})
        else:
            old.inputs = inputs

    def _replace(self, run: _Run, old: Object, inputs: Properties) -> None:
        self._create(run, old.name, inputs)
        old.goes = True

    def _create(self, run: _Run, name: str, inputs: Properties) -> None:
        created = run(run.provider.create, inputs)
        self.state.append(Object(name, created.id, inputs, _stored(created.outs or {})))

    def _delete(self, run: _Run, objects: list[Object]) -> None:
        for it in objects:
            run(run.provider.delete, it.id, it.outputs)
            self.state.remove(it)


@dataclass
class _Run:
    """One command's provider process; each operation's result reaches the state, unless the machine dies first."""

    provider: EnkryptModelProvider
    death: Death

    def __call__(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        given = [_stored(argument) if isinstance(argument, dict) else argument for argument in arguments]
        result = operation(*given)
        self.death.moment()
        return result


def _checked(result: CheckResult) -> Properties:
    if result.failures:
        raise CheckFailed("; ".join(failure.reason for failure in result.failures))
    return _stored(dict(result.inputs))


def _stored(properties: Mapping[str, Any]) -> Properties:
    """As it comes back out of the state: a copy, with every number a float and no null."""
    found: Properties = _floats(json.loads(json.dumps(without_secrets(dict(properties)))))
    return found


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def in_json(state: list[Object]) -> str:
    """A state for another process."""
    return json.dumps([asdict(it) for it in state])


def out_of_json(text: str) -> list[Object]:
    """What `in_json` wrote."""
    return [Object(**it) for it in json.loads(text)]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that it hides: what a debugger, a logger or a bare `raise` could show."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
