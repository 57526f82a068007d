"""What a front end asks of the core, and what it is told: plain types.

Inputs and states are property bags in the API's names; a state is the inputs, what the server set, and the account.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..api.operation import TIME_LIMIT, Report, print_line
from ..kinds.kind import Properties
from .diff import Change, Rule


@dataclass(frozen=True)
class Request:
    """What an engine asks. `urn` names the resource, where it is known; `timeout` is in seconds;
    `interrupted` cuts its waits short.

    `id` is NAME/VERSION, or NAME for a kind without versions; `state` is what the engine holds; `inputs` are the
    program's, as `check` returned them.
    """

    urn: str = ""
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    state: Properties = field(default_factory=dict)
    timeout: float = TIME_LIMIT
    report: Report = print_line
    interrupted: threading.Event = field(default_factory=threading.Event)
    keeps_unhealthy: bool = False
    """Whether a registration whose model does not answer is kept, with a problem, and not taken back."""


@dataclass(frozen=True)
class CheckResult:
    """The inputs with their defaults, and one line for each rule that they break."""

    inputs: Properties
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DiffResult:
    """The fields that change; `replaces` are those that make it a new registration.

    `deletes_first` says that the new one must not be made before the old one is deleted.
    """

    changes: list[Change]
    deletes_first: bool = False

    @property
    def replaces(self) -> list[str]:
        return [change.path for change in self.changes if change.rule is Rule.REPLACE]


@dataclass(frozen=True)
class Registered:
    """A registration as the engine keeps it; an empty `id` where it is gone. `problem` says why it is no use yet."""

    id: str = ""
    state: Properties = field(default_factory=dict)
    inputs: Properties = field(default_factory=dict)
    problem: str = ""
