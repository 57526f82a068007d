"""Pulumi's mocks: what is registered with Enkrypt AI meets the provider itself, all else is passed through.

The real `check`, `diff`, `create`, `read`, `update` and `delete` run, on an emulator; nothing is sent anywhere else,
and no key is needed. Not here: running a program and what is remembered of it (stack).
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pulumi
from pulumi.output import Unknown
from pulumi.runtime.config import CONFIG
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from ..frontends import package_names
from ..frontends.property_values import without_secrets
from ..kinds.kind import Kind
from ..kinds.registry import KINDS
from .emulator import KEY, Registry

if TYPE_CHECKING:
    from ..core.database import Database
    from ..frontends.dynamic import DynamicFrontend

Json = Any
Change = Literal["create", "same", "update", "replace", "read", "delete"]
Outputs = Mapping[str, Json] | Callable[[MockResourceArgs], Mapping[str, Json]]
Answer = Mapping[str, Json] | Callable[[MockCallArgs], Mapping[str, Json]]

NATIVE: Final = package_names.TYPES
TYPES: Final = package_names.ALL_TYPES
ACCOUNTS: Final = ("pulumi:providers:pulumi-python", "pulumi:providers:enkrypt")


class CheckFailed(Exception):
    """What `pulumi preview` refuses: `problems`, one line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Held:
    """A resource that exists, in the clear."""

    type: str
    name: str
    id: str
    inputs: dict[str, Json] = field(repr=False)
    outputs: dict[str, Json] = field(repr=False)
    provider: str = ""


class EnkryptMocks(Mocks):
    """For `pulumi.runtime.set_mocks`, and behind every `MockStack`.

    `resources` says, by type, which outputs a resource has beside its inputs once it exists: a dict, or a function
    of `MockResourceArgs`; an `id` among them is its id. `calls` says, by token, what a function of a provider
    answers. `registry` is what is registered, by default an emulator of these mocks' own; `held` is what exists.
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
        """What happens to a resource, by its type and name, and which fields of a registration differ."""
        self.messages: list[str] = []
        """What the provider reports, such as `warning: …`."""
        self._resources = dict(resources or {})
        self._calls = dict(calls or {})
        self._held = {(it.type, it.name): it for it in held}
        self._replaced: list[Held] = []
        self._accounts = {it.name: _settings(it.inputs) for it in self._held.values() if it.type in ACCOUNTS}
        self._connected: dict[tuple[str, Kind], DynamicFrontend] = {}
        self._database: Database | None = None
        self._lock = threading.Lock()

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Json]]:
        """The id and the outputs of a resource, as far as its provider would know them now."""
        given = replaced_inputs(args, {name: _open(value) for name, value in args.inputs.items()})
        if args.typ in ACCOUNTS:
            self._accounts[args.name] = _settings(given.inputs)
        held = self._held.get((args.typ, args.name))
        if args.typ not in TYPES:
            return self._other(given, held)
        return (self._native if args.typ in NATIVE else self._registration)(given, held)

    def call(self, args: MockCallArgs) -> tuple[dict[str, Json], list[tuple[str, str]] | None]:
        """The answer of a provider's function: of the native package's own, what is registered."""
        if args.token not in self._calls and args.token in _functions():
            return self._function(args), []
        if args.token not in self._calls:
            raise LookupError(f"the program calls {args.token}: say in `calls` what it answers")
        answer = self._calls[args.token]
        return dict(answer(args) if callable(answer) else answer), []

    def delete(self, gone: Iterable[Held]) -> None:
        """Deletes registrations: what is no longer declared, and what was replaced."""
        for held in (*self._replaced, *gone):
            if held.type in TYPES:
                self._frontend(held.provider, TYPES[held.type]).delete(held.id, _in_api(held).outputs)

    # ---- a registration

    def _registration(self, args: MockResourceArgs, held: Held | None) -> tuple[str, dict[str, Json]]:
        frontend = self._frontend(args.provider or "", TYPES[args.typ])
        if args.resource_id:
            return self._read(args, frontend)
        checked = frontend.check(held.inputs if held else {}, args.inputs)
        if checked.failures:
            raise CheckFailed(
                f"{args.typ} resource '{args.name}' has a problem: {f.reason}" for f in checked.failures
            )
        inputs: dict[str, Json] = without_secrets(checked.inputs)
        change, changed = self._difference(frontend, TYPES[args.typ], held, inputs)
        self._note(args, change, changed)
        if held and change == "same":
            return held.id, held.outputs
        if pulumi.runtime.is_dry_run():
            return (held.id if held and change == "update" else ""), inputs
        if held and change == "update":
            return held.id, without_secrets(frontend.update(held.id, held.outputs, inputs).outs or {})
        if held and TYPES[args.typ].deletes_first:
            frontend.delete(held.id, held.outputs)
        elif held:
            self._replaced.append(held)
        created = frontend.create(inputs)
        return created.id, without_secrets(created.outs or {})

    def _native(self, args: MockResourceArgs, held: Held | None) -> tuple[str, dict[str, Json]]:
        """The same for the native package: in its names, and without secrets in the outputs."""
        from ..core.diff import without_secrets as open_only

        kind = NATIVE[args.typ]
        given = replaced_inputs(args, _from_package(kind, args.inputs))
        found, outputs = self._registration(given, _in_api(held) if held else None)
        return found, package_names.to_package(kind, open_only(outputs, kind))

    def _function(self, args: MockCallArgs) -> dict[str, Json]:
        client = self._frontend(args.provider or "", KINDS[0]).controller.registrations.client
        found: dict[str, Json] = _functions()[args.token](client, args.args, preview=pulumi.runtime.is_dry_run())
        return found

    def _difference(
        self, frontend: DynamicFrontend, kind: Kind, held: Held | None, inputs: dict[str, Json]
    ) -> tuple[Change, tuple[str, ...]]:
        from ..core.diff import changes
        from ..kinds.codec import from_state

        if held is None:
            return "create", ()
        found = frontend.diff(held.id, held.outputs, inputs)
        if not found.changes:
            return "same", ()
        paths = tuple(change.path for change in changes(from_state(kind, held.outputs), inputs, kind))
        return ("replace" if found.replaces else "update"), paths

    def _read(self, args: MockResourceArgs, frontend: DynamicFrontend) -> tuple[str, dict[str, Json]]:
        from ..errors import ModelNotFound

        try:
            found = frontend.read(str(args.resource_id), args.inputs)
        except ModelNotFound as error:
            raise CheckFailed([f"{args.typ} resource '{args.name}': {error}"]) from None
        self._note(args, "read")
        return str(found.id), without_secrets(found.outs or {})

    def _frontend(self, provider: str, kind: Kind) -> DynamicFrontend:
        """Return a kind's front end of a provider, by its reference URN::ID, or of the stack's own account."""
        name = provider.split("::")[3] if provider else ""
        with self._lock:
            if (name, kind) not in self._connected:
                self._connected[name, kind] = self._connect(name, kind)
            return self._connected[name, kind]

    def _connect(self, account: str, kind: Kind) -> DynamicFrontend:
        from ..api.client import EnkryptClient
        from ..core.controller import Controller, connect
        from ..core.database import Database
        from ..errors import ConfigurationError
        from ..frontends.dynamic import DynamicFrontend
        from ..settings import EMBEDDED, OFF, Key, Settings

        declared = {"enkrypt:apiKey": KEY, **(self._accounts.get(account, {}) if account else CONFIG.get())}
        try:
            settings = Settings.from_config(declared.get, {})
        except ConfigurationError as error:
            return DynamicFrontend(Controller(error), self._report, kind)
        first = self.registry.database
        file = first.with_name(f"{account}.{first.name}") if account else first
        here = replace(settings, api_key=Key(EMBEDDED), endpoint="", database=file, rate_limit=OFF)
        self._database = self._database or Database(first.parent / "provider.sqlite", run=uuid.uuid4().hex)
        registrations = connect(EnkryptClient(here), "", self._database, kind)
        return DynamicFrontend(Controller(registrations), self._report, kind)

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


def _settings(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """An account's settings by the names that both front ends know."""
    return {name if ":" in name else f"enkrypt:{name}": value for name, value in inputs.items()}


def _in_api(held: Held) -> Held:
    """A resource of the native package as the core knows it: in the API's names, its secrets from the inputs."""
    if held.type not in NATIVE:
        return held
    kind = NATIVE[held.type]
    inputs = _from_package(kind, held.inputs)
    return replace(held, inputs=inputs, outputs={**package_names.from_package(kind, held.outputs), **inputs})


def _from_package(kind: Kind, properties: Mapping[str, Json]) -> dict[str, Json]:
    return package_names.from_package(kind, {name: it for name, it in properties.items() if it is not None})


def temporary_registry() -> Registry:
    """An emulator's database of its own, removed with the object."""
    folder = tempfile.mkdtemp(prefix="enkrypt-")
    made = Registry(Path(folder) / "models.sqlite")
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def replaced_inputs(args: MockResourceArgs, inputs: dict[str, Json]) -> MockResourceArgs:
    """The same resource with other inputs."""
    return MockResourceArgs(args.typ, args.name, inputs, args.provider, args.resource_id, args.custom)


def _alike(held: Json, given: Json) -> bool:
    """Whether nothing differs. An output that no mock gives is None after an `up`, and unknown to a preview."""
    if isinstance(held, dict) and isinstance(given, dict):
        return all(_alike(held.get(name), given.get(name)) for name in {**held, **given})
    if isinstance(held, list) and isinstance(given, list):
        return len(held) == len(given) and all(map(_alike, held, given))
    return bool(held == given) or (held is None and isinstance(given, Unknown))


def _open(value: Json) -> Json:
    return unwrap_rpc_secret(value) if is_rpc_secret(value) else value


def _functions() -> Mapping[str, Any]:
    """The functions of the native package, by token."""
    from ..frontends.plugin.functions import FUNCTIONS

    return FUNCTIONS
