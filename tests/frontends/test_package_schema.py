"""The native package's schema: what `make generate` wrote, held to the fields and to the engine's own check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enkrypt_provider.core.diff import Rule, rule_of
from enkrypt_provider.frontends import package_schema
from enkrypt_provider.frontends.package_schema import camel
from enkrypt_provider.kinds.document import FieldOf
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.values import OneOf
from enkrypt_provider.settings import NAMES
from tools import package_reference
from tools import package_schema as generator

SCHEMA = package_schema.package()
RESOURCE = SCHEMA["resources"]["enkrypt:index:EnkryptModel"]


def test_the_file_is_what_would_be_generated() -> None:
    assert generator.SCHEMA.read_text(encoding="utf-8") == generator.text(), "run `make generate`"


def test_the_reference_is_what_would_be_generated() -> None:
    assert package_reference.PAGE.read_text(encoding="utf-8") == package_reference.page(), "run `make generate`"


def properties(owner: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every property with a fixed name, by the dotted path of the API's field that it stands for."""
    names = {camel(f.name): f for f in MODEL.fields.values() if f.path == f"{place}.{f.name}".removeprefix(".")}
    for name, found in owner.items():
        field = names[name]
        yield field.path, found
        inner = found.get("items", found)
        if "$ref" in inner and "/types/" in inner["$ref"]:
            below = SCHEMA["types"][inner["$ref"].rpartition("/")[2]]
            if below["type"] == "object":
                yield from properties(below["properties"], field.path)


def fixed() -> dict[str, FieldOf]:
    return {path: f for path, f in MODEL.fields.items() if not (f.parent and f.parent.is_map)}


def test_every_field_is_a_property() -> None:
    """All of them are inputs, but for what the server sets, and outputs, but for what is secret."""
    inputs = dict(properties(RESOURCE["inputProperties"]))
    outputs = dict(properties(RESOURCE["properties"]))
    assert set(inputs) == {path for path, field in fixed().items() if field.is_argument}
    assert set(outputs) == {path for path, field in fixed().items() if not field.is_secret}
    assert [path for path, found in (*inputs.items(), *outputs.items()) if not found["description"]] == []


def test_no_output_is_an_enum() -> None:
    """A program in YAML could not give it to another resource."""
    inputs, outputs = (dict(properties(RESOURCE[name])) for name in ("inputProperties", "properties"))
    enums = {path for path, found in inputs.items() if "oneOf" in found.get("items", found)}
    assert enums == {
        path for path, found in fixed().items() if found.is_argument and bool(found.values or found.constraint(OneOf))
    }
    assert [path for path, found in outputs.items() if "oneOf" in found.get("items", found)] == []


def test_what_replaces_and_what_is_required_is_the_fields() -> None:
    inputs = dict(properties(RESOURCE["inputProperties"]))
    replacing = {path for path, found in inputs.items() if found.get("willReplaceOnChanges")}
    assert replacing == {path for path in fixed() if rule_of(path, MODEL) is Rule.REPLACE}
    assert RESOURCE["requiredInputs"] == ["modelSavedName", "modelConfig"]
    assert SCHEMA["types"]["enkrypt:index:Endpoint"]["required"] == ["host"]
    secret = {path for path, found in inputs.items() if found.get("secret")}
    assert set(MODEL.secrets) <= secret


def test_an_sdk_fills_no_default_in_that_is_another_in_dialect_v2() -> None:
    inputs = dict(properties(RESOURCE["inputProperties"]))
    defaults = {path: found["default"] for path, found in inputs.items() if "default" in found}
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


def test_functions_return_no_secret_and_no_option() -> None:
    found = SCHEMA["functions"]["enkrypt:index:getModel"]["outputs"]["properties"]
    root = [field for field in MODEL.fields.values() if field.parent is None]
    assert set(found) == {camel(field.name) for field in root if field.name not in MODEL.options}


def test_a_state_of_the_dynamic_provider_is_known_by_an_alias() -> None:
    assert RESOURCE["aliases"] == [{"type": "pulumi-python:dynamic/enkrypt:EnkryptModel"}]


@pytest.mark.e2e
def test_the_engine_finds_no_fault(tmp_path: Path, engine: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA), encoding="utf-8")
    checked = subprocess.run(
        [engine / "pulumi", "schema", "check", file],
        env={"HOME": str(tmp_path), "PULUMI_HOME": str(tmp_path / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
