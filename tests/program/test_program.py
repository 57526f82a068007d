"""__main__.py: the whole program under Pulumi's mocks, stack by stack."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from documents import document, minimal
from mocked import Secret, run, shown

ROOT = Path(__file__).parents[2]
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


def configured(stack: str) -> dict[str, Any]:
    """A stack's configuration, with a stand-in for each secret."""
    found = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {name.removeprefix("enkrypt:"): value for name, value in found.items()}
    secrets = {name: f"stand-in-{name}" for name in ["apiKey", *re.findall(r"\w+ApiKey", str(values))]}
    return {**{name: value for name, value in values.items() if not _is_secret(value)}, **secrets}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_registers_its_catalogue(stack: str) -> None:
    """Every stack of this repository registers exactly its entries, with no key in the clear."""
    config = configured(stack)
    made = run(program, config=config, stack=stack).resources
    assert set(made) == set(config["models"])
    assert {it.type for it in made.values()} <= {"pulumi-python:dynamic/enkrypt:EnkryptModel"}
    assert "stand-in-" not in str([shown(it.inputs) for it in made.values()])
    keys = [it.inputs["model_config"].get("apikeys", Secret(None)) for it in made.values()]
    assert all(isinstance(it, Secret) for it in keys)


def test_it_exports_ids_for_other_stacks() -> None:
    """Each model's resource id and the API's own id, by entry name."""
    models = {"mixtral": document(), "small": minimal(model_config__model_version="7")}
    made = run(program, config={"apiKey": "stand-in-key", "models": models})
    assert made.exports["models"] == {"mixtral": "Test_Model/1", "small": "small/7"}
    assert (made.exports["policies"], made.exports["deployments"]) == ({}, {})
    assert made.exports["model_ids"] == {"mixtral": 1234567890, "small": 1234567890}


def test_without_a_catalogue_it_does_nothing() -> None:
    """A new stack can be brought up before its catalogue is written."""
    made = run(program, config={"apiKey": "stand-in-key"})
    assert (made.resources, set(map(str, made.exports.values()))) == ({}, {"{}"})


def test_without_a_key_the_error_says_how_to_set_one() -> None:
    """The first error that a new user sees has the command that helps."""
    with pytest.raises(pulumi.RunError, match="pulumi config set --secret enkrypt:apiKey"):
        run(program, config={"models": {}})
