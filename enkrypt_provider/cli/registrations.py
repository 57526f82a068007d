"""The account's registrations as a command reads them: all that match, or the one that a person named.

A registration that cannot be read is told with the others; it is no reason to show none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..api.client import EnkryptClient
from ..api.redaction import redacted
from ..core.health import illness
from ..errors import EnkryptError, ModelNotFound, UnexpectedResponse, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Live, at
from ..kinds.markers import Dialect, InV2
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
    """Return those whose names match one of the patterns (`*`, `?`), sorted by name; without patterns, all."""
    wanted = [item for item in items(client) if matches(MODEL.identity_in(item).name, patterns)]
    found = [_read(MODEL.identity_in(item), item) for item in wanted if codec.is_whole(MODEL, item)]
    for item in watch([item for item in wanted if not codec.is_whole(MODEL, item)]):
        found.append(_fetched(client, MODEL.identity_in(item)))
    return sorted(found, key=lambda registration: (registration.identity.name, registration.identity.version))


def items(client: EnkryptClient) -> list[Mapping[str, Json]]:
    """Return the items of the account's list."""
    return [item for item in client.list_all(MODEL) if isinstance(item, dict)]


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` matches one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def readable(found: Iterable[Registration]) -> Iterator[Live]:
    """Yield those that could be read."""
    return (registration.live for registration in found if registration.live)


def dialect_of(item: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect in which an item of the list is written; None where it does not show."""
    if not codec.is_whole(MODEL, item):
        return None
    names = [(field.path, v2.path) for field, v2 in MODEL.having(InV2) if v2.path in MODEL.fields]
    if any(at(item, in_v1) is not None for in_v1, _ in names):
        return "v1"
    return "v2" if any(at(item, in_v2) is not None for _, in_v2 in names) else None


# ---- one, by the name that a person typed


def registration(client: EnkryptClient, typed: str) -> Live:
    """Return the registration that a person named: by NAME:VERSION, by its id, or by NAME alone.

    Raise `ModelNotFound` with the nearest name, or with the versions among which to choose.
    """
    identity = named(typed)
    return client.registered(MODEL, identity if identity.version else _only(client, identity.name))


def named(typed: str) -> Identifier:
    """Return the identity in NAME, NAME:VERSION or NAME/VERSION, which also names a model with a colon in its name.

    Of NAME alone the version is empty.
    """
    separator = "/" if "/" in typed else ":"
    name, _, version = typed.partition(separator) if separator == "/" else typed.rpartition(separator)
    return Identifier(name, version) if separator in typed else Identifier(typed, "")


def _only(client: EnkryptClient, name: str) -> Identifier:
    """Return the identity of a model's only version, or of the default version where there are several or none."""
    identity = MODEL.identity_from(name)
    versions = [one.version for one in map(MODEL.identity_in, items(client)) if one.name == name]
    if len(versions) > 1 and identity.version not in versions:
        known = ", ".join(plain(version, 60) for version in sorted(versions))
        raise ModelNotFound(f"{plain(name)} has the versions {known}: name one, as {plain(name)}:VERSION", status=404)
    return Identifier(name, versions[0]) if len(versions) == 1 else identity


@dataclass(frozen=True)
class Health:
    """Whether a model responds: what is wrong, or ""."""

    identity: Identifier
    illness: str = ""


def health(client: EnkryptClient, live: Live) -> Health:
    """Ask the API whether a model responds. What it says is told without the model's own keys."""
    found = illness(client.model_health(live.identity))
    return Health(live.identity, redacted(found, live.kind.secret_texts(live.inputs)))


def _fetched(client: EnkryptClient, identity: Identifier) -> Registration:
    try:
        return Registration(identity, client.get(MODEL, identity))
    except EnkryptError as error:
        return Registration(identity, problem=str(error))


def _read(identity: Identifier, item: Json) -> Registration:
    try:
        return Registration(identity, codec.read(MODEL, item))
    except UnexpectedResponse as error:
        return Registration(identity, problem=f"{plain(identity)}: {error}")
