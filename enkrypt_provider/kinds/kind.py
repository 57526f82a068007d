"""A kind of registration as data: its document, its calls, its identity, and what follows from its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar

from .document import Document, FieldOf, fields
from .markers import ABSENT, InV2, OnlyIn, Option, Public, Quiet, Secret, ServerSet
from .secret_names import is_secret_name
from .secrets import Path, replaced_at, replaced_texts, secret_paths, secret_texts

Json: TypeAlias = Any
Properties: TypeAlias = dict[str, Json]
"""A property bag: the API's names, nested."""

M = TypeVar("M")

_SENDABLE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True)
class Identifier:
    """What all that uses a registration names it by. `str()`, NAME/VERSION, is the resource's id: a storage format.

    A kind without versions has an empty one, and its id is NAME.
    """

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}/{self.version}" if self.version else self.name

    @classmethod
    def parse(cls, id_: str, default: str = "v1") -> Identifier:
        """The identity in a resource's id; `NAME` alone means the default version."""
        name, _, version = id_.partition("/")
        return cls(name, version or default)

    @property
    def is_sendable(self) -> bool:
        """Whether it survives in HTTP headers as it is; what does not names no registration."""
        return all(_SENDABLE.fullmatch(part) for part in (self.name, self.version) if part or part is self.name)


@dataclass(frozen=True)
class Live:
    """A registration as the server has it: its `inputs`, canonical; what the server itself `computed`; and the fields
    that the response left `unsaid`, of those that are filled in."""

    kind: Kind = field(repr=False)
    inputs: Properties = field(repr=False)
    computed: Properties
    unsaid: frozenset[str] = frozenset()

    @property
    def identity(self) -> Identifier:
        return self.kind.identity_of(self.inputs)

    @property
    def key(self) -> tuple[Kind, Identifier]:
        """What tells it apart from all registrations of any kind."""
        return self.kind, self.identity

    @property
    def number(self) -> int | None:
        """The API's own number of the registration, where it tells one."""
        number: int | None = self.computed.get(self.kind.number)
        return number

    @property
    def number_name(self) -> str:
        """The output that holds that number."""
        return self.kind.number


@dataclass(frozen=True)
class Calls:
    """The names of a kind's calls below `base`; `listed` is the field of a list's response that holds the items."""

    base: str
    add: str
    get: str
    list: str
    modify: str
    delete: str
    listed: str

    def path(self, call: str) -> str:
        """`/models/add-model` for `add-model`."""
        return f"{self.base}/{call}"


@dataclass(frozen=True)
class Reference:
    """The paths of the fields that together hold the identity of a registration of another `kind`, the name first."""

    kind: Kind
    paths: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of registration.

    `identity` maps the path of each field of the identity, the name first, to the header that carries it;
    `number` is the output that holds the API's own number; `whole_with` are the paths without which an item of a list
    is only a summary. `nested` is the object whose fields a response may show at the root; `placed` is what else is
    done to a response once its fields are in their places. `deletes_first` says that a replacement must not be made
    before the old registration is deleted; `references` are the fields that name registrations of other kinds.
    """

    name: str
    noun: str
    document: type[Document]
    calls: Calls
    identity: Mapping[str, str]
    number: str
    whole_with: tuple[str, ...]
    nested: str = ""
    placed: Callable[[Properties], Properties] = lambda response: response
    deletes_first: bool = False
    references: tuple[Reference, ...] = ()
    _having: dict[type, Any] = field(default_factory=dict, init=False, repr=False)

    # ---- what follows from its fields

    @cached_property
    def fields(self) -> Mapping[str, FieldOf]:
        """Every field by its dotted path; those of a list's items have the list's path."""
        return {found.path: found for found in fields(self.document)}

    def having(self, marker: type[M]) -> tuple[tuple[FieldOf, M], ...]:
        """The fields with this marker, each with the marker."""
        if marker not in self._having:
            found = [(one, one.marker(marker)) for one in self.fields.values()]
            self._having[marker] = tuple((one, mark) for one, mark in found if mark)
        held: tuple[tuple[FieldOf, M], ...] = self._having[marker]
        return held

    def marked(self, marker: type[Any]) -> tuple[str, ...]:
        """The paths of the fields with this marker."""
        return tuple(found.path for found, _ in self.having(marker))

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """The outputs that the server sets."""
        return self.marked(ServerSet)

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The arguments to this provider, unknown to the API."""
        return self.marked(Option)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The fields that can hold a secret as a whole."""
        return self.marked(Secret)

    @cached_property
    def public(self) -> tuple[str, ...]:
        """The fields that are no secret whatever they hold: the identity is the resource's id."""
        return (*self.identity, *self.marked(Public))

    @cached_property
    def has_dialects(self) -> bool:
        """Whether dialects v1 and v2 send it differently."""
        return bool(self.having(InV2))

    @property
    def distinction(self) -> str:
        """The field by which two registrations are most easily told apart: the last of the identity."""
        *_, path = self.identity
        return path.rpartition(".")[2]

    @cached_property
    def only_in(self) -> Mapping[str, OnlyIn]:
        """The fields that only one dialect has."""
        return {found.path: only for found, only in self.having(OnlyIn)}

    @cached_property
    def filled_in(self) -> tuple[str, ...]:
        """The fields of which a reader must know whether a response says them: `Quiet` ones, and those whose default
        is not empty."""
        return tuple(
            path for path, it in self.fields.items() if it.marker(Quiet) or (it.default is not ABSENT and it.default)
        )

    @cached_property
    def optional_objects(self) -> tuple[FieldOf, ...]:
        """The objects that are absent unless a program gives them something."""
        objects = (found for found in self.fields.values() if found.document and not found.is_list)
        return tuple(one for one in objects if one.default is ABSENT and not one.info.is_required())

    @cached_property
    def required(self) -> tuple[str, ...]:
        """What a program must give, wherever the object is given in which it stands."""
        return tuple(path for path, found in self.fields.items() if found.is_required)

    def is_secret(self, path: str) -> bool:
        """Whether the value at a dotted path is secret, by its place or by a name in it."""
        found = self.fields.get(path)
        if found:
            return found.is_secret
        return any(map(is_secret_name, path.split("."))) or self.is_secret(path.rpartition(".")[0]) if path else False

    def secret_paths(self, inputs: Properties) -> list[Path]:
        """The path of each secret in `inputs`, by its place or by its name; the outermost alone."""
        return secret_paths(inputs, self.secrets, self.public)

    def secret_texts(self, inputs: Properties) -> tuple[str, ...]:
        """Every text in `inputs` that a person must not see."""
        return secret_texts(inputs, self.secrets, self.public)

    def with_secrets(self, inputs: Properties, put: Callable[[Json], Json]) -> Json:
        """`inputs` with `put(VALUE)` for each secret, the outermost alone."""
        return replaced_at(inputs, self.secret_paths(inputs), put)

    def with_secret_texts(self, inputs: Properties, put: Callable[[Path, str], Json]) -> Json:
        """`inputs` with `put(PATH, TEXT)` for each text that may be a secret."""
        return replaced_texts(inputs, self.secrets, self.public, put)

    # ---- identity

    def identity_of(self, inputs: Mapping[str, Json]) -> Identifier:
        """The identity of canonical inputs, where it is known."""
        return Identifier(*(at(inputs, path) for path in self.identity))

    def known_identity(self, inputs: Mapping[str, Json]) -> Identifier | None:
        """The identity of inputs, or None where it is not known yet."""
        found = self.identity_of(inputs)
        return found if all(isinstance(part, str) for part in (found.name, found.version)) else None

    def named(self, inputs: Mapping[str, Json]) -> Iterator[tuple[Reference, Identifier]]:
        """Each registration of another kind that canonical inputs name, where it is known."""
        for reference in self.references:
            parts = [at(inputs, path) for path in reference.paths]
            if all(isinstance(part, str) for part in parts):
                yield reference, Identifier(*parts)

    def identity_in(self, item: Mapping[str, Json]) -> Identifier:
        """The identity in a response, wherever its fields stand there."""
        return Identifier(*(str(part or self._default(path)) for path, part in self._shown(item)))

    def identity_shown(self, item: Mapping[str, Json]) -> Identifier:
        """The identity that a response says, without a default; "" where it does not say a part."""
        return Identifier(*(part or "" for _, part in self._shown(item)))

    def _shown(self, item: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
        found = ((path, at(item, path) or at(item, path.rpartition(".")[2])) for path in self.identity)
        # A server may spell "1" as 1.
        return ((path, str(part) if type(part) is int else part) for path, part in found)

    def with_version(self, item: Mapping[str, Json], version: str) -> Properties:
        """A response that leaves the version out, with it."""
        *_, path = self.identity
        return {**item, path.rpartition(".")[2]: version}

    def identity_from(self, id_: str) -> Identifier:
        """The identity in a resource's id."""
        *_, last = self.identity
        return Identifier.parse(id_, self._default(last) or "") if len(self.identity) > 1 else Identifier(id_)

    def _default(self, path: str) -> Any:
        default = self.fields[path].default
        return None if default is ABSENT else default

    def headers(self, identity: Identifier) -> dict[str, str]:
        """The headers that name a registration."""
        return dict(zip(self.identity.values(), (identity.name, identity.version), strict=False))


def at(document: Any, path: str) -> Any:
    """What is at a dotted path; None where nothing is."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def holder_of(document: Any, path: str) -> Properties | None:
    """The object in which the field at a dotted path stands, or would stand; None where there is none."""
    parent = path.rpartition(".")[0]
    found = at(document, parent) if parent else document
    return found if isinstance(found, dict) else None
