"""From live registrations to the arguments that declare them: names, what differs from the defaults, secrets.

Decides purely; asks nobody and writes nothing. How arguments are spelt is for typed_python.py and stackfile.py,
what the state must hold for importing.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from .. import catalogue
from ..errors import Problem
from ..kinds import codec
from ..kinds.kind import Identifier, Live, Properties
from ..kinds.markers import Dialect
from ..kinds.model import MODEL
from ..kinds.plain import UNKNOWN
from ..kinds.secrets import is_masked
from ..kinds.shortened import shortened
from .masking import replaced


@dataclass(frozen=True)
class Secret:
    """The place of a secret in arguments: the configuration value `enkrypt:NAME`."""

    name: str


@dataclass(frozen=True)
class Declaration:
    """A registration and the arguments, `Secret`s among them, that declare it as the resource `name`."""

    name: str
    live: Live = field(repr=False)
    arguments: Properties = field(repr=False)
    is_new: bool = True

    @property
    def identity(self) -> Identifier:
        return self.live.identity

    @cached_property
    def secrets(self) -> list[str]:
        """The names of the secrets that it needs."""
        return list(dict.fromkeys(leaf.name for leaf in _leaves(self.arguments) if isinstance(leaf, Secret)))

    def parsed(self, dialect: Dialect, value_of: Callable[[str], Any]) -> tuple[Properties, list[Problem]]:
        """What `check` makes of the arguments with these values of the secrets, and the rules that they break."""
        return codec.parse(MODEL, filled(self.arguments, value_of), dialect)

    def problems(self, dialect: Dialect) -> list[Problem]:
        """The rules that the arguments break whatever the secrets are."""
        return self.parsed(dialect, unknown)[1]


def unknown(_name: str) -> Any:
    """The value of a secret that is not known yet."""
    return UNKNOWN


def filled(arguments: Any, value_of: Callable[[str], Any]) -> Any:
    """`arguments` with a value in the place of each `Secret`."""
    if isinstance(arguments, Secret):
        return value_of(arguments.name)
    if isinstance(arguments, Mapping):
        return {name: filled(item, value_of) for name, item in arguments.items()}
    return [filled(item, value_of) for item in arguments] if isinstance(arguments, list) else arguments


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(item)
    else:
        yield value


# ---- secrets


class Secrets:
    """The secrets of a stack's configuration: those that it `held` before, and those that the API showed.

    `shared` names the one that stands for every text that the API masks; otherwise each has one of its own.
    Entries of a catalogue may take `others` for secrets, new declarations do not.
    """

    def __init__(self, held: Mapping[str, str], shared: str = "", others: Mapping[str, str] | None = None) -> None:
        self._held: Final = {name: value for name, value in held.items() if value and name != "apiKey"}
        self._others: Final = {name: value for name, value in (others or {}).items() if value}
        self._shared: Final = shared
        self.found: Final[dict[str, str]] = {}
        """What the stack must be given, by name."""

    @property
    def known(self) -> dict[str, str]:
        """Every secret whose value is known, by name."""
        return {**self._others, **self._held, **self.found}

    def missing(self, declarations: Iterable[Declaration]) -> dict[str, list[str]]:
        """The secrets whose values are not known, and the resources that need each."""
        users: dict[str, list[str]] = {}
        for declaration in declarations:
            for name in declaration.secrets:
                users.setdefault(name, []).append(declaration.name)
        return {name: needed_by for name, needed_by in users.items() if name not in self.known}

    def place(self, wanted: str, text: str, taken: set[str]) -> Secret:
        """A secret for `text`, called `wanted` but for a number where `taken`, or another secret, is in its way."""
        free = (name for name in numbered(wanted, "_") if name not in taken)
        if is_masked(text):
            name = self._shared or next(free)
        else:
            name = self._holding(text, wanted) or self._find(text, free)
        taken.add(name)
        return Secret(name)

    def _find(self, text: str, free: Iterator[str]) -> str:
        name = next(name for name in free if self.known.get(name, text) == text)
        self.found[name] = text
        return name

    def _holding(self, text: str, wanted: str) -> str:
        """The secret that has this value already; a short one may be the same by chance."""
        shared = {**self._held, **(self.found if len(text) >= 8 else {})}
        return next((name for name in (wanted, *shared) if shared.get(name) == text), "")


def numbered(name: str, mark: str) -> Iterator[str]:
    """`name`, then with 2, 3 and so on behind it."""
    yield name
    number = 2
    while True:
        yield f"{name}{mark}{number}"
        number += 1


# ---- names


def names_for(identities: Iterable[Identifier], taken: Iterable[str]) -> dict[Identifier, str]:
    """A resource's name for each registration: its own, with the version where that is ambiguous."""
    found = list(identities)
    count = Counter(_slug(identity.name) for identity in found)
    used = set(taken)
    names: dict[Identifier, str] = {}
    for identity in found:
        slug = _slug(identity.name)
        wanted = slug if count[slug] == 1 else f"{slug}-{_slug(identity.version)}"
        names[identity] = next(name for name in numbered(wanted, "-") if name not in used)
        used.add(names[identity])
    return names


def _slug(text: str) -> str:
    # It becomes part of a URN, of a configuration key and of commands for the shell.
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


# ---- arguments


def declare(live: Live, name: str, secrets: Secrets, dialect: Dialect = "v1") -> Declaration:
    """A new declaration of a registration, which says only what differs from the defaults."""
    taken: set[str] = set()
    hidden = replaced(live.inputs, lambda label, text: secrets.place(f"{name}_{label}", text, taken))
    return Declaration(name, live, shortened(MODEL, live.inputs, hidden, dialect))


def declared(entries: Mapping[str, Any], lives: Mapping[Identifier, Live], dialect: Dialect) -> Iterator[Declaration]:
    """The declarations that a catalogue has already of these registrations."""
    for name, entry in entries.items():
        arguments = catalogue.mapped(entry, catalogue.SECRET, Secret)
        inputs, problems = (
            codec.parse(MODEL, filled(arguments, unknown), dialect) if isinstance(entry, dict) else ({}, [])
        )
        identity = MODEL.known_identity(inputs) if inputs and not problems else None
        if live := lives.get(identity) if identity else None:
            yield Declaration(name, live, arguments, is_new=False)
