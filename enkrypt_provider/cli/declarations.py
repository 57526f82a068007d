"""Turns live registrations into declarations: resource names, and the arguments that differ from the defaults.

No prompts and no I/O.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..errors import Problem
from ..kinds import codec
from ..kinds.kind import Kind, Live, Properties
from ..kinds.markers import Dialect
from ..kinds.plain import UNKNOWN, changed, leaves
from ..kinds.shortened import shortened
from ..program import placeholders
from .masking import replaced
from .registrations import Key
from .stack_secrets import Secret, Secrets, numbered


@dataclass(frozen=True)
class Declaration:
    """A registration and the arguments that declare it as the resource `name`; secrets are `Secret`s."""

    name: str
    live: Live = field(repr=False)
    arguments: Properties = field(repr=False)
    is_new: bool = True

    @property
    def kind(self) -> Kind:
        return self.live.kind

    @property
    def key(self) -> Key:
        return self.live.key

    @cached_property
    def secrets(self) -> list[str]:
        """The names of the secrets that it needs."""
        return list(dict.fromkeys(leaf.name for _, leaf in leaves(self.arguments) if isinstance(leaf, Secret)))

    def parsed(
        self, dialect: Dialect, value_of: Callable[[str], Any] = lambda _name: UNKNOWN
    ) -> tuple[Properties, list[Problem]]:
        """Parse the arguments as `check` does, with these secret values. Return the inputs and the problems."""
        return codec.parse(self.kind, filled(self.arguments, value_of), dialect)


def filled(arguments: Any, value_of: Callable[[str], Any] = lambda _name: UNKNOWN) -> Any:
    """Return `arguments` with each `Secret` replaced by its value."""
    return changed(arguments, lambda leaf: value_of(leaf.name) if isinstance(leaf, Secret) else leaf)


def names_for(keys: Iterable[Key], taken: Iterable[str]) -> dict[Key, str]:
    """Return a resource name for each registration: its own name, plus the version if that is ambiguous, plus the
    kind if another kind has the name."""
    found = list(keys)
    count = Counter((kind, _slug(kind, identity.name)) for kind, identity in found)
    kinds = {
        _slug(kind, identity.name): kind for kind, identity in reversed(found)
    }  # the first kind with a name keeps it as it is
    used = set(taken)
    names: dict[Key, str] = {}
    for kind, identity in found:
        slug = _slug(kind, identity.name)
        wanted = slug if count[kind, slug] == 1 else f"{slug}-{_slug(kind, identity.version)}"
        if kinds[slug] is not kind:
            wanted = f"{wanted}-{kind.noun}"
        names[kind, identity] = next(name for name in numbered(wanted, "-") if name not in used)
        used.add(names[kind, identity])
    return names


def _slug(kind: Kind, text: str) -> str:
    # It becomes part of a URN, a configuration key and shell commands.
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or kind.noun


def declare(live: Live, name: str, secrets: Secrets, dialect: Dialect = "v1") -> Declaration:
    """Return a new declaration of a registration, with only the arguments that differ from the defaults."""
    taken: set[str] = set()
    kind = live.kind
    hidden = replaced(kind, live.inputs, lambda label, text: secrets.place(name, label, text, taken))
    return Declaration(name, live, shortened(kind, live.inputs, hidden, dialect))


def declared(
    kind: Kind, entries: Mapping[str, Any], lives: Mapping[Key, Live], dialect: Dialect
) -> Iterator[Declaration]:
    """Yield the declarations of these registrations that the catalogue of a kind already has."""
    for name, entry in entries.items():
        arguments = placeholders.mapped(entry, placeholders.SECRET, Secret)
        if not isinstance(arguments, dict):
            continue  # the program reports what is not a declaration
        inputs, problems = codec.parse(kind, filled(arguments), dialect)
        identity = None if problems else kind.known_identity(inputs)
        if live := lives.get((kind, identity)) if identity else None:
            yield Declaration(name, live, arguments, is_new=False)


def missing(declarations: Iterable[Declaration], secrets: Secrets) -> dict[str, list[str]]:
    """Return the secrets whose values are unknown, because the API masks them, and the resources that need each."""
    users: dict[str, list[str]] = {}
    for declaration in declarations:
        for name in declaration.secrets:
            users.setdefault(name, []).append(declaration.name)
    return {name: needed_by for name, needed_by in users.items() if name not in secrets.known}
