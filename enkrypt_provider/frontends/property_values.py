"""Values as the engine has them: secrets, and values that are not known yet, inside any value.

Turns them into this package's own forms and back. The private names of the SDK that this needs stand here alone.
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
"""An input for `check` alone, the resource as ORGANIZATION/URN: never in the state."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine is told to keep secret; its repr does not show it."""

    value: Json = field(repr=False)


def is_unknown(value: object) -> bool:
    """True for a value that Pulumi does not know yet: at preview, another resource's output."""
    return isinstance(value, Unknown) or (isinstance(value, str) and value == UNKNOWN_TEXT)


def without_unknown(value: Json, levels: int = 2 * DEPTH) -> Json:
    """`value` with the sentinel of `kinds` wherever Pulumi does not know a value yet.

    What is nested deeper than any document may be stays as it is: a check refuses it.
    """
    if is_unknown(value):
        return UNKNOWN_IN_KINDS
    return _inside(value, lambda item: without_unknown(item, levels - 1)) if levels else value


def with_unknown(value: Json) -> Json:
    """The way back."""
    return UNKNOWN if value is UNKNOWN_IN_KINDS else _inside(value, with_unknown)


def from_engine(message: struct_pb2.Struct) -> dict[str, Json]:
    """A message's properties, with `Secret` and `UNKNOWN` in them."""
    found: dict[str, Json] = _from_engine(json_format.MessageToDict(message))
    return found


def to_engine(properties: dict[str, Json]) -> struct_pb2.Struct:
    """The message for such properties."""
    message = struct_pb2.Struct()
    json_format.ParseDict(_to_engine(properties), message)
    return message


def with_secrets(kind: Kind, properties: dict[str, Json]) -> dict[str, Json]:
    """`properties` with each secret of the kind in the form that the engine encrypts, whoever set it."""
    hidden: dict[str, Json] = hidden_at(properties, kind.secret_paths(properties), _wrapped)
    return hidden


def hidden_at(properties: dict[str, Json], paths: Collection[Path], hide: Callable[[Json], Json]) -> Json:
    """`properties` with `hide(VALUE)` at each of the paths; of an object with that for each of its values.

    An engine such as 3.274 forgets that an object as a whole is secret, where a program declares it in the clear.
    """

    def each(value: Json) -> Json:
        return {name: each(item) for name, item in value.items()} if isinstance(value, dict) else hide(value)

    return replaced_at(properties, paths, each)


def _wrapped(value: Json) -> Json:
    return value if is_unknown(value) else {_special_sig_key: _special_secret_sig, "value": value}


def clear(value: Json) -> Json:
    """`value` with its secrets in the clear."""
    return clear(value.value) if isinstance(value, Secret) else _inside(value, clear)


def hidden_as(inputs: Json, outputs: Json) -> Json:
    """`outputs` with a secret wherever `inputs` has one, as the engine does it."""
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
