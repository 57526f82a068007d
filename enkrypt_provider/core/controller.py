"""The six operations on a registration, in the order of its life: check, diff, create, read, update, delete.

Requests and results are plain types (requests.py), so that any front end can translate them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import chain
from typing import Any, Final

from ..api import operation
from ..api.client import EnkryptClient
from ..api.operation import Operation
from ..errors import AuthenticationFailed, ConfigurationError, DeletionProtected, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Kind, Live, Properties
from ..kinds.markers import Reaches
from ..kinds.model import MODEL
from ..settings import Settings
from . import diff as differences
from .check import Check
from .create import Create
from .database import Database
from .diff import Change, Rule
from .holding import Holding
from .registrations import Registrations, is_another, report_kept
from .registrations import connect as connect
from .requests import CheckResult as CheckResult
from .requests import DiffResult as DiffResult
from .requests import Registered as Registered
from .requests import Request as Request

ACCOUNT: Final = "__account"
"""An output that no person sees: the account to which the registration belongs. A storage format."""
WITHHELD: Final = "__withheld"
"""Another: the secret fields that an import left out, which generated code would show in the clear."""


class Controller:
    """The operations for one configuration. A configuration error is kept and raised by the first call that needs the
    account."""

    def __init__(self, registrations: Registrations | ConfigurationError) -> None:
        self._connected = registrations
        self._told: set[str] = set()

    @classmethod
    def configured(
        cls, get: Callable[[str], Any], place: str = "", database: Database | None = None, kind: Kind = MODEL
    ) -> Controller:
        """Return the controller for a stack's configuration, then the environment.

        `place` tells apart stacks of one name: the backend and the organization.
        """
        try:
            return cls(connect(EnkryptClient(Settings.from_config(get)), place, database, kind))
        except ConfigurationError as error:
            return cls(error)

    @property
    def registrations(self) -> Registrations:
        """The account. Raise `ConfigurationError` where the settings give none."""
        if isinstance(self._connected, ConfigurationError):
            raise self._connected
        return self._connected

    @property
    def _kind(self) -> Kind:
        return self.registrations.kind

    @property
    def _settings(self) -> Settings:
        return self.registrations.client.settings

    # ---- check

    def check(self, request: Request) -> CheckResult:
        """Parse a program's arguments, some not known yet. Call nothing unless `enkrypt:checkOnline` is set."""
        if isinstance(self._connected, ConfigurationError):
            return CheckResult(dict(request.inputs), [str(self._connected)])
        with self._running(request):
            self.registrations.run.check(request.urn, is_new=not request.state)
            inputs, problems = codec.parse(self._kind, request.inputs, self._settings.dialect)
            if problems:
                return CheckResult(inputs, [str(problem) for problem in problems])
            return CheckResult(inputs, self._check.problems(request, inputs))

    @cached_property
    def _check(self) -> Check:
        return Check(self.registrations, self._report_once)

    def _report_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            operation.report("warning", line)

    # ---- diff

    def diff(self, request: Request) -> DiffResult:
        """Compare what the state holds with what is declared."""
        with self._running(request):
            held, urn = self._holding(request), self._declarer(request)
            moved = self._moved(held, is_told=bool(urn))
            gone = [] if moved else self._deleted(held)
            away = moved or gone
            changes = [*away, *self._differences(request, held, is_sent=bool(urn) and not away)]
            # What is gone cannot give its name up, as the old object of a replacement does.
            result = DiffResult(changes, self._kind.deletes_first or bool(gone))
            if result.replaces and self._kind.known_identity(request.inputs):  # else nobody knows yet
                refuse_if_protected(request)
            if urn:
                self.registrations.name_unfinished(urn)
            if urn and not away:
                run = self.registrations.run
                if result.replaces:
                    run.give_up(urn, held, request.state)
                else:
                    run.stay(urn, held, request.state, is_updated=bool(differences.told(changes)))
            self._name_rotated_keys(request.id, changes)
            return result

    def _declarer(self, request: Request) -> str:
        """Return the resource that a diff is about; "" where a refresh asks, of what may be deleted next."""
        identity = self._kind.known_identity(request.inputs)
        urn = self.registrations.run.declarer(identity) if identity else ""
        return urn if request.urn in ("", urn) and not self.registrations.run.is_new(urn) else ""

    def _differences(self, request: Request, held: Holding, *, is_sent: bool) -> list[Change]:
        state, inputs = codec.from_state(self._kind, request.state), codec.from_state(self._kind, request.inputs)
        changes = differences.changes(state, inputs, self._kind)
        if not is_sent or self.registrations.confirm(held, request.state) or DiffResult(changes).replaces:
            return changes
        self._report_once(f"{held.identity}: the last update was not confirmed: `pulumi up` sends it again")
        return changes or [Change(self._kind.nested or self._kind.whole_with[0], Rule.UPDATE)]

    def _deleted(self, held: Holding) -> list[Change]:
        """Return the change of a registration that an interrupted command deleted, and the state still holds."""
        if not self.registrations.is_deleted(held):
            return []
        self._report_once(
            f"{held.identity} was deleted by an earlier command on this machine: `pulumi up` registers it anew"
        )
        return [Change(self._kind.number, Rule.REPLACE)]

    def _moved(self, held: Holding, *, is_told: bool) -> list[Change]:
        """Return the change of account, unless the same registration is there under another address."""
        if not self._is_elsewhere(held):
            return []
        if is_told:
            here = self._settings.shown_endpoint
            self._report_once(
                f"{held.identity} is registered at {shown_account(held.account)}; it is replaced by one at {here}"
            )
        return [Change(ACCOUNT, Rule.REPLACE)]

    def _is_elsewhere(self, held: Holding) -> bool:
        """Whether a state speaks of another account, and not only of another address of this one."""
        if held.account in ("", self._settings.account):
            return False
        live = self.registrations.snapshot.find(held.identity)
        return live is None or not held.is_very_same(Holding.of(live))

    def _name_rotated_keys(self, id_: str, changes: list[Change]) -> None:
        # The engine shows `[secret]` on both sides: say at least whose and which.
        secrets = [change.path for change in changes if change.rule is Rule.SECRET]
        if secrets:
            operation.report("info", f"{plain(id_)}: its keys change ({', '.join(secrets)})")

    # ---- create, read, update, delete

    def create(self, request: Request) -> Registered:
        """Make the registration, once."""
        with self._running(request):
            inputs = codec.from_state(self._kind, request.inputs)
            identity = self._kind.identity_of(inputs)
            urn = self._urn(request, identity)
            self.registrations.name_unfinished(urn, its_own=False)
            adopts = bool(inputs.get("adopt_existing"))
            with self.registrations.run.changing(urn, makes=identity, adopts=adopts):
                live, problem = Create(self.registrations, urn, inputs).run(keeps_unhealthy=request.keeps_unhealthy)
            return Registered(str(live.identity), self._state(inputs, live.computed), problem=problem)

    def read(self, request: Request) -> Registered:
        """Return the live registration, as state and as inputs, so that drift shows; an empty id where it is gone."""
        with self._running(request):
            held = self._holding(request)
            declared = codec.from_state(self._kind, request.state)
            if self._is_elsewhere(held):
                self._report_once(
                    f"{held.identity} is registered at {shown_account(held.account)}, and enkrypt:endpoint is "
                    f"{self._settings.shown_endpoint}: it was not read; `pulumi up` moves it"
                )
                return Registered(request.id, request.state, declared)
            live = self._found(request, held)
            if live is None:
                self._report_once(
                    f"what {self._settings.shown_endpoint} does not show is dropped from the state: it was deleted, "
                    "or the API key is of another project"
                )
                return Registered()
            self.registrations.confirm(held, request.state)
            self.registrations.journal.keep(held.key)
            return self._as_read(held, declared, live)

    def _as_read(self, held: Holding, declared: Properties, live: Live) -> Registered:
        if is_another(held, live):  # with keys of its own
            declared = differences.without_secrets(declared, self._kind)
        inputs = codec.from_state(self._kind, differences.settle(declared, live, self._kind))
        return Registered(str(live.identity), self._state(inputs, live.computed), inputs)

    def _found(self, request: Request, held: Holding) -> Live | None:
        """Return what is registered. Raise `ModelNotFound` where nothing is that a person named."""
        try:
            live = self.registrations.snapshot.find(held.identity)
        except AuthenticationFailed as error:
            if str(error) in self._told:
                raise AuthenticationFailed(f"{held.identity}: not read, since the API key is refused") from None
            self._told.add(str(error))
            raise
        is_named = next(iter(self._kind.identity)) not in request.state
        return self.registrations.client.registered(self._kind, held.identity) if live is None and is_named else live

    def update(self, request: Request) -> Registered:
        """Send the whole object."""
        with self._running(request):
            held = self._holding(request)
            old, inputs = codec.from_state(self._kind, request.state), codec.from_state(self._kind, request.inputs)
            changes = differences.changes(old, inputs, self._kind)
            if changes and not differences.told(changes) and self.registrations.confirm(held, request.state):
                return Registered(request.id, self._state(inputs, self._computed(request.state)))
            verify = bool(inputs.get("verify_health")) and self._may_be_unreachable(changes)
            undo_to, urn = None if request.keeps_unhealthy else old, self._urn(request, held.identity)
            with self.registrations.run.changing(urn):
                live, problem = self.registrations.update(urn, held, inputs, verify=verify, undo_to=undo_to)
            return Registered(request.id, self._state(inputs, live.computed), problem=problem)

    def _may_be_unreachable(self, changes: list[Change]) -> bool:
        """Whether the changes, or what an update without any sends again, can make a model unreachable."""
        return not changes or any(change.path.startswith(self._kind.marked(Reaches)) for change in changes)

    def delete(self, request: Request) -> None:
        """Delete the registration that the state stands for; one that is gone already is done.

        One that another object of this run stands for as well, or that somebody else made anew, is kept.
        """
        with self._running(request):
            held, run = self._holding(request), self.registrations.run
            run.forget(request.state)
            is_elsewhere = self._is_elsewhere(held)
            if run.is_made(request.urn, held) or (not is_elsewhere and run.is_held(held)):
                return self._keep(request, held)
            refuse_if_protected(request)
            if not is_elsewhere:
                return self.registrations.delete(held)
            return operation.report(
                "warning",
                f"{held.identity} ({self._kind.number} {held.number}) stays registered at "
                f"{shown_account(held.account)}: only the account {self._settings.shown_endpoint} is known here. "
                "Delete it there if nobody needs it",
            )

    def _keep(self, request: Request, held: Holding) -> None:
        """Delete nothing. What the deleted object wrote is overwritten by what the one that stays says.

        An earlier run may have failed after this resource took the registration over, before the other gave it up.
        """
        report_kept(held)
        urn, other = self.registrations.run.staying(held)
        state, wanted = codec.from_state(self._kind, request.state), codec.from_state(self._kind, other)
        if other and WITHHELD not in other and differences.told(differences.changes(state, wanted, self._kind)):
            operation.report("info", f"{held.identity}: what the object that stays says is sent again")
            self.registrations.update(urn, held, wanted)

    def _running(self, request: Request) -> AbstractContextManager[Operation]:
        texts = map(self._kind.secret_texts, (request.state, request.inputs))  # what a response may repeat
        self.registrations.client.hide(chain.from_iterable(texts))
        return operation.running(Operation(request.report, request.timeout, interrupted=request.interrupted))

    # ---- what a state says

    def _urn(self, request: Request, identity: Identifier) -> str:
        """Return the resource, which not every engine names again after its check."""
        return request.urn or self.registrations.run.declarer(identity)

    def _holding(self, request: Request) -> Holding:
        number = request.state.get(self._kind.number)
        return Holding(
            self._kind.identity_from(request.id),
            int(number) if isinstance(number, int | float) else None,
            str(request.state.get("created_at", "")),
            str(request.state.get(ACCOUNT, "")),
            str(request.state.get("updated_at", "")),
        )

    def _computed(self, state: Properties) -> Properties:
        return {name: state[name] for name in self._kind.computed if name in state}

    def _state(self, inputs: Properties, computed: Properties) -> Properties:
        # What was declared, not its echo: the server may mask a key or spell a number differently.
        return {**inputs, **computed, ACCOUNT: self._settings.account}


def refuse_if_protected(request: Request) -> None:
    """Raise `DeletionProtected` where the state says so."""
    if request.state.get("deletion_protection"):
        raise DeletionProtected(
            f"{plain(request.id)} is protected from deletion and replacement: set deletion_protection=False, run "
            "`pulumi up`, then try again"
        )


def shown_account(account: str) -> str:
    """Return an account of a state as a person knows it."""
    return "another emulator" if account.startswith("emulator:") else plain(account)
