"""A kind of registration as data: its document, its calls, its identity, and properties derived from its fields."""

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
"""A property bag: nested, with the API's names."""

M = TypeVar("M")

_SENDABLE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True)
class Identifier:
    """The name and version that identify a registration. `str()`, NAME/VERSION, is the resource's id, a storage
    format. For a kind without versions, `version` is empty and the id is NAME.
    """

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}/{self.version}" if self.version else self.name

    @classmethod
    def parse(cls, id_: str, default: str = "v1") -> Identifier:
        """Parse a resource's id; `NAME` alone means the default version."""
        name, _, version = id_.partition("/")
        return cls(name, version or default)

    @property
    def is_sendable(self) -> bool:
        """Whether HTTP headers can carry it unchanged; if not, it cannot identify a registration."""
        return all(_SENDABLE.fullmatch(part) for part in (self.name, self.version) if part or part is self.name)


@dataclass(frozen=True)
class Live:
    """A registration as the server has it: its canonical `inputs`, the outputs that the server `computed`, and those
    `filled_in` fields that the response `omitted`."""

    kind: Kind = field(repr=False)
    inputs: Properties = field(repr=False)
    computed: Properties
    omitted: frozenset[str] = frozenset()

    @property
    def identity(self) -> Identifier:
        return self.kind.identity_of(self.inputs)

    @property
    def key(self) -> tuple[Kind, Identifier]:
        """Identifies the registration among those of all kinds."""
        return self.kind, self.identity

    @property
    def number(self) -> int | None:
        """The API's own id for the registration, if the response has one."""
        number: int | None = self.computed.get(self.kind.number)
        return number

    @property
    def number_name(self) -> str:
        """The name of the output that holds that id."""
        return self.kind.number


@dataclass(frozen=True)
class Calls:
    """The names of a kind's calls under `base`; `listed` is the field of a list response that holds the items."""

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
    """The paths of the fields that hold the identity of a registration of another `kind`, the name first."""

    kind: Kind
    paths: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of registration.

    `identity` maps the path of each identity field, the name first, to the header that carries it; `number` is the
    output that holds the API's own id; `whole_with` are the paths without which a list item is only a summary.
    `nested` is the object whose fields a response may have at the root; `placed` post-processes a response once its
    fields are in place. If `deletes_first`, a replacement must not be created before the old registration is deleted.
    `references` are the fields that name registrations of other kinds.
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

    # ---- derived from its fields

    @cached_property
    def fields(self) -> Mapping[str, FieldOf]:
        """Every field by its dotted path; the fields of a list's items are under the path of the list."""
        return {found.path: found for found in fields(self.document)}

    def having(self, marker: type[M]) -> tuple[tuple[FieldOf, M], ...]:
        """Return the fields with this marker, each with the marker."""
        if marker not in self._having:
            found = [(one, one.marker(marker)) for one in self.fields.values()]
            self._having[marker] = tuple((one, mark) for one, mark in found if mark)
        held: tuple[tuple[FieldOf, M], ...] = self._having[marker]
        return held

    def marked(self, marker: type[Any]) -> tuple[str, ...]:
        """Return the paths of the fields with this marker."""
        return tuple(found.path for found, _ in self.having(marker))

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """The outputs that the server sets."""
        return self.marked(ServerSet)

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The arguments to this provider, which the API does not know."""
        return self.marked(Option)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The fields that are secret as a whole."""
        return self.marked(Secret)

    @cached_property
    def public(self) -> tuple[str, ...]:
        """The fields that are never secret, whatever they hold, such as the identity, which is the resource's id."""
        return (*self.identity, *self.marked(Public))

    @cached_property
    def has_dialects(self) -> bool:
        """Whether dialects v1 and v2 send it differently."""
        return bool(self.having(InV2))

    @property
    def distinction(self) -> str:
        """The field to change so that two registrations differ: the last one of the identity."""
        *_, path = self.identity
        return path.rpartition(".")[2]

    @cached_property
    def only_in(self) -> Mapping[str, OnlyIn]:
        """The fields that only one dialect has, with their markers."""
        return {found.path: only for found, only in self.having(OnlyIn)}

    @cached_property
    def filled_in(self) -> tuple[str, ...]:
        """The fields for which it matters whether the response itself had them: `Quiet` ones, and those whose default
        is not empty."""
        return tuple(
            path for path, it in self.fields.items() if it.marker(Quiet) or (it.default is not ABSENT and it.default)
        )

    @cached_property
    def optional_objects(self) -> tuple[FieldOf, ...]:
        """The objects that are absent unless a program sets something in them."""
        objects = (found for found in self.fields.values() if found.document and not found.is_list)
        return tuple(one for one in objects if one.default is ABSENT and not one.info.is_required())

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields that a program must set if it sets the object that contains them."""
        return tuple(path for path, found in self.fields.items() if found.is_required)

    def is_secret(self, path: str) -> bool:
        """Whether the value at a dotted path is secret, by its place or by a name in the path."""
        found = self.fields.get(path)
        if found:
            return found.is_secret
        return any(map(is_secret_name, path.split("."))) or self.is_secret(path.rpartition(".")[0]) if path else False

    def secret_paths(self, inputs: Properties) -> list[Path]:
        """Return the path of each secret in `inputs`, by its place or by its name; only the outermost."""
        return secret_paths(inputs, self.secrets, self.public)

    def secret_texts(self, inputs: Properties) -> tuple[str, ...]:
        """Return every string in `inputs` that must not be shown."""
        return secret_texts(inputs, self.secrets, self.public)

    def with_secrets(self, inputs: Properties, put: Callable[[Json], Json]) -> Json:
        """Return `inputs` with `put(VALUE)` in place of each outermost secret."""
        return replaced_at(inputs, self.secret_paths(inputs), put)

    def with_secret_texts(self, inputs: Properties, put: Callable[[Path, str], Json]) -> Json:
        """Return `inputs` with `put(PATH, TEXT)` in place of each string that may be a secret."""
        return replaced_texts(inputs, self.secrets, self.public, put)

    # ---- identity

    def identity_of(self, inputs: Mapping[str, Json]) -> Identifier:
        """Return the identity in canonical inputs; parts that are not known yet are UNKNOWN or None."""
        return Identifier(*(at(inputs, path) for path in self.identity))

    def known_identity(self, inputs: Mapping[str, Json]) -> Identifier | None:
        """Return the identity of inputs, or None if it is not known yet."""
        found = self.identity_of(inputs)
        return found if all(isinstance(part, str) for part in (found.name, found.version)) else None

    def named(self, inputs: Mapping[str, Json]) -> Iterator[tuple[Reference, Identifier]]:
        """Yield each registration of another kind that canonical inputs name, if its identity is known."""
        for reference in self.references:
            parts = [at(inputs, path) for path in reference.paths]
            if all(isinstance(part, str) for part in parts):
                yield reference, Identifier(*parts)

    def identity_in(self, item: Mapping[str, Json]) -> Identifier:
        """Return the identity in a response, nested or at the root, with defaults filled in."""
        return Identifier(*(str(part or self._default(path)) for path, part in self._shown(item)))

    def identity_shown(self, item: Mapping[str, Json]) -> Identifier:
        """Return the identity in a response without defaults; a missing part is ""."""
        return Identifier(*(part or "" for _, part in self._shown(item)))

    def _shown(self, item: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
        found = ((path, at(item, path) or at(item, path.rpartition(".")[2])) for path in self.identity)
        # A server may spell "1" as 1.
        return ((path, str(part) if type(part) is int else part) for path, part in found)

    def with_version(self, item: Mapping[str, Json], version: str) -> Properties:
        """Return the response with `version` added."""
        *_, path = self.identity
        return {**item, path.rpartition(".")[2]: version}

    def identity_from(self, id_: str) -> Identifier:
        """Parse a resource's id."""
        *_, last = self.identity
        return Identifier.parse(id_, self._default(last) or "") if len(self.identity) > 1 else Identifier(id_)

    def _default(self, path: str) -> Any:
        default = self.fields[path].default
        return None if default is ABSENT else default

    def headers(self, identity: Identifier) -> dict[str, str]:
        """Return the headers that identify a registration."""
        return dict(zip(self.identity.values(), (identity.name, identity.version), strict=False))


def at(document: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def holder_of(document: Any, path: str) -> Properties | None:
    """Return the object that contains, or would contain, the field at a dotted path; None if there is none."""
    parent = path.rpartition(".")[0]
    found = at(document, parent) if parent else document
    return found if isinstance(found, dict) else None
