"""One create: registered once, whatever happens on the way, and taken over only where it may be.

Where the API refuses it, or its response is lost, what stands under the identity decides: is it ours?
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from enum import Enum
from typing import Final

from ..api import operation
from ..api.client import VISIBILITY_WAITS
from ..errors import EnkryptError, ModelExists, RequestRejected
from ..kinds import codec
from ..kinds.kind import Live, Properties, at
from ..kinds.secrets import is_masked
from . import diff as differences
from .holding import Holding, shown
from .journal import Entry, Sending
from .registrations import Registrations

CLOCK_SLACK: Final = 2.0
"""Seconds by which the API's own clocks may disagree, and a time may be cut: what somebody else made just the same
within them is taken for ours."""
DELETION_WAITS: Final = (0.0, *(1.0,) * 20)
"""Seconds before each look whether another resource's deletion, which may wait for its turn, is done."""

_MAY_BE_TAKEN: Final[Mapping[int, tuple[float, ...]]] = {400: (0.0,), 409: VISIBILITY_WAITS, 422: (0.0,)}
"""That a taken identity is refused is proven, with which status is not: it is looked up after each of these waits,
seconds; no message is read."""


class Claim(Enum):
    """Why a registration that is there already is this resource's."""

    SENT = "is registered: its response was lost, the work was done"
    MADE = "is registered: this resource had made it"
    HANDED_OVER = "was another resource's of this stack: taken over, and updated to what is declared"
    ADOPTED = "was registered already: adopted, and updated to what is declared"


class Create:
    """One create of one resource. `replaced` is what it overwrote, where the keys of that are known."""

    def __init__(self, registrations: Registrations, urn: str, inputs: Properties) -> None:
        self._registrations: Final = registrations
        self._kind: Final = registrations.kind
        self._client: Final = registrations.client
        self._journal: Final = registrations.journal
        self._identity: Final = registrations.kind.identity_of(inputs)
        self._urn: Final = urn
        self._inputs: Final = inputs
        self._sending = Sending(None, 0.0)
        self._found: Holding | None = None
        self._claim: Claim | None = None
        self._replaced: Properties | None = None

    def run(self, *, keeps_unhealthy: bool = False) -> tuple[Live, str]:
        """Register the inputs, once, whatever happens on the way. Return also why a model that is kept is unhealthy.

        Raise `ModelExists` where the identity is taken by a registration that is not this resource's, unless the
        inputs say `adopt_existing`; `ModelUnhealthy` where `verify_health` made it be taken back.
        """
        self._name_left_behind()
        with self._journal.sending(self._urn, self._identity) as self._sending:
            live, problem = self._send(), ""
        if self._inputs.get("verify_health"):
            self._note(live)
            undo = None if keeps_unhealthy else lambda: self._take_back(live)
            problem = self._registrations.verify(self._inputs, live, undo)
        if self._registrations.run.database.is_over:
            self._note(live)
            return live, problem
        made, checksum = Holding.of(live), self._registrations.checksum(self._inputs)
        self._journal.finish(self._urn, self._sending, self._found, made, checksum)
        self._registrations.run.hold(self._urn, made)
        return live, problem

    def _name_left_behind(self) -> None:
        """Name what an earlier create of this resource made under another identity, where no state holds it."""
        for other in map(self._kind.identity_from, self._journal.others(self._urn, self._identity)):
            with contextlib.suppress(EnkryptError):  # what cannot be told now is told by the next create
                live = self._client.find(self._kind, other)
                if live is None:
                    self._journal.put(self._urn, other, None)
                elif not self._registrations.run.is_seen(Holding.of(live)):
                    left = self._registrations.left_behind(other)
                    # A forced replacement asks no diff: nobody has seen the object that it replaces.
                    line = f"an earlier `pulumi up` was interrupted, unless this is a forced replacement: {left}"
                    operation.report("warning", line)

    def _note(self, live: Live) -> None:
        """Note which registration it is, before the create has returned."""
        noted = Entry(Holding.of(live).key, self._sending.began, None if self._is_new else "")
        self._journal.put(self._urn, self._identity, noted)

    def _take_back(self, live: Live) -> str:
        """Undo the create, and return how."""
        if self._is_new:
            self._registrations.remove(Holding.of(live))
            self._journal.forget(Holding.of(live).key)
            return "it was deleted again"
        if self._replaced is None:
            return "it was there before and stays, updated to what is declared: the API does not show its former keys"
        return self._registrations.set_back(self._urn, self._identity, self._replaced, self._sending)

    @property
    def _is_new(self) -> bool:
        """Whether no state can hold the registration: it was made by this create, or by one that never returned."""
        before = self._sending.before
        never_returned = before is None or before.checksum is None
        return self._claim in (None, Claim.SENT) or (self._claim is Claim.MADE and never_returned)

    def _send(self) -> Live:
        """Return the registration. Raise `ModelExists` where the identity is taken and may not be taken over."""
        try:
            return self._post()
        except RequestRejected as error:
            if self._found or error.status not in _MAY_BE_TAKEN:
                raise
            return self._refused(error)

    def _post(self) -> Live:
        body = codec.body(self._kind, self._inputs, self._client.settings.dialect)
        try:
            return self._client.add(self._kind, body, self._identity, self._look_up, self._sending.doubt)
        finally:
            self._registrations.snapshot.changed(self._identity)

    def _look_up(self) -> Live | None:
        """After a lost response: return what is registered, where it is ours; None where nothing is."""
        try:
            live = self._client.find(self._kind, self._identity, VISIBILITY_WAITS)
        except EnkryptError as error:
            raise type(error)(f"{error}. {self._registrations.left_behind(self._identity)}") from None
        return None if live is None else self._take_over(live)

    def _refused(self, error: RequestRejected) -> Live:
        live = self._client.find(self._kind, self._identity, _MAY_BE_TAKEN[error.status])
        if live is not None:
            return self._take_over(live)
        if error.status != 409:
            raise error
        with contextlib.suppress(ModelExists):
            return self._post()  # another resource of the run may have deleted it in between
        raise ModelExists(
            f"{self._identity} is taken, but no such {self._kind.noun} is there: the API may keep a deleted name for "
            f"a while; try again later or choose another {self._kind.distinction}",
            status=error.status,
            request_id=error.request_id,
        )

    def _take_over(self, live: Live) -> Live:
        self._found = found = Holding.of(live)
        self._claim = self._why_ours(live, found)
        if self._claim is not Claim.SENT:
            self._sending.in_doubt = False  # the create itself made nothing
            if self._claim is None:
                raise ModelExists(self._taken(live), status=409)
            if self._is_freed(found):
                self._claim = None
                return self._post()
            live = self._overwrite(live)
        operation.report("info", f"{self._identity} {self._claim.value}")
        return live

    def _is_freed(self, found: Holding) -> bool:
        """Whether what another resource of the run gave up was deleted by it, before this one held it."""
        if not self._registrations.run.is_released(found):
            return False
        self._registrations.run.hold(self._urn, found)
        return any(
            self._client.find(self._kind, self._identity, (wait,)) is None
            for wait in DELETION_WAITS
            if self._journal.began_deletion(found.key)
        )

    def _overwrite(self, live: Live) -> Live:
        """Send what is declared: what is there may have other keys, which nobody can compare."""
        self._replaced = None if any(map(is_masked, _keys(live.inputs))) else live.inputs
        self._note(live)
        return self._registrations.modify(self._identity, self._inputs, self._sending.doubt)

    def _why_ours(self, live: Live, found: Holding) -> Claim | None:
        known = self._sending.before.key if self._sending.before else None
        if known == str(found.number):
            return Claim.MADE
        if (self._sending.in_doubt or known in ("", found.key)) and self._is_what_we_sent(live, found):
            return Claim.MADE if self._sending.before else Claim.SENT
        if self._inputs.get("adopt_existing"):
            return Claim.ADOPTED
        return Claim.HANDED_OVER if self._is_handed_over(found) else None

    def _is_handed_over(self, found: Holding) -> bool:
        """Whether another resource of the run gives it up, now or soon: the engine asks them in any order."""
        for wait in VISIBILITY_WAITS:
            self._client.wait(wait)
            if self._registrations.run.is_released(found):
                return True
        return False

    def _is_what_we_sent(self, live: Live, found: Holding) -> bool:
        """Identical, made since we began, and not known as another resource's."""
        return (
            not self._differing(live)
            # Both by the API's clock: this machine's may be wrong.
            and found.made >= self._sending.began + self._client.clock_offset - CLOCK_SLACK
            and not self._journal.is_of_another(self._urn, found.key)
            and not self._registrations.run.is_held(found)
        )

    def _differing(self, live: Live) -> list[str]:
        """The paths in which what is there differs from what is declared, and its keys, where the API shows them."""
        shown, declared = _keys(live.inputs), _keys(self._inputs)
        has_other_keys = shown and shown != declared and not any(map(is_masked, shown))
        paths = differences.differing(self._inputs, live, self._kind)
        return [*paths, "model_config.apikeys"] if has_other_keys else paths

    def _taken(self, live: Live) -> str:
        fields = self._differing(live)
        differs = (
            f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
        )
        return (
            f"{live.identity} is registered already ({shown(live)}), and nothing shows that this resource made it; "
            f"{differs}. Fix: to take it over, adopt_existing=True; to have both, another {self._kind.distinction}; "
            "if the resource had another name or parent before, the resource option aliases=[…]; if this is a "
            "--replace, the resource option delete_before_replace=True"
        )


def _keys(inputs: Properties) -> list[str]:
    return at(inputs, "model_config.apikeys") or []
