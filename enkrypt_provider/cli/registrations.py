"""Reads the account's registrations for the commands: all that match, or one by name.

A registration that cannot be read is reported along with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ..api.client import EnkryptClient
from ..core import health
from ..errors import EnkryptError, ModelNotFound, near_match, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Kind, Live, at
from ..kinds.markers import Dialect, InV2
from ..kinds.registry import KINDS

Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Iterates over a sequence, possibly with a progress bar."""
Key: TypeAlias = tuple[Kind, Identifier]
"""Identifies a registration among those of all kinds."""


@dataclass(frozen=True)
class Registration:
    """One item of the account's lists: the registration, or the problem that occurred when reading it."""

    kind: Kind
    identity: Identifier
    live: Live | None = None
    problem: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.identity


def registrations(
    client: EnkryptClient,
    patterns: Sequence[str] = (),
    watch: Watch = iter,
    kinds: Iterable[Kind] = KINDS,
    known: Callable[[Key], bool] = lambda _key: False,
) -> list[Registration]:
    """Return the registrations that match a pattern (`*`, `?`), sorted by name within each kind; by default, all.

    Those that are `known` are not read one by one: if the list does not include their fields, they are only named.
    """
    found: list[Registration] = []
    for kind in kinds:
        listed = [(kind.identity_in(item), item) for item in items(client, kind)]
        wanted = [(identity, item) for identity, item in listed if matches(identity.name, patterns)]
        for identity, item in watch(sorted(wanted, key=lambda one: (one[0].name, one[0].version))):
            if known((kind, identity)) and not codec.is_whole(kind, item):
                found.append(Registration(kind, identity))
            else:
                found.append(_read(client, kind, identity, item))
    return found


def _read(client: EnkryptClient, kind: Kind, identity: Identifier, item: Json) -> Registration:
    is_whole = codec.is_whole(kind, item)
    try:
        live = codec.read(kind, item) if is_whole else client.get(kind, identity)
    except EnkryptError as error:
        return Registration(kind, identity, problem=f"{plain(identity)}: {error}" if is_whole else str(error))
    return Registration(kind, identity, live)


def items(client: EnkryptClient, kind: Kind) -> list[Mapping[str, Json]]:
    """Return the items of the account's list."""
    return [item for item in client.list_all(kind) if isinstance(item, dict)]


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` matches one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def dialect_of(kind: Kind, item: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect in which an item of the list is written, or None if it cannot be told."""
    if not codec.is_whole(kind, item):
        return None
    names = [(field.path, v2.path) for field, v2 in kind.having(InV2) if v2.path in kind.fields]
    if any(at(item, in_v1) is not None for in_v1, _ in names):
        return "v1"
    return "v2" if any(at(item, in_v2) is not None for _, in_v2 in names) else None


# ---- one registration, by name


def registration(client: EnkryptClient, typed: str, kinds: Sequence[Kind] = KINDS) -> Live:
    """Return the registration named by `typed`, from the first of `kinds` that has it.

    A name is NAME:VERSION, an id, or NAME alone. Raise `ModelNotFound` with the nearest name of any kind, or with the
    versions to choose from.
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
    """Parse NAME, NAME:VERSION or NAME/VERSION; the last form also allows a colon in the name.

    The version of NAME alone is empty.
    """
    separator = "/" if "/" in typed else ":"
    if len(kind.identity) == 1 or separator not in typed:
        return Identifier(typed, "")
    name, _, version = typed.partition(separator) if separator == "/" else typed.rpartition(separator)
    return Identifier(name, version)


def _only(client: EnkryptClient, kind: Kind, name: str) -> Identifier:
    """Return the identity of the only version, or of the default version if there are several or none."""
    identity = kind.identity_from(name)
    versions = [one.version for one in map(kind.identity_in, items(client, kind)) if one.name == name]
    if len(versions) > 1 and identity.version not in versions:
        known = ", ".join(plain(version, 60) for version in sorted(versions))
        raise ModelNotFound(f"{plain(name)} has the versions {known}: use {plain(name)}:VERSION", status=404)
    return Identifier(name, versions[0]) if len(versions) == 1 else identity


def _near(client: EnkryptClient, typed: str) -> str:
    """Return `; did you mean the policy "strict"?`, or nothing."""
    nouns: dict[str, str] = {}
    for kind in KINDS:
        with suppress(EnkryptError):  # the error is about the missing name
            nouns.update({str(kind.identity_in(item)): kind.noun for item in items(client, kind)})
    hint = near_match(typed, tuple(nouns))
    return next((hint.replace('"', f'the {noun} "', 1) for name, noun in nouns.items() if f'"{name}"' in hint), "")


def illness(client: EnkryptClient, live: Live) -> str:
    """Ask the API whether a model responds. Return the problem without keys, or ""."""
    client.hide(live.kind.secret_texts(live.inputs))
    return health.illness(client.model_health(live.identity), client.without_keys)


# ---- in words


def counted(number: int, kind: Kind) -> str:
    """`1 policy`, `2 policies`."""
    return f"{number} {kind.noun if number == 1 else kind.calls.listed}"


def totals(kinds: Iterable[Kind]) -> str:
    """`2 models and 1 policy`, of the kind of each registration."""
    found = list(kinds)
    return joined([counted(number, kind) for kind in KINDS if (number := found.count(kind))]) or "no registrations"


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    *before, end = words or [""]
    return f"{', '.join(before)} {last} {end}" if before else end
