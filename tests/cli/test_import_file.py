"""import_file.py: the document is like the state of a stack that created the model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from documents import COMPUTED, everything, minimal

from enkrypt_provider.cli.declarations import declare
from enkrypt_provider.cli.import_file import entry, pickled_provider
from enkrypt_provider.cli.stack import revealed, type_of
from enkrypt_provider.cli.stack_secrets import Secrets
from enkrypt_provider.kinds.kind import Live
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from .lives import live, read_back

ACCOUNT = "https://api.example.com"


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_state_is_as_after_a_create(dialect: Dialect) -> None:
    """Inputs are those of `check`, outputs also have the server's fields; secrets are marked in both."""
    props = {name: value for name, value in everything(dialect).items() if name not in MODEL.options}
    computed = COMPUTED | {"project_name": "made by stand-in-key-1"}
    found = Live(MODEL, read_back(props, dialect).inputs, computed)
    secrets = Secrets({})
    declaration = declare(found, "bank", secrets)
    made = entry(declaration, secrets.known, dialect, ACCOUNT)
    assert {name: made[name] for name in ("type", "name", "id")} == {
        "type": type_of(MODEL),
        "name": "bank",
        "id": "Test_Model/1",
    }
    assert "stand-in" not in json.dumps(without_secrets(made))
    inputs, _ = declaration.parsed(dialect, secrets.known.__getitem__)
    assert in_the_clear(made["inputs"]) == {**inputs, "__provider": pickled_provider(MODEL)}
    assert in_the_clear(made["outputs"]) == {
        **inputs,
        "__provider": pickled_provider(MODEL),
        **computed,
        "__account": ACCOUNT,
    }
    assert len(MODEL.secret_paths(inputs)) == {"v1": 1, "v2": 5}[dialect]


def in_the_clear(value: Any) -> Any:
    value = revealed(value)
    return {name: in_the_clear(item) for name, item in value.items()} if isinstance(value, dict) else value


def without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items() if name != "plaintext"}
    return value


def test_default_is_not_a_secret() -> None:
    """A model without keys has an empty list that is not a secret, as in a state."""
    made = entry(declare(live(minimal()), "a", Secrets({})), {}, "v1", ACCOUNT)
    assert made["inputs"]["model_config"]["apikeys"] == []
