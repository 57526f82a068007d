"""An API of this machine, the machines that use it, and the search for secrets in all that they showed.

`World` is one emulator; `Corner` one account of it, with a machine and a stack of its own, so that a thousand small
stories share one database. No claim is made here.
"""

from __future__ import annotations

import itertools
import ssl
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import flask
import httpx
from e2e.leaks import Secrets

from enkrypt_provider.emulator import Limits, create_app, serve_in_thread
from enkrypt_provider.emulator.limits import NO_LIMITS
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Dialect, Key, Rate, Settings

from .miniature import Clock, Engine, Machine, Program, Properties, chain

Transport = Literal["embedded", "http"]

TIMEOUT: Final = 0.3
"""Seconds that a request may take over HTTP, where the dial delays answers for twice that."""
RETRIES: Final = 2
NOWHERE: Final = "http://127.0.0.1:9"
"""What an embedded API is called: never asked, for its transport is the application."""
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loads no root certificates: httpx would, for each client anew."""


class AnyKey(dict[str, str]):
    """Each key is an account."""

    def get(self, key: str, default: Any = None) -> Any:
        return key or default


class World:
    """One emulator with its dial, and what it really holds: seen through its API while the dial is at rest."""

    def __init__(
        self,
        folder: Path,
        *,
        dialect: Dialect = "v1",
        transport: Transport = "embedded",
        limits: Limits = NO_LIMITS,
        quirks: str = "",
    ) -> None:
        self.folder = folder
        self.dialect: Dialect = dialect
        self._running = ExitStack()
        sleep = time.sleep if transport == "http" else _nobody_waits
        options: dict[str, Any] = {"dialect": dialect, "keys": AnyKey(), "quirks": quirks}
        self.clock = Clock()
        self.limits = limits
        self._app = create_app(folder / "world.db", sleep=sleep, limits=limits, monotonic=self.clock, **options)
        served = serve_in_thread(self._app) if transport == "http" else nullcontext(NOWHERE)
        self.url = self._running.enter_context(served)
        self._is_wire = transport == "http"
        self._calls = self._client(self._app)
        # Without limits: what a test looks up is not a call of the account's.
        self._look = self._client(create_app(folder / "world.db", **options))
        self._oracle = self._client(create_app(folder / "oracle.db", **options))
        self._numbers = itertools.count()

    def _client(self, app: flask.Flask) -> httpx.Client:
        return self._running.enter_context(httpx.Client(transport=httpx.WSGITransport(app=app), base_url=NOWHERE))

    def close(self) -> None:
        self._running.close()

    def turn(self, *faults: Mapping[str, Any]) -> None:
        """Sets the dial to these, counting from nothing."""
        self._look.post("/_emulator/faults", json=list(faults)).raise_for_status()

    def refused(self) -> int:
        """How many requests exceeded a rate."""
        counts: dict[str, int] = self._calls.get("/_emulator/limits").raise_for_status().json()
        return counts["violations"]

    def corner(self, **settings: Any) -> Corner:
        """An account, a machine and a stack that nobody has used."""
        secrets = Secrets()
        key = secrets.make("the API key")
        return Corner(self, key, secrets, self.folder / f"corner{next(self._numbers)}", settings)

    def transport(self) -> httpx.BaseTransport:
        return httpx.HTTPTransport(verify=NO_TLS) if self._is_wire else httpx.WSGITransport(app=self._app)

    # ---- behind everybody's back, and only while the dial is at rest

    def registered(self, account: str) -> dict[str, Properties]:
        """Every registration, by NAME/VERSION, with its keys."""
        answer = self._look.get("/models/list-models", headers={"apikey": account}).raise_for_status()
        return {str(MODEL.identity_in(model)): model for model in answer.json()["models"]}

    def add(self, account: str, arguments: Properties) -> None:
        self._add(self._look, account, arguments)

    def change(self, account: str, arguments: Properties) -> None:
        """Makes a registration what `arguments` say."""
        body = codec.body(MODEL, self.parsed(arguments), self.dialect)
        headers = {"apikey": account, **_headers(str(MODEL.identity_of(self.parsed(arguments))))}
        self._look.patch("/models/modify-model", headers=headers, json=body).raise_for_status()

    def delete(self, account: str, id_: str) -> None:
        self._look.delete("/models/delete-model", headers={"apikey": account, **_headers(id_)}).raise_for_status()

    def answer_to(self, arguments: Properties) -> Properties:
        """What an API with nothing in it answers to a create of `arguments`."""
        return self._add(self._oracle, f"account{next(self._numbers)}", arguments)

    def parsed(self, arguments: Properties) -> Properties:
        inputs, problems = codec.parse(MODEL, arguments, self.dialect)
        assert not problems, problems
        return inputs

    def _add(self, client: httpx.Client, account: str, arguments: Properties) -> Properties:
        body = codec.body(MODEL, self.parsed(arguments), self.dialect)
        answer = client.post("/models/add-model", headers={"apikey": account}, json=body).raise_for_status()
        found: Properties = answer.json()["data"]
        return found


def _headers(id_: str) -> dict[str, str]:
    name, _, version = id_.partition("/")
    return {"X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}


def _nobody_waits(_seconds: float) -> None:
    """An embedded delay: no client's time limit could run out there."""


@dataclass
class Corner:
    """One account of a world, with a machine and the stack that uses it."""

    world: World
    account: str
    secrets: Secrets
    folder: Path
    options: Mapping[str, Any]
    machine: Machine = field(init=False)
    engine: Engine = field(init=False)
    errors: list[BaseException] = field(default_factory=list)
    endpoint: str = ""
    left: dict[str, dict[str, Properties]] = field(default_factory=dict)
    """What is registered at the accounts that the stack has moved away from."""

    def __post_init__(self) -> None:
        self.machine = self.another_machine()
        self.engine = Engine(self.machine)

    def another_machine(self) -> Machine:
        """A machine that knows nothing of what others did."""
        given = {"timeout": TIMEOUT, "max_retries": RETRIES, "dialect": self.world.dialect, **self.options}
        given["rate_limit"] = tuple(Rate(rate.count, rate.seconds) for rate in self.world.limits.rates[False])
        settings = Settings(Key(self.account), endpoint=self.endpoint or self.world.url, **given)
        self.folder.mkdir(exist_ok=True)
        folder = self.folder / f"machine{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return Machine(settings, self.world.transport, folder, clock=self.world.clock)

    def move(self) -> None:
        """Change the endpoint of the stack: another account, which nobody has used."""
        self.left[self.account] = self.registered()
        self.account = self.secrets.make("the API key of another account")
        self.endpoint = f"http://127.0.0.1:{10 + len(self.left)}"
        self.machine.settings = self.another_machine().settings

    def another_stack(self, name: str = "other") -> Engine:
        return Engine(self.machine, name)

    def failure(self, command: Callable[[], None]) -> BaseException | None:
        """The error that a command ends with; it is kept for the search."""
        try:
            command()
        except BaseException as error:  # a killed machine is one too
            if not isinstance(error, (KeyboardInterrupt, SystemExit)):
                self.errors.append(error)
                return error
            raise
        return None

    def registered(self) -> dict[str, Properties]:
        return self.world.registered(self.account)

    def wrong(self, program: Program, engine: Engine | None = None) -> list[str]:
        """In what the API, the state and the program disagree: nothing doubled, nothing lost, state equals server."""
        engine = engine or self.engine
        return [
            *_between_server_and_program(self.world, self.registered(), program),
            *_between_state_and_server(engine, program, self.registered()),
        ]

    def leaks(self) -> list[str]:
        """Where a secret stands in what was shown, raised or kept outside the state."""
        texts = [*self.machine.shown, *(text for error in self.errors for text in shown_by(error))]
        found = {what for text in texts for what in self.secrets.found_in(text.encode(errors="replace"))}
        return sorted(found) + self.secrets.found_under(self.folder)


def shown_by(error: BaseException) -> Iterator[str]:
    """All that an exception and those behind it can show."""
    for it in chain(error):
        yield from (str(it), repr(it), repr(it.args), *getattr(it, "__notes__", ()))
        yield "".join(traceback.format_exception(type(it), it, it.__traceback__))


def _between_server_and_program(world: World, found: Mapping[str, Properties], program: Program) -> Iterator[str]:
    wanted = {str(MODEL.identity_of(world.parsed(it))): it for it in program.values()}
    yield from (f"{id_} is registered and not declared" for id_ in found.keys() - wanted.keys())
    yield from (f"{id_} is declared and not registered" for id_ in wanted.keys() - found.keys())
    for id_ in found.keys() & wanted.keys():
        said = world.answer_to(wanted[id_])
        differ = sorted(name for name in said if name not in MODEL.computed and said[name] != found[id_].get(name))
        yield from (f"{id_}: {name} is not as declared" for name in differ)


def _between_state_and_server(engine: Engine, program: Program, found: Mapping[str, Properties]) -> Iterator[str]:
    yield from (f"the state still holds an older {it.name}" for it in engine.state if it.goes)
    held = engine.held()
    yield from (f"the state does not hold {name}" for name in program.keys() - held.keys())
    yield from (f"the state holds {name}" for name in held.keys() - program.keys())
    for name in held.keys() & program.keys():
        model, it = found.get(held[name].id), held[name]
        if model is None:
            yield f"the state holds {name} as {it.id}, which is not registered"
            continue
        for field_ in ("model_id", "project_name", "created_at"):
            if it.outputs.get(field_) != model[field_]:
                yield f"the state's {field_} of {name} is not the server's"


@contextmanager
def world_of(folder: Path, **options: Any) -> Iterator[World]:
    world = World(folder, **options)
    try:
        yield world
    finally:
        world.close()
