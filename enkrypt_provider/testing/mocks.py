"""Pulumi mocks that run the provider's core for its own resources, and pass all other resources through.

The real `check`, `diff`, `create`, `read`, `update` and `delete` run on an emulator; nothing is sent anywhere else,
and no key is needed. Running a program and keeping its state is the job of stack.py.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import pulumi
from pulumi.output import Unknown
from pulumi.runtime.config import CONFIG
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from ..api.client import EnkryptClient
from ..api.retry import RetryPolicy
from ..core.controller import Controller, connect
from ..core.database import Database
from ..core.requests import Request
from ..errors import ConfigurationError, ModelNotFound
from ..frontends.package_names import ALL_TYPES, PROVIDER_TYPES, TYPES, from_package
from ..frontends.package_values import held as with_inputs
from ..frontends.package_values import open_outputs
from ..frontends.plugin.functions import FUNCTIONS
from ..frontends.property_values import OWNER, with_unknown, without_unknown
from ..kinds.kind import Kind
from ..kinds.registry import KINDS
from ..settings import EMBEDDED, OFF, Dialect, Key, Settings
from .emulator import KEY, Registry

Json = Any
Change = Literal["create", "same", "update", "replace", "read", "delete"]
Outputs = Mapping[str, Json] | Callable[[MockResourceArgs], Mapping[str, Json]]
Answer = Mapping[str, Json] | Callable[[MockCallArgs], Mapping[str, Json]]

_FAST: Final = RetryPolicy(sleep=lambda seconds: time.sleep(seconds / 100), clock=lambda: time.monotonic() * 100)
"""Keeps tests from waiting for seconds; not zero, since another thread may be about to release a name."""


class CheckFailed(Exception):
    """`pulumi preview` would fail: `problems` has a line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Held:
    """An existing resource, in the clear."""

    type: str
    name: str
    id: str
    inputs: dict[str, Json] = field(repr=False)
    outputs: dict[str, Json] = field(repr=False)
    provider: str = ""


class EnkryptMocks(Mocks):
    """Mocks for `pulumi.runtime.set_mocks`; every `MockStack` uses them.

    `resources` gives, by type, the outputs that a resource has besides its inputs once it exists: a dict, or a
    function of `MockResourceArgs`; an `id` among them is its id. `calls` gives, by token, the result of a provider's
    function. `registry` holds the registrations, by default in a new emulator; `held` are the existing resources.
    """

    def __init__(
        self,
        resources: Mapping[str, Outputs] | None = None,
        calls: Mapping[str, Answer] | None = None,
        *,
        registry: Registry | None = None,
        held: Iterable[Held] = (),
    ) -> None:
        self.registry = registry or temporary_registry()
        self.changes: dict[tuple[str, str], tuple[Change, tuple[str, ...]]] = {}
        """The change to each resource, by type and name, and which fields of a registration differ."""
        self.messages: list[str] = []
        """Messages of the provider, such as `warning: …`."""
        self._resources = dict(resources or {})
        self._calls = dict(calls or {})
        self._held = {(it.type, it.name): it for it in held}
        self._replaced: list[Held] = []
        self._accounts = {it.name: _settings(it.inputs) for it in self._held.values() if it.type in PROVIDER_TYPES}
        self._connected: dict[tuple[str, Kind], Controller] = {}
        self._database: Database | None = None
        self._lock = threading.Lock()

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Json]]:
        """Returns a resource's id and outputs, as far as its provider would know them at this point."""
        opened = {name: unwrap_rpc_secret(it) if is_rpc_secret(it) else it for name, it in args.inputs.items()}
        given = replaced_inputs(args, opened)
        if args.typ in PROVIDER_TYPES:
            self._accounts[args.name] = _settings(given.inputs)
        held = self._held.get((args.typ, args.name))
        if args.typ not in ALL_TYPES:
            return self._other(given, held)
        return (self._native if args.typ in TYPES else self._registration)(given, held)

    def call(self, args: MockCallArgs) -> tuple[dict[str, Json], list[tuple[str, str]] | None]:
        """Returns the result of a provider's function; those of the native package look up registrations."""
        if args.token in self._calls:
            answer = self._calls[args.token]
            return dict(answer(args) if callable(answer) else answer), []
        if args.token not in FUNCTIONS:
            raise LookupError(f"the program calls {args.token}: give its result in `calls`")
        client = self._controller(args.provider or "", KINDS[0]).registrations.client
        return FUNCTIONS[args.token](client, args.args, preview=pulumi.runtime.is_dry_run()), []

    def delete(self, gone: Iterable[Held]) -> None:
        """Deletes registrations that are no longer declared, or were replaced."""
        for held in (*self._replaced, *gone):
            if held.type in ALL_TYPES:
                controller = self._controller(held.provider, ALL_TYPES[held.type])
                controller.delete(self._request(held.id, state=_in_api(held).outputs))

    # ---- a registration

    def _registration(self, args: MockResourceArgs, held: Held | None) -> tuple[str, dict[str, Json]]:
        kind = ALL_TYPES[args.typ]
        controller = self._controller(args.provider or "", kind)
        if args.resource_id:
            return self._read(args, controller)
        checked = controller.check(self._request(inputs=args.inputs, state=held.inputs if held else {}))
        if checked.problems:
            raise CheckFailed(f"{args.typ} resource '{args.name}' has a problem: {rule}" for rule in checked.problems)
        new = self._request(inputs=checked.inputs)
        asked = replace(new, id=held.id, state=without_unknown(held.outputs)) if held else new
        change, changed = _difference(controller, asked) if held else ("create", ())
        self._note(args, change, changed)
        if held and change == "same":
            return held.id, held.outputs
        if pulumi.runtime.is_dry_run():
            return (held.id if held and change == "update" else ""), with_unknown(checked.inputs)
        if held and change == "update":
            return held.id, controller.update(asked).state
        if held and kind.deletes_first:
            controller.delete(asked)
        elif held:
            self._replaced.append(held)
        created = controller.create(new)
        return created.id, created.state

    def _native(self, args: MockResourceArgs, held: Held | None) -> tuple[str, dict[str, Json]]:
        """Like `_registration`, but with the native package's names, and without secrets in the outputs."""
        kind = TYPES[args.typ]
        given = replaced_inputs(args, {**_from_package(kind, args.inputs), OWNER: f"{args.typ}::{args.name}"})
        found, outputs = self._registration(given, _in_api(held) if held else None)
        return found, open_outputs(kind, outputs)

    def _read(self, args: MockResourceArgs, controller: Controller) -> tuple[str, dict[str, Json]]:
        try:
            found = controller.read(self._request(str(args.resource_id), state=args.inputs))
        except ModelNotFound as error:
            raise CheckFailed([f"{args.typ} resource '{args.name}': {error}"]) from None
        self._note(args, "read")
        return found.id, found.state

    def _request(
        self, id_: str = "", *, inputs: Mapping[str, Json] | None = None, state: Mapping[str, Json] | None = None
    ) -> Request:
        given = {name: value for name, value in (inputs or {}).items() if name != OWNER}
        urn = str((inputs or {}).get(OWNER) or "")
        return Request(urn, id_, without_unknown(given), without_unknown(dict(state or {})), report=self._report)

    def _controller(self, provider: str, kind: Kind) -> Controller:
        """Return the controller of a kind for a provider's reference URN::ID, or for the stack's own account."""
        name = provider.split("::")[3] if provider else ""
        with self._lock:
            if (name, kind) not in self._connected:
                self._connected[name, kind] = self._connect(name, kind)
            return self._connected[name, kind]

    def _connect(self, account: str, kind: Kind) -> Controller:
        declared = {"enkrypt:apiKey": KEY, **(self._accounts.get(account, {}) if account else CONFIG.get())}
        try:
            settings = Settings.from_config(declared.get, {})
        except ConfigurationError as error:
            return Controller(error)
        first = self.registry.database
        file = first.with_name(f"{account}.{first.name}") if account else first
        here = replace(settings, api_key=Key(EMBEDDED), endpoint="", database=file, rate_limit=OFF)
        self._database = self._database or Database(first.parent / "provider.sqlite", run=uuid.uuid4().hex)
        client = EnkryptClient(here, retry=replace(_FAST, max_retries=here.max_retries))
        return Controller(connect(client, "", self._database, kind))

    def _report(self, severity: str, line: str) -> None:
        self.messages.append(f"{severity}: {line}")

    # ---- any other resource

    def _other(self, args: MockResourceArgs, held: Held | None) -> tuple[str, dict[str, Json]]:
        if args.custom is False:
            return "", {}
        if held and _alike(held.inputs, args.inputs):
            self._note(args, "same")
            return held.id, held.outputs
        change: Change = "read" if args.custom is None else "update" if held else "create"
        self._note(args, change)
        if pulumi.runtime.is_dry_run() and change != "read":
            return (held.id if held else ""), args.inputs
        extra = self._resources.get(args.typ, {})
        outputs = {**args.inputs, **(extra(args) if callable(extra) else extra)}
        known = held.id if held else args.resource_id or f"{args.name}-id"
        return str(outputs.pop("id", known)), outputs

    def _note(self, args: MockResourceArgs, change: Change, changed: tuple[str, ...] = ()) -> None:
        self.changes[args.typ, args.name] = (change, changed)


def _difference(controller: Controller, asked: Request) -> tuple[Change, tuple[str, ...]]:
    found = controller.diff(asked)
    change: Change = "replace" if found.replaces else "update" if found.changes else "same"
    return change, tuple(one.path for one in found.changes)


def _settings(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Returns an account's settings under the names that both front ends use."""
    return {name if ":" in name else f"enkrypt:{name}": value for name, value in inputs.items()}


def _in_api(held: Held) -> Held:
    """Returns a resource of the native package as the core knows it: with API names, and secrets from the inputs."""
    if held.type not in TYPES:
        return held
    kind = TYPES[held.type]
    inputs = _from_package(kind, held.inputs)
    return replace(held, inputs=inputs, outputs=with_inputs(from_package(kind, held.outputs), inputs))


def _from_package(kind: Kind, properties: Mapping[str, Json]) -> dict[str, Json]:
    return from_package(kind, {name: it for name, it in properties.items() if it is not None})


def temporary_registry(dialect: Dialect = "v1") -> Registry:
    """Returns a registry with a temporary database, which is removed with it."""
    folder = tempfile.mkdtemp(prefix="enkrypt-")
    made = Registry(Path(folder) / "models.sqlite", dialect)
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def replaced_inputs(args: MockResourceArgs, inputs: dict[str, Json]) -> MockResourceArgs:
    """Returns the same resource with other inputs."""
    return MockResourceArgs(args.typ, args.name, inputs, args.provider, args.resource_id, args.custom)


def _alike(held: Json, given: Json) -> bool:
    """Whether nothing differs. An output that no mock provides is None after an `up`, and unknown in a preview."""
    if isinstance(held, dict) and isinstance(given, dict):
        return all(_alike(held.get(name), given.get(name)) for name in {**held, **given})
    if isinstance(held, list) and isinstance(given, list):
        return len(held) == len(given) and all(map(_alike, held, given))
    return bool(held == given) or (held is None and isinstance(given, Unknown))
