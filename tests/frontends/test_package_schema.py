"""The native package's schema, as `make generate` wrote it: checked against the fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from enkrypt_provider.core.diff import Rule, rule_of
from enkrypt_provider.frontends import package_schema
from enkrypt_provider.frontends.package_schema import camel
from enkrypt_provider.kinds.document import FieldOf
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.kinds.values import OneOf
from enkrypt_provider.settings import NAMES
from tools import package_reference
from tools import package_schema as generator

SCHEMA = package_schema.package()
of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_the_schema_is_up_to_date() -> None:
    assert generator.SCHEMA.read_text(encoding="utf-8") == generator.text(), "run `make generate`"


def test_the_reference_is_up_to_date() -> None:
    assert package_reference.PAGE.read_text(encoding="utf-8") == package_reference.page(), "run `make generate`"


def properties(kind: Kind, owner: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every property with a fixed name, with the dotted path of its field in the API."""
    names = {camel(f.name): f for f in kind.fields.values() if f.path == f"{place}.{f.name}".removeprefix(".")}
    for name, found in owner.items():
        field = names[name]
        yield field.path, found
        inner = found.get("items", found)
        if "$ref" in inner and "/types/" in inner["$ref"]:
            below = SCHEMA["types"][inner["$ref"].rpartition("/")[2]]
            if below["type"] == "object":
                yield from properties(kind, below["properties"], field.path)


def both(kind: Kind) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs and the outputs of a kind's resource, by path."""
    found = SCHEMA["resources"][package_schema.resource(kind.name)]
    inputs, outputs = (dict(properties(kind, found[name])) for name in ("inputProperties", "properties"))
    return inputs, outputs


def fixed(kind: Kind) -> dict[str, FieldOf]:
    return {path: f for path, f in kind.fields.items() if not (f.parent and f.parent.is_map)}


@of_each_kind
def test_every_field_is_a_property(kind: Kind) -> None:
    """All of them are inputs, except those that the server sets, and outputs, except secrets."""
    inputs, outputs = both(kind)
    assert set(inputs) == {path for path, field in fixed(kind).items() if field.is_argument}
    assert set(outputs) == {path for path, field in fixed(kind).items() if not field.is_secret}
    assert [path for path, found in (*inputs.items(), *outputs.items()) if not found["description"]] == []


@of_each_kind
def test_no_output_is_an_enum(kind: Kind) -> None:
    """A program in YAML could not pass it to another resource."""
    inputs, outputs = both(kind)
    enums = {
        path: SCHEMA["types"][found.get("items", found)["oneOf"][1]["$ref"].rpartition("/")[2]]["enum"]
        for path, found in inputs.items()
        if "oneOf" in found.get("items", found)
    }
    closed = {path: found for path, found in fixed(kind).items() if found.marker(OneOf) or found.values}
    assert set(enums) == {path for path, found in closed.items() if found.is_argument}
    assert all({*closed[path].values} <= {each["value"] for each in enum} for path, enum in enums.items())
    assert [path for path, found in outputs.items() if "oneOf" in found.get("items", found)] == []


@of_each_kind
def test_replacements_and_secrets_follow_from_the_fields(kind: Kind) -> None:
    inputs, _ = both(kind)
    replacing = {path for path, found in inputs.items() if found.get("willReplaceOnChanges")}
    assert replacing == {path for path in fixed(kind) if rule_of(path, kind) is Rule.REPLACE}
    assert set(kind.secrets) <= {path for path, found in inputs.items() if found.get("secret")}


def test_the_required_properties() -> None:
    required = {name.rpartition(":")[2]: found["requiredInputs"] for name, found in SCHEMA["resources"].items()}
    assert required == {
        "EnkryptModel": ["modelSavedName", "modelConfig"],
        "GuardrailsPolicy": ["name", "detectors"],
        "Deployment": ["name", "modelSavedName"],
    }
    assert SCHEMA["types"]["enkrypt:index:Endpoint"]["required"] == ["host"]


def test_the_schema_has_no_default_that_differs_in_dialect_v2() -> None:
    defaults = {path: found["default"] for path, found in both(MODEL)[0].items() if "default" in found}
    assert defaults == {
        "model_config.model_version": "v1",
        "model_config.paths.completions": "/completions",
        "model_config.paths.chat": "/chat/completions",
        "model_config.auth_data.header_name": "Authorization",
        "model_config.auth_data.header_prefix": "Bearer",
        "model_config.auth_data.space_after_prefix": True,
    }


def test_every_setting_is_an_argument_of_the_provider() -> None:
    assert set(SCHEMA["provider"]["inputProperties"]) == set(NAMES)
    assert SCHEMA["config"]["variables"].keys() == SCHEMA["provider"]["inputProperties"].keys()
    assert SCHEMA["provider"]["inputProperties"]["apiKey"]["secret"] is True


@of_each_kind
def test_functions_return_no_secret_and_no_option(kind: Kind) -> None:
    get, list_all = package_schema.functions(kind)
    found = SCHEMA["functions"][f"enkrypt:index:{get}"]["outputs"]["properties"]
    root = [field for field in kind.fields.values() if field.parent is None]
    assert set(found) == {camel(field.name) for field in root if field.name not in kind.options}
    items = SCHEMA["functions"][f"enkrypt:index:{list_all}"]["outputs"]["properties"][kind.calls.listed]["items"]
    assert SCHEMA["types"][items["$ref"].rpartition("/")[2]]["properties"] == found


def test_the_resources_and_functions() -> None:
    """An alias makes each resource match a state of the dynamic provider."""
    aliases = {name.rpartition(":")[2]: found["aliases"] for name, found in SCHEMA["resources"].items()}
    assert aliases == {
        "EnkryptModel": [{"type": "pulumi-python:dynamic/enkrypt:EnkryptModel"}],
        "GuardrailsPolicy": [{"type": "pulumi-python:dynamic/enkrypt:EnkryptGuardrailsPolicy"}],
        "Deployment": [{"type": "pulumi-python:dynamic/enkrypt:EnkryptDeployment"}],
    }
    functions = {name.rpartition(":")[2] for name in SCHEMA["functions"]}
    assert functions == {
        "getModel", "listModels", "getGuardrailsPolicy", "listGuardrailsPolicies", "getDeployment", "listDeployments"
    }  # fmt: skip
    assert not {*SCHEMA["types"]} & {*SCHEMA["resources"]}
