"""Writes the native package's schema from kinds/: types, names, enums, defaults, meanings, what replaces.

A test holds the file to it. `pulumi package get-schema` prints it; the engine makes SDKs and documentation of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it knows tools/ alone

from enkrypt_provider.frontends.package_names import camel  # noqa: E402 - after the path that it is found by
from enkrypt_provider.frontends.package_schema import FILE, KINDS, NAME, token  # noqa: E402
from enkrypt_provider.kinds.document import Document, FieldOf  # noqa: E402
from enkrypt_provider.kinds.kind import Kind  # noqa: E402
from enkrypt_provider.kinds.markers import (  # noqa: E402
    ABSENT,
    DefaultOf,
    InV2,
    OnlyIn,
    Option,
    Replaces,
    RequiredUnless,
    Secret,
)
from enkrypt_provider.kinds.model import MODEL  # noqa: E402
from enkrypt_provider.kinds.values import OneOf  # noqa: E402
from enkrypt_provider.settings import DEFAULT_ENDPOINT, ENDPOINT_VARIABLE, KEY_VARIABLES  # noqa: E402
from tools.generate import meaning, only_in  # noqa: E402

Schema = dict[str, Any]
SCHEMA: Final = ROOT / "enkrypt_provider" / "frontends" / FILE
DYNAMIC: Final = "pulumi-python:dynamic/enkrypt:"
ANY: Final = "pulumi.json#/Any"


def text() -> str:
    """The file, without the version."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """The whole schema, without the version."""
    types: Schema = {}
    for kind in KINDS:
        types.update(_types(kind))
    return {
        "name": NAME,
        "displayName": "Enkrypt AI",
        "description": "Enkrypt AI model registrations.",
        "keywords": ["pulumi", "enkrypt", "llm", "category/infrastructure", "kind/native"],
        "license": "Apache-2.0",
        "namespace": NAMESPACE,
        "meta": {"moduleFormat": "(.*)"},
        "language": LANGUAGES,
        "config": {"variables": SETTINGS},
        "provider": {
            "description": "One account of the Enkrypt AI Models API.",
            "inputProperties": SETTINGS,
            "properties": {name: SETTINGS[name] for name in ("endpoint", "dialect")},
        },
        "types": {**types, f"{NAME}:index:{MODEL.noun.capitalize()}": _looked_up(MODEL)},
        "resources": {token(kind): _resource(kind) for kind in KINDS},
        "functions": _functions(MODEL),
    }


NAMESPACE: Final = "enkrypt-provider"
LANGUAGES: Final[Schema] = {
    # A program in Python uses the classes of this package, whose arguments are the dynamic provider's.
    "python": {"packageName": "enkrypt_provider.native", "inputTypes": "classes-and-dicts"},
    "nodejs": {"respectSchemaVersion": True},
    "go": {
        "importBasePath": "example.com/enkrypt-provider/sdk/go/enkrypt",
        "generateResourceContainerTypes": True,
        "respectSchemaVersion": True,
    },
    "csharp": {"respectSchemaVersion": True},
}  # fmt: skip


def _setting(type_: str, description: str, **more: Any) -> Schema:
    return {"type": type_, "description": description, **more}


SETTINGS: Final[Schema] = {
    "apiKey": _setting(
        "string",
        f"The API key of the account. Default: `{KEY_VARIABLES[0]}` in the environment.",
        secret=True,
    ),
    "endpoint": _setting(
        "string",
        f"Base URL of the Models API, https but for this machine; or `embedded`, an emulator in the plugin's own "
        f"process (`embedded:PATH` names its database). Another account replaces every registration. "
        f"Default: `{ENDPOINT_VARIABLE}` in the environment, then {DEFAULT_ENDPOINT}.",
        willReplaceOnChanges=True,
    ),
    "dialect": _setting(
        "string", "The dialect of the API: `v1`, as documented, or `v2`, as the official client speaks."
    ),
    "timeout": _setting("number", "Seconds that one request may take. Default: 30."),
    "maxRetries": _setting("integer", "How often a request is sent again after the first time. Default: 5."),
    "checkOnline": _setting(
        "boolean", "Lets a preview ask the API whether the key works and whether a name is taken. Default: false."
    ),
    "requireHttps": _setting(
        "boolean", "Refuses every endpoint but an https URL, the embedded emulator too. Default: false."
    ),
    "rateLimit": _setting(
        "string", "`off`, or the calls that the API allows, such as `3/s,100/min`. Default: the vendor's own limits."
    ),
}  # fmt: skip


# ---- a resource


def _resource(kind: Kind) -> Schema:
    root = [field for field in kind.fields.values() if field.parent is None]
    arguments = [field for field in root if field.is_argument]
    return {
        "description": f"{' '.join((kind.document.__doc__ or '').split())}\n\n{RESOURCE}",
        "inputProperties": {camel(field.name): _property(field) for field in arguments},
        "requiredInputs": _required(arguments),
        "properties": {camel(field.name): _property(field) for field in root},
        "required": [camel(f.name) for f in root if f.name in kind.computed or not _may_be_absent(f)],
        "aliases": [{"type": f"{DYNAMIC}{kind.name}"}],
    }


RESOURCE: Final = (
    "Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every other "
    "field changes in place. What can hold a secret is encrypted in the state and is no output.\n\n"
    "## Import\n\n"
    "```sh\npulumi import enkrypt:index:EnkryptModel NAME NAME/VERSION\n```\n"
)


def _types(kind: Kind) -> Iterator[tuple[str, Schema]]:
    for field in kind.fields.values():
        if field.document and not field.is_map:
            yield _type_token(field.document), _object(kind, field)
        if values := _values_of(field):
            yield _enum_token(field), _enum(field, values)


def _object(kind: Kind, parent: FieldOf) -> Schema:
    document = parent.document
    fields = [field for field in kind.fields.values() if field.parent is parent]
    return {
        "type": "object",
        "description": " ".join((document.__doc__ or "").split()) if document else "",
        "properties": {camel(field.name): _property(field) for field in fields},
        "required": _required(fields),
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


def _property(field: FieldOf) -> Schema:
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
    """Whether an SDK must not fill the default in: it is the dialect's, or that of an enum."""
    in_v2 = field.marker(InV2)
    return bool(_values_of(field) or only_in(field) or (in_v2 and in_v2.default is not ABSENT))


def _description(field: FieldOf) -> str:
    return " ".join(filter(None, [meaning(field), *_rules(field)]))


def _rules(field: FieldOf) -> Iterator[str]:
    if field.marker(Replaces):
        yield "A change replaces the registration."
    if field.marker(Secret):
        yield "Always secret, and no output; never compared with what the API says, which may mask it."
    if one_of := field.marker(OneOf):
        yield f"Dialect v2 takes any other value too, such as {', '.join(f'`{value}`' for value in one_of.more[:3])}."
    if bounds := field.bounds:
        yield f"{bounds[0].upper()}{bounds[1:]}."
    if unless := field.marker(RequiredUnless):
        yield f"Required, but beside a `{camel(unless.field)}`."
    if only := field.marker(OnlyIn):
        yield f"Dialect {only.dialect}."
    if field.marker(Option):
        yield "Default: false."
    elif not field.is_required and not field.marker(DefaultOf) and (shown := _shown_default(field)):
        yield f"Default: {shown}."


def _shown_default(field: FieldOf) -> str:
    default = field.default
    if default is ABSENT or field.document:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`" if default not in ("", [], {}) else "none" if field.is_list else "empty"


# ---- types


def _type(field: FieldOf) -> Schema:
    if field.is_list:
        return {"type": "array", "items": _item(field)}
    return _item(field)


def _item(field: FieldOf) -> Schema:
    if field.is_map:
        return {"type": "object", "additionalProperties": {"$ref": ANY}}
    if field.document:
        return {"type": "object", "$ref": f"#/types/{_type_token(field.document)}"}
    if _values_of(field):
        # What is not in the set may be right in dialect v2: any other text is taken too.
        return {
            "type": "string",
            "oneOf": [{"type": "string"}, {"type": "string", "$ref": f"#/types/{_enum_token(field)}"}],
        }
    return {"type": _PRIMITIVES[field.value_type]}


def _may_be_absent(field: FieldOf) -> bool:
    return field.default is ABSENT and not field.is_required


def _required(fields: list[FieldOf]) -> list[str]:
    return [camel(field.name) for field in fields if field.info.is_required()]


_PRIMITIVES: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _type_token(document: type[Document]) -> str:
    return f"{NAME}:index:{document.__name__}"


def _enum_token(field: FieldOf) -> str:
    return f"{NAME}:index:{camel(field.name)[:1].upper()}{camel(field.name)[1:]}"


def _values_of(field: FieldOf) -> tuple[str, ...]:
    if field.parent and field.parent.is_map:
        return ()
    one_of = field.marker(OneOf)
    return one_of.values + one_of.more if one_of else field.values


# ---- functions


def _looked_up(kind: Kind) -> Schema:
    """A registration as a function finds it: without secrets and options."""
    fields = [f for f in kind.fields.values() if f.parent is None and f.marker(Option) is None and not f.is_secret]
    return {
        "type": "object",
        "description": f"A {kind.noun} that is registered, without its secrets.",
        "properties": {camel(field.name): _property(field) for field in fields},
        "required": [camel(f.name) for f in fields if f.name in kind.computed or not _may_be_absent(f)],
    }


def _functions(kind: Kind) -> Schema:
    noun = kind.noun.capitalize()
    default = kind.fields[list(kind.identity)[1]].default
    name, version = "The name by which it is registered.", f"Its version. Default: `{default}`."
    pattern = "A pattern for the name, with `*` and `?`. Default: `*`."
    found = {"type": "array", "items": {"type": "object", "$ref": f"#/types/{NAME}:index:{noun}"}}
    return {
        f"{NAME}:index:get{noun}": {
            "description": "One registration, as it is now, without its secrets. Where it is not there, what comes "
            "near is named. In a YAML program let it depend on an output of the resource, such as `modelId`, where "
            "the same stack registers it.",
            "inputs": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": name},
                    "version": {"type": "string", "description": version},
                },
                "required": ["name"],
            },
            "outputs": _looked_up(kind),
        },
        f"{NAME}:index:list{noun}s": {
            "description": "The registrations whose name matches a pattern, in the order of their names.",
            "inputs": {"type": "object", "properties": {"name": {"type": "string", "description": pattern}}},
            "outputs": {"type": "object", "properties": {"models": found}, "required": ["models"]},
        },
    }


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
