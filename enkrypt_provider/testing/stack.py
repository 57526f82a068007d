"""A stack without the engine: runs a program under mocks and keeps its state.

This module takes the engine's part: requests, secrets, state. The provider's part is in mocks.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import os
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import empty_pb2
from pulumi.runtime import Settings, configure, set_all_config
from pulumi.runtime.mocks import MockCallArgs, MockEngine, MockMonitor, MockResourceArgs
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

from ..frontends.package_names import DYNAMIC_TYPES
from ..frontends.property_values import Json, Secret, clear, from_engine, hidden_as, hidden_at, to_engine
from .emulator import Registry
from .mocks import Answer, Change, CheckFailed, EnkryptMocks, Held, Outputs, temporary_registry

Program = Callable[[], Any] | str | Path
STACK: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Resource:
    """One resource as the engine knows it.

    `inputs` are as the program gave them. In `inputs` and `outputs`, a secret is a `Secret`, and a value that a
    preview cannot know is `UNKNOWN` or missing. `changed` lists the fields that an update or a replacement changes.
    `parent`, `provider` and `dependencies` are URNs; `reasons` lists the dependencies of each input.
    """

    urn: str
    type: str
    name: str
    inputs: dict[str, Json]
    outputs: dict[str, Json] = field(default_factory=dict)
    id: str = ""
    change: Change = "create"
    changed: tuple[str, ...] = ()
    parent: str = ""
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    secret_outputs: tuple[str, ...] = ()
    protect: bool = False

    @property
    def held(self) -> Held:
        """The same resource, in the clear."""
        return Held(self.type, self.name, self.id, clear(self.inputs), clear(self.outputs), self.provider)


@dataclass(frozen=True)
class Result:
    """The result of a run.

    `resources` are by name, or by TYPE::NAME if several share a name; `outputs` are the stack's, with `Secret` and
    `UNKNOWN` in them; `messages` come from the program and the provider, such as `warning: …`; `deleted` are names.
    """

    resources: dict[str, Resource]
    outputs: dict[str, Json]
    messages: list[str]
    deleted: tuple[str, ...] = ()

    @property
    def changes(self) -> dict[str, Change]:
        """The change to each resource, by name."""
        gone: dict[str, Change] = dict.fromkeys(self.deleted, "delete")
        return {**{name: found.change for name, found in self.resources.items()}, **gone}


class MockStack:
    """A stack of `program` without the engine: what `preview`, `up` and `destroy` would do, in milliseconds.

    `program` is a function, a project's folder or a file. `config` is the stack's configuration; the project's own
    keys need no namespace, and a `Secret` is stored as a secret. `resources`, `calls` and `registry` are those of
    `EnkryptMocks`. All of them may be changed between two runs.
    """

    def __init__(
        self,
        program: Program,
        *,
        config: Mapping[str, Json] | None = None,
        resources: Mapping[str, Outputs] | None = None,
        calls: Mapping[str, Answer] | None = None,
        registry: Registry | None = None,
        stack: str = "dev",
        project: str = "",
    ) -> None:
        self.program = program
        self.config = dict(config or {})
        self.resources = dict(resources or {})
        self.calls = dict(calls or {})
        self.registry = registry or temporary_registry(self.config.get("enkrypt:dialect", "v1"))
        self.stack = stack
        self.project = project or _project_of(program)
        self.state: dict[str, Resource] = {}
        """The existing resources, by URN."""

    def preview(self) -> Result:
        """Returns what an `up` would do. Raises `CheckFailed` if it is refused, and what the program raises."""
        return self._run(self.program, preview=True)

    def up(self) -> Result:
        """Previews, then applies the changes. Also raises the provider's errors, such as `ModelExists`."""
        return self._up(self.program)

    def destroy(self) -> Result:
        """Deletes all resources."""
        return self._up(lambda: None)

    def _up(self, program: Program) -> Result:
        self._run(program, preview=True)
        return self._run(program, preview=False)

    def _run(self, program: Program, *, preview: bool) -> Result:
        mocks = self._mocks()
        engine = _Engine(mocks)
        # In a context of its own: the SDK keeps the state of a program in context variables.
        try:
            contextvars.Context().run(self._in_context, program, engine, preview)
        except Exception as error:
            if not preview:  # resources created so far are kept, as in the engine's state
                self.state |= {urn: it for urn, it in engine.found.items() if it.id and it.change != "read"}
            if engine.problems:
                raise CheckFailed(engine.problems) from error
            raise
        finally:
            # The SDK makes the first settings of a context the default for all others.
            contextvars.Context().run(Settings, project="project", stack="stack")
        gone = [it for urn, it in self.state.items() if urn not in engine.found]
        engine.problems += [_PROTECTED.format(it.urn) for it in gone if it.protect]
        if engine.problems:
            raise CheckFailed(engine.problems)
        if not preview:
            # The deletes need the stack's configuration too.
            contextvars.Context().run(self._delete, mocks, [it.held for it in reversed(gone)])
            self.state = {urn: it for urn, it in engine.found.items() if it.change != "read"}
        return Result(_named(engine.found), engine.outputs, engine.messages, tuple(it.name for it in gone))

    def _mocks(self) -> EnkryptMocks:
        held = [it.held for it in self.state.values()]
        return EnkryptMocks(self.resources, self.calls, registry=self.registry, held=held)

    def _in_context(self, program: Program, engine: _Engine, preview: bool) -> None:
        log = logging.Logger("pulumi", logging.INFO)
        log.addFilter(lambda record: engine.note(f"{record.levelname.lower()}: {record.getMessage()}"))
        logger: Any = MockEngine(log)
        configure(Settings(project=self.project, stack=self.stack, monitor=engine, engine=logger, dry_run=preview))
        self._configure()
        asyncio.run(run_in_stack(lambda: _execute(program)))

    def _delete(self, mocks: EnkryptMocks, gone: list[Held]) -> None:
        self._configure()
        mocks.delete(gone)

    def _configure(self) -> None:
        given = {name if ":" in name else f"{self.project}:{name}": value for name, value in self.config.items()}
        values = {name: clear(value) for name, value in given.items()}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        set_all_config(texts, [name for name, value in given.items() if isinstance(value, Secret)])


_PROTECTED: Final = "resource {} cannot be deleted because it is protected"


class _Engine(MockMonitor):
    """Records the requests and the mocks' responses, with secrets marked."""

    def __init__(self, provider: EnkryptMocks) -> None:
        super().__init__(provider)
        self.found: dict[str, Resource] = {}
        self.outputs: dict[str, Json] = {}
        self.messages = provider.messages
        self.problems: list[str] = []
        self._provider = provider

    def note(self, message: str) -> bool:
        """Record a message as the console would show it. Return False, so that it is not logged."""
        self.messages.append(message)
        return False

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # Like the engine: the stack's own type is not part of a URN.
        return str(super().make_urn("" if f"::{STACK}::" in parent else parent, type_, name))

    def RegisterResource(self, request: Any) -> Any:
        if request.type == STACK:
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the library has no types
        asked = replace(
            self._asked(request, request.object),
            reasons={name: tuple(found.urns) for name, found in request.propertyDependencies.items()},
            protect=bool(request.protect),
        )
        made = self._answered(asked, bool(request.custom), request.importId)
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=to_engine(made.outputs))

    def ReadResource(self, request: Any) -> Any:
        made = self._answered(self._asked(request, request.properties), None, request.id)
        return resource_pb2.ReadResourceResponse(urn=made.urn, properties=to_engine(made.outputs))

    def Invoke(self, request: Any) -> Any:
        if request.tok == "pulumi:pulumi:getResource":
            return super().Invoke(request)  # type: ignore[no-untyped-call]  # the library has no types
        # Not Pulumi's own implementation, which leaves an event loop open in each thread.
        answer, _ = self._provider.call(MockCallArgs(request.tok, clear(from_engine(request.args)), request.provider))
        return resource_pb2.ResourceInvokeResponse(**{"return": to_engine(answer)})

    def RegisterResourceOutputs(self, request: Any) -> Any:
        outputs = from_engine(request.outputs)
        if f"::{STACK}::" in request.urn:
            self.outputs = outputs
        elif request.urn in self.found:
            self.found[request.urn] = replace(self.found[request.urn], outputs=outputs)
        return empty_pb2.Empty()

    def _asked(self, request: Any, inputs: Any) -> Resource:
        """The fields that both requests have."""
        return Resource(
            urn=self.make_urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            inputs=from_engine(inputs),
            parent=request.parent,
            provider=request.provider,
            dependencies=tuple(request.dependencies),
            secret_outputs=tuple(request.additionalSecretOutputs),
        )

    def _answered(self, asked: Resource, custom: bool | None, id_: str) -> Resource:
        if self.found.setdefault(asked.urn, asked) is not asked:
            self.problems.append(f"Duplicate resource URN '{asked.urn}'; try giving it a unique name")
        inputs = clear(asked.inputs)
        args = MockResourceArgs(asked.type, asked.name, inputs, asked.provider, id_, custom)
        try:
            known, outputs = self._provider.new_resource(args)
        except CheckFailed as failed:
            self.problems += failed.problems
            known, outputs = "", {}  # the SDK would print values of a wrong type
        marked = hidden_as(asked.inputs, outputs)
        if kind := DYNAMIC_TYPES.get(asked.type):  # its secrets follow from the outputs themselves
            marked = hidden_at(marked, kind.secret_paths(outputs), _hidden)
        marked |= {name: _hidden(marked[name]) for name in asked.secret_outputs if name in marked}
        change, changed = self._provider.changes.get((asked.type, asked.name), ("create", ()))
        made = replace(asked, id=known, outputs=marked, change=change, changed=changed)
        self.found[asked.urn] = made
        self.resources[asked.urn] = MockMonitor.ResourceRegistration(asked.urn, known, outputs)
        return made


def _hidden(value: Json) -> Secret:
    return value if isinstance(value, Secret) else Secret(clear(value))


def _named(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    often = Counter(it.name for it in resources.values())
    return {it.name if often[it.name] == 1 else f"{it.type}::{it.name}": it for it in resources.values()}


# ---- the program


def _project_of(program: Program) -> str:
    if callable(program):
        return "project"
    place = Path(program)
    file = (place if place.is_dir() else place.parent) / "Pulumi.yaml"
    return str(yaml.safe_load(file.read_text())["name"]) if file.exists() else "project"


def _execute(program: Program) -> Any:
    if callable(program):
        return program()
    place = Path(program).resolve()
    with _inside(place if place.is_dir() else place.parent):
        runpy.run_path(str(place), run_name="__main__")
    return None


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Run a program as the language host does: in its folder, with imports from there, and with fresh modules."""
    before, modules, path = Path.cwd(), set(sys.modules), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
