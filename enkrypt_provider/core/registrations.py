"""Updates and deletes the registrations of one account, and decides which of them belong to this stack.

A state object holds the registration with its number (`model_id`), not whatever has its name. If the API returns no
number, `created_at` decides. If somebody else has registered the name again, an update fails, and a delete keeps the
new registration. A delete also keeps a registration that another state object holds (run_ownership.py).
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
from .database import Database, default_path, shared_database, this_run
from .holding import Holding, shown
from .journal import Journal, Sending
from .run_ownership import RunOwnership


class _TakenOver(EnkryptError):
    """Another resource of the run now holds the registration that was to be deleted."""


class Registrations:
    """The registrations of one kind in one account, with the journal of this machine and the claims of this run."""

    def __init__(self, client: EnkryptClient, *, journal: Journal, run: RunOwnership, kind: Kind) -> None:
        self.client = client
        self.kind = kind
        self.journal = journal
        self.run = run
        self.snapshot = Snapshot(client, kind)
        self._has_warned = False

    # ---- update

    def update(
        self, urn: str, held: Holding, inputs: Properties, *, verify: bool = False, undo_to: Properties | None = None
    ) -> tuple[Live, str]:
        """Replace the registration's fields. With `verify` the model must respond, or `undo_to` is restored.

        Also return why a model that is kept is unhealthy. Raise `ModelNotFound` if the registration is gone or
        somebody else has registered the name again.
        """
        self._require_same(held)
        with self.journal.sending(urn, held.identity, held.key) as sending:
            try:
                live = self.modify(held.identity, inputs, sending.doubt)
            except ModelNotFound:
                raise self._gone(held) from None
        warn_if_another(held, live)  # the list may have been a minute old
        undo = None if undo_to is None else lambda: self.roll_back(urn, held.identity, undo_to, sending)
        problem = self.verify(inputs, live, undo) if verify else ""
        self.journal.finish(urn, sending, held, Holding.of(live), self.checksum(inputs))
        return live, problem

    def _require_same(self, held: Holding) -> None:
        live = self._registered(held)
        if live is None:
            raise self._gone(held)
        if not held.is_of(live):
            raise ModelNotFound(
                f"{held.identity} was deleted and registered again by somebody else ({_comparison(held, live)}): "
                "nothing was changed. Run `pulumi refresh` to see the new registration, then `pulumi up`",
                status=404,
            )

    def _registered(self, held: Holding) -> Live | None:
        """Return the registration under the identity: from the list if that shows the one held, else by a read.

        Once a deletion of it has begun, it is always read: another process of the run may know better.
        """
        if self.journal.began_deletion(held.key):
            return self.snapshot.read(held.identity)
        listed = self.snapshot.listed(held.identity)
        return listed if held.is_of(listed) else self.client.find(self.kind, held.identity)

    def _gone(self, held: Holding) -> ModelNotFound:
        return ModelNotFound(
            f"{held.identity} is gone from {self.client.settings.shown_endpoint}, or the API key belongs to another "
            "project: check the key, or run `pulumi refresh`, then `pulumi up` to register it again",
            status=404,
        )

    # ---- delete

    def delete(self, held: Holding) -> None:
        """Delete the registration, unless somebody else registered it again. Succeed if it is gone already.

        Raise `DeletionProtected` if a resource whose create failed may hold it as well, and `EnkryptError` if another
        object was found to hold it while the request was on its way.
        """
        live = self._registered(held)
        if live is not None and not held.is_of(live):
            if not self.run.is_held(Holding.of(live)):
                line = (
                    f"{held.identity} was registered again by somebody else ({_comparison(held, live)}): it is kept"
                )
                operation.report("warning", line)
            elif not self.journal.began_deletion(held.key):
                self._report_missing(held)
            self.journal.forget(held.key)
            return
        if self.run.may_be_held_unseen(held):
            raise DeletionProtected(
                f"{held.identity} is not deleted: another resource failed to create it in this run and may hold the "
                "same registration. Follow the advice in that create's error, then run `pulumi up` again"
            )
        is_sent_again = self.journal.began_deletion(held.key)
        self.journal.begin_deletion(held.key)
        try:
            gone = self.remove(held)
        except _TakenOver:
            self.journal.end_deletion(held.key)  # a create waits for this
            report_kept(held)
            return
        if gone and live is not None and self._is_shown(held):
            raise UnexpectedResponse(f"{gone}, but the API still shows it: nothing was changed; try again")
        if gone and live is None and not is_sent_again:
            self._report_missing(held)
        self.journal.forget(held.key)
        if not gone and (self.run.is_kept(held) or not self.journal.began_deletion(held.key)):  # written meanwhile
            self.journal.begin_deletion(held.key)
            raise EnkryptError(
                f"{held.identity} was deleted, but another object in the state turned out to refer to it: run "
                "`pulumi up` to register it again"
            )

    def _report_missing(self, held: Holding) -> None:
        number = "" if held.number is None else f" ({self.kind.number} {held.number})"
        operation.report(
            "warning",
            f"{held.identity}{number} is not registered at {self.client.settings.shown_endpoint}, so nothing was "
            "deleted: it was deleted before, or the API key belongs to another project",
        )

    def is_deleted(self, held: Holding) -> bool:
        """Whether this machine deleted the held registration, in a run that ended before the state was written."""
        return self.journal.began_deletion(held.key) and not held.is_of(self.snapshot.find(held.identity))

    def _is_shown(self, held: Holding) -> bool:
        """Whether the API shows the registration, and still does after a while."""
        return all(held.is_of(self.client.find(self.kind, held.identity, (wait,))) for wait in VISIBILITY_WAITS)

    def _is_gone(self, held: Holding) -> bool:
        """Whether the deletion must not be sent again, since it could hit another registration of the same name.

        If the API shows none, a replica may lag behind: only if this run declares the name does it count as gone.
        """
        is_declared = bool(self.run.declarer(held.identity))
        live = self.client.find(self.kind, held.identity, VISIBILITY_WAITS if is_declared else (0.0,))
        return is_declared if live is None else not held.is_of(live)

    # ---- left by an earlier run

    def warn_about_unfinished(self, urn: str, *, includes_own: bool = True) -> None:
        """Warn once about registrations that an interrupted run was creating and no resource has declared yet.

        A create sets `includes_own` to false, since it handles its own resource's itself.
        """
        found = [] if self._has_warned else self.journal.unfinished(urn)
        self._has_warned = True
        if not found:
            return
        undeclared = {id_ for of, id_ in found if includes_own or of != urn} - {*self.run.declared()}
        with contextlib.suppress(EnkryptError):  # the next run tries again
            if left := undeclared and sorted(undeclared & {*map(str, self.snapshot.identities())}):
                more = f" and {len(left) - 3} more" * (len(left) > 3)
                operation.report(
                    "warning",
                    f"an earlier run did not finish creating {', '.join(map(plain, left[:3]))}{more}: `pulumi "
                    "up` completes what is still declared; anything no longer declared stays registered. To delete "
                    "it, declare it again as it was, run `pulumi up`, then remove it",
                )

    # ---- shared by creates, updates and deletes

    def confirm(self, held: Holding, state: Properties) -> bool:
        """Drop the journal's entries for writes that the state reflects. Return whether no write is left pending."""
        if self.journal.is_pending(held.key):
            self.journal.confirm(held, self.checksum(codec.from_state(self.kind, state)))
        return not self.journal.is_pending(held.key)

    def checksum(self, inputs: Properties) -> str:
        """Return a checksum that tells bodies apart, but is too short to guess a key by."""
        body = json.dumps(codec.body(self.kind, inputs, self.client.settings.dialect), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:4]

    def modify(self, identity: Identifier, inputs: Properties, doubt: Callable[[], None] = lambda: None) -> Live:
        """Send the whole object. Call `doubt` as soon as the work may have been done without a response."""
        body = codec.body(self.kind, inputs, self.client.settings.dialect)
        try:
            return self.client.modify(self.kind, identity, body, doubt)
        finally:
            self.snapshot.changed(identity)

    def roll_back(self, urn: str, identity: Identifier, old: Properties, sending: Sending) -> str:
        """Undo a write by sending `old`, and return what was done."""
        self.modify(identity, old)
        self.journal.put(urn, identity, sending.before)
        return "the change was rolled back"

    def remove(self, held: Holding) -> ModelNotFound | None:
        """Delete the registration. Return the API's error if there is none. Raise `_TakenOver`."""
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
        # Checked just before sending: a create that could wait no longer may hold it by now.
        if self.run.is_held(held):
            raise _TakenOver(f"{held.identity} now belongs to another resource")

    def verify(self, inputs: Properties, live: Live, undo: Callable[[], str] | None) -> str:
        """Return why the model does not respond, or "". With `undo`, call it and raise `ModelUnhealthy` instead."""
        problem = health.problem(self.client, live.identity, inputs)
        if undo is None or not problem:
            return problem
        try:
            undone = undo()
        except EnkryptError as error:
            undone = f"the change could not be undone ({error}). {self.left_behind(live.identity)}"
        raise ModelUnhealthy(f"{problem}; {undone}")

    def left_behind(self, identity: Identifier) -> str:
        """Return what to do about a registration that this resource may have created and no state will show."""
        command = delete_command(self.client.settings.endpoint, self.kind, identity)
        return (
            f"{identity} may be registered at {self.client.settings.shown_endpoint}: the next `pulumi up` on this "
            f"machine completes it; to remove it instead: {command}"
        )


def connect(
    client: EnkryptClient, place: str = "", database: Database | None = None, kind: Kind = MODEL
) -> Registrations:
    """Return the account's registrations, with the journal of this machine and the claims of this run."""
    database = database or shared_database(default_path(), this_run())
    account = f"{client.settings.account}{'' if kind is MODEL else f' {kind.name}'}"  # a storage format
    tenant = hashlib.sha256(f"{account}\n{client.settings.api_key.reveal()}".encode()).hexdigest()[:8]
    # A rotated key may belong to another project: what was sent with one proves nothing about the other.
    journal, run = Journal(database, account, f"{place} {tenant}"), RunOwnership(database, account, tenant)
    return Registrations(client, journal=journal, run=run, kind=kind)


def report_kept(held: Holding) -> None:
    """Report that the registration is not deleted."""
    operation.report("info", f"{held.identity} is kept: another object in the state refers to it")


def warn_if_another(held: Holding, live: Live) -> bool:
    """Return whether `live` is not the registration that the state held until now, and warn if so."""
    if is_another := not held.is_of(live):
        line = f"{held.identity} is now a different registration ({_comparison(held, live)}): the state refers to it"
        operation.report("warning", f"{line} from now on")
    return is_another


def delete_command(endpoint: str, kind: Kind, identity: Identifier) -> str:
    """Return what to type or do to delete a registration by hand."""
    if not endpoint:
        return "declare it again, run `pulumi up`, then remove it from the program"
    url = shlex.quote(f"{endpoint}{kind.calls.path(kind.calls.delete)}")
    headers = kind.headers(identity).items()
    named = " ".join(f"-H {shlex.quote(f'{name}: {plain(value)}')}" for name, value in headers)
    return f'curl -X DELETE {url} -H "apikey: $ENKRYPTAI_API_KEY" {named}'


def _comparison(held: Holding, live: Live) -> str:
    differs = held.number not in (None, live.number)
    in_state = f"{live.number_name} {held.number}" if differs else f"one since {plain(held.created_at[:19])}"
    return f"{shown(live)}; the state has {in_state}"
