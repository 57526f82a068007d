"""What `enkrypt:checkOnline` lets a preview ask: whose is the key, and what would a create meet?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..api import operation
from ..errors import AuthenticationFailed, EnkryptError, plain
from ..kinds.kind import Identifier
from .holding import Holding
from .registrations import Registrations


class OnlineCheck:
    """The questions of one preview. `report_once` shows a warning that several resources may cause."""

    def __init__(self, registrations: Registrations, report_once: Callable[[str], None]) -> None:
        self._registrations: Final = registrations
        self._report_once: Final = report_once
        self._is_project_shown = False

    def problem(self, identity: Identifier, urn: str, *, is_adopted: bool) -> str:
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
