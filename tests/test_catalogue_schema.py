"""docs/catalogue.schema.json, with which editors check a stack's file, accepts what the provider accepts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import DETECTORS, INPUT, WHOLE_DEPLOYMENT, WHOLE_POLICY, everything, minimal

from docs import generate

ROOT = Path(__file__).resolve().parents[1]
STACKS = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
POLICY = {**WHOLE_POLICY, "adopt_existing": True, "detectors": {**DETECTORS, "bias": {"enabled": "true"}}}
REFERENCES = ({"secret": "llmKey"}, {"config": "llmHost"})


def checked(*files: Path) -> tuple[int, str]:
    """Return the exit code and the output of a check of these files."""
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(generate.SCHEMA), *map(str, files)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def stack_file(folder: Path, *, dialect: str = "v1", section: str = "models", **entries: Any) -> Path:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": {"enkrypt:dialect": dialect, f"enkrypt:{section}": entries}}))
    return file


def test_schema_is_up_to_date() -> None:
    """docs/catalogue.schema.json is generated from kinds/; if it is outdated, run `make generate`."""
    assert generate.SCHEMA.read_text(encoding="utf-8") == generate.schema()


def test_stacks_of_this_repository_are_valid() -> None:
    """Each stack's file is valid, and refers to the schema for the YAML language server."""
    assert [file.name for file in STACKS] == ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.staging.yaml"]
    assert checked(*STACKS)[0] == 0
    for file in STACKS:
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text())
        assert named
        assert (file.parent / named[1]).resolve() == generate.SCHEMA


def referring(reference: dict[str, str]) -> dict[str, Any]:
    """Return a model with references in place of strings, a number, a list, an item and an object."""
    return minimal(
        certifications=reference,
        model_config__endpoint={"host": reference, "port": reference},
        model_config__apikeys=[reference],
        model_config__paths=reference,
    )


def entries(section: str, dialect: Any = "v1") -> dict[str, dict[str, Any]]:
    """Return entries of a section: with every field, with the fewest fields, and with references."""
    secret, value = REFERENCES
    if section == "models":
        few = {"least": minimal(), "secret": referring(secret), "value": referring(value)}
        return {"all": everything(dialect), **few}
    whole = {"policies": POLICY, "deployments": WHOLE_DEPLOYMENT}[section]
    return {"all": whole, "value": {**whole, "name": value, "deletion_protection": value}}


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("section", ["models", "policies", "deployments"])
def test_everything_that_the_provider_accepts_is_valid(section: str, dialect: str, tmp_path: Path) -> None:
    """No field is refused, nor is `{secret: NAME}` or `{config: NAME}` in place of a value."""
    file = stack_file(tmp_path, dialect=dialect, section=section, **entries(section, dialect))
    assert checked(file) == (0, "ok -- validation done\n")


@pytest.mark.parametrize(
    ("section", "slip", "said"),
    [
        ("models", minimal(model_config__endpoint={"host": "h", "hots": "h"}), "endpoint: .*'hots' was unexpected"),
        (
            "models",
            minimal(model_config__endpoint={"host": "h", "port": 99999}),
            "port: 99999 is greater than the max",
        ),
        ("models", minimal(model_config__endpoint={}), "'host' is a required property"),
        ("models", minimal(model_config__apikeys=[{"secrte": "llmKey"}]), "apikeys"),
        ("models", minimal(model_config__model_version=1), "model_version: 1 is not of type 'string'"),
        ("models", minimal(model_config__tools=[]), "'tools' was unexpected"),  # only in dialect v2
        ("models", minimal(testing_for="LLMs"), "testing_for: 'LLMs' is not one of"),
        ("models", minimal(model_saved_name="a" * 33), "model_saved_name: .* is too long"),
        ("models", minimal(model_id=7), "'model_id' was unexpected"),  # the server sets it
        ("policies", {"detectors": {"nfsw": {"enabled": True}}}, "detectors: .*'nfsw' was unexpected"),
        ("policies", {"detectors": {"nsfw": {}}}, "'enabled' is a required property"),
        ("policies", {"name": "a" * 33}, "name: .* is too long"),
        ("deployments", {"policy_id": 7}, "'policy_id' was unexpected"),
        ("deployments", {"input_guardrails_policy": {**INPUT, "block": ["relevancy"]}}, "'relevancy' is not one of"),
    ],
    ids=str,
)
def test_mistake_is_reported_with_its_location(section: str, slip: dict[str, Any], said: str, tmp_path: Path) -> None:
    """The message has the field and its rule, like the preview's."""
    code, printed = checked(stack_file(tmp_path, section=section, one={**entries(section)["all"], **slip}))
    assert code == 1
    assert re.search(said, printed), printed


def test_every_field_has_a_description() -> None:
    """Editors show the description of the field under the cursor."""
    definitions = json.loads(generate.schema())["definitions"]
    found = {path: field.get("description") for path, field in _properties(definitions)}
    assert len(found) > 80
    assert [path for path, meaning in found.items() if not meaning] == []


def _properties(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in value.items() if isinstance(value, dict) else ():
        if name == "properties":
            yield from ((f"{path}.{field}", declared) for field, declared in part.items())
        yield from _properties(part, f"{path}.{name}")
