"""The account's registrations as the commands read them: all that match, or one by the name that a person typed.

Reads alone. A registration that cannot be read is told with the others, and is no reason to show none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..api.client import EnkryptClient
from ..api.redaction import redacted, secrets_in
from ..core.health import illness
from ..errors import RequestRejected, UnexpectedResponse, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Live
from ..kinds.model import MODEL

Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Goes through a sequence while somebody may be watching how far it is."""


@dataclass(frozen=True)
class Registration:
    """One item of the account's list: what it is, or the problem that reading it met."""

    identity: Identifier
    live: Live | None = None
    problem: str = ""


def registrations(client: EnkryptClient, patterns: Sequence[str] = (), watch: Watch = iter) -> list[Registration]:
    """Those whose names match one of the patterns (`*`, `?`), in the order of their names; without any, all."""
    items = [item for item in client.list_all(MODEL) if isinstance(item, dict)]
    wanted = [item for item in items if matches(MODEL.identity_in(item).name, patterns)]
    found = [_read(MODEL.identity_in(item), item) for item in wanted if codec.is_whole(MODEL, item)]
    for item in watch([item for item in wanted if not codec.is_whole(MODEL, item)]):
        found.append(_fetched(client, MODEL.identity_in(item)))
    return sorted(found, key=lambda registration: (registration.identity.name, registration.identity.version))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """True where `name` matches one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def readable(found: Iterable[Registration]) -> Iterator[Live]:
    """Those that could be read."""
    return (registration.live for registration in found if registration.live)


def registration(client: EnkryptClient, typed: str) -> Live:
    """The registration that a person named. Raises `ModelNotFound`, naming what comes near."""
    return client.registered(MODEL, named(typed))


def named(typed: str) -> Identifier:
    """The identity in NAME, NAME:VERSION, or NAME/VERSION, which also a name with a colon can be told by."""
    if "/" in typed or ":" not in typed:
        return Identifier.parse(typed)
    name, _, version = typed.rpartition(":")
    return Identifier(name, version)


@dataclass(frozen=True)
class Health:
    """Whether a model answers: what is wrong, or ""."""

    identity: Identifier
    illness: str = ""


def health(client: EnkryptClient, live: Live) -> Health:
    """Asks the API; what it says is told without the model's own keys."""
    found = illness(client.model_health(live.identity))
    return Health(live.identity, redacted(found, secrets_in(live.inputs)))


def _fetched(client: EnkryptClient, identity: Identifier) -> Registration:
    try:
        return Registration(identity, client.get(MODEL, identity))
    except RequestRejected as error:
        return Registration(identity, problem=str(error))


def _read(identity: Identifier, item: Json) -> Registration:
    try:
        return Registration(identity, codec.read(MODEL, item))
    except UnexpectedResponse as error:
        return Registration(identity, problem=f"{plain(identity)}: {error}")
