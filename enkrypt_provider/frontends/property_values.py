"""The engine's values, which may hold secrets and values that are not known yet at any depth.

Converts them to this package's own forms and back. The SDK's private names that this needs are used only here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.output import UNKNOWN, Unknown
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from ..kinds.plain import DEPTH
from ..kinds.plain import UNKNOWN as UNKNOWN_IN_KINDS
from ..kinds.secrets import Path, replaced_at

if TYPE_CHECKING:
    from ..kinds.kind import Kind  # a program needs no pydantic

Json = Any
OWNER: Final = "__owner"
"""An input only for `check`, the resource as ORGANIZATION/URN; it is never in the state."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps secret; its repr does not show it."""

    value: Json = field(repr=False)


def is_unknown(value: object) -> bool:
    """Whether Pulumi does not know the value yet: at preview, another resource's output."""
    return isinstance(value, Unknown) or (isinstance(value, str) and value == UNKNOWN_TEXT)


def without_unknown(value: Json, levels: int = 2 * DEPTH) -> Json:
    """Return `value` with the sentinel of `kinds` in place of each value that Pulumi does not know yet.

    Values nested deeper than a document may be are left as they are: `check` refuses them.
    """
    if is_unknown(value):
        return UNKNOWN_IN_KINDS
    return _inside(value, lambda item: without_unknown(item, levels - 1)) if levels else value


def with_unknown(value: Json) -> Json:
    """The inverse of `without_unknown`."""
    return UNKNOWN if value is UNKNOWN_IN_KINDS else _inside(value, with_unknown)


def from_engine(message: struct_pb2.Struct) -> dict[str, Json]:
    """A message's properties, with `Secret` and `UNKNOWN` in them."""
    found: dict[str, Json] = _from_engine(json_format.MessageToDict(message))
    return found


def to_engine(properties: dict[str, Json]) -> struct_pb2.Struct:
    """The inverse of `from_engine`."""
    message = struct_pb2.Struct()
    json_format.ParseDict(_to_engine(properties), message)
    return message


def with_secrets(kind: Kind, properties: dict[str, Json]) -> dict[str, Json]:
    """Return `properties` with each secret of the kind in the form that the engine encrypts, whoever set it."""
    hidden: dict[str, Json] = hidden_at(properties, kind.secret_paths(properties), _wrapped)
    return hidden


def hidden_at(properties: dict[str, Json], paths: Collection[Path], hide: Callable[[Json], Json]) -> Json:
    """Return `properties` with `hide(VALUE)` at each path; in an object, at each of its values.

    Engines such as 3.274 forget that a whole object is secret if a program declares it in the clear.
    """

    def each(value: Json) -> Json:
        return {name: each(item) for name, item in value.items()} if isinstance(value, dict) else hide(value)

    return replaced_at(properties, paths, each)


def _wrapped(value: Json) -> Json:
    return value if is_unknown(value) else {_special_sig_key: _special_secret_sig, "value": value}


def clear(value: Json) -> Json:
    """Return `value` with its secrets in the clear."""
    return clear(value.value) if isinstance(value, Secret) else _inside(value, clear)


def hidden_as(inputs: Json, outputs: Json) -> Json:
    """Return `outputs` with a secret wherever `inputs` has one, as the engine does."""
    if isinstance(inputs, Secret):
        return Secret(outputs)
    if isinstance(inputs, dict) and isinstance(outputs, dict):
        return {name: hidden_as(inputs.get(name), value) for name, value in outputs.items()}
    if isinstance(inputs, list) and isinstance(outputs, list):
        return [hidden_as(*pair) for pair in zip_longest(inputs[: len(outputs)], outputs)]
    return outputs


def _from_engine(value: Json) -> Json:
    if value == UNKNOWN_TEXT:
        return UNKNOWN
    if isinstance(value, dict) and value.get(_special_sig_key) == _special_secret_sig:
        return Secret(_from_engine(value["value"]))
    return _inside(value, _from_engine)


def _to_engine(value: Json) -> Json:
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        return {_special_sig_key: _special_secret_sig, "value": _to_engine(value.value)}
    return _inside(value, _to_engine)


def _inside(value: Json, change: Callable[[Json], Json]) -> Json:
    if isinstance(value, dict):
        return {name: change(item) for name, item in value.items()}
    return [change(item) for item in value] if isinstance(value, list | tuple) else value
