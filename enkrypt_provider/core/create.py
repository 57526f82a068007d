"""One create: registered once, whatever happens on the way, and taken over only where it may be.

Where the API refuses it, or its response is lost, what stands under the identity decides: is it ours?
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from ..api import operation
from ..api.client import VISIBILITY_WAITS
from ..errors import EnkryptError, ModelExists, RequestRejected
from ..kinds import codec
from ..kinds.kind import Kind, Live, Properties, at
from ..kinds.secrets import is_masked
from . import diff as differences
from .holding import Holding, shown

if TYPE_CHECKING:
    from .reconcile import Registrations

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


class Create:
    """One create of one resource. `replaced` is what it overwrote, where the keys of that are known."""

    def __init__(self, registrations: Registrations, urn: str, inputs: Properties) -> None:
        self.identity: Final = registrations.kind.identity_of(inputs)
        self.before: Final = registrations.journal.entry(urn, self.identity)
        self.replaced: Properties | None = None
        self._began: Final = registrations.journal.begin(urn, self.identity)
        self._registrations: Final = registrations
        self._kind: Final = registrations.kind
        self._client: Final = registrations.client
        self._urn: Final = urn
        self._inputs: Final = inputs
        self._body: Final = codec.body(registrations.kind, inputs, registrations.client.settings.dialect)
        self._claim: Claim | None = None
        self._in_doubt = False
        self._is_taken = False

    @property
    def is_new(self) -> bool:
        """Whether no state can hold the registration: it was made by this create, or by one that never returned."""
        never_returned = self.before is None or self.before.updated_at is None
        return self._claim in (None, Claim.SENT) or (self._claim is Claim.MADE and never_returned)

    def register(self) -> Live:
        """Return the registration. Raise `ModelExists` where the identity is taken and may not be taken over."""
        try:
            return self._send()
        except EnkryptError:
            if not self._in_doubt or self._is_taken:
                self.forget()
            raise
        finally:
            self._registrations.snapshot.changed()

    def note(self, live: Live) -> None:
        """Note which registration it is, before the create has returned."""
        self._registrations.journal.begin(self._urn, self.identity, Holding.of(live).key)

    def forget(self) -> None:
        """Put back what was noted before this create."""
        self._registrations.journal.put(self._urn, self.identity, self.before)

    def _doubt(self) -> None:
        self._in_doubt = True  # the work may have been done without a response

    def _send(self) -> Live:
        try:
            return self._client.add(self._kind, self._body, self.identity, self._look_up, self._doubt)
        except RequestRejected as error:
            if self._is_taken or self._claim or error.status not in _MAY_BE_TAKEN:
                raise
            return self._refused(error)

    def _look_up(self) -> Live | None:
        """After a lost response: return what is registered, where it is ours; None where nothing is."""
        try:
            live = self._client.find(self._kind, self.identity, VISIBILITY_WAITS)
        except EnkryptError as error:
            raise type(error)(f"{error}. {self._registrations.left_behind(self.identity)}") from None
        return None if live is None else self._take_over(live)

    def _refused(self, error: RequestRejected) -> Live:
        live = self._client.find(self._kind, self.identity, _MAY_BE_TAKEN[error.status])
        if live is not None:
            return self._take_over(live)
        if error.status != 409:
            raise error
        raise ModelExists(
            f"{self.identity} is taken, but no such {self._kind.noun} is there: the API may keep a deleted name for "
            f"a while; try again later or choose another {self._kind.distinction}",
            status=error.status,
            request_id=error.request_id,
        )

    def _take_over(self, live: Live) -> Live:
        self._claim = self._why_ours(live)
        if self._claim is None:
            self._is_taken = True
            raise ModelExists(_taken(self._kind, self._inputs, live), status=409)
        if self._claim is not Claim.SENT:
            live = self._overwrite(live)
        operation.report("info", f"{self.identity} {self._claim.value}")
        return live

    def _overwrite(self, live: Live) -> Live:
        """Send what is declared: what is there may have other keys, which nobody can compare."""
        self.replaced = None if any(map(is_masked, _keys(live.inputs))) else live.inputs
        self.note(live)
        self._in_doubt = False  # the create itself made nothing
        return self._client.modify(self._kind, self.identity, self._body, self._doubt)

    def _why_ours(self, live: Live) -> Claim | None:
        found = Holding.of(live)
        known = self.before.key if self.before else None
        if known == str(found.number):
            return Claim.MADE
        if (self._in_doubt or known in ("", found.key)) and self._is_what_we_sent(live):
            return Claim.MADE if self.before else Claim.SENT
        if self._inputs.get("adopt_existing"):
            return Claim.ADOPTED
        return Claim.HANDED_OVER if self._is_handed_over(found) else None

    def _is_handed_over(self, found: Holding) -> bool:
        for wait in HAND_OVER_WAITS:
            self._client.wait(wait)
            if self._registrations.run.is_released(found):
                return True
        return False

    def _is_what_we_sent(self, live: Live) -> bool:
        """Identical, made since we began, and not known as another resource's."""
        found = Holding.of(live)
        return (
            not differences.differing(self._inputs, live, self._kind)
            and not _has_other_keys(self._inputs, live)
            # Both by the API's clock: this machine's may be wrong.
            and found.made >= self._began + self._client.clock_offset - CLOCK_SLACK
            and not self._registrations.journal.is_of_another(self._urn, found.key)
            and not self._registrations.run.is_held(found)
        )


def _taken(kind: Kind, inputs: Properties, live: Live) -> str:
    fields = differences.differing(inputs, live, kind) + ["model_config.apikeys"] * _has_other_keys(inputs, live)
    differs = f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
    return (
        f"{live.identity} is registered already ({shown(live)}), and nothing shows that this resource made it; "
        f"{differs}. Fix: to take it over, adopt_existing=True; to have both, another {kind.distinction}; if the "
        "resource had another name or parent before, ResourceOptions(aliases=[…]); to replace it by force, "
        "ResourceOptions(delete_before_replace=True)"
    )


def _has_other_keys(inputs: Properties, live: Live) -> bool:
    """Whether the API shows the model's keys in the clear, and they are not those of `inputs`."""
    keys = _keys(live.inputs)
    return bool(keys) and not any(map(is_masked, keys)) and keys != _keys(inputs)


def _keys(inputs: Properties) -> list[str]:
    return at(inputs, "model_config.apikeys") or []
