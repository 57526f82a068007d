"""The registrations of an account, as a stack may change them: whose is what an update or a delete would touch?

A state object stands for the number (`model_id`) that it holds, not for a name. Where the API tells no number, its
`created_at` stands in.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Callable

from ..api import operation
from ..api.client import VISIBILITY_WAITS, EnkryptClient
from ..api.snapshot import Snapshot
from ..errors import EnkryptError, ModelNotFound, ModelUnhealthy, UnexpectedResponse, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Kind, Live, Properties
from ..kinds.model import MODEL
from . import health
from .create import Create
from .holding import Holding, shown
from .journal import Journal
from .run_ownership import RunOwnership


class Registrations:
    """The registrations of one account, as one stack may change them."""

    def __init__(self, client: EnkryptClient, *, journal: Journal, run: RunOwnership, kind: Kind = MODEL) -> None:
        self.client = client
        self.kind = kind
        self.journal = journal
        self.run = run
        self.snapshot = Snapshot(client, kind)

    # ---- create

    def create(self, urn: str, inputs: Properties, *, keeps_unhealthy: bool = False) -> tuple[Live, str]:
        """Register `inputs`, once, whatever happens on the way. Return also why a model that is kept is unhealthy.

        Raise `ModelExists` where the identity is taken by a registration that is not this resource's, unless
        `inputs` say `adopt_existing`; `ModelUnhealthy` where `verify_health` made it be taken back.
        """
        self._name_left_behind(urn, self.kind.identity_of(inputs))
        create = Create(self, urn, inputs)
        live = create.register()
        problem = ""
        if inputs.get("verify_health"):
            create.note(live)
            problem = self._verify(inputs, live, None if keeps_unhealthy else lambda: self._take_back(create, live))
        made = Holding.of(live)
        self.journal.finish(urn, made, live.computed.get("updated_at"))
        self.run.hold(made)
        return live, problem

    def _name_left_behind(self, urn: str, identity: Identifier) -> None:
        """Name what an earlier create of this resource made under another identity, where no state holds it."""
        for other in map(self.kind.identity_from, self.journal.others(urn, identity)):
            with contextlib.suppress(EnkryptError):  # what cannot be told now is told by the next create
                live = self.client.find(self.kind, other)
                if live is None:
                    self.journal.put(urn, other, None)
                elif not self.run.is_seen(Holding.of(live)):
                    operation.report("warning", f"an earlier `pulumi up` was interrupted: {self.left_behind(other)}")

    def _take_back(self, create: Create, live: Live) -> str:
        if create.is_new:
            self._delete_now(create.identity)
            self.journal.forget(Holding.of(live).key)
            return "it was deleted again"
        if create.replaced is None:
            return "it was there before and stays, updated to what is declared: the API does not show its former keys"
        self._modify(create.identity, create.replaced)
        create.forget()
        return "it was set back to what it was"

    def left_behind(self, identity: Identifier) -> str:
        """Return what to do about a registration that may be ours and that no state will show."""
        command = delete_command(self.client.settings.endpoint, self.kind, identity)
        return (
            f"{identity} may be registered at {self.client.settings.shown_endpoint}: the next `pulumi up` on this "
            f"machine completes it; to remove it instead: {command}"
        )

    # ---- update

    def update(
        self, urn: str, held: Holding, inputs: Properties, *, verify: bool = False, undo_to: Properties | None = None
    ) -> tuple[Live, str]:
        """Replace the registration's fields. With `verify` the model must answer, or `undo_to` is set back.

        Return also why a model that is kept is unhealthy.

        Raise `ModelNotFound` where it is gone or somebody else's by now.
        """
        self._refuse_unless_ours(held)
        live = self._send(urn, held, inputs)
        undo = None if undo_to is None else lambda: self._set_back(held, undo_to)
        problem = self._verify(inputs, live, undo) if verify else ""
        self.journal.finish(urn, held, live.computed.get("updated_at"))
        return live, problem

    def _send(self, urn: str, held: Holding, inputs: Properties) -> Live:
        before = self.journal.entry(urn, held.identity)
        self.journal.begin(urn, held.identity, held.key)
        in_doubt = threading.Event()
        try:
            return self._modify(held.identity, inputs, in_doubt.set)
        except EnkryptError as error:
            if not in_doubt.is_set():
                self.journal.put(urn, held.identity, before)
            raise ModelNotFound(self._gone(held), status=404) if isinstance(error, ModelNotFound) else error from None

    def _set_back(self, held: Holding, old: Properties) -> str:
        self._modify(held.identity, old)
        self.journal.forget(held.key)
        return "it was set back to what it was"

    def _refuse_unless_ours(self, held: Holding) -> None:
        if self.snapshot.has_number(held.identity, held.number):
            return
        live = self.client.find(self.kind, held.identity)
        if live is None:
            raise ModelNotFound(self._gone(held), status=404)
        if not held.is_same(Holding.of(live)):
            raise ModelNotFound(
                f"{held.identity} was deleted and registered anew by somebody else ({_theirs(held, live)}): nothing "
                "was changed. Run `pulumi refresh` to see theirs, then `pulumi up`",
                status=404,
            )

    def _gone(self, held: Holding) -> str:
        return (
            f"{held.identity} is gone from {self.client.settings.shown_endpoint}, or the API key is of another "
            "project: check the key, or run `pulumi refresh`, then `pulumi up` to register it again"
        )

    # ---- delete

    def delete(self, held: Holding) -> None:
        """Delete the registration that the state stands for; one that is gone already is done.

        One that another object of this run stands for as well, or that somebody else made anew, is kept.
        """
        if self.run.is_held(held) or (held.number is None and self.run.declarer(held.identity)):
            return operation.report("info", f"{held.identity} is kept: another object of the state stands for it")
        is_listed = self.snapshot.has_number(held.identity, held.number)
        live = None if is_listed else self.client.find(self.kind, held.identity)
        if live is not None and not held.is_same(Holding.of(live)):
            theirs = _theirs(held, live)
            operation.report(
                "warning", f"{held.identity} was registered anew by somebody else ({theirs}): it is kept"
            )
        else:
            self._delete(held, is_there=is_listed or live is not None)
        return self.journal.forget(held.key)

    def _delete(self, held: Holding, *, is_there: bool) -> None:
        gone = self._delete_now(held.identity)
        if gone and is_there and self._is_shown(held):
            raise UnexpectedResponse(f"{gone}, but the API shows it still: nothing was changed, try again")

    def _is_shown(self, held: Holding) -> bool:
        """Whether the API shows the registration, also after a while."""
        for wait in VISIBILITY_WAITS:
            live = self.client.find(self.kind, held.identity, (wait,))
            if live is None or not held.is_same(Holding.of(live)):
                return False
        return True

    # ---- both ways

    def _modify(self, identity: Identifier, inputs: Properties, doubt: Callable[[], None] = lambda: None) -> Live:
        try:
            return self.client.modify(
                self.kind, identity, codec.body(self.kind, inputs, self.client.settings.dialect), doubt
            )
        finally:
            self.snapshot.changed()

    def _delete_now(self, identity: Identifier) -> ModelNotFound | None:
        try:
            self.client.delete(self.kind, identity)
        except ModelNotFound as gone:
            return gone
        finally:
            self.snapshot.changed()
        return None

    def _verify(self, inputs: Properties, live: Live, undo: Callable[[], str] | None) -> str:
        """Return why the model does not answer, or "". Raise `ModelUnhealthy` with what came of `undo` instead."""
        problem = health.problem(self.client, live.identity, inputs)
        if undo is None or not problem:
            return problem
        try:
            undone = undo()
        except EnkryptError as error:
            undone = f"that could not be undone ({error}). {self.left_behind(live.identity)}"
        raise ModelUnhealthy(f"{problem}; {undone}")


def delete_command(endpoint: str, kind: Kind, identity: Identifier) -> str:
    """Return what to type to delete a registration by hand."""
    if not endpoint:
        return "declare it again, run `pulumi up`, then take it out of the program"
    url = shlex.quote(f"{endpoint}{kind.calls.path(kind.calls.delete)}")
    headers = kind.headers(identity).items()
    named = " ".join(f"-H {shlex.quote(f'{name}: {plain(value)}')}" for name, value in headers)
    return f'curl -X DELETE {url} -H "apikey: $ENKRYPTAI_API_KEY" {named}'


def _theirs(held: Holding, live: Live) -> str:
    ours = (
        f"{live.number_name} {held.number}" if held.number is not None else f"one since {plain(held.created_at[:19])}"
    )
    return f"{shown(live)}; the state has {ours}"
