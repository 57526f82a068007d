"""The dynamic front end: translates between `pulumi.dynamic` and the core's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from ..api.operation import Report, print_line
from ..core.controller import Controller, Request
from ..kinds.kind import Kind
from ..kinds.model import MODEL
from .backend import current_backend
from .property_values import OWNER, is_unknown, with_secrets, with_unknown, without_unknown

Properties = dict[str, Any]


class DynamicFrontend:
    """The six operations in `pulumi.dynamic`'s types.

    The host never says which resource a request is for: `check` takes the URN from an extra input, and returns the
    inputs without it.
    """

    def __init__(self, controller: Controller, report: Report = print_line, kind: Kind = MODEL) -> None:
        self.controller = controller
        self._report = report
        self._kind = kind

    @classmethod
    def configured(cls, get: Callable[[str], Any], kind: Kind = MODEL) -> DynamicFrontend:
        """Return a kind's front end, with settings from the stack's configuration, then the environment."""

        def known(name: str) -> Any:
            value = get(name)
            return None if is_unknown(value) else value

        return cls(Controller.configured(known, place=current_backend(), kind=kind), kind=kind)

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        given = {name: value for name, value in news.items() if name != OWNER}
        request = self._request("", olds, given, urn=str(news.get(OWNER) or ""))
        result = self.controller.check(request)
        # If a failure names a property, the engine prints the property's value, secrets in the clear.
        failures = [CheckFailure("", problem) for problem in result.problems]
        return CheckResult({} if failures else with_secrets(self._kind, with_unknown(result.inputs)), failures)

    def diff(self, id_: str, olds: Properties, news: Properties) -> DiffResult:
        result = self.controller.diff(self._request(id_, olds, news))
        return DiffResult(
            changes=bool(result.changes), replaces=result.replaces, delete_before_replace=result.deletes_first
        )

    def create(self, props: Properties) -> CreateResult:
        created = self.controller.create(self._request(inputs=props))
        return CreateResult(created.id, with_secrets(self._kind, created.state))

    def read(self, id_: str, props: Properties) -> ReadResult:
        found = self.controller.read(self._request(id_, props))
        if not found.id:
            return ReadResult("", {})
        return ReadResult(found.id, with_secrets(self._kind, found.state), with_secrets(self._kind, found.inputs))

    def update(self, id_: str, olds: Properties, news: Properties) -> UpdateResult:
        updated = self.controller.update(self._request(id_, olds, news))
        return UpdateResult(with_secrets(self._kind, updated.state))

    def delete(self, id_: str, props: Properties) -> None:
        self.controller.delete(self._request(id_, props))

    def _request(
        self, id_: str = "", state: Properties | None = None, inputs: Properties | None = None, urn: str = ""
    ) -> Request:
        known = without_unknown(inputs or {})
        return Request(urn=urn, id=id_, state=without_unknown(state or {}), inputs=known, report=self._report)
