"""Helpers for tests: an API with its accounts, the machines that use it, and the engine's runs on them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, cast

import httpx
from documents import canonical, minimal, through_engine

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.core.controller import Controller, DiffResult, Registered, Request, connect
from enkrypt_provider.core.database import Database
from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.frontends.property_values import without_unknown
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Key, Settings

Json = Any
Properties = dict[str, Any]
Edit = Callable[[Json], object]

KEY: Final = "stand-in-key"
URL: Final = "http://127.0.0.1"
_RUNS = itertools.count()


def model(id_: str = "x/1", **changes: Any) -> Properties:
    """Return a program's arguments for this identity. `changes` replaces fields by path, with `__` for a dot."""
    name, _, version = id_.partition("/")
    return minimal(**{"model_saved_name": name, "model_config__model_version": version, **changes})


@dataclass(frozen=True)
class Sample:
    """A kind, the arguments that a program may give it, and another value for its field at `path`."""

    kind: Kind
    change: Properties
    path: str
    least: Properties = field(default_factory=dict)
    id: str = "x"

    def arguments(self, id_: str, **changes: Any) -> Properties:
        return {**self.least, "name": id_, **changes} if self.least else model(id_, **changes)


NUMBERS: Final = ("model_id", "policy_id", "deployment_id")
USED: Final = {"policy_name": "x", "enabled": True}
MODELS: Final = Sample(MODEL, {"model_name": "new"}, "model_name", id="x/1")
POLICIES: Final = Sample(
    GUARDRAILS_POLICY,
    {"detectors": {"nsfw": {"enabled": False}}},
    "detectors.nsfw.enabled",
    {"detectors": {"nsfw": {"enabled": True}}},
)
DEPLOYMENTS: Final = Sample(
    DEPLOYMENT,
    {"input_guardrails_policy": {**USED, "enabled": False}},
    "input_guardrails_policy.enabled",
    {"model_saved_name": "m", "input_guardrails_policy": USED},
)
SAMPLES: Final = {it.kind: it for it in (MODELS, POLICIES, DEPLOYMENTS)}


def urn(name: str, parents: str = "", kind: Kind = MODEL) -> str:
    """Return a resource's URN as `check` receives it."""
    return f"acme/urn:pulumi:dev::shop::{parents}pulumi-python:dynamic/enkrypt:{kind.name}::{name}"


class _AnyKey(dict[str, str]):
    """Gives each key an account of its own."""

    def get(self, key: str, default: Any = None) -> Any:
        return key or default


class Api:
    """One emulator. `now` is its clock; `edit` changes each registration in its responses; `sample` is the default
    kind for runs and for the methods here; with `names_resources`, the engine gives the URN with each request, as
    the plugin's does."""

    def __init__(self, file: Path, url: str = URL, **options: Any) -> None:
        self.url = url
        self.sample = MODELS
        self.names_resources = False
        self.now = datetime(2030, 1, 1, tzinfo=timezone.utc)
        self.edit: Edit = lambda _registration: None
        given = {"keys": _AnyKey(), "record": True, "clock": lambda: self.now, "sleep": lambda _seconds: None}
        self._app = create_app(file, **{**given, **options})
        self._look = httpx.Client(transport=httpx.WSGITransport(self._app), base_url=URL)

    def transport(self) -> httpx.BaseTransport:
        return _Edited(httpx.WSGITransport(self._app), self)

    def turn(self, *faults: Fault) -> None:
        """Apply these faults from now on, in place of earlier ones."""
        given = [fault.model_dump(exclude_defaults=True) for fault in faults]
        self._look.post("/_emulator/faults", json=given).raise_for_status()

    def calls(self) -> list[str]:
        """Return the calls since the last time, such as `add_model x/1`."""
        entries = self._look.get("/_emulator/requests").json()
        self._look.delete("/_emulator/requests").raise_for_status()
        return [_spelt(it) for it in entries if it["call"]]

    # ---- direct access, which the faults affect as well

    def registered(self, key: str = KEY) -> dict[str, Json]:
        """Return all registrations of an account by id."""
        kind = self.sample.kind
        found = self._ask("GET", kind.calls.list, key=key)[kind.calls.listed]
        return {str(kind.identity_in(it)): it for it in found}

    def live(self, id_: str) -> Json:
        return self._ask("GET", self.sample.kind.calls.get, id_, key=KEY)

    def register(self, id_: str = "x/1", key: str = KEY, **changes: Any) -> Json:
        return self._ask("POST", self.sample.kind.calls.add, key=key, json=self._body(id_, changes))["data"]

    def change(self, id_: str = "x/1", key: str = KEY, **changes: Any) -> None:
        self._ask("PATCH", self.sample.kind.calls.modify, id_, key=key, json=self._body(id_, changes))

    def delete(self, id_: str = "x/1", key: str = KEY) -> None:
        self._ask("DELETE", self.sample.kind.calls.delete, id_, key=key)

    def register_again(self, id_: str = "x/1", key: str = KEY, **changes: Any) -> Json:
        """Delete a registration and create another under its identity an hour later, as somebody else might."""
        self.delete(id_, key)
        self.now += timedelta(hours=1)
        return self.register(id_, key, **changes)

    def _body(self, id_: str, changes: Properties) -> Json:
        """Return a program's arguments as a request body."""
        return codec.body(self.sample.kind, canonical(self.sample.arguments(id_, **changes), self.sample.kind))

    def _ask(self, method: str, call: str, id_: str = "/", *, key: str, **options: Any) -> Json:
        kind = self.sample.kind
        headers = {"apikey": key, **kind.headers(kind.identity_from(id_))}
        found = self._look.request(method, kind.calls.path(call), headers=headers, **options)
        self.calls()
        return found.raise_for_status().json()


def _spelt(entry: Mapping[str, Any]) -> str:
    name = entry["model_saved_name"]
    return f"{entry['call']} {name}/{entry['model_version']}" if name else str(entry["call"])


class _Edited(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport, api: Api) -> None:
        self._inner = inner
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        text = b"".join(cast(Iterable[bytes], response.stream))
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        for it in _registrations_in(found):
            self._api.edit(it)
        edited = text if found is None else json.dumps(found).encode()
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        headers["date"] = format_datetime(self._api.now, usegmt=True)
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(edited))


def unreachable() -> httpx.BaseTransport:
    """Return a transport whose connections are refused."""

    def refused(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    return httpx.MockTransport(refused)


def _registrations_in(found: Json) -> list[Json]:
    if not isinstance(found, dict):
        return []
    listed = [it for kind in SAMPLES for it in found.get(kind.calls.listed, ())]
    return [it for it in (found, found.get("data"), *listed) if isinstance(it, dict) and "created_at" in it]


def hiding(*names: str) -> Edit:
    """Return an edit that removes these fields from responses."""
    return lambda found: [found.pop(name, None) for name in names]


# ---- a machine


@dataclass(frozen=True)
class Object:
    """One object of a state, as the engine returns it."""

    name: str
    id: str
    inputs: Properties
    state: Properties

    @property
    def number(self) -> int:
        return int(
            next(self.state[name] for name in ("model_id", "policy_id", "deployment_id") if name in self.state)
        )

    def without(self, *outputs: str) -> Object:
        """Return the object without these outputs, as from an older version of this package or of the API."""
        kept = {name: value for name, value in self.state.items() if name not in outputs}
        return replace(self, state=kept)


class Machine:
    """Where an engine runs. `lines` are the lines shown there, `waits` the seconds slept."""

    def __init__(self, folder: Path, api: Api) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "provider.sqlite"
        self.api = api
        self.lines: list[str] = []
        self.waits: list[float] = []

    def run(
        self,
        api: Api | None = None,
        *,
        run: str = "",
        place: str = "",
        key: str = KEY,
        kind: Kind | None = None,
        **settings: Any,
    ) -> Run:
        """Start a run of the engine with one provider. A second provider of the run gets the same `run`."""
        api = api or self.api
        sample = SAMPLES[kind] if kind else api.sample
        given = Settings(Key(key), api.url, **{"max_retries": 2, **settings})
        retry = RetryPolicy(given.max_retries, sleep=self._sleep)
        client = EnkryptClient(given, transport=api.transport(), retry=retry)
        database = Database(self.file, run=run or f"run {next(_RUNS)}")
        return Run(self, Controller(connect(client, place, database, sample.kind)), database.run, sample)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.while_waiting()

    def while_waiting(self) -> object:
        """A test may replace it to do something while a call waits."""

    def report(self, severity: str, line: str) -> None:
        self.lines.append(f"warning: {line}" if severity == "warning" else line)

    def new_lines(self) -> list[str]:
        """Return the lines shown since the last time."""
        lines, self.lines = self.lines, []
        return lines


@dataclass
class Run:
    """One run of the engine with one provider. Without `names_resources`, only `check` receives the URN."""

    machine: Machine
    controller: Controller
    run: str
    sample: Sample = MODELS
    replaced: list[Object] = field(default_factory=list)
    """The objects that `up` has replaced: the engine deletes them last."""

    def check(
        self, name: str, id_: str = "x/1", parents: str = "", old: Object | None = None, **changes: Any
    ) -> Json:
        return self.check_whole(urn(name, parents, self.sample.kind), self.sample.arguments(id_, **changes), old)

    def check_whole(self, urn: str, arguments: Properties, old: Object | None = None) -> Json:
        request = self._request(urn=urn, inputs=without_unknown(arguments), state=old.state if old else {})
        return self.controller.check(request)

    def diff(self, it: Object, id_: str = "", *, is_refused: bool = False, **changes: Any) -> DiffResult:
        """Diff. A replacement is then checked again, unless the engine refuses it (`protect=True`)."""
        checked = self.check(it.name, id_ or it.id, old=it, **changes)
        found = self.controller.diff(self._request(it.name, id=it.id, state=it.state, inputs=checked.inputs))
        if found.replaces and not is_refused:
            self.check(it.name, id_ or it.id, **changes)
        return found

    def create(self, name: str, id_: str = "x/1", **changes: Any) -> Object:
        checked = self.check(name, id_, **changes)
        assert checked.problems == []
        created = self.controller.create(self._request(name, inputs=through_engine(checked.inputs)))
        return _kept(name, created, checked.inputs)

    def update(self, it: Object, **changes: Any) -> Object:
        checked = self.check(it.name, it.id, old=it, **changes)
        request = self._request(it.name, id=it.id, state=it.state, inputs=through_engine(checked.inputs))
        return _kept(it.name, self.controller.update(request), checked.inputs)

    def up(self, it: Object, id_: str = "", **changes: Any) -> Object:
        """Update or replace one object, according to its diff."""
        found = self.diff(it, id_, **changes)
        if not found.changes:
            return it
        if not found.replaces:
            return self.update(it, **changes)
        if found.deletes_first:
            self.delete(it)
        else:
            self.replaced.append(it)
        return self.create(it.name, id_ or it.id, **changes)

    def read(self, it: Object) -> Object | None:
        found = self.controller.read(self._request(it.name, id=it.id, state=it.state))
        return _kept(it.name, found, found.inputs) if found.id else None

    def refresh(self, it: Object) -> Object:
        """Read an object that must still exist, then diff it, as the engine does before an `up`."""
        found = self.found(it)
        self.controller.diff(self._request(it.name, id=found.id, state=found.state, inputs=it.inputs))
        return found

    def found(self, it: Object) -> Object:
        """Read an object that must still exist."""
        found = self.read(it)
        assert found is not None
        return found

    def delete(self, *objects: Object) -> None:
        for it in objects:
            self.controller.delete(self._request(it.name, id=it.id, state=it.state))

    def finish(self) -> None:
        """Delete the replaced objects."""
        self.delete(*self.replaced)
        self.replaced.clear()

    def _request(self, name: str = "", **given: Any) -> Request:
        named: Properties = (
            {"urn": urn(name, kind=self.sample.kind)} if name and self.machine.api.names_resources else {}
        )
        return Request(report=self.machine.report, **named, **given)


def _kept(name: str, found: Registered, inputs: Properties) -> Object:
    return Object(name, found.id, through_engine(inputs), through_engine(found.state))
