"""The requests of a front end to the core, and their results, as plain types.

Inputs and states are property bags keyed by the API's names; a state adds the server's outputs and the account.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..api.operation import TIME_LIMIT, Report, print_line
from ..kinds.kind import Properties
from .diff import Change, Rule


@dataclass(frozen=True)
class Request:
    """A request from the engine. `urn` is "" if the engine does not give it; `timeout` is in seconds; setting
    `interrupted` cuts waits short.

    `id` is NAME/VERSION, or NAME for a kind without versions; `state` is the engine's; `inputs` are the program's, as
    returned by `check`.
    """

    urn: str = ""
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    state: Properties = field(default_factory=dict)
    timeout: float = TIME_LIMIT
    report: Report = print_line
    interrupted: threading.Event = field(default_factory=threading.Event)
    keeps_unhealthy: bool = False
    """Whether to keep a registration whose model does not respond, with a problem, instead of undoing it."""


@dataclass(frozen=True)
class CheckResult:
    """The inputs with their defaults, and one line for each broken rule."""

    inputs: Properties
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DiffResult:
    """The fields that change; `replaces` lists those that require a new registration.

    With `deletes_first`, the old registration must be deleted before the new one is created.
    """

    changes: list[Change]
    deletes_first: bool = False

    @property
    def replaces(self) -> list[str]:
        return [change.path for change in self.changes if change.rule is Rule.REPLACE]


@dataclass(frozen=True)
class Registered:
    """A registration as the engine stores it. `id` is empty if it is gone; `problem` is why it is unusable so far."""

    id: str = ""
    state: Properties = field(default_factory=dict)
    inputs: Properties = field(default_factory=dict)
    problem: str = ""
