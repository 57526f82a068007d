"""A stack that calls the provider's operations as the engine does, without the engine.

State passes through the engine's own serialisation, and each difference is checked twice: by comparing documents, and
by the operation. There are no tests here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from documents import through_engine, without_secrets
from pulumi.dynamic import CheckResult

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.core import diff
from enkrypt_provider.core.controller import Controller, connect
from enkrypt_provider.core.database import Database
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Key, Settings


@dataclass(frozen=True)
class Held:
    """A resource in a state."""

    id: str
    outs: Properties


class Stack:
    """The provider with a stack's settings, for one engine run. After changes behind its back, use a new one."""

    def __init__(self, provider: DynamicFrontend) -> None:
        self.provider = provider

    @classmethod
    def configured(cls, dialect: Dialect, endpoint: str | Path, key: str = "") -> Stack:
        """Build from a stack's configuration: the API at a URL, or the embedded emulator over a file."""
        where = f"embedded:{endpoint}" if isinstance(endpoint, Path) else endpoint
        settings = {"enkrypt:dialect": dialect, "enkrypt:endpoint": where, "enkrypt:apiKey": key}
        get = {name: value for name, value in settings.items() if value}.get
        return cls(DynamicFrontend(Controller.configured(get, database=Database(run=uuid.uuid4().hex))))

    @classmethod
    def answered(cls, dialect: Dialect, api: Callable[[httpx.Request], httpx.Response]) -> Stack:
        """Build for an API that is a function."""
        settings = Settings(Key("stand-in-key"), dialect=dialect, max_retries=0)
        client = EnkryptClient(settings, transport=httpx.MockTransport(api))
        return cls(DynamicFrontend(Controller(connect(client, database=Database(run=uuid.uuid4().hex)))))

    def checked(self, program: Properties) -> CheckResult:
        return self.provider.check({}, program)

    def inputs(self, program: Properties) -> Properties:
        """Return the inputs that `check` makes of a valid program."""
        result = self.checked(program)
        assert not result.failures, [failure.reason for failure in result.failures]
        inputs: Properties = without_secrets(result.inputs)
        return inputs

    def create(self, program: Properties) -> Held:
        made = self.provider.create(through_engine(self.inputs(program)))
        return Held(made.id, _kept(made.outs))

    def update(self, held: Held, program: Properties) -> Held:
        made = self.provider.update(held.id, held.outs, through_engine(self.inputs(program)))
        return Held(held.id, _kept(made.outs))

    def holding(self, program: Properties) -> Held:
        """Return a state with `program` declared, whoever registered it."""
        inputs = self.inputs(program)
        return Held(str(MODEL.identity_of(inputs)), through_engine(inputs))

    def preview(self, held: Held, program: Properties) -> list[str]:
        """Return the paths that an `up` would change."""
        inputs = self.inputs(program)
        found = diff.changes(codec.from_state(MODEL, held.outs), inputs, MODEL)
        shown = self.provider.diff(held.id, held.outs, through_engine(inputs))
        assert shown.changes is bool(found)
        assert shown.replaces == [change.path for change in found if change.rule is diff.Rule.REPLACE]
        return [change.path for change in found]

    def refresh(self, held: Held) -> Held | None:
        """Return the state after a refresh; None if the registration is gone."""
        found = self.provider.read(held.id, held.outs)
        return Held(found.id, _kept(found.outs)) if found.id else None

    def drift(self, held: Held, program: Properties) -> list[str]:
        """Return the paths that a refresh shows as changed, and that the next `up` would revert."""
        refreshed = self.refresh(held)
        assert refreshed is not None, "the registration is gone"
        assert refreshed.id == held.id
        paths = self.preview(refreshed, program)
        is_same = codec.from_state(MODEL, refreshed.outs) == self.inputs(program)
        assert is_same is not bool(paths), "the engine compares outputs as they are"
        return paths

    def imported(self, id_: str, program: Properties) -> list[str]:
        """Return the paths that an `up` would change after an import by id alone."""
        found = self.provider.read(id_, {})
        assert found.id == id_
        return self.preview(Held(found.id, _kept(found.outs)), program)


def _kept(outs: Properties | None) -> Properties:
    return through_engine(dict(outs or {}))
