"""The types of the native package's schema: those of inputs and those of outputs.

An output has no secrets, and no enums, which a program in YAML could not pass to another resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from enkrypt_provider.frontends.package_schema import camel, token
from enkrypt_provider.kinds.document import Document, FieldOf
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import (
    ABSENT,
    InV2,
    Replaces,
    ServerSet,
)
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.kinds.values import OneOf
from tools.generate import argument_meaning, meaning, only_in

Schema = dict[str, Any]
ANY: Final = "pulumi.json#/Any"
HERE: Final = {
    "deletion_protection": "Whether deleting or replacing this registration is refused. To delete it after all, set "
    "this to false, run `pulumi up`, then delete. Also set `protect`, which refuses before anything is changed.",
    "verify_health": "Whether to check that the model responds after it is registered, or after its endpoint, paths "
    "or keys change. If not, the registration is kept with its error, and the next `pulumi up` tries again.",
}
"""Meanings for which the native plugin differs from the dynamic provider, which the fields' docstrings describe."""
RESPONSE: Final = "Response"
"""The suffix of an output type's name."""


def types_of(kind: Kind) -> Iterator[tuple[str, Schema]]:
    """The types of a kind's objects and enums, by their tokens."""
    for field in kind.fields.values():
        if field.document and not field.is_map:
            yield _type_token(field.document), _object(kind, field)
            if not field.is_secret:
                below = [own for own in kind.fields.values() if own.parent is field]
                yield _type_token(field.document, RESPONSE), {**_head(field), **outputs(below)}
        if values := _values_of(field):
            yield _enum_token(field), _enum(field, values)


def _object(kind: Kind, parent: FieldOf) -> Schema:
    fields = [field for field in kind.fields.values() if field.parent is parent]
    return {
        **_head(parent),
        "properties": {camel(field.name): argument(field) for field in fields},
        "required": required(fields),
    }


def _head(field: FieldOf) -> Schema:
    return {"type": "object", "description": " ".join((getattr(field.document, "__doc__", "") or "").split())}


def outputs(fields: list[FieldOf]) -> Schema:
    """The outputs for these fields of one object."""
    shown = [field for field in fields if not field.is_secret]
    return {
        "properties": {
            camel(field.name): {"description": _meaning(field), **_type(field, RESPONSE)} for field in shown
        },
        "required": [camel(field.name) for field in shown if field.marker(ServerSet) or not _may_be_absent(field)],
    }


def _enum(field: FieldOf, values: tuple[str, ...]) -> Schema:
    return {
        "type": "string",
        "description": meaning(field),
        "enum": [{"name": _enum_name(value), "value": value} for value in values],
    }


def _enum_name(value: str) -> str:
    words = [word for word in "".join(c if c.isalnum() else " " for c in value).split() if word]
    return "".join(word[:1].upper() + word[1:] for word in words)


def argument(field: FieldOf) -> Schema:
    """The input property of a field."""
    found: Schema = {"description": _description(field), **_type(field)}
    default = field.default
    if isinstance(default, str | bool | int | float) and default != "" and not _is_of_dialect(field):
        found["default"] = default
    if field.marker(Replaces):
        found["willReplaceOnChanges"] = True
    if field.is_secret:
        found["secret"] = True
    return found


def _is_of_dialect(field: FieldOf) -> bool:
    """Whether an SDK must not fill in the default: it depends on the dialect, or is that of an enum."""
    in_v2 = field.marker(InV2)
    return bool(_values_of(field) or only_in(field) or (in_v2 and in_v2.default is not ABSENT))


def _description(field: FieldOf) -> str:
    return argument_meaning(field, HERE.get(field.path, ""), camel).removesuffix("Required.").strip()


def _meaning(field: FieldOf) -> str:
    return HERE.get(field.path) or meaning(field)


# ---- types


def _type(field: FieldOf, ending: str = "") -> Schema:
    if field.is_list:
        return {"type": "array", "items": _item(field, ending)}
    return _item(field, ending)


def _item(field: FieldOf, ending: str) -> Schema:
    if field.is_map:
        return {"type": "object", "additionalProperties": {"$ref": ANY}}
    if field.document:
        return {"type": "object", "$ref": f"#/types/{_type_token(field.document, ending)}"}
    if _values_of(field) and not ending:
        # A value outside the set may be valid in dialect v2: any other text is accepted too.
        return {
            "type": "string",
            "oneOf": [{"type": "string"}, {"type": "string", "$ref": f"#/types/{_enum_token(field)}"}],
        }
    return {"type": _PRIMITIVES[field.value_type]}


def _may_be_absent(field: FieldOf) -> bool:
    return field.default is ABSENT and not field.is_required


def required(fields: list[FieldOf]) -> list[str]:
    """The names of the fields that a program must give."""
    return [camel(field.name) for field in fields if field.info.is_required()]


_PRIMITIVES: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _type_token(document: type[Document], ending: str = "") -> str:
    return token(document.__name__ + ending)


def _enum_token(field: FieldOf) -> str:
    """`HostingType`, or `InputPolicyBlock` if another field of the same name takes other values."""
    same = (other for kind in KINDS for other in kind.fields.values() if other.name == field.name)
    is_ambiguous = len({_values_of(other) for other in same} - {()}) > 1
    holder = field.parent.document.__name__ if is_ambiguous and field.parent and field.parent.document else ""
    return token(f"{holder}{camel(field.name)[:1].upper()}{camel(field.name)[1:]}")


def _values_of(field: FieldOf) -> tuple[str, ...]:
    if field.parent and field.parent.is_map:
        return ()
    one_of = field.marker(OneOf)
    return one_of.values + one_of.more if one_of else field.values
