"""The dynamic front end: what `pulumi.dynamic` asks and is told, in the core's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from ..core.controller import Controller, Request
from ..fields import OWNER
from .backend import current_backend

Properties = dict[str, Any]


class DynamicFrontend:
    """The six operations in `pulumi.dynamic`'s types.

    The host names a resource in no request: `check` learns its URN from an input of our own, and returns inputs
    without it.
    """

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    @classmethod
    def configured(cls, get: Callable[[str], Any]) -> DynamicFrontend:
        """Return the front end for a stack's configuration, then the environment."""
        return cls(Controller.configured(get, place=current_backend()))

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        request = Request(urn=str(news.get(OWNER, "")), inputs=_without_ours(news), state=olds)
        result = self.controller.check(request)
        # With a property's name the engine would print the property's value, secrets in the clear.
        return CheckResult(result.inputs, [CheckFailure("", problem) for problem in result.problems])

    def diff(self, id_: str, olds: Properties, news: Properties) -> DiffResult:
        result = self.controller.diff(Request(id=id_, state=olds, inputs=news))
        return DiffResult(changes=bool(result.changes), replaces=result.replaces, delete_before_replace=False)

    def create(self, props: Properties) -> CreateResult:
        created = self.controller.create(Request(inputs=props))
        return CreateResult(created.id, created.state)

    def read(self, id_: str, props: Properties) -> ReadResult:
        found = self.controller.read(Request(id=id_, state=props))
        return ReadResult(found.id, found.state, found.inputs) if found.id else ReadResult("", {})

    def update(self, id_: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(self.controller.update(Request(id=id_, state=olds, inputs=news)).state)

    def delete(self, id_: str, props: Properties) -> None:
        self.controller.delete(Request(id=id_, state=props))


def _without_ours(news: Properties) -> Properties:
    return {name: value for name, value in news.items() if name != OWNER}
