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
from .registrations import Registrations, report_kept, warn_if_another
from .registrations import connect as connect
from .requests import CheckResult as CheckResult
from .requests import DiffResult as DiffResult
from .requests import Registered as Registered
from .requests import Request as Request

ACCOUNT: Final = "__account"
"""A hidden output: the account to which the registration belongs. A storage format."""
WITHHELD: Final = "__withheld"
"""A hidden output: the secret fields that an import left out, since generated code would show them in the clear."""


class Controller:
    """The operations for one configuration. A configuration error is kept and raised by the first call that needs the
    account."""

    def __init__(self, registrations: Registrations | ConfigurationError) -> None:
        self._connected = registrations
        self._reported: set[str] = set()

    @classmethod
    def configured(
        cls, get: Callable[[str], Any], place: str = "", database: Database | None = None, kind: Kind = MODEL
    ) -> Controller:
        """Return the controller for a stack's configuration, which takes precedence over the environment.

        `place` distinguishes stacks of the same name: it is the backend and the organization.
        """
        try:
            return cls(connect(EnkryptClient(Settings.from_config(get)), place, database, kind))
        except ConfigurationError as error:
            return cls(error)

    @property
    def registrations(self) -> Registrations:
        """The account's registrations. Raise `ConfigurationError` if the settings are invalid."""
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
        """Parse a program's arguments, some of them unknown. Call the API only if `enkrypt:checkOnline` is set."""
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
        if line not in self._reported:
            self._reported.add(line)
            operation.report("warning", line)

    # ---- diff

    def diff(self, request: Request) -> DiffResult:
        """Compare the state with the declared inputs."""
        with self._running(request):
            held, urn = self._holding(request), self._declarer(request)
            moved = self._moved(held, warns=bool(urn))
            gone = [] if moved else self._deleted(held)
            away = moved or gone
            changes = [*away, *self._differences(request, held, resends=bool(urn) and not away)]
            # A deleted registration cannot release its name, unlike the old object of a replacement.
            result = DiffResult(changes, self._kind.deletes_first or bool(gone))
            if result.replaces and self._kind.known_identity(request.inputs):  # otherwise not known yet
                refuse_if_protected(request)
            if urn:
                self.registrations.warn_about_unfinished(urn)
            if urn and not away:
                run = self.registrations.run
                if result.replaces:
                    run.plan_release(urn, held, request.state)
                else:
                    run.stay(urn, held, request.state, is_updated=bool(differences.sent(changes)))
            self._report_changed_keys(request.id, changes)
            return result

    def _declarer(self, request: Request) -> str:
        """Return the resource that a diff is about; "" during a refresh, whose object may be deleted next."""
        identity = self._kind.known_identity(request.inputs)
        urn = self.registrations.run.declarer(identity) if identity else ""
        return urn if request.urn in ("", urn) and not self.registrations.run.is_new(urn) else ""

    def _differences(self, request: Request, held: Holding, *, resends: bool) -> list[Change]:
        state, inputs = codec.from_state(self._kind, request.state), codec.from_state(self._kind, request.inputs)
        changes = differences.changes(state, inputs, self._kind)
        if not resends or self.registrations.confirm(held, request.state) or DiffResult(changes).replaces:
            return changes
        self._report_once(f"{held.identity}: the last update was not confirmed: `pulumi up` sends it again")
        return changes or [Change(self._kind.nested or self._kind.whole_with[0], Rule.UPDATE)]

    def _deleted(self, held: Holding) -> list[Change]:
        """Return the change for a registration that an interrupted command deleted and the state still holds."""
        if not self.registrations.is_deleted(held):
            return []
        self._report_once(
            f"{held.identity} was deleted by an earlier command on this machine: `pulumi up` registers it again"
        )
        return [Change(self._kind.number, Rule.REPLACE)]

    def _moved(self, held: Holding, *, warns: bool) -> list[Change]:
        """Return the change of account, unless the same registration is found at the new address."""
        if not self._is_elsewhere(held):
            return []
        if warns:
            here = self._settings.shown_endpoint
            self._report_once(
                f"{held.identity} is registered at {shown_account(held.account)}; it is replaced by one at {here}"
            )
        return [Change(ACCOUNT, Rule.REPLACE)]

    def _is_elsewhere(self, held: Holding) -> bool:
        """Whether the state is of another account, and not only of another address of this one."""
        if held.account in ("", self._settings.account):
            return False
        live = self.registrations.snapshot.find(held.identity)
        return live is None or not held.is_proven_same(Holding.of(live))

    def _report_changed_keys(self, id_: str, changes: list[Change]) -> None:
        # The engine shows `[secret]` on both sides, so report at least which keys change.
        secrets = [change.path for change in changes if change.rule is Rule.SECRET]
        if secrets:
            operation.report("info", f"{plain(id_)}: its keys change ({', '.join(secrets)})")

    # ---- create, read, update, delete

    def create(self, request: Request) -> Registered:
        """Register the inputs exactly once."""
        with self._running(request):
            inputs = codec.from_state(self._kind, request.inputs)
            identity = self._kind.identity_of(inputs)
            urn = self._urn(request, identity)
            self.registrations.warn_about_unfinished(urn, includes_own=False)
            adopts = bool(inputs.get("adopt_existing"))
            with self.registrations.run.changing(urn, makes=identity, adopts=adopts):
                live, problem = Create(self.registrations, urn, inputs).run(keeps_unhealthy=request.keeps_unhealthy)
            return Registered(str(live.identity), self._state(inputs, live.computed), problem=problem)

    def read(self, request: Request) -> Registered:
        """Return the live registration as state and as inputs, so that drift shows. Its id is empty if it is gone."""
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
                    f"registrations that {self._settings.shown_endpoint} does not show are dropped from the state: "
                    "they were deleted, or the API key belongs to another project"
                )
                return Registered()
            self.registrations.confirm(held, request.state)
            self.registrations.journal.distrust_times(held.key)
            return self._as_read(held, declared, live)

    def _as_read(self, held: Holding, declared: Properties, live: Live) -> Registered:
        if warn_if_another(held, live):  # which has keys of its own
            declared = differences.without_secrets(declared, self._kind)
        inputs = codec.from_state(self._kind, differences.settle(declared, live, self._kind))
        return Registered(str(live.identity), self._state(inputs, live.computed), inputs)

    def _found(self, request: Request, held: Holding) -> Live | None:
        """Return the registration. Raise `ModelNotFound` if there is none and a person gave the name."""
        try:
            live = self.registrations.snapshot.find(held.identity)
        except AuthenticationFailed as error:
            if str(error) in self._reported:
                raise AuthenticationFailed(f"{held.identity}: not read, since the API key is refused") from None
            self._reported.add(str(error))
            raise
        is_named = next(iter(self._kind.identity)) not in request.state
        return self.registrations.client.registered(self._kind, held.identity) if live is None and is_named else live

    def update(self, request: Request) -> Registered:
        """Send the whole object."""
        with self._running(request):
            held = self._holding(request)
            old, inputs = codec.from_state(self._kind, request.state), codec.from_state(self._kind, request.inputs)
            changes = differences.changes(old, inputs, self._kind)
            if changes and not differences.sent(changes) and self.registrations.confirm(held, request.state):
                return Registered(request.id, self._state(inputs, self._computed(request.state)))
            verify = bool(inputs.get("verify_health")) and self._may_be_unreachable(changes)
            undo_to, urn = None if request.keeps_unhealthy else old, self._urn(request, held.identity)
            with self.registrations.run.changing(urn):
                live, problem = self.registrations.update(urn, held, inputs, verify=verify, undo_to=undo_to)
            return Registered(request.id, self._state(inputs, live.computed), problem=problem)

    def _may_be_unreachable(self, changes: list[Change]) -> bool:
        """Whether the changes can make a model unreachable; true without any, as a resend can, too."""
        return not changes or any(change.path.startswith(self._kind.marked(Reaches)) for change in changes)

    def delete(self, request: Request) -> None:
        """Delete the registration that the state holds. Succeed if it is gone already.

        Keep it if another object of this run holds it as well, or if somebody else registered it again.
        """
        with self._running(request):
            held, run = self._holding(request), self.registrations.run
            run.forget(request.state)
            is_elsewhere = self._is_elsewhere(held)
            if run.is_held_by(request.urn, held) or (not is_elsewhere and run.is_held(held)):
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
        """Keep the registration. Send the inputs of the object that stays again if the deleted one had others.

        An earlier run may have failed after this resource took the registration over, before the other released it.
        """
        report_kept(held)
        urn, other = self.registrations.run.staying(held)
        state, wanted = codec.from_state(self._kind, request.state), codec.from_state(self._kind, other)
        if other and WITHHELD not in other and differences.sent(differences.changes(state, wanted, self._kind)):
            operation.report("info", f"{held.identity}: the inputs of the object that stays are sent again")
            self.registrations.update(urn, held, wanted)

    def _running(self, request: Request) -> AbstractContextManager[Operation]:
        texts = map(self._kind.secret_texts, (request.state, request.inputs))  # a response may repeat them
        self.registrations.client.hide(chain.from_iterable(texts))
        return operation.running(Operation(request.report, request.timeout, interrupted=request.interrupted))

    # ---- reading requests and writing states

    def _urn(self, request: Request, identity: Identifier) -> str:
        """Return the resource's URN, which not every engine gives again after the check."""
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
        # The declared inputs, not their echo: the server may mask a key or spell a number differently.
        return {**inputs, **computed, ACCOUNT: self._settings.account}


def refuse_if_protected(request: Request) -> None:
    """Raise `DeletionProtected` if the state sets `deletion_protection`."""
    if request.state.get("deletion_protection"):
        raise DeletionProtected(
            f"{plain(request.id)} is protected from deletion and replacement: set deletion_protection=False, run "
            "`pulumi up`, then try again"
        )


def shown_account(account: str) -> str:
    """Return a state's account as a person knows it."""
    return "another emulator" if account.startswith("emulator:") else plain(account)
