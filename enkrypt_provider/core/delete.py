"""One delete: of the very registration that the state stands for, and of no other."""

from __future__ import annotations

from ..api import operation
from ..api.client import VISIBILITY_WAITS
from ..errors import UnexpectedResponse
from .holding import Holding, theirs
from .registrations import Registrations


def delete(registrations: Registrations, held: Holding) -> None:
    """Delete the registration that the state stands for; one that is gone already is done.

    One that another object of this run stands for as well, or that somebody else made anew, is kept.
    """
    run = registrations.run
    if run.is_held(held) or (held.number is None and run.declarer(held.identity)):
        return operation.report("info", f"{held.identity} is kept: another object of the state stands for it")
    is_listed = registrations.snapshot.has_number(held.identity, held.number)
    live = None if is_listed else registrations.client.find(registrations.kind, held.identity)
    if live is not None and not held.is_same(Holding.of(live)):
        line = f"{held.identity} was registered anew by somebody else ({theirs(held, live)}): it is kept"
        operation.report("warning", line)
    else:
        _delete(registrations, held, is_there=is_listed or live is not None)
    return registrations.journal.forget(held.key)


def _delete(registrations: Registrations, held: Holding, *, is_there: bool) -> None:
    gone = registrations.remove(held.identity)
    if gone and is_there and _is_shown(registrations, held):
        raise UnexpectedResponse(f"{gone}, but the API shows it still: nothing was changed, try again")


def _is_shown(registrations: Registrations, held: Holding) -> bool:
    """Whether the API shows the registration, also after a while."""
    for wait in VISIBILITY_WAITS:
        live = registrations.client.find(registrations.kind, held.identity, (wait,))
        if live is None or not held.is_same(Holding.of(live)):
            return False
    return True
