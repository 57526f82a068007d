"""Temporary: the old names of what kinds/ does for models, for modules that are being rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Problem
from .frontends.property_values import with_unknown, without_unknown
from .kinds import codec
from .kinds.kind import Identifier, Json, Live, Properties
from .kinds.markers import Dialect
from .kinds.model import MODEL

__all__ = ["Identifier", "Json", "Live", "Properties"]


def parse(props: Mapping[str, Json], dialect: Dialect = "v1") -> tuple[Properties, list[Problem]]:
    inputs, problems = codec.parse(MODEL, without_unknown(dict(props)), dialect)
    return with_unknown(inputs), problems


def declared(props: Mapping[str, Json]) -> Properties:
    return codec.declared(MODEL, props)


def identity(props: Mapping[str, Json]) -> Identifier:
    return MODEL.identity_of(props)


def identity_in(item: Mapping[str, Json]) -> Identifier:
    return MODEL.identity_in(item)


def known_identity(props: Mapping[str, Json]) -> Identifier | None:
    return MODEL.known_identity(without_unknown(dict(props)))


def untouched(_olds: Mapping[str, Json], _news: Mapping[str, Json], _dialect: Dialect) -> Properties | None:
    return None


def doubts(inputs: Properties, dialect: Dialect) -> list[Problem]:
    return codec.doubts(MODEL, without_unknown(inputs), dialect)


def read(answer: Json, _sent: Json = None) -> Live:
    return codec.read(MODEL, answer)


def is_whole(item: Json) -> bool:
    return codec.is_whole(MODEL, item)


def from_engine(props: Mapping[str, Json]) -> Properties:
    restored: Properties = with_unknown(codec.from_state(MODEL, without_unknown(dict(props))))
    return restored


def to_wire(inputs: Properties, dialect: Dialect = "v1") -> Json:
    return codec.body(MODEL, inputs, dialect)


def is_same(one: Any, other: Any) -> bool:
    from .core.diff import equal

    return equal(one, other)
