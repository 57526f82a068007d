"""One account of the API as the verbs use it: documents in, documents out, and nothing lost or doubled.

The decisions about a registration that may or may not be ours are here: after a lost answer, a taken name, an
interrupted run, a forced replacement. What is sent and how is client.py's.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from . import schema
from .client import VISIBILITY_WAITS, EnkryptClient, announce
from .core import diff as differences
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
from .journal import Entry, Journal, this_place
from .ledger import Ledger
from .listing import Listing
from .redaction import is_masked, redacted, secrets_in
from .schema import Identifier, Json, Live, Properties

CLOCK_SLACK: Final = 5.0
"""Seconds by which the API's own clocks may disagree, and the `Date` header's second is cut."""

_MAY_BE_TAKEN: Final[Mapping[int, tuple[float, ...]]] = {400: (0.0,), 409: VISIBILITY_WAITS, 422: (0.0,)}
"""That a taken identity is refused is proven, with which status is not: it is looked up after each of these waits,
seconds; no message is read."""


class _Claim(Enum):
    """Why what is registered already is this resource's."""

    SENT = "is registered: its answer was lost, the work was done"
    MADE = "is registered: this resource had made it"
    ADOPTED = "was registered already: adopted, and updated to what is declared"


@dataclass
class _Create:
    """One create in progress: of what, since when by this machine's clock, what the journal knew before, and
    whether it may have been done without an answer."""

    inputs: Properties
    identity: Identifier
    began: float
    known: Entry
    in_doubt: bool = False
    is_settled: bool = False
    """Whether it was there already, and became ours."""

    @property
    def may_be_done(self) -> bool:
        """By this create, or by one that was interrupted."""
        return self.in_doubt or self.known.began is not None

    def doubt(self) -> None:
        self.in_doubt = True


class Account:
    """`tell` shows a line to the person who runs the engine; `now` is this machine's clock, seconds since 1970."""

    def __init__(
        self,
        client: EnkryptClient,
        *,
        journal: Journal | None = None,
        ledger: Ledger | None = None,
        tell: Callable[[str], None] = announce,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.ledger = ledger or Ledger()
        self.journal = journal or Journal(client.settings.shown_endpoint, place=this_place())
        self._dialect: Final = client.settings.dialect
        self._tell = tell
        self._now = now
        self._listing = Listing(client)
        self._asking = threading.Lock()
        self._met: frozenset[Identifier] | EnkryptError | None = None
        self._told: set[str] = set()

    def find(self, identity: Identifier) -> Live | None:
        """The live registration, or None where it is gone."""
        return self._listing.find(identity)

    def meet(self, identity: Identifier, *, adopt: bool) -> str:
        """What a create of `identity` would meet now, by one list for all that ask: a problem, or ""."""
        try:
            taken = identity in self._online()
        except AuthenticationFailed as error:
            return str(error)
        except EnkryptError as error:
            self._tell_once(f"warning: enkrypt:checkOnline: {error}")
            return ""
        if not taken or self.journal.knows(identity, self.ledger.owner(identity)):
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
        known, began = self.journal.begin(identity, self.ledger.owner(identity))
        create = _Create(inputs, identity, began, known)
        try:
            live = self._sent(create)
        except EnkryptError:
            if not create.in_doubt:
                self.journal.write(identity, known)
            raise
        finally:
            self._listing.forget()
        self.journal.finish(identity, known.owner, live.computed.get("model_id"))
        if create.is_settled:
            self.journal.take_over(identity, known.owner, live.computed.get("model_id"))
        return live

    def update(self, identity: Identifier, inputs: Properties) -> Live:
        """Replaces the registration's fields. Raises `ModelNotFound` where it is gone."""
        try:
            live = self.client.modify_model(identity, schema.to_wire(inputs, self._dialect))
        except ModelNotFound as error:
            raise ModelNotFound(
                f"{identity} is gone: run `pulumi refresh`, then `pulumi up` to register it again",
                status=error.status,
                request_id=error.request_id,
            ) from None
        finally:
            self._listing.forget()
        if self.has_lost(identity):
            self.journal.take_over(identity, self.ledger.owner(identity), live.computed.get("model_id"))
        return live

    def has_lost(self, identity: Identifier) -> bool:
        """Whether another resource of this machine took the registration over since: it may have other keys."""
        return self.journal.entry(identity, self.ledger.owner(identity)).lost

    def verify_health(self, identity: Identifier, inputs: Properties) -> None:
        """Raises `ModelUnhealthy` where the model, registered with `inputs`, does not answer."""
        try:
            answer = self.client.visible(lambda: self.client.model_health(identity))
        except EnkryptError as error:
            raise ModelUnhealthy(f"{identity} is registered, but its health could not be verified: {error}") from None
        if reason := redacted(illness(answer), secrets_in(inputs)):
            raise ModelUnhealthy(f"{identity} is registered, but does not answer: {reason}")

    def delete(self, identity: Identifier, token: str, number: int | None = None) -> None:
        """Deletes the registration `number` that the state's object `token` stands for, if it is there.

        It is kept where another object of the state stands for it by now: after a forced replacement, or
        where another resource has adopted it. The engine then only lets go of the older object.
        """
        if self.ledger.is_superseded(identity, token):
            self._tell(f"{identity} is kept: it is declared still, only the older entry of the state goes")
            return
        try:
            self.client.delete_model(identity)
        except ModelNotFound as error:
            self._confirm(error, identity)
        finally:
            self._listing.forget()
        self.journal.forget(identity, number)

    def _confirm(self, gone: ModelNotFound, identity: Identifier) -> None:
        """Raises where the API shows the registration all the same, or where nothing is the API: a wrong address
        answers 404 to everything."""
        for wait in VISIBILITY_WAITS:
            self.client.wait(wait)
            if self._listing.find(identity) is None:
                return
            self._listing.forget()
        raise UnexpectedResponse(f"{gone}, but the API shows it still: nothing was changed, try again")

    # ---- create

    def _sent(self, create: _Create) -> Live:
        try:
            body = schema.to_wire(create.inputs, self._dialect)
            return self.client.add_model(body, create.identity, lambda: self._look(create), create.doubt)
        except _Settled:
            raise
        except RequestRejected as error:
            if error.status not in _MAY_BE_TAKEN:
                raise
            return self._refused(create, error)

    def _look(self, create: _Create) -> Live | None:
        """After a lost answer: what is registered, where it is ours; None where nothing is."""
        found = self.client.find_model(create.identity, VISIBILITY_WAITS)
        return None if found is None else self._settled(create, found)

    def _refused(self, create: _Create, error: RequestRejected) -> Live:
        found = self.client.find_model(create.identity, _MAY_BE_TAKEN[error.status])
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

    def _settled(self, create: _Create, live: Live) -> Live:
        """The registration that stands under our identity, where this resource may have it."""
        claim = self._claim(create, live)
        if claim is None:
            raise _Settled(self._taken(create, live))
        if claim is not _Claim.SENT:  # it may have other keys, which nobody can compare
            live = self.client.modify_model(create.identity, schema.to_wire(create.inputs, self._dialect))
        self._tell(f"{create.identity} {claim.value}")
        create.is_settled = True
        return live

    def _claim(self, create: _Create, live: Live) -> _Claim | None:
        number = live.computed.get("model_id")
        if number is not None and number == create.known.made:
            return _Claim.MADE
        if create.may_be_done and self._is_what_we_sent(create, live):
            return _Claim.SENT if create.known.began is None else _Claim.MADE
        return _Claim.ADOPTED if create.inputs.get("adopt_existing") else None

    def _is_what_we_sent(self, create: _Create, live: Live) -> bool:
        """Identical, made since we began, and by no other resource that this machine knows of."""
        return (
            not differences.differing(create.inputs, live)
            and not _has_other_keys(create.inputs, live)
            and self._made_since(live, create.began)
            and not self.journal.maker(create.identity, live.computed.get("model_id"))
        )

    def _made_since(self, live: Live, began: float) -> bool:
        # Both by the API's clock: this machine's may be wrong.
        return _seconds(live.computed.get("created_at")) >= began + self.client.clock_offset - CLOCK_SLACK

    def _taken(self, create: _Create, live: Live) -> str:
        maker = self.journal.maker(create.identity, live.computed.get("model_id"))
        by = f", by {_whose(maker)} on this machine" if maker else ""
        fields = differences.differing(create.inputs, live)
        fields += ["model_config.apikeys"] * _has_other_keys(create.inputs, live)
        differs = (
            f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
        )
        return (
            f"{create.identity} is registered already ({_known(live)}{by}) and was not made by this create; "
            f"{differs}. {_renamed(maker, create.known)}To take it over as declared set adopt_existing=True; "
            "to have both change model_version"
        )


class _Settled(ModelExists):
    """The error about a taken identity, in its final words."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=409)


_Settled.__qualname__ = _Settled.__name__ = ModelExists.__name__
_Settled.__module__ = ModelExists.__module__


def _has_other_keys(inputs: Properties, live: Live) -> bool:
    """Whether the API shows the model's keys in the clear, and they are not those of `inputs`."""
    shown = live.inputs["model_config"].get("apikeys")
    return bool(shown) and not any(map(is_masked, shown)) and shown != inputs["model_config"].get("apikeys")


def _whose(maker: Entry) -> str:
    folder = maker.place.partition("\n")[0]
    return f"{plain(maker.owner)}{f' in {plain(folder)}' if folder else ''}"


def _renamed(maker: Entry | None, owner: Entry) -> str:
    """What to do where both are resources of one stack, or ""."""
    stack, _, name = maker.owner.rpartition("/") if maker else ("", "", "")
    if not maker or (stack, maker.place) != (owner.owner.rpartition("/")[0], owner.place):
        return ""
    was = repr(plain(name, 60))
    return f"If this resource was {was} before, give it ResourceOptions(aliases=[Alias(name={was})]). "


def _known(live: Live) -> str:
    names = (("model_id", "model_id"), ("project_name", "project"), ("created_at", "since"))
    known = (f"{shown} {plain(live.computed[name], 60)}" for name, shown in names if name in live.computed)
    return ", ".join(known) or "by whom the API does not say"


def illness(answer: Json) -> str:
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
