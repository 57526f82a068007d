"""What a preview says of a declaration beside its own rules: of others of the run and, online, of the API."""

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
    """The questions of one process. `report_once` shows a warning that several resources may cause."""

    def __init__(self, registrations: Registrations, report_once: Callable[[str], None]) -> None:
        self._registrations: Final = registrations
        self._kind: Final = registrations.kind
        self._is_online: Final = registrations.client.settings.check_online
        self._report_once: Final = report_once
        others = partial(connect, registrations.client, "", registrations.run.database)
        self._references: Final = References(registrations, others, report_once)
        self._is_project_shown = False

    def problems(self, request: Request, inputs: Properties) -> list[str]:
        """Return why a create or an update with canonical `inputs` would fail; what may be wrong is a warning."""
        identity = self._kind.known_identity(inputs)
        for doubt in codec.doubts(self._kind, inputs, self._registrations.client.settings.dialect):
            operation.report("warning", f"{identity or f'a {self._kind.noun}'}: {doubt}")
        problem = identity and (
            self._declared_twice(identity, request.urn) or self._taken_online(identity, inputs, request)
        )
        doubts = self._references.problems(identity, inputs, is_online=self._is_online)
        return [problem] if problem else doubts

    def _declared_twice(self, identity: Identifier, urn: str) -> str:
        first = self._registrations.run.declare(identity, urn) if urn else ""
        if first == urn:
            return ""
        another = f"give one of them another {self._kind.distinction}"
        return f"{identity} is declared twice, here and as {shown_urn(first)}: {another}"

    # ---- online

    def _taken_online(self, identity: Identifier, inputs: Properties, request: Request) -> str:
        """Return what a create to come would meet, where `enkrypt:checkOnline` wants it asked."""
        old = self._kind.known_identity(codec.from_state(self._kind, request.state)) if request.state else None
        if identity == old or not self._is_online:
            return ""
        return self._taken(identity, request.urn, is_adopted=inputs.get("adopt_existing") is True)

    def _taken(self, identity: Identifier, urn: str, *, is_adopted: bool) -> str:
        """Return why a create of `identity` would fail, or "". An API that is down is a warning alone."""
        try:
            self._show_project()
            is_free = not self._is_anothers(identity, urn)
        except AuthenticationFailed as error:
            return str(error)
        except EnkryptError as error:
            self._report_once(f"enkrypt:checkOnline: {error}")
            return ""
        if is_free:
            return ""
        if is_adopted:
            self._report_once(f"{identity} is registered already: it will be adopted and updated to what is declared")
            return ""
        return (
            f"{identity} is registered already: to take it over set adopt_existing=True; where another resource of "
            "this program gives it up, declare that one first"
        )

    def _is_anothers(self, identity: Identifier, urn: str) -> bool:
        snapshot, journal, run = self._registrations.snapshot, self._registrations.journal, self._registrations.run
        live = snapshot.find(identity) if identity in snapshot.identities() else None
        return live is not None and not journal.entry(urn, identity) and not run.is_released(Holding.of(live))

    def _show_project(self) -> None:
        if not self._is_project_shown:
            self._is_project_shown = True
            if project := self._registrations.client.consumer_info().get("project_name"):
                operation.report("info", f"the API key is of project {plain(project, 60)}")


def shown_urn(urn: str) -> str:
    """Return a resource's name and, where it has parents, their types."""
    *_, types, name = urn.split("::") if "::" in urn else ("", urn)
    parents, _, _ = types.rpartition("$")
    return f"{plain(name)!r}{f' in {plain(parents)}' if parents else ''}"
