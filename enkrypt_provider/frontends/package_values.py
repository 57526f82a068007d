"""A kind's properties in the engine's messages: the package's names, what is secret, what is not known yet.

Inputs hold the secrets, marked. Outputs hold none: one secret in an object would make the whole object secret to a
program.
"""

from __future__ import annotations

from google.protobuf import struct_pb2

from ..core import diff as differences
from ..kinds.kind import Json, Kind, Properties
from ..kinds.plain import UNKNOWN
from ..kinds.secrets import replaced_at
from .package_names import from_package, in_package, package_steps, to_package
from .property_values import Secret, clear, from_engine, to_engine, with_unknown, without_unknown


def received(kind: Kind, message: struct_pb2.Struct) -> Properties:
    """The properties in a message, in the API's names and in the clear."""
    found: Properties = without_unknown(clear(from_engine(message)))
    return from_package(kind, found)


def is_of_dynamic(kind: Kind, message: struct_pb2.Struct) -> bool:
    """Whether a message holds what the dynamic provider wrote: the API's names."""
    return any(name != in_package(kind)[""].get(name, name) for name in message.fields)


def held(outputs: Properties, inputs: Properties) -> Properties:
    """The state of a resource as the core knows it: the secrets are in the inputs alone."""
    return {**outputs, **inputs}


def inputs_message(kind: Kind, inputs: Properties) -> struct_pb2.Struct:
    """A message of inputs, each secret marked."""
    secrets = [package_steps(kind, path) for path in kind.secret_paths(inputs)]
    marked: Properties = replaced_at(with_unknown(to_package(kind, inputs)), secrets, _secret)
    return to_engine(marked)


def _secret(value: Json) -> Json:
    # Not a whole object: an engine such as 3.274 forgets that it is secret, where a program declares it in the clear.
    return {name: _secret(item) for name, item in value.items()} if isinstance(value, dict) else Secret(value)


def outputs_message(kind: Kind, state: Properties) -> struct_pb2.Struct:
    """A message of outputs, without the secrets."""
    return to_engine(with_unknown(to_package(kind, differences.without_secrets(state, kind))))


def preview(kind: Kind, inputs: Properties, state: Properties | None = None) -> Properties:
    """The state that a create or an update will have, as far as it is known before."""
    known = {name: value for name, value in (state or {}).items() if name != "updated_at"}
    return {**inputs, **{name: known.get(name, UNKNOWN) for name in kind.computed}}
