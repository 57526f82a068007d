"""One account of the API as the verbs use it: documents in, documents out, and nothing lost or doubled.

The decisions about a registration that may or may not be ours are here: after a lost answer, a taken name, an
interrupted run, a forced replacement. What is sent and how is client.py's.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from . import diff as differences
from . import schema
from .client import VISIBILITY_WAITS, EnkryptClient, announce, redacted, secrets_in
from .errors import (
    AuthenticationFailed,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    ModelUnhealthy,
    RequestRejected,
    UnexpectedResponse,
    plain,
)
from .journal import Entry, Journal
from .ledger import Ledger
from .listing import Listing
from .schema import Identifier, Json, Live, Properties

CLOCK_SLACK: Final = 5.0
"""Seconds by which the API's own clocks may disagree, and the `Date` header's second is cut."""

_MAY_BE_TAKEN: Final = (400, 409, 422)
"""That a taken identity is refused is proven, with which status is not: it is looked up, no message is read."""


@dataclass
class _Create:
    """One create in progress: of what, since when by this machine's clock, and what the journal says."""

    inputs: Properties
    identity: Identifier
    began: float
    entry: Entry
    before: Entry | None
    answer_lost: bool = False


class Account:
    """`tell` shows a line to the person who runs the engine; `now` is this machine's clock, seconds since 1970."""

    def __init__(
        self,
        client: EnkryptClient,
        *,
        journal: Journal | None = None,
        tell: Callable[[str], None] = announce,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.ledger = Ledger()
        self.journal = journal or Journal(client.settings.shown_endpoint)
        self._dialect: Final = client.settings.dialect
        self._tell = tell
        self._now = now
        self._listing = Listing(client)
        self._asking = threading.Lock()
        self._met: frozenset[Identifier] | EnkryptError | None = None
        self._told: set[str] = set()

    def find(self, identity: Identifier) -> Live | None:
        """The live registration, or None where it is gone."""
        found = self._listing.find(identity)
        return None if found is None else self._read(found, identity)

    def meet(self, identity: Identifier, *, adopt: bool) -> str:
        """What a create of `identity` would meet now, by one list for all that ask: a problem, or ""."""
        try:
            taken = identity in self._online()
        except AuthenticationFailed as error:
            return str(error)
        except EnkryptError as error:
            self._tell_once(f"warning: enkrypt:checkOnline: {error}")
            return ""
        entry = self.journal.entry(identity) if taken else None
        if not taken or (entry and entry.owner == self.ledger.owner(identity)):
            return ""
        if adopt:
            self._tell_once(f"{identity} is registered already: it will be adopted and updated to what is declared")
            return ""
        return f"{identity} is registered already: to take it over set adopt_existing=True"

    def _online(self) -> frozenset[Identifier]:
        with self._asking:
            if self._met is None:
                try:
                    models = self.client.list_models()
                    self._met = frozenset(schema.identity_in(m) for m in models if isinstance(m, dict))
                except EnkryptError as error:
                    self._met = error
        if isinstance(self._met, EnkryptError):
            raise self._met
        return self._met

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)

    def create(self, inputs: Properties) -> Live:
        """Registers `inputs`, once, whatever happens on the way.

        Raises `ModelExists` where the identity is taken by a registration that this resource did not make,
        unless `inputs` say `adopt_existing`.
        """
        identity = schema.identity(inputs)
        entry, before = self.journal.begin(identity, self.ledger.owner(identity))
        create = _Create(inputs, identity, self._now(), entry, before)
        try:
            return self._read(self._sent(create), identity)
        except RequestRejected:
            self.journal.restore(identity, before)
            raise
        finally:
            self._listing.forget()

    def update(self, identity: Identifier, inputs: Properties) -> Live:
        """Replaces the registration's fields. Raises `ModelNotFound` where it is gone."""
        try:
            answer = self.client.modify_model(identity, schema.to_wire(inputs, self._dialect))
        except ModelNotFound as error:
            raise ModelNotFound(
                f"{identity} is gone: run `pulumi refresh`, then `pulumi up` to register it again",
                status=error.status,
                request_id=error.request_id,
            ) from None
        finally:
            self._listing.forget()
        return self._read(answer, identity)

    def verify_health(self, identity: Identifier, inputs: Properties) -> None:
        """Raises `ModelUnhealthy` where the model, registered with `inputs`, does not answer."""
        try:
            answer = self.client.model_health(identity)
        except EnkryptError as error:
            raise ModelUnhealthy(f"{identity} is registered, but its health could not be verified: {error}") from None
        if reason := redacted(_illness(answer), secrets_in(inputs)):
            raise ModelUnhealthy(f"{identity} is registered, but does not answer: {reason}")

    def delete(self, identity: Identifier, token: str) -> None:
        """Deletes the registration that the state's object `token` stands for, if it is there.

        It is kept where another object of the state stands for it by now: after a forced replacement, or
        where another resource has adopted it. The engine then only lets go of the older object.
        """
        if self.ledger.is_superseded(identity, token):
            self._tell(f"{identity} is kept: it is declared still, only the older entry of the state goes")
            return
        try:
            self.client.delete_model(identity)
        except ModelNotFound:
            pass
        finally:
            self._listing.forget()
        self.journal.forget(identity)

    # ---- create

    def _sent(self, create: _Create) -> Json:
        try:
            body = schema.to_wire(create.inputs, self._dialect)
            return self.client.add_model(body, create.identity, lambda: self._look(create))
        except _Settled:
            raise
        except RequestRejected as error:
            if error.status not in _MAY_BE_TAKEN:
                raise
            return self._refused(create, error)

    def _look(self, create: _Create) -> Json | None:
        """After a lost answer: what is registered, where it is ours; None where nothing is."""
        create.answer_lost = True
        found = self.client.find_model(create.identity, VISIBILITY_WAITS)
        return None if found is None else self._settled(create, found)

    def _refused(self, create: _Create, error: RequestRejected) -> Json:
        found = self.client.find_model(create.identity)
        if found is not None:
            return self._settled(create, found)
        if error.status != 409:
            raise error
        raise ModelExists(
            f"{create.identity} is taken, but no such model is there: the API may keep a deleted name for a while; "
            "try again later or choose another model_version",
            status=error.status,
            request_id=error.request_id,
        )

    def _settled(self, create: _Create, found: Json) -> Json:
        """The registration that stands under our identity, where this resource may have it."""
        live = self._read(found, create.identity)
        if how := self._ours(create, live):
            self._tell(f"{create.identity} is registered: {how}")
            return found
        if create.inputs.get("adopt_existing"):
            answer = self.client.modify_model(create.identity, schema.to_wire(create.inputs, self._dialect))
            self._tell(f"{create.identity} was registered already: adopted, and updated to what is declared")
            return answer
        raise _Settled(self._taken(create, live))

    def _ours(self, create: _Create, live: Live) -> str:
        """How it came to be ours, or "": identical to what was sent, and made since we began."""
        if differences.differing(create.inputs, live):
            return ""
        if create.answer_lost and self._made_since(live, create.began):
            return "its answer was lost, the work was done"
        if create.entry is create.before and create.entry.owner and self._made_since(live, create.entry.began):
            return "this resource had made it"
        return ""

    def _made_since(self, live: Live, began: float) -> bool:
        # Both by the API's clock: this machine's may be wrong.
        return _seconds(live.computed.get("created_at")) >= began + self.client.clock_offset - CLOCK_SLACK

    def _taken(self, create: _Create, live: Live) -> str:
        other = create.before if create.before is not create.entry else None
        by = f", by {plain(other.owner)} on this machine" if other and other.owner else ""
        fields = differences.differing(create.inputs, live)
        differs = (
            f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
        )
        return (
            f"{create.identity} is registered already ({_known(live)}{by}) and was not made by this create; "
            f"{differs}. To take it over as declared set adopt_existing=True; to have both change model_version"
        )

    def _read(self, answer: Json, identity: Identifier) -> Live:
        try:
            return schema.read(answer)
        except UnexpectedResponse as error:
            raise UnexpectedResponse(f"{identity}: {error}") from None


class _Settled(ModelExists):
    """The error about a taken identity, in its final words."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=409)


_Settled.__qualname__ = _Settled.__name__ = ModelExists.__name__
_Settled.__module__ = ModelExists.__module__


def _known(live: Live) -> str:
    names = (("model_id", "model_id"), ("project_name", "project"), ("created_at", "since"))
    known = (f"{shown} {plain(live.computed[name], 60)}" for name, shown in names if name in live.computed)
    return ", ".join(known) or "by whom the API does not say"


def _illness(answer: Json) -> str:
    """What an answer of the health check says is wrong, or "". The shape of that answer is a guess [G]."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, str) or status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    return plain(f"{status}: {answer.get('message') or answer.get('error') or 'no reason given'}", 300)


def _seconds(created_at: object) -> float:
    """Seconds since 1970; minus infinity for what is no time."""
    try:
        return datetime.fromisoformat(str(created_at).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return -math.inf
