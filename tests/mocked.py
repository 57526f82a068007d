"""A program under Pulumi's mocks: what the engine would be asked to register, secrets marked. No test lives here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from documents import COMPUTED
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.runtime import get_root_resource
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key, unwrap_rpc_secret

from enkrypt_provider import schema

Json = Any


@dataclass(frozen=True)
class Secret:
    """A value that the engine is told to keep secret."""

    value: Json


@dataclass(frozen=True)
class Registered:
    """One resource as the engine is asked for it: `inputs` in the clear, with `Secret` where they are secret."""

    type: str
    name: str
    id: str
    inputs: dict[str, Json]
    secret_outputs: list[str]
    protect: bool


@dataclass
class Run:
    """What came of a program."""

    resources: dict[str, Registered] = field(default_factory=dict)
    exports: dict[str, Json] = field(default_factory=dict)
    seen: list[Json] = field(default_factory=list)


class _Provider(Mocks):
    """Makes of the inputs what the provider makes of them, with what a server sets beside them after a preview."""

    def __init__(self, preview: bool) -> None:
        self._preview = preview

    def call(self, args: MockCallArgs) -> Any:
        raise AssertionError(f"nothing is invoked, but {args.token} was")

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Json]]:
        given = {name: unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        inputs, problems = schema.parse(given, "v2")
        if self._preview:
            return "", given if problems else inputs
        if problems:
            return args.resource_id or "an-id", given
        return str(schema.known_identity(inputs)), {**inputs, **COMPUTED}


class _Engine(MockMonitor):
    def __init__(self, run: Run, provider: _Provider) -> None:
        super().__init__(provider)
        self._run = run

    def RegisterResource(self, request: Any) -> Any:
        if request.type != "pulumi:pulumi:Stack":
            inputs = _marked(MessageToDict(request.object))
            self._run.resources[request.name] = Registered(
                request.type, request.name, "", inputs, list(request.additionalSecretOutputs), bool(request.protect)
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def ReadResource(self, request: Any) -> Any:
        inputs = _marked(MessageToDict(request.properties))
        self._run.resources[request.name] = Registered(
            request.type, request.name, request.id, inputs, list(request.additionalSecretOutputs), protect=False
        )
        return super().ReadResource(request)  # type: ignore[no-untyped-call]


def _marked(value: Json) -> Json:
    if isinstance(value, dict):
        if value.get(_special_sig_key) == _special_secret_sig:
            return Secret(_marked(value["value"]))
        return {name: _marked(item) for name, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value


def run(
    program: Callable[[], Any],
    *,
    config: dict[str, Json] | None = None,
    secret_names: Iterable[str] = (),
    stack: str = "dev",
    preview: bool = False,
) -> Run:
    """Runs a program in the project `enkrypt` to its end; what it returns, Outputs included, is `seen`."""
    made = Run()
    provider = _Provider(preview)
    engine = _Engine(made, provider)
    pulumi.runtime.set_mocks(provider, project="enkrypt", stack=stack, preview=preview, monitor=engine)
    given = {f"enkrypt:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in (config or {}).items()}
    pulumi.runtime.set_all_config(given, [f"enkrypt:{name}" for name in secret_names])

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def whole() -> Any:
        root: Any = get_root_resource()
        root.outputs.clear()
        returned = program()
        return pulumi.Output.all(returned, root.outputs).apply(lambda both: keep(*both))

    def keep(returned: Any, exported: dict[str, Json]) -> None:
        made.seen.append(returned)
        made.exports.update(exported)

    try:
        whole()
    finally:
        pulumi.runtime.set_all_config({})
    return made
