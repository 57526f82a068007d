"""The account's registrations as a command reads them: all that match, or the one that a person named.

A registration that cannot be read is told with the others; it is no reason to show none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ..api.client import EnkryptClient
from ..api.redaction import redacted
from ..core.health import illness
from ..errors import EnkryptError, ModelNotFound, UnexpectedResponse, near_match, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Kind, Live, at
from ..kinds.markers import Dialect, InV2
from ..kinds.registry import KINDS
from .kind_words import joined

Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Goes through a sequence while somebody may be watching how far it is."""
Key: TypeAlias = tuple[Kind, Identifier]
"""What tells registrations of all kinds apart."""


@dataclass(frozen=True)
class Registration:
    """One item of the account's lists: what it is, or the problem that reading it met."""

    kind: Kind
    identity: Identifier
    live: Live | None = None
    problem: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.identity


def key_of(live: Live) -> Key:
    """Return what tells a registration apart from all others."""
    return live.kind, live.identity


def registrations(
    client: EnkryptClient,
    patterns: Sequence[str] = (),
    watch: Watch = iter,
    kinds: Iterable[Kind] = KINDS,
    known: Callable[[Key], bool] = lambda _key: False,
) -> list[Registration]:
    """Return those whose names match one of the patterns (`*`, `?`), each kind sorted by name; without patterns, all.

    Those that are `known` are named alone: of a list that does not show them whole they are not read one by one.
    """
    found: list[Registration] = []
    for kind in kinds:
        listed = [item for item in items(client, kind) if matches(kind.identity_in(item).name, patterns)]
        whole = [_read(kind, item) for item in listed if codec.is_whole(kind, item)]
        others = [Registration(kind, kind.identity_in(item)) for item in listed if not codec.is_whole(kind, item)]
        unread = [one for one in others if not known(one.key)]
        read = [_fetched(client, one) for one in watch(unread)]
        held = [one for one in others if known(one.key)]
        found += sorted([*whole, *read, *held], key=lambda one: (one.identity.name, one.identity.version))
    return found


def items(client: EnkryptClient, kind: Kind) -> list[Mapping[str, Json]]:
    """Return the items of the account's list."""
    return [item for item in client.list_all(kind) if isinstance(item, dict)]


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` matches one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def readable(found: Iterable[Registration]) -> Iterator[Live]:
    """Yield those that could be read."""
    return (registration.live for registration in found if registration.live)


def dialect_of(kind: Kind, item: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect in which an item of the list is written; None where it does not show."""
    if not codec.is_whole(kind, item):
        return None
    names = [(field.path, v2.path) for field, v2 in kind.having(InV2) if v2.path in kind.fields]
    if any(at(item, in_v1) is not None for in_v1, _ in names):
        return "v1"
    return "v2" if any(at(item, in_v2) is not None for _, in_v2 in names) else None


# ---- one, by the name that a person typed


def registration(client: EnkryptClient, typed: str, kinds: Sequence[Kind] = KINDS) -> Live:
    """Return the registration that a person named, of the first of `kinds` that has it.

    A name is NAME:VERSION, an id, or NAME alone. Raise `ModelNotFound` with the nearest name of any kind, or with the
    versions among which to choose.
    """
    for kind in kinds:
        identity = named(kind, typed)
        if len(kind.identity) > 1 and not identity.version:
            identity = _only(client, kind, identity.name)
        if live := client.find(kind, identity):
            return live
    nouns = joined([kind.noun for kind in kinds], "or")
    near = _near(client, typed)
    raise ModelNotFound(f"no {nouns} {plain(typed)} is registered with this account{near}", status=404)


def named(kind: Kind, typed: str) -> Identifier:
    """Return the identity in NAME, NAME:VERSION or NAME/VERSION, which also names a model with a colon in its name.

    Of NAME alone the version is empty.
    """
    separator = "/" if "/" in typed else ":"
    if len(kind.identity) == 1 or separator not in typed:
        return Identifier(typed, "")
    name, _, version = typed.partition(separator) if separator == "/" else typed.rpartition(separator)
    return Identifier(name, version)


def _only(client: EnkryptClient, kind: Kind, name: str) -> Identifier:
    """Return the identity of the only version, or of the default version where there are several or none."""
    identity = kind.identity_from(name)
    versions = [one.version for one in map(kind.identity_in, items(client, kind)) if one.name == name]
    if len(versions) > 1 and identity.version not in versions:
        known = ", ".join(plain(version, 60) for version in sorted(versions))
        raise ModelNotFound(f"{plain(name)} has the versions {known}: name one, as {plain(name)}:VERSION", status=404)
    return Identifier(name, versions[0]) if len(versions) == 1 else identity


def _near(client: EnkryptClient, typed: str) -> str:
    """Return `; did you mean the policy "strict"?`, or nothing."""
    nouns: dict[str, str] = {}
    for kind in KINDS:
        with suppress(EnkryptError):  # what is told is that there is no such name
            nouns.update({str(kind.identity_in(item)): kind.noun for item in items(client, kind)})
    hint = near_match(typed, tuple(nouns))
    return next((hint.replace('"', f'the {noun} "', 1) for name, noun in nouns.items() if f'"{name}"' in hint), "")


@dataclass(frozen=True)
class Health:
    """Whether a model responds: what is wrong, or ""."""

    identity: Identifier
    illness: str = ""


def health(client: EnkryptClient, live: Live) -> Health:
    """Ask the API whether a model responds. What it says is told without the model's own keys."""
    found = illness(client.model_health(live.identity))
    return Health(live.identity, redacted(found, live.kind.secret_texts(live.inputs)))


def _fetched(client: EnkryptClient, one: Registration) -> Registration:
    try:
        return replace(one, live=client.get(one.kind, one.identity))
    except EnkryptError as error:
        return replace(one, problem=str(error))


def _read(kind: Kind, item: Json) -> Registration:
    identity = kind.identity_in(item)
    try:
        return Registration(kind, identity, codec.read(kind, item))
    except UnexpectedResponse as error:
        return Registration(kind, identity, problem=f"{plain(identity)}: {error}")
