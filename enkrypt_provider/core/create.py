"""Creates a registration exactly once, and takes over an existing one only for a reason listed in `Claim`.

If the API rejects the create or its response is lost, the registration found under the identity decides.
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
"""Seconds by which the API's own clocks may disagree or a time may be truncated. An identical registration that
somebody else created within them is mistaken for this resource's."""
DELETION_WAITS: Final = (0.0, *(1.0,) * 20)
"""Seconds before each check for the end of another resource's deletion, which may wait for the rate limit."""

_MAY_BE_TAKEN: Final[Mapping[int, tuple[float, ...]]] = {400: (0.0,), 409: VISIBILITY_WAITS, 422: (0.0,)}
"""Seconds before each look-up, for each status that may mean a taken identity. It is proven that a taken one is
refused, but not with which status; no message is parsed."""


class Claim(Enum):
    """Why an existing registration belongs to this resource."""

    SENT = "is registered: the response was lost, but the create succeeded"
    CREATED = "is registered: this resource had already created it"
    HANDED_OVER = "belonged to another resource of this stack: taken over and updated to match the program"
    ADOPTED = "was registered already: adopted and updated to match the program"


class Create:
    """One create of one resource. `_replaced` holds the inputs that it overwrote, if their keys are known."""

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
        """Register the inputs exactly once. Also return why a model that is kept is unhealthy.

        Raise `ModelExists` if the identity is taken by a registration that is not this resource's, unless the inputs
        set `adopt_existing`; `ModelUnhealthy` if `verify_health` fails, unless `keeps_unhealthy`.
        """
        self._warn_about_left_behind()
        with self._journal.sending(self._urn, self._identity) as self._sending:
            live, problem = self._send(), ""
        if self._inputs.get("verify_health"):
            self._note(live)
            undo = None if keeps_unhealthy else lambda: self._undo(live)
            problem = self._registrations.verify(self._inputs, live, undo)
        if self._registrations.run.database.is_over:
            self._note(live)
            return live, problem
        created, checksum = Holding.of(live), self._registrations.checksum(self._inputs)
        self._journal.finish(self._urn, self._sending, self._found, created, checksum)
        self._registrations.run.hold(self._urn, created)
        return live, problem

    def _warn_about_left_behind(self) -> None:
        """Warn about registrations of this resource's earlier creates under other identities that no state holds."""
        for other in map(self._kind.identity_from, self._journal.others(self._urn, self._identity)):
            with contextlib.suppress(EnkryptError):  # the next create tries again
                live = self._client.find(self._kind, other)
                if live is None:
                    self._journal.put(self._urn, other, None)
                elif not self._registrations.run.is_seen(Holding.of(live)):
                    left = self._registrations.left_behind(other)
                    # A forced replacement brings no diff, so this run has not seen the object that it replaces.
                    line = f"an earlier `pulumi up` was interrupted, unless this is a forced replacement: {left}"
                    operation.report("warning", line)

    def _note(self, live: Live) -> None:
        """Record which registration it is, before the create has returned."""
        noted = Entry(Holding.of(live).key, self._sending.began, None if self._is_new else "")
        self._journal.put(self._urn, self._identity, noted)

    def _undo(self, live: Live) -> str:
        """Undo the create, and return what was done."""
        if self._is_new:
            self._registrations.remove(Holding.of(live))
            self._journal.forget(Holding.of(live).key)
            return "it was deleted"
        if self._replaced is None:
            return "it existed before and stays, updated to match the program: the API does not show its former keys"
        return self._registrations.roll_back(self._urn, self._identity, self._replaced, self._sending)

    @property
    def _is_new(self) -> bool:
        """Whether no state can hold the registration: this create, or one that never returned, created it."""
        before = self._sending.before
        never_returned = before is None or before.checksum is None
        return self._claim in (None, Claim.SENT) or (self._claim is Claim.CREATED and never_returned)

    def _send(self) -> Live:
        """Return the registration. Raise `ModelExists` if the identity is taken and may not be taken over."""
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
        """After a lost response, return the registration if it belongs to this resource, or None if there is none."""
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
            f"{self._identity} is taken, but the API shows no such {self._kind.noun}: another project may hold it, "
            f"or the API keeps a deleted name for a while; choose another {self._kind.distinction}, or try later",
            status=error.status,
            request_id=error.request_id,
        )

    def _take_over(self, live: Live) -> Live:
        self._found = found = Holding.of(live)
        self._claim = self._claim_to(live, found)
        if self._claim is not Claim.SENT:
            self._sending.in_doubt = False  # the create itself registered nothing
            if self._claim is None:
                raise ModelExists(self._conflict(live), status=409)
            if self._is_freed(found):
                self._claim = None
                return self._post()
            live = self._overwrite(live)
        operation.report("info", f"{self._identity} {self._claim.value}")
        return live

    def _is_freed(self, found: Holding) -> bool:
        """Whether the resource that released the registration deleted it before this one held it."""
        if not self._registrations.run.is_released(found):
            return False
        self._registrations.run.hold(self._urn, found)
        return any(
            self._client.find(self._kind, self._identity, (wait,)) is None
            for wait in DELETION_WAITS
            if self._journal.began_deletion(found.key)
        )

    def _overwrite(self, live: Live) -> Live:
        """Send the declared inputs in any case: the registration may have other keys, which cannot be compared."""
        self._replaced = None if any(map(is_masked, _keys(live.inputs))) else live.inputs
        self._note(live)
        return self._registrations.modify(self._identity, self._inputs, self._sending.doubt)

    def _claim_to(self, live: Live, found: Holding) -> Claim | None:
        known = self._sending.before.key if self._sending.before else None
        if known == str(found.number):
            return Claim.CREATED
        if (self._sending.in_doubt or known in ("", found.key)) and self._is_own_create(live, found):
            return Claim.CREATED if self._sending.before else Claim.SENT
        if self._inputs.get("adopt_existing"):
            return Claim.ADOPTED
        return Claim.HANDED_OVER if self._is_handed_over(found) else None

    def _is_handed_over(self, found: Holding) -> bool:
        """Whether another resource of the run releases `found`, now or soon: the engine runs them in any order."""
        for wait in VISIBILITY_WAITS:
            self._client.wait(wait)
            if self._registrations.run.is_released(found):
                return True
        return False

    def _is_own_create(self, live: Live, found: Holding) -> bool:
        """Whether `live` is identical, no older than this create, and not known to be another resource's."""
        return (
            not self._differing(live)
            # Both by the API's clock: this machine's may be wrong.
            and found.created >= self._sending.began + self._client.clock_offset - CLOCK_SLACK
            and not self._journal.is_pending_elsewhere(self._urn, found.key)
            and not self._registrations.run.is_held(found)
        )

    def _differing(self, live: Live) -> list[str]:
        """Return the paths in which the registration differs from the inputs. Keys count if the API shows them."""
        shown, declared = _keys(live.inputs), _keys(self._inputs)
        has_other_keys = shown and shown != declared and not any(map(is_masked, shown))
        paths = differences.differing(self._inputs, live, self._kind)
        return [*paths, "model_config.apikeys"] if has_other_keys else paths

    def _conflict(self, live: Live) -> str:
        fields = self._differing(live)
        differs = (
            f"it differs in {', '.join(fields[:8])}{' …' * (len(fields) > 8)}" if fields else "it looks the same"
        )
        return (
            f"{live.identity} is registered already ({shown(live)}), and nothing shows that this resource created "
            f"it; {differs}. Fix: to take it over, adopt_existing=True; to have both, another "
            f"{self._kind.distinction}; if the resource had another name or parent before, the resource option "
            "aliases=[…]; if this is a --replace, the resource option delete_before_replace=True"
        )


def _keys(inputs: Properties) -> list[str]:
    return at(inputs, "model_config.apikeys") or []
