"""Writes the native package's schema from kinds/: types, names, enums, defaults, meanings, replacements.

A test checks that the file is current. `pulumi package get-schema` prints it; the engine generates SDKs from it.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Final

from enkrypt_provider.frontends import package_schema as names
from enkrypt_provider.frontends.package_schema import DYNAMIC, FILE, NAME, camel, token
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import Option
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.settings import DEFAULT_ENDPOINT, ENDPOINT_VARIABLE, KEY_VARIABLES
from tools.package_types import Schema, argument, outputs, required, types_of
from tools.templates import life

ROOT: Final = Path(__file__).resolve().parent.parent

SCHEMA: Final = ROOT / "enkrypt_provider" / "frontends" / FILE


def text() -> str:
    """The file, without the version."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """The whole schema, without the version."""
    types: Schema = {}
    for kind in KINDS:
        types.update(types_of(kind))
        types[_looked_up_token(kind)] = _looked_up(kind)
    return {
        "name": NAME,
        "displayName": "Enkrypt AI",
        "description": "Models, guardrails policies and deployments registered with Enkrypt AI.",
        "keywords": ["pulumi", "enkrypt", "llm", "category/infrastructure", "kind/native"],
        "license": "Apache-2.0",
        "namespace": NAMESPACE,
        "meta": {"moduleFormat": "(.*)"},
        "language": LANGUAGES,
        "config": {"variables": SETTINGS},
        "provider": {
            "description": "One account of the Enkrypt AI API.",
            "inputProperties": SETTINGS,
            "properties": {name: SETTINGS[name] for name in ("endpoint", "dialect")},
        },
        "types": types,
        "resources": {names.resource(kind.name): _resource(kind) for kind in KINDS},
        "functions": {name: found for kind in KINDS for name, found in _functions(kind).items()},
    }


NAMESPACE: Final = "enkrypt-provider"
LANGUAGES: Final[Schema] = {
    # A program in Python uses this package's own classes, which have the dynamic provider's arguments.
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
        f"Base URL of the Enkrypt AI API, https except on this machine; or `embedded`, an emulator in the plugin's "
        f"own process (`embedded:PATH` names its database). Changing the account replaces every registration. "
        f"Default: `{ENDPOINT_VARIABLE}` in the environment, then {DEFAULT_ENDPOINT}.",
        willReplaceOnChanges=True,
    ),
    "dialect": _setting(
        "string", "The dialect of the API: `v1`, as documented, or `v2`, as the official client uses it."
    ),
    "timeout": _setting("number", "Time limit for one request, in seconds. Default: 30."),
    "maxRetries": _setting("integer", "Maximum number of retries of one request. Default: 5."),
    "checkOnline": _setting(
        "boolean", "Whether a preview asks the API if the key works and if a name is taken. Default: false."
    ),
    "requireHttps": _setting(
        "boolean", "Whether to refuse every endpoint except an https URL, even the embedded emulator. Default: false."
    ),
    "rateLimit": _setting(
        "string", "How many calls the API allows, such as `3/s,100/min`, or `off`. Default: `3/s,100/min` for "
        "hosts of enkryptai.com, `off` for any other."
    ),
}  # fmt: skip


# ---- a resource


def _resource(kind: Kind) -> Schema:
    root = [field for field in kind.fields.values() if field.parent is None]
    arguments = [field for field in root if field.is_argument]
    secret = ["Fields that can hold a secret are encrypted in the state and are not outputs."] if kind.secrets else []
    return {
        "description": "\n\n".join([_meaning(kind), " ".join([life(kind), *secret]), _import(kind)]),
        "inputProperties": {camel(field.name): argument(field) for field in arguments},
        "requiredInputs": required(arguments),
        **outputs(root),
        "aliases": [{"type": f"{DYNAMIC}{kind.name}"}],
    }


def _meaning(kind: Kind) -> str:
    return " ".join((inspect.getdoc(kind.document) or "").split())


def id_of(kind: Kind) -> str:
    """`NAME/VERSION`, or `NAME`."""
    return "/".join(("NAME", "VERSION")[: len(kind.identity)])


def _import(kind: Kind) -> str:
    return f"## Import\n\n```sh\npulumi import {names.resource(kind.name)} NAME {id_of(kind)}\n```\n"


# ---- functions


def _looked_up_token(kind: Kind) -> str:
    # Not the resource's own name, which an SDK already uses.
    return token(f"Registered{names.short(kind.name)}")


def _looked_up(kind: Kind) -> Schema:
    """A registration as a function returns it: without secrets and options."""
    root = [field for field in kind.fields.values() if field.parent is None and field.marker(Option) is None]
    without = ", without its secrets" if kind.secrets else ""
    return {
        "type": "object",
        "description": f"A registered {kind.noun}{without}.",
        **outputs(root),
    }


def _functions(kind: Kind) -> Schema:
    listed = kind.calls.listed
    get, list_all = map(token, names.functions(kind))
    asked = {"name": {"type": "string", "description": "The name under which it is registered."}}
    for path in list(kind.identity)[1:]:
        default = kind.fields[path].default
        asked["version"] = {"type": "string", "description": f"Its version. Default: `{default}`."}
    pattern = "A pattern for the name, with `*` and `?`. Default: `*`."
    found = {"type": "array", "items": {"type": "object", "$ref": f"#/types/{_looked_up_token(kind)}"}}
    without = ", without its secrets" if kind.secrets else ""
    return {
        get: {
            "description": f"One {kind.noun}, as it is now{without}. If it is not registered, the error suggests the "
            "nearest name. In a YAML program that also registers it, make an argument depend on an output that the "
            f"API sets, such as `{camel(kind.number)}`.",
            "inputs": {"type": "object", "properties": asked, "required": ["name"]},
            "outputs": _looked_up(kind),
        },
        list_all: {
            "description": f"The {listed} whose name matches a pattern, sorted by name.",
            "inputs": {"type": "object", "properties": {"name": {"type": "string", "description": pattern}}},
            "outputs": {"type": "object", "properties": {listed: found}, "required": [listed]},
        },
    }


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
