"""An emulated API, the machines that use it, and the search for secrets in all their output.

`World` is one emulator; `Corner` is one account in it with its own machine and stack, so that thousands of small
scenes can share a database. Contains no tests.
"""

from __future__ import annotations

import itertools
import json
import ssl
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from e2e.leaks import Secrets
from werkzeug.datastructures import Headers

from enkrypt_provider.emulator import Limits, calls, create_app, policies, serve_in_thread
from enkrypt_provider.emulator.app import Emulator
from enkrypt_provider.emulator.database import Database
from enkrypt_provider.emulator.faults import Dial, faults_in
from enkrypt_provider.emulator.limits import NO_LIMITS
from enkrypt_provider.emulator.objects import Objects
from enkrypt_provider.emulator.quirks import quirks_in
from enkrypt_provider.emulator.store import Store
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier, Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.settings import Dialect, Key, Rate, Settings

from .miniature import (
    BETWEEN_COMMANDS,
    BETWEEN_LIMITED_COMMANDS,
    PROVIDER,
    Clock,
    Engine,
    Machine,
    Program,
    Properties,
    chain,
    kind_of,
)

Transport = Literal["embedded", "http"]

TIMEOUT: Final = 0.3
"""Time limit of a request over HTTP, in seconds. Delayed responses take twice as long."""
RETRIES: Final = 2
NOWHERE: Final = "http://127.0.0.1:9"
"""The URL of an embedded API. Never contacted, since its transport calls the application."""
ELSEWHERE: Final = "http://127.0.0.1:99"
"""The endpoint of the explicit provider: the same embedded API under another URL."""
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Has no root certificates, which httpx would load for each client."""


class AnyKey(dict[str, str]):
    """Every key is an account of its own."""

    def get(self, key: str, default: Any = None) -> Any:
        return key or default


class World:
    """One emulator with its faults, and direct access to its registrations that bypasses faults and rate limits."""

    def __init__(
        self,
        folder: Path,
        *,
        dialect: Dialect = "v1",
        transport: Transport = "embedded",
        limits: Limits = NO_LIMITS,
        quirks: str = "",
        paced: bool = True,
        is_native: bool = False,
    ) -> None:
        self.folder = folder
        self.is_native = is_native
        self.dialect: Dialect = dialect
        self._running = ExitStack()
        sleep = time.sleep if transport == "http" else _no_wait
        self.clock = Clock()
        self._date = self.clock.date if transport == "embedded" else _now
        self.time = self.clock.time if transport == "embedded" else time.time
        options: dict[str, Any] = {"dialect": dialect, "keys": AnyKey(), "quirks": quirks, "clock": self._date}
        self.pause = BETWEEN_COMMANDS if limits is NO_LIMITS else BETWEEN_LIMITED_COMMANDS
        self.rates = limits.rates[False] if paced else []
        self._app = create_app(folder / "world.db", sleep=sleep, limits=limits, monotonic=self.clock, **options)
        served = serve_in_thread(self._app) if transport == "http" else nullcontext(NOWHERE)
        self.url = self._running.enter_context(served)
        self._is_wire = transport == "http"
        self._settings = calls.Settings(dialect, quirks=quirks_in(quirks))
        self._stored = self._stored_in("world.db")
        self._oracle = self._stored_in("oracle.db")
        self._dial = Dial(self._stored[0], 0)
        self._answers: dict[str, Properties] = {}
        self._seen: dict[str, dict[str, Properties]] = {}
        """The registrations of each account, cached until the next request."""
        self._numbers = itertools.count()

    def _stored_in(self, name: str) -> tuple[Database, Store, Objects]:
        database = Database(self.folder / name)
        self._running.callback(database.close)
        return database, Store(database, self._date), Objects(database, self._date)

    def close(self) -> None:
        self._running.close()

    def turn(self, *faults: Mapping[str, Any]) -> None:
        """Sets the active faults and restarts their counts."""
        self._dial.set(faults_in(list(faults)), anew=True)

    def refused(self) -> int:
        """The number of requests that exceeded a rate limit."""
        emulator: Emulator = self._app.extensions["emulator"]
        return emulator.limiter.counts["violation"]

    def corner(self, **settings: Any) -> Corner:
        """A new account, machine and stack."""
        secrets = Secrets()
        key = secrets.make("the API key")
        return Corner(self, key, secrets, self.folder / f"corner{next(self._numbers)}", settings)

    def transport(self) -> httpx.BaseTransport:
        return httpx.HTTPTransport(verify=NO_TLS) if self._is_wire else httpx.WSGITransport(app=self._heard)

    def _heard(self, environ: Any, start_response: Any) -> Any:
        self._seen.clear()
        return self._app(environ, start_response)

    # ---- direct access

    def registered(self, account: str) -> dict[str, Properties]:
        """Every registration, with its keys, by label."""
        if account not in self._seen or self._is_wire:
            self._seen[account] = self._registered(account)
        return self._seen[account]

    def _registered(self, account: str) -> dict[str, Properties]:
        found = {f"{MODEL.identity_in(it)}": it for it in self._call(account, "list_models")["models"]}
        call = self._called(account)
        for kind in policies.KINDS:
            objects = call.objects.all(kind.scope(call))
            found.update({f"{kind.noun} {it.name}": policies.shown(kind, call, it) for it in objects})
        return found

    def add(self, account: str, arguments: Properties) -> None:
        self._write(account, "add", arguments)

    def change(self, account: str, arguments: Properties) -> None:
        """Updates a registration to match `arguments`."""
        self._write(account, "modify", arguments)

    def delete(self, account: str, label: str) -> None:
        self._seen.clear()
        kind, identity = _labelled(label)
        self._call(account, f"delete_{kind.noun}", kind.headers(identity))

    def answer_to(self, arguments: Properties) -> Properties:
        """The response of an empty API to a create of `arguments`."""
        text = json.dumps(arguments, sort_keys=True)
        if text not in self._answers:
            account = f"account{next(self._numbers)}"
            self._answers[text] = self._write(account, "add", arguments, self._oracle)["data"]
        return self._answers[text]

    def parsed(self, arguments: Properties) -> Properties:
        given = {name: value for name, value in arguments.items() if name != PROVIDER}
        inputs, problems = codec.parse(kind_of(given), given, self.dialect)
        assert not problems, problems
        return inputs

    def label(self, arguments: Properties) -> str:
        """The label of the registration that `arguments` declare; see `label`."""
        kind, provider = kind_of(arguments), arguments.get(PROVIDER, "")
        return label(kind, str(kind.identity_of(self.parsed(arguments))), provider)

    def _write(self, account: str, what: str, arguments: Properties, stored: Any = None) -> Any:
        self._seen.clear()
        kind, inputs = kind_of(arguments), self.parsed(arguments)
        body = json.dumps(codec.body(kind, inputs, self.dialect)).encode()
        return self._call(account, f"{what}_{kind.noun}", kind.headers(kind.identity_of(inputs)), body, stored)

    def _call(self, account: str, name: str, headers: Any = (), body: bytes = b"", stored: Any = None) -> Any:
        return calls.CALLS[name][2](self._called(account, headers, body, stored))

    def _called(self, account: str, headers: Any = (), body: bytes = b"", stored: Any = None) -> calls.Call:
        _, store, objects = stored or self._stored
        return calls.Call(calls.Request("", "", Headers(headers), body), account, store, self._settings, objects)


def label(kind: Kind, id_: str, provider: str = "") -> str:
    """A registration's label in tests: `x/v1`, `policy x`, `deployment x`; `away: x/v1` at the explicit provider."""
    return f"{f'{provider}: ' if provider else ''}{'' if kind is MODEL else f'{kind.noun} '}{id_}"


def _labelled(label: str) -> tuple[Kind, Identifier]:
    noun, _, id_ = label.rpartition(": ")[2].rpartition(" ")
    kind = next((kind for kind in KINDS if kind.noun == noun), MODEL)
    return kind, kind.identity_from(id_)


def number_of(registration: Properties) -> int:
    """The API's number of a registration of any kind, such as its model_id."""
    return next(int(registration[kind.number]) for kind in KINDS if kind.number in registration)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _no_wait(_seconds: float) -> None:
    """Replaces a delay of the embedded API, where no client time-out could end it."""


AWAY: Final = "away"
"""The name of every corner's explicit provider."""


@dataclass
class Corner:
    """Two accounts of a world (the stack's and its explicit provider's), a machine and the stack."""

    world: World
    account: str
    secrets: Secrets
    folder: Path
    options: Mapping[str, Any]
    machine: Machine = field(init=False)
    engine: Engine = field(init=False)
    away: str = field(init=False)
    """The account of the explicit provider."""
    beside: dict[str, Properties] = field(default_factory=dict)
    """Resources that each program of the stack declares in addition."""
    errors: list[BaseException] = field(default_factory=list)
    endpoint: str = ""
    left: dict[str, dict[str, Properties]] = field(default_factory=dict)
    """The registrations in the accounts that the stack has moved away from."""

    def __post_init__(self) -> None:
        self.away = self.secrets.make("the API key of the explicit provider")
        self.machine = self.another_machine()
        self.engine = Engine(self.machine)

    def another_machine(self) -> Machine:
        """A machine without a journal."""
        given = {"timeout": TIMEOUT, "max_retries": RETRIES, "dialect": self.world.dialect, **self.options}
        given["rate_limit"] = tuple(Rate(rate.count, rate.seconds) for rate in self.world.rates)
        settings = Settings(Key(self.account), endpoint=self.endpoint or self.world.url, **given)
        away = {AWAY: Settings(Key(self.away), endpoint=ELSEWHERE, **given)}
        self.folder.mkdir(exist_ok=True)
        folder = self.folder / f"machine{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        world = self.world
        return Machine(
            settings, world.transport, folder, away, is_native=world.is_native, pause=world.pause, clock=world.clock,
            time=world.time,
        )  # fmt: skip

    def move(self) -> None:
        """Changes the stack's endpoint to a new, empty account."""
        self.left[self.account] = self.world.registered(self.account)
        self.account = self.secrets.make("the API key of another account")
        self.endpoint = f"http://127.0.0.1:{100 + len(self.left)}"
        self.machine.settings = self.another_machine().settings

    def failure(self, command: Callable[[], None]) -> BaseException | None:
        """Runs a command; returns its error, which is kept for the search for secrets."""
        try:
            command()
        except BaseException as error:  # a killed machine is one too
            if not isinstance(error, (KeyboardInterrupt, SystemExit)):
                self.errors.append(error)
                return error
            raise
        return None

    def registered(self) -> dict[str, Properties]:
        """Every registration in both accounts."""
        away = self.world.registered(self.away)
        return {**self.world.registered(self.account), **{f"{AWAY}: {id_}": it for id_, it in away.items()}}

    def account_of(self, label: str) -> str:
        return self.away if label.startswith(AWAY) else self.account

    def held(self) -> set[str]:
        """The registrations that the state represents, matched by number, not only by name."""
        numbers = {(label(it.kind, it.id, it.provider), it.outputs.get(it.kind.number)) for it in self.engine.state}
        return {id_ for id_, it in self.registered().items() if (id_, number_of(it)) in numbers}

    def disagreements(self, program: Program, engine: Engine | None = None) -> list[str]:
        """Every disagreement between the API, the state and the program."""
        found = self.registered()
        return [
            *_between_server_and_program(self.world, found, program),
            *_between_state_and_server(engine or self.engine, program, found),
        ]

    def leaks(self) -> list[str]:
        """Secrets in lines shown or errors raised since the last call, or in files outside the state."""
        texts = [*self.machine.shown, *(text for error in self.errors for text in shown_by(error))]
        self.machine.shown.clear()
        self.errors.clear()
        found = {what for text in texts for what in self.secrets.found_in(text.encode(errors="replace"))}
        return sorted(found) + self.secrets.found_under(self.folder)


def shown_by(error: BaseException) -> Iterator[str]:
    """Every text that an exception and those behind it can show."""
    for it in chain(error):
        yield from (str(it), repr(it), repr(it.args), *getattr(it, "__notes__", ()))
        yield "".join(traceback.format_exception(type(it), it, it.__traceback__))


def _between_server_and_program(world: World, found: Mapping[str, Properties], program: Program) -> Iterator[str]:
    wanted = {world.label(it): it for it in program.values()}
    yield from (f"{id_} is registered and not declared" for id_ in found.keys() - wanted.keys())
    yield from (f"{id_} is declared and not registered" for id_ in wanted.keys() - found.keys())
    for id_ in found.keys() & wanted.keys():
        answer, computed = world.answer_to(wanted[id_]), kind_of(wanted[id_]).computed
        server_set = {*computed, "created_by", "updated_by"}
        differ = sorted(name for name in answer if name not in server_set and answer[name] != found[id_].get(name))
        yield from (f"{id_}: {name} is not as declared" for name in differ)


def _between_state_and_server(engine: Engine, program: Program, found: Mapping[str, Properties]) -> Iterator[str]:
    yield from (f"the state still holds an older {it.name}" for it in engine.state if it.goes)
    held = engine.held()
    yield from (f"the state does not hold {name}" for name in program.keys() - held.keys())
    yield from (f"the state holds {name}" for name in held.keys() - program.keys())
    for name in held.keys() & program.keys():
        it = held[name]
        live = found.get(label(it.kind, it.id, it.provider))
        if live is None:
            yield f"the state holds {name} as {it.id}, which is not registered"
            continue
        for field_ in (it.kind.number, "project_name", "created_at"):
            if it.outputs.get(field_) != live[field_]:
                yield f"the state's {field_} of {name} is not the server's"


@contextmanager
def world_of(folder: Path, **options: Any) -> Iterator[World]:
    world = World(folder, **options)
    try:
        yield world
    finally:
        world.close()
