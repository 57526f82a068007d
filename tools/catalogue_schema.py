"""The JSON Schema of a stack's file, from kinds/ and Pulumi.yaml: editors complete and check the catalogue with it.

`make generate` writes it. Rules that only the provider can check, such as those of a host name, show at preview.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args

from pydantic import BeforeValidator

from enkrypt_provider.kinds.document import Document, FieldOf
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import ABSENT, InV2, RequiredUnless
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.kinds.values import InV1, Matches, OneOf
from tools.generate import argument_meaning, documents, limit_of, only_in

Schema = dict[str, Any]
Spoken = Literal["v1", "v2", "both"]
"""A dialect, or both: most kinds are the same in both."""

REFERENCE: Final[Schema] = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "secret": {"type": "string", "description": "The secret `enkrypt:NAME` of the stack."},
        "config": {"type": "string", "description": "The plain value `enkrypt:NAME` of the stack."},
        "secure": {"type": "string", "description": "A value that Pulumi encrypted: `pulumi config set --path`."},
    },
}
"""What may replace any value in a catalogue."""
_KINDS: Final[Mapping[type, Schema]] = {
    # Pulumi writes `config set --path` values as strings, which are accepted as numbers and booleans too.
    int: {"type": ["integer", "string"], "pattern": r"^\d+$"},
    float: {"type": ["number", "string"], "pattern": r"^\d+(\.\d+)?$"},
    bool: {"enum": [True, False, "true", "false"]},
    str: {"type": "string"},
    dict: {"type": "object"},
}
_SETTINGS: Final[Mapping[str, Schema]] = {
    "string": {"type": "string"},
    "integer": _KINDS[int],
    "boolean": _KINDS[bool],
}


def catalogue_schema(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """The schema as text. `settings` are those of Pulumi.yaml."""
    is_v2 = {"required": ["enkrypt:dialect"], "properties": {"enkrypt:dialect": {"const": "v2"}}}
    config = {
        "type": "object",
        "properties": {f"enkrypt:{name}": _setting(setting) for name, setting in settings.items()},
        "allOf": [_sections("both")],
        "if": is_v2,
        "then": _sections("v2"),
        "else": _sections("v1"),
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",  # the one that editors support best
        "title": "The configuration of a stack that registers with Enkrypt AI",
        "type": "object",
        "properties": {"config": config},
        "definitions": {"reference": REFERENCE, **{dialect: _all_documents(dialect) for dialect in get_args(Spoken)}},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _setting(setting: Mapping[str, Any]) -> Schema:
    own = _SETTINGS.get(setting.get("type", ""), {})
    return {"description": setting["description"], **own}


def _kinds(dialect: Spoken) -> list[Kind]:
    """The kinds that are declared differently in each dialect or, for "both", in the same way."""
    return [kind for kind in KINDS if kind.has_dialects is (dialect != "both")]


def _sections(dialect: Spoken) -> Schema:
    return {"properties": {f"enkrypt:{kind.calls.listed}": _section(kind, dialect) for kind in _kinds(dialect)}}


def _section(kind: Kind, dialect: Spoken) -> Schema:
    return {
        "type": "object", "additionalProperties": {"$ref": f"#/definitions/{dialect}/{kind.document.__name__}"},
    }  # fmt: skip


def _all_documents(dialect: Spoken) -> dict[str, Schema]:
    return {name: schema for kind in _kinds(dialect) for name, schema in _documents(kind, dialect).items()}


def _documents(kind: Kind, dialect: Spoken) -> dict[str, Schema]:
    given = [field for field in kind.fields.values() if field.is_argument and _may_be_given(field, dialect)]
    used = {kind.document, *(field.document for field in given)}
    return {
        document.__name__: _object(document, [field for field in fields if field in given], dialect)
        for document, fields in documents(kind).items()
        if document in used
    }


def _may_be_given(field: FieldOf, dialect: Spoken) -> bool:
    return _is_of(field, dialect) or field.default is not ABSENT


def _is_of(field: FieldOf, dialect: Spoken) -> bool:
    """Whether the dialect has the field; a field of the other dialect must have its default."""
    return only_in(field) in (None, dialect)


def _object(document: type[Document], fields: list[FieldOf], dialect: Spoken) -> Schema:
    names = {field.name for field in fields}
    schema: Schema = {
        "type": "object",
        "description": inspect.getdoc(document) or "",
        "additionalProperties": document.model_config.get("extra") == "allow",
        "properties": {field.name: _field(field, dialect) for field in fields},
        "required": [field.name for field in fields if field.is_required and not _alternatives(field, names)],
    }
    either = [alternatives for field in fields if (alternatives := _alternatives(field, names))]
    return {**schema, **({"anyOf": [{"required": [name]} for name in either[0]]} if either else {})}


def _alternatives(field: FieldOf, names: set[str]) -> list[str]:
    """The fields of which at least one must be given."""
    unless = field.marker(RequiredUnless)
    return [field.name, unless.field] if unless and unless.field in names else []


def _field(field: FieldOf, dialect: Spoken) -> Schema:
    in_v2 = field.marker(InV2)
    default = in_v2.default if in_v2 and dialect == "v2" and in_v2.default is not ABSENT else field.default
    is_shown = default is not ABSENT and not (field.document and not field.is_list)
    own = _or_reference(_value(field, dialect))
    value = _or_reference({"type": "array", "items": own}) if field.is_list else own
    return {"description": argument_meaning(field), **({"default": default} if is_shown else {}), **value}


def _or_reference(schema: Schema) -> Schema:
    # Not `anyOf`: a mistake inside would only be reported as "not valid under any of the given schemas".
    return {"if": {"$ref": "#/definitions/reference"}, "else": schema}


def _value(field: FieldOf, dialect: Spoken) -> Schema:
    if field.document:
        return {"$ref": f"#/definitions/{dialect}/{field.document.__name__}"}
    if not _is_of(field, dialect):
        return {"enum": [field.default]}
    if field.values:
        return {"enum": list(field.values)}
    return {**_KINDS[field.value_type], **dict(_constraints(field, dialect))}


def _constraints(field: FieldOf, dialect: Spoken) -> Iterator[tuple[str, Any]]:
    one_of, matches, in_v1 = field.marker(OneOf), field.constraint(Matches), field.constraint(InV1)
    if one_of and dialect == "v1":
        yield "enum", list(one_of.values)
    elif one_of:
        yield "examples", [*one_of.values, *one_of.more]
    if (lowest := field.bounds.removeprefix("from ").partition(" ")[0]).isdigit():
        yield "minimum", int(lowest)
    if (highest := field.bounds.rpartition(" to ")[2]).isdigit():
        yield "maximum", int(highest)
    if limit := limit_of(field):
        yield "maxLength", limit
    if in_v1 and dialect == "v1":
        yield "pattern", in_v1.pattern
    elif matches and not field.constraint(BeforeValidator):
        yield "pattern", matches.pattern
