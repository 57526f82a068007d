"""The registrations of an account, as a stack may change them: whose is what an update or a delete would touch?

A state object stands for the number (`model_id`) that it holds, not for a name. Where the API tells no number, its
`created_at` stands in.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from collections.abc import Callable

from ..api import operation
from ..api.client import VISIBILITY_WAITS, EnkryptClient
from ..api.snapshot import Snapshot
from ..errors import DeletionProtected, EnkryptError, ModelNotFound, ModelUnhealthy, UnexpectedResponse, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Kind, Live, Properties
from ..kinds.model import MODEL
from . import health
from .database import Database, default_path, of_process, this_run
from .holding import Holding, shown
from .journal import Journal, Sending
from .run_ownership import RunOwnership


class _TakenOver(EnkryptError):
    """Another resource of the run holds what was to be deleted."""


class Registrations:
    """The registrations of one kind in one account, and what this machine and this run know of them."""

    def __init__(self, client: EnkryptClient, *, journal: Journal, run: RunOwnership, kind: Kind) -> None:
        self.client = client
        self.kind = kind
        self.journal = journal
        self.run = run
        self.snapshot = Snapshot(client, kind)
        self._has_named = False

    # ---- update

    def update(
        self, urn: str, held: Holding, inputs: Properties, *, verify: bool = False, undo_to: Properties | None = None
    ) -> tuple[Live, str]:
        """Replace the registration's fields. With `verify` the model must answer, or `undo_to` is set back.

        Return also why a model that is kept is unhealthy. Raise `ModelNotFound` where the registration is gone or
        somebody else's by now.
        """
        self._refuse_unless_ours(held)
        with self.journal.sending(urn, held.identity, held.key) as sending:
            try:
                live = self.modify(held.identity, inputs, sending.doubt)
            except ModelNotFound:
                raise self._gone(held) from None
        is_another(held, live)  # since the list of a minute ago
        undo = None if undo_to is None else lambda: self.set_back(urn, held.identity, undo_to, sending)
        problem = self.verify(inputs, live, undo) if verify else ""
        self.journal.finish(urn, sending, held, Holding.of(live), self.checksum(inputs))
        return live, problem

    def _refuse_unless_ours(self, held: Holding) -> None:
        live = self._registered(held)
        if live is None:
            raise self._gone(held)
        if not held.is_of(live):
            raise ModelNotFound(
                f"{held.identity} was deleted and registered anew by somebody else ({_theirs(held, live)}): nothing "
                "was changed. Run `pulumi refresh` to see theirs, then `pulumi up`",
                status=404,
            )

    def _registered(self, held: Holding) -> Live | None:
        """Return what is registered under the identity; what a list shows will do where it is what is held.

        Not where a deletion of it began: it may be another process of the run that knows better.
        """
        if self.journal.began_deletion(held.key):
            return self.snapshot.read(held.identity)
        listed = self.snapshot.listed(held.identity)
        return listed if held.is_of(listed) else self.client.find(self.kind, held.identity)

    def _gone(self, held: Holding) -> ModelNotFound:
        return ModelNotFound(
            f"{held.identity} is gone from {self.client.settings.shown_endpoint}, or the API key is of another "
            "project: check the key, or run `pulumi refresh`, then `pulumi up` to register it again",
            status=404,
        )

    # ---- delete

    def delete(self, held: Holding) -> None:
        """Delete the registration, unless somebody else made it anew; one that is gone already is done.

        Raise `DeletionProtected` where a resource whose create failed may stand for it as well, and `EnkryptError`
        where another object was found to stand for it while the request was on its way.
        """
        live = self._registered(held)
        if live is not None and not held.is_of(live):
            if not self.run.is_held(Holding.of(live)):
                line = f"{held.identity} was registered anew by somebody else ({_theirs(held, live)}): it is kept"
                operation.report("warning", line)
            elif not self.journal.began_deletion(held.key):
                self._report_missing(held)
            self.journal.forget(held.key)
            return
        if self.run.may_stay(held):
            raise DeletionProtected(
                f"{held.identity} is not deleted: another resource failed to create it in this run, and may stand "
                "for the same registration. Do what the error of that create says, then run `pulumi up` again"
            )
        is_sent_again = self.journal.began_deletion(held.key)
        self.journal.begin_deletion(held.key)
        try:
            gone = self.remove(held)
        except _TakenOver:
            self.journal.end_deletion(held.key)  # the create waits for it
            report_kept(held)
            return
        if gone and live is not None and self._is_shown(held):
            raise UnexpectedResponse(f"{gone}, but the API shows it still: nothing was changed, try again")
        if gone and live is None and not is_sent_again:
            self._report_missing(held)
        self.journal.forget(held.key)
        if not gone and (self.run.is_kept(held) or not self.journal.began_deletion(held.key)):  # written meanwhile
            self.journal.begin_deletion(held.key)
            raise EnkryptError(
                f"{held.identity} was deleted, and another object of the state was found to stand for it: run "
                "`pulumi up` again to register it anew"
            )

    def _report_missing(self, held: Holding) -> None:
        number = "" if held.number is None else f" ({self.kind.number} {held.number})"
        operation.report(
            "warning",
            f"{held.identity}{number} is not registered at {self.client.settings.shown_endpoint}, so nothing was "
            "deleted: it was deleted before, or the API key is of another project",
        )

    def is_deleted(self, held: Holding) -> bool:
        """Whether this machine deleted what the state stands for, in a run that ended before the state said so."""
        return self.journal.began_deletion(held.key) and not held.is_of(self.snapshot.find(held.identity))

    def _is_shown(self, held: Holding) -> bool:
        """Whether the API shows the registration, also after a while."""
        return all(held.is_of(self.client.find(self.kind, held.identity, (wait,))) for wait in VISIBILITY_WAITS)

    def _is_gone(self, held: Holding) -> bool:
        """Whether the deletion must not be sent again, since it could hit another registration of the name.

        Where the API shows none, a replica may lag behind: it is gone only if this run declares the name.
        """
        is_declared = bool(self.run.declarer(held.identity))
        live = self.client.find(self.kind, held.identity, VISIBILITY_WAITS if is_declared else (0.0,))
        return is_declared if live is None else not held.is_of(live)

    # ---- what an earlier run left

    def name_unfinished(self, urn: str, *, its_own: bool = True) -> None:
        """Name, once, what an interrupted run of the stack was making, and no resource has declared so far.

        Without `its_own` a create does not name what the same resource was making: it does so by itself.
        """
        found = [] if self._has_named else self.journal.unfinished(urn)
        self._has_named = True
        if not found:
            return
        made = {id_ for of, id_ in found if its_own or of != urn} - {*self.run.declared()}
        with contextlib.suppress(EnkryptError):  # what cannot be told now is told by the next run
            if left := made and sorted(made & {*map(str, self.snapshot.identities())}):
                more = f" and {len(left) - 3} more" * (len(left) > 3)
                operation.report(
                    "warning",
                    f"an earlier run was interrupted while it made {', '.join(map(plain, left[:3]))}{more}: `pulumi "
                    "up` completes what is declared still; what is not stays registered: declare it once more as it "
                    "was, `pulumi up`, then take it out",
                )

    # ---- what creates, updates and deletes have in common

    def confirm(self, held: Holding, state: Properties) -> bool:
        """Forget what was noted of writes that a state shows. Return whether the API can hold nothing else by now."""
        if self.journal.is_pending(held.key):
            self.journal.confirm(held, self.checksum(codec.from_state(self.kind, state)))
        return not self.journal.is_pending(held.key)

    def checksum(self, inputs: Properties) -> str:
        """Return what tells one body from another, and is too short to guess a key by."""
        body = json.dumps(codec.body(self.kind, inputs, self.client.settings.dialect), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:4]

    def modify(self, identity: Identifier, inputs: Properties, doubt: Callable[[], None] = lambda: None) -> Live:
        """Send the whole object. `doubt` is called as soon as the work may have been done without a response."""
        body = codec.body(self.kind, inputs, self.client.settings.dialect)
        try:
            return self.client.modify(self.kind, identity, body, doubt)
        finally:
            self.snapshot.changed(identity)

    def set_back(self, urn: str, identity: Identifier, old: Properties, sending: Sending) -> str:
        """Undo what was sent, and return how."""
        self.modify(identity, old)
        self.journal.put(urn, identity, sending.before)
        return "it was set back to what it was"

    def remove(self, held: Holding) -> ModelNotFound | None:
        """Delete what is registered. Return the API's error where nothing is. Raise `_TakenOver`."""
        try:
            self.client.delete(
                self.kind, held.identity, lambda: self._is_gone(held), lambda: self._refuse_if_held(held)
            )
        except ModelNotFound as gone:
            return gone
        finally:
            self.snapshot.changed(held.identity)
        return None

    def _refuse_if_held(self, held: Holding) -> None:
        # Just before it is sent: a create that could wait no longer may hold it by now.
        if self.run.is_held(held):
            raise _TakenOver(f"{held.identity} is another resource's by now")

    def verify(self, inputs: Properties, live: Live, undo: Callable[[], str] | None) -> str:
        """Return why the model does not answer, or "". Raise `ModelUnhealthy` with what came of `undo` instead."""
        problem = health.problem(self.client, live.identity, inputs)
        if undo is None or not problem:
            return problem
        try:
            undone = undo()
        except EnkryptError as error:
            undone = f"that could not be undone ({error}). {self.left_behind(live.identity)}"
        raise ModelUnhealthy(f"{problem}; {undone}")

    def left_behind(self, identity: Identifier) -> str:
        """Return what to do about a registration that may be ours and that no state will show."""
        command = delete_command(self.client.settings.endpoint, self.kind, identity)
        return (
            f"{identity} may be registered at {self.client.settings.shown_endpoint}: the next `pulumi up` on this "
            f"machine completes it; to remove it instead: {command}"
        )


def connect(
    client: EnkryptClient, place: str = "", database: Database | None = None, kind: Kind = MODEL
) -> Registrations:
    """Return the account's registrations, with what this machine remembers of them."""
    database = database or of_process(default_path(), this_run())
    account = f"{client.settings.account}{'' if kind is MODEL else f' {kind.name}'}"  # a storage format
    tenant = hashlib.sha256(f"{account}\n{client.settings.api_key.reveal()}".encode()).hexdigest()[:8]
    # A rotated key may be of another project: what one of them sent proves nothing of what the other one shows.
    journal, run = Journal(database, account, f"{place} {tenant}"), RunOwnership(database, account, tenant)
    return Registrations(client, journal=journal, run=run, kind=kind)


def report_kept(held: Holding) -> None:
    """Say that nothing is deleted."""
    operation.report("info", f"{held.identity} is kept: another object of the state stands for it")


def is_another(held: Holding, live: Live) -> bool:
    """Whether what was read or written is not what the state stood for until now; say so."""
    if is_other := not held.is_of(live):
        line = (
            f"{held.identity} is another registration by now ({_theirs(held, live)}): the state stands for that one"
        )
        operation.report("warning", f"{line} from here on")
    return is_other


def delete_command(endpoint: str, kind: Kind, identity: Identifier) -> str:
    """Return what to type to delete a registration by hand."""
    if not endpoint:
        return "declare it again, run `pulumi up`, then take it out of the program"
    url = shlex.quote(f"{endpoint}{kind.calls.path(kind.calls.delete)}")
    headers = kind.headers(identity).items()
    named = " ".join(f"-H {shlex.quote(f'{name}: {plain(value)}')}" for name, value in headers)
    return f'curl -X DELETE {url} -H "apikey: $ENKRYPTAI_API_KEY" {named}'


def _theirs(held: Holding, live: Live) -> str:
    is_told = held.number not in (None, live.number)
    ours = f"{live.number_name} {held.number}" if is_told else f"one since {plain(held.created_at[:19])}"
    return f"{shown(live)}; the state has {ours}"
