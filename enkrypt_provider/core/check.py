"""Preview checks beyond a declaration's own rules: against the run's other declarations and, online, the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from ..api import operation
from ..errors import AuthenticationFailed, EnkryptError, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Properties
from .holding import Holding
from .references import References
from .registrations import Registrations, connect
from .requests import Request


class Check:
    """The checks of one process. `report_once` shows a warning once, although several resources may cause it."""

    def __init__(self, registrations: Registrations, report_once: Callable[[str], None]) -> None:
        self._registrations: Final = registrations
        self._kind: Final = registrations.kind
        self._is_online: Final = registrations.client.settings.check_online
        self._report_once: Final = report_once
        others = partial(connect, registrations.client, "", registrations.run.database)
        self._references: Final = References(registrations, others, report_once)
        self._is_project_reported = False

    def problems(self, request: Request, inputs: Properties) -> list[str]:
        """Return why a create or update with canonical `inputs` would fail; only warn about what may be wrong."""
        identity = self._kind.known_identity(inputs)
        for doubt in codec.doubts(self._kind, inputs, self._registrations.client.settings.dialect):
            operation.report("warning", f"{identity or f'a {self._kind.noun}'}: {doubt}")
        problem = identity and (
            self._declared_twice(identity, request.urn) or self._conflict_online(identity, inputs, request)
        )
        missing = self._references.problems(identity, inputs, is_online=self._is_online)
        return [problem] if problem else missing

    def _declared_twice(self, identity: Identifier, urn: str) -> str:
        first = self._registrations.run.declare(identity, urn) if urn else ""
        if first == urn:
            return ""
        another = f"give one of them another {self._kind.distinction}"
        return f"{identity} is declared twice, here and as {shown_urn(first)}: {another}"

    # ---- online

    def _conflict_online(self, identity: Identifier, inputs: Properties, request: Request) -> str:
        """With `enkrypt:checkOnline`, return why the create of a new identity would fail, or ""."""
        old = self._kind.known_identity(codec.from_state(self._kind, request.state)) if request.state else None
        if identity == old or not self._is_online:
            return ""
        return self._conflict(identity, request.urn, is_adopted=inputs.get("adopt_existing") is True)

    def _conflict(self, identity: Identifier, urn: str, *, is_adopted: bool) -> str:
        """Return why a create of `identity` would fail, or "". An API that is down only causes a warning."""
        try:
            self._report_project()
            is_free = not self._belongs_to_another(identity, urn)
        except AuthenticationFailed as error:
            return str(error)
        except EnkryptError as error:
            self._report_once(f"enkrypt:checkOnline: {error}")
            return ""
        if is_free:
            return ""
        if is_adopted:
            line = f"{identity} is registered already: it will be adopted and updated to match the program"
            self._report_once(line)
            return ""
        return (
            f"{identity} is registered already: to take it over set adopt_existing=True; if another resource of this "
            "program gives up the name, declare that one first"
        )

    def _belongs_to_another(self, identity: Identifier, urn: str) -> bool:
        snapshot, journal, run = self._registrations.snapshot, self._registrations.journal, self._registrations.run
        live = snapshot.find(identity) if identity in snapshot.identities() else None
        return live is not None and not journal.entry(urn, identity) and not run.is_released(Holding.of(live))

    def _report_project(self) -> None:
        if not self._is_project_reported:
            self._is_project_reported = True
            if project := self._registrations.client.consumer_info().get("project_name"):
                operation.report("info", f"the API key belongs to project {plain(project, 60)}")


def shown_urn(urn: str) -> str:
    """Return a resource's name and, if it has parents, their types."""
    *_, types, name = urn.split("::") if "::" in urn else ("", urn)
    parents, _, _ = types.rpartition("$")
    return f"{plain(name)!r}{f' in {plain(parents)}' if parents else ''}"
