"""Is this registration ours? What is decided before a create, an update or a delete changes anything.

A state object stands for the number (`model_id`) that it holds, not for a name. Where the API tells no number, its
`created_at` stands in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from ..api import operation
from ..api.client import VISIBILITY_WAITS, EnkryptClient
from ..api.redaction import redacted, secrets_in
from ..api.snapshot import Snapshot
from ..errors import (
    EnkryptError,
    ModelExists,
    ModelNotFound,
    ModelUnhealthy,
    RequestRejected,
    UnexpectedResponse,
    plain,
)
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Live, Properties
from ..kinds.model import MODEL
from ..kinds.secrets import is_masked
from . import diff as differences
from .journal import Entry, Journal
from .run_ownership import RunOwnership

CLOCK_SLACK: Final = 5.0
"""Seconds by which the API's own clocks may disagree, and the `Date` header's second is cut."""
HAND_OVER_WAITS: Final = (0.0, 0.5, 1.0, 1.5)
"""Seconds for which a create waits for another resource of the run to give its name up: the engine asks them in any
order."""

_MAY_BE_TAKEN: Final[Mapping[int, tuple[float, ...]]] = {400: (0.0,), 409: VISIBILITY_WAITS, 422: (0.0,)}
"""That a taken identity is refused is proven, with which status is not: it is looked up after each of these waits,
seconds; no message is read."""


class Claim(Enum):
    """Why a registration that is there already is this resource's."""

    SENT = "is registered: its response was lost, the work was done"
    MADE = "is registered: this resource had made it"
    HANDED_OVER = "was another resource's of this stack: taken over, and updated to what is declared"
    ADOPTED = "was registered already: adopted, and updated to what is declared"


@dataclass(frozen=True)
class Holding:
    """What a state object holds: of which identity, by which number, made when, in which account."""

    identity: Identifier
    number: int | None = None
    created_at: str = ""
    account: str = ""

    def is_same(self, live: Live) -> bool:
        """Whether a registration is the one that the state stands for; without any mark of either, it is."""
        number = live.computed.get("model_id")
        if self.number is not None and number is not None:
            return bool(number == self.number)
        return _is_same_time(self.created_at, live.computed.get("created_at"))

    def is_very_same(self, live: Live) -> bool:
        """Whether number and time both say so: two accounts may both have a number 1."""
        created_at = _seconds(live.computed.get("created_at"))
        return self.number == live.computed.get("model_id") and _seconds(self.created_at) == created_at > -math.inf


@dataclass
class Create:
    """One create: of what, since when (seconds since 1970 by this machine's clock), and what came of it.

    `interrupted` is what an earlier run noted of the same create and never confirmed.
    """

    urn: str
    inputs: Properties
    identity: Identifier
    began: float
    interrupted: Entry | None
    in_doubt: bool = False
    """Whether the work may have been done without a response."""
    claim: Claim | None = None
    """Why the registration is ours, where it was there already."""
    replaced: Properties | None = None
    """What was registered before, where we overwrote it."""

    def doubt(self) -> None:
        self.in_doubt = True


class _Taken(ModelExists):
    """The error about a taken identity, in its final words."""


class Registrations:
    """The registrations of one account, as one stack may change them."""

    def __init__(
        self, client: EnkryptClient, *, journal: Journal, run: RunOwnership, snapshot: Snapshot | None = None
    ) -> None:
        self.client = client
        self.journal = journal
        self.run = run
        self.snapshot = snapshot or Snapshot(client)
        self._dialect: Final = client.settings.dialect

    def find(self, identity: Identifier) -> Live | None:
        """Return the registration, or None where it is gone."""
        return self.snapshot.find(identity)

    # ---- create

    def create(self, urn: str, inputs: Properties) -> tuple[Create, Live]:
        """Register `inputs`, once, whatever happens on the way.

        Raise `ModelExists` where the identity is taken by a registration that is not this resource's, unless
        `inputs` say `adopt_existing`.
        """
        identity = MODEL.identity_of(inputs)
        before = self.journal.entry(urn)
        interrupted = before if before and (before.operation, before.identity) == ("create", str(identity)) else None
        if before and before.operation == "create" and not interrupted:
            self._name_left_behind(before)
        create = Create(urn, inputs, identity, self.journal.begin(urn, "create", identity), interrupted)
        try:
            live = self._register(create)
        except EnkryptError:
            if not create.in_doubt:
                self.journal.put(urn, interrupted)
            raise
        finally:
            self.snapshot.changed()
        self._note_created(create, live)
        return create, live

    def _note_created(self, create: Create, live: Live) -> None:
        number, updated_at = live.computed.get("model_id"), live.computed.get("updated_at")
        self.journal.finish(create.urn, "create", create.identity, number, updated_at)
        self.run.hold(number, create.urn)

    def _name_left_behind(self, entry: Entry) -> None:
        """Name what an earlier create of this resource made under another identity, where no state may hold it.

        It is not deleted: a forced replacement comes here too, and its state does hold it.
        """
        identity = Identifier.parse(entry.identity)
        live = self.client.find_model(identity)
        if live is not None and not self.run.is_held(live.computed.get("model_id")):
            operation.report("warning", f"if the last `pulumi up` was interrupted: {self.left_behind(identity)}")

    def take_back(self, create: Create, live: Live) -> str:
        """Undo a create that cannot stay. Return what is registered now, for a person."""
        identity = create.identity
        try:
            if create.claim is None or create.claim in (Claim.SENT, Claim.MADE):
                self.client.delete_model(identity)
                self.journal.forget(live.computed.get("model_id"))
                return "it was deleted again"
            if create.replaced is None:
                return "it was there before and stays, as declared: its former keys are not known"
            self.client.modify_model(identity, codec.body(MODEL, create.replaced, self._dialect))
            self.journal.remove(create.urn)
            return "it was set back to what it was"
        except EnkryptError as error:
            return f"and could not be taken back ({error}). {self.left_behind(identity)}"
        finally:
            self.snapshot.changed()

    def _register(self, create: Create) -> Live:
        body = codec.body(MODEL, create.inputs, self._dialect)
        try:
            return self.client.add_model(body, create.identity, lambda: self._look_up(create), create.doubt)
        except _Taken:
            raise
        except RequestRejected as error:
            if error.status not in _MAY_BE_TAKEN:
                raise
            return self._refused(create, error)

    def _look_up(self, create: Create) -> Live | None:
        """After a lost response: return what is registered, where it is ours; None where nothing is."""
        try:
            found = self.client.find_model(create.identity, VISIBILITY_WAITS)
        except EnkryptError as error:
            raise type(error)(f"{error}. {self.left_behind(create.identity)}") from None
        return None if found is None else self._taken_over(create, found)

    def _refused(self, create: Create, error: RequestRejected) -> Live:
        found = self.client.find_model(create.identity, _MAY_BE_TAKEN[error.status])
        if found is not None:
            return self._taken_over(create, found)
        if error.status != 409:
            raise error
        raise ModelExists(
            f"{create.identity} is taken, but no such model is there: the API may keep a deleted name for a while; "
            "try again later or choose another model_version",
            status=error.status,
            request_id=error.request_id,
        )

    def _taken_over(self, create: Create, live: Live) -> Live:
        """Return the registration that stands under our identity, where this resource may have it."""
        create.claim = self._claim(create, live)
        if create.claim is None:
            raise _Taken(_taken(create, live), status=409)
        if create.claim is not Claim.SENT:  # it may have other keys, which nobody can compare
            create.replaced = None if _hides_keys(live) else live.inputs
            live = self.client.modify_model(create.identity, codec.body(MODEL, create.inputs, self._dialect))
        operation.report("info", f"{create.identity} {create.claim.value}")
        return live

    def _claim(self, create: Create, live: Live) -> Claim | None:
        number = live.computed.get("model_id")
        if number is not None and create.interrupted and str(number) == create.interrupted.number:
            return Claim.MADE
        if (create.in_doubt or create.interrupted) and self._is_what_we_sent(create, live):
            return Claim.MADE if create.interrupted else Claim.SENT
        if create.inputs.get("adopt_existing"):
            return Claim.ADOPTED
        return Claim.HANDED_OVER if self._is_handed_over(number) else None

    def _is_handed_over(self, number: object) -> bool:
        if number is None:
            return False
        for wait in HAND_OVER_WAITS:
            self.client.wait(wait)
            if self.run.is_released(number):
                return True
        return False

    def _is_what_we_sent(self, create: Create, live: Live) -> bool:
        """Identical, made since we began, and not known as another resource's."""
        number = live.computed.get("model_id")
        return (
            not differences.differing(create.inputs, live)
            and not _has_other_keys(create.inputs, live)
            and self._is_made_since(live, create.began)
            and not self.journal.is_of_another(create.urn, number)
            and not self.run.is_held(number)
        )

    def _is_made_since(self, live: Live, began: float) -> bool:
        # Both by the API's clock: this machine's may be wrong.
        return _seconds(live.computed.get("created_at")) >= began + self.client.clock_offset - CLOCK_SLACK

    def left_behind(self, identity: Identifier) -> str:
        """Return what to do about a registration that may be ours and that no state will show."""
        return (
            f"{identity} may be registered at {self.client.settings.shown_endpoint}: the next `pulumi up` on this "
            f"machine completes it; to remove it instead: {delete_command(self.client.settings.endpoint, identity)}"
        )

    # ---- update

    def update(self, urn: str, held: Holding, inputs: Properties) -> Live:
        """Replace the registration's fields. Raise `ModelNotFound` where it is gone or somebody else's by now."""
        self._refuse_unless_ours(held)
        before = self.journal.entry(urn)
        self.journal.begin(urn, "update", held.identity, held.number)
        try:
            live = self.client.modify_model(held.identity, codec.body(MODEL, inputs, self._dialect))
        except RequestRejected as error:
            self.journal.put(urn, before)
            if error.status == 404:
                raise ModelNotFound(self._gone(held), status=404) from None
            raise
        finally:
            self.snapshot.changed()
        self.journal.finish(urn, "update", held.identity, held.number, live.computed.get("updated_at"))
        return live

    def set_back(self, urn: str, held: Holding, inputs: Properties) -> str:
        """Undo an update that cannot stay. Return what is registered now, for a person."""
        try:
            self.client.modify_model(held.identity, codec.body(MODEL, inputs, self._dialect))
        except EnkryptError as error:
            return f"and could not be set back ({error}): the next `pulumi up` on this machine sends it again"
        self.journal.remove(urn)
        return "it was set back to what it was"

    def _refuse_unless_ours(self, held: Holding) -> None:
        if self.snapshot.has_number(held.identity, held.number):
            return
        live = self.client.find_model(held.identity)
        if live is None:
            raise ModelNotFound(self._gone(held), status=404)
        if not held.is_same(live):
            raise ModelNotFound(
                f"{held.identity} was deleted and registered anew by somebody else ({_known(live)}; the state has "
                f"model_id {held.number}): nothing was changed. Run `pulumi refresh` to see theirs, then `pulumi up`",
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
        if held.number is not None and self.run.is_held(held.number):
            return operation.report("info", f"{held.identity} is kept: another object of the state stands for it")
        is_there = self.snapshot.has_number(held.identity, held.number)
        live = None if is_there else self.client.find_model(held.identity)
        if live is not None and not self._is_ours(held, live):
            return None
        try:
            self.client.delete_model(held.identity)
        except ModelNotFound as error:
            if is_there or live is not None:
                self._confirm_gone(error, held)
        finally:
            self.snapshot.changed()
        self.journal.forget(held.number)
        return None

    def _is_ours(self, held: Holding, live: Live) -> bool:
        if not held.is_same(live):
            theirs = f"({_known(live)}; the state has model_id {held.number})"
            operation.report("warning", f"{held.identity} was registered anew by somebody else {theirs}: it is kept")
            self.journal.forget(held.number)
            return False
        return held.number is not None or not self.run.declarer(held.identity)

    def _confirm_gone(self, gone: ModelNotFound, held: Holding) -> None:
        """Raise where the API shows the registration all the same."""
        for wait in VISIBILITY_WAITS:
            live = self.client.find_model(held.identity, (wait,))
            if live is None or not held.is_same(live):
                return
        raise UnexpectedResponse(f"{gone}, but the API shows it still: nothing was changed, try again")

    # ---- health

    def verify_health(self, identity: Identifier, inputs: Properties) -> None:
        """Raise `ModelUnhealthy` where the model, registered with `inputs`, does not answer."""
        try:
            health = self.client.until_visible(lambda: self.client.model_health(identity))
        except EnkryptError as error:
            raise ModelUnhealthy(f"{identity}: its health could not be verified: {error}") from None
        if reason := redacted(illness(health), secrets_in(inputs)):
            raise ModelUnhealthy(f"{identity} does not answer: {reason}")


def delete_command(endpoint: str, identity: Identifier) -> str:
    """Return what to type to delete a registration by hand."""
    if not endpoint:
        return "remove the emulator's file"
    return (
        f'curl -X DELETE {endpoint}/models/delete-model -H "apikey: $ENKRYPTAI_API_KEY" '
        f"-H 'X-Enkrypt-Model: {plain(identity.name)}' -H 'X-Enkrypt-Model-Version: {plain(identity.version)}'"
    )


def illness(health: Json) -> str:
    """Return what a response of the health check says is wrong, or "". The shape of that response is a guess [G]."""
    status = health.get("status") if isinstance(health, dict) else None
    if not isinstance(status, str) or status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    return plain(f"{status}: {health.get('message') or health.get('error') or 'no reason given'}", 300)


def _taken(create: Create, live: Live) -> str:
    fields = differences.differing(create.inputs, live)
    fields += ["model_config.apikeys"] * _has_other_keys(create.inputs, live)
    differs = f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
    return (
        f"{create.identity} is registered already ({_known(live)}), and nothing shows that this resource made it; "
        f"{differs}. Fix: to take it over, adopt_existing=True; to have both, another model_version; if the resource "
        "had another name or parent before, ResourceOptions(aliases=[…]); to replace it by force, "
        "ResourceOptions(delete_before_replace=True)"
    )


def _known(live: Live) -> str:
    names = (("model_id", "model_id"), ("project_name", "project"), ("created_at", "since"))
    known = (f"{shown} {plain(live.computed[name], 60)}" for name, shown in names if name in live.computed)
    return ", ".join(known) or "the API does not say by whom"


def _has_other_keys(inputs: Properties, live: Live) -> bool:
    """Whether the API shows the model's keys in the clear, and they are not those of `inputs`."""
    shown = live.inputs["model_config"].get("apikeys")
    return bool(shown) and not any(map(is_masked, shown)) and shown != inputs["model_config"].get("apikeys")


def _hides_keys(live: Live) -> bool:
    return any(map(is_masked, live.inputs["model_config"].get("apikeys") or ()))


def _is_same_time(one: object, other: object) -> bool:
    """Whether two times of the API may be one; where one is not told, they may."""
    times = _seconds(one), _seconds(other)
    return not all(map(math.isfinite, times)) or abs(times[0] - times[1]) < 1.0


def _seconds(created_at: object) -> float:
    """Return seconds since 1970; minus infinity for what is no time."""
    try:
        return datetime.fromisoformat(str(created_at).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return -math.inf
