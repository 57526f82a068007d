"""A kind's properties in the engine's messages: the package's names, secrets, and values not known yet.

Inputs hold the secrets, marked as such. Outputs hold none: one secret in an object would make the whole object secret
to a program.
"""

from __future__ import annotations

from google.protobuf import struct_pb2

from ..core import diff as differences
from ..kinds.kind import Kind, Properties
from ..kinds.plain import UNKNOWN
from .package_names import from_package, in_package, package_steps, to_package
from .property_values import Secret, clear, from_engine, hidden_at, to_engine, with_unknown, without_unknown


def received(kind: Kind, message: struct_pb2.Struct) -> Properties:
    """The properties in a message, with the API's names and secrets in the clear."""
    found: Properties = without_unknown(clear(from_engine(message)))
    return from_package(kind, found)


def is_of_dynamic(kind: Kind, message: struct_pb2.Struct) -> bool:
    """Whether a message was written by the dynamic provider, which uses the API's names."""
    return any(name != in_package(kind)[""].get(name, name) for name in message.fields)


def held(outputs: Properties, inputs: Properties) -> Properties:
    """A resource's state as the core expects it. Only the inputs hold the secrets."""
    return {**outputs, **inputs}


def inputs_message(kind: Kind, inputs: Properties) -> struct_pb2.Struct:
    """A message of inputs, with each secret marked."""
    secrets = [package_steps(kind, path) for path in kind.secret_paths(inputs)]
    marked: Properties = hidden_at(with_unknown(to_package(kind, inputs)), secrets, Secret)
    return to_engine(marked)


def open_outputs(kind: Kind, state: Properties) -> Properties:
    """The outputs in a state, with the package's names and without the secrets."""
    return to_package(kind, differences.without_secrets(state, kind))


def outputs_message(kind: Kind, state: Properties) -> struct_pb2.Struct:
    """A message of outputs, without the secrets."""
    return to_engine(with_unknown(open_outputs(kind, state)))


def preview(kind: Kind, inputs: Properties, state: Properties | None = None) -> Properties:
    """The state after a create or an update, as far as it is known in advance."""
    known = {name: value for name, value in (state or {}).items() if name != "updated_at"}
    return {**inputs, **{name: known.get(name, UNKNOWN) for name in kind.computed}}
