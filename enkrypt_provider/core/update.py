"""One update: the whole object is sent, to the very registration that the state stands for."""

from __future__ import annotations

from ..errors import ModelNotFound
from ..kinds.kind import Live, Properties
from . import health
from .holding import Holding, theirs
from .registrations import Registrations


def update(
    registrations: Registrations,
    urn: str,
    held: Holding,
    inputs: Properties,
    *,
    verify: bool = False,
    undo_to: Properties | None = None,
) -> tuple[Live, str]:
    """Replace the registration's fields. With `verify` the model must answer, or `undo_to` is set back.

    Return also why a model that is kept is unhealthy. Raise `ModelNotFound` where the registration is gone or
    somebody else's by now.
    """
    _refuse_unless_ours(registrations, held)
    live = _send(registrations, urn, held, inputs)
    undo = None if undo_to is None else lambda: _set_back(registrations, held, undo_to)
    problem = health.verify(registrations, live, inputs, undo) if verify else ""
    registrations.journal.finish(urn, held, live.computed.get("updated_at"))
    return live, problem


def _refuse_unless_ours(registrations: Registrations, held: Holding) -> None:
    if registrations.snapshot.has_number(held.identity, held.number):
        return
    live = registrations.client.find(registrations.kind, held.identity)
    if live is None:
        raise _gone(registrations, held)
    if not held.is_same(Holding.of(live)):
        raise ModelNotFound(
            f"{held.identity} was deleted and registered anew by somebody else ({theirs(held, live)}): nothing "
            "was changed. Run `pulumi refresh` to see theirs, then `pulumi up`",
            status=404,
        )


def _send(registrations: Registrations, urn: str, held: Holding, inputs: Properties) -> Live:
    with registrations.journal.sending(urn, held.identity, held.key) as sending:
        try:
            return registrations.modify(held.identity, inputs, sending.doubt)
        except ModelNotFound:
            raise _gone(registrations, held) from None


def _set_back(registrations: Registrations, held: Holding, old: Properties) -> str:
    registrations.modify(held.identity, old)
    registrations.journal.forget(held.key)
    return "it was set back to what it was"


def _gone(registrations: Registrations, held: Holding) -> ModelNotFound:
    return ModelNotFound(
        f"{held.identity} is gone from {registrations.client.settings.shown_endpoint}, or the API key is of another "
        "project: check the key, or run `pulumi refresh`, then `pulumi up` to register it again",
        status=404,
    )
