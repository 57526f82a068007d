"""docs/catalogue.schema.json: what an editor completes and checks in a stack's file is what the provider takes."""

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
    """The exit code of a check of these files, and what it prints."""
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(generate.SCHEMA), *map(str, files)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def stack_file(folder: Path, *, dialect: str = "v1", section: str = "models", **entries: Any) -> Path:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": {"enkrypt:dialect": dialect, f"enkrypt:{section}": entries}}))
    return file


def test_the_schema_is_what_the_code_says() -> None:
    """docs/catalogue.schema.json follows from kinds/; otherwise: `make generate`."""
    assert generate.SCHEMA.read_text(encoding="utf-8") == generate.schema()


def test_the_stacks_of_this_repository_pass() -> None:
    """Each stack's file passes, and names the schema for the YAML language server."""
    assert [file.name for file in STACKS] == ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.staging.yaml"]
    assert checked(*STACKS)[0] == 0
    for file in STACKS:
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text())
        assert named
        assert (file.parent / named[1]).resolve() == generate.SCHEMA


def referring(reference: dict[str, str]) -> dict[str, Any]:
    """A model with a reference for a text, a number, a list, an item and an object."""
    return minimal(
        certifications=reference,
        model_config__endpoint={"host": reference, "port": reference},
        model_config__apikeys=[reference],
        model_config__paths=reference,
    )


def entries(section: str, dialect: Any = "v1") -> dict[str, dict[str, Any]]:
    """Entries of a section with every field, with as few as may be, and with references."""
    secret, value = REFERENCES
    if section == "models":
        few = {"least": minimal(), "secret": referring(secret), "value": referring(value)}
        return {"all": everything(dialect), **few}
    whole = {"policies": POLICY, "deployments": WHOLE_DEPLOYMENT}[section]
    return {"all": whole, "value": {**whole, "name": value, "deletion_protection": value}}


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("section", ["models", "policies", "deployments"])
def test_what_the_provider_takes_passes(section: str, dialect: str, tmp_path: Path) -> None:
    """No field is refused, nor `{secret: NAME}` or `{config: NAME}` in the place of a value."""
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
        ("models", minimal(model_config__tools=[]), "'tools' was unexpected"),  # of dialect v2
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
def test_a_slip_is_told_where_it_is(section: str, slip: dict[str, Any], said: str, tmp_path: Path) -> None:
    """The message names the field and its rule, as the preview would."""
    code, printed = checked(stack_file(tmp_path, section=section, one={**entries(section)["all"], **slip}))
    assert code == 1
    assert re.search(said, printed), printed


def test_the_meaning_of_each_field_is_shown() -> None:
    """Whoever points at a field in an editor reads what it is."""
    definitions = json.loads(generate.schema())["definitions"]
    found = {path: field.get("description") for path, field in _properties(definitions)}
    assert len(found) > 80
    assert [path for path, meaning in found.items() if not meaning] == []


def _properties(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in value.items() if isinstance(value, dict) else ():
        if name == "properties":
            yield from ((f"{path}.{field}", declared) for field, declared in part.items())
        yield from _properties(part, f"{path}.{name}")
