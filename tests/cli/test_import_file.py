"""import_file.py: the document holds what a state would hold had this stack created the model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from documents import COMPUTED, canonical, everything, minimal

from enkrypt_provider.cli.declarations import Declaration, declare
from enkrypt_provider.cli.import_file import drift, entry, pickled_provider
from enkrypt_provider.cli.stack import revealed, type_of
from enkrypt_provider.cli.stack_secrets import Secret, Secrets
from enkrypt_provider.errors import ConfigurationError
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Live
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from .lives import live, read_back

ACCOUNT = "https://api.example.com"


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_the_state_is_what_a_create_would_have_left(dialect: Dialect) -> None:
    """Inputs are those of `check`, outputs those and what the server set; every secret is one in both."""
    props = {name: value for name, value in everything(dialect).items() if name not in MODEL.options}
    found = Live(MODEL, read_back(props, dialect).inputs, dict(COMPUTED))
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
        **COMPUTED,
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


def test_a_default_is_no_secret() -> None:
    """A model without keys has an empty list of them in the clear, as it would have in a state."""
    made = entry(declare(live(minimal()), "a", Secrets({})), {}, "v1", ACCOUNT)
    assert made["inputs"]["model_config"]["apikeys"] == []


def test_a_masked_key_is_the_configurations() -> None:
    """The state holds the key that is declared, whatever the API shows in its place."""
    secrets = Secrets({"a_apikey": "sk-real"})
    declaration = declare(live(minimal(model_config__apikeys=["xxxxx"])), "a", secrets)
    made = entry(declaration, secrets.known, "v1", ACCOUNT)
    assert revealed(made["inputs"]["model_config"]["apikeys"]) == ["sk-real"]


def test_what_is_declared_otherwise_is_imported_as_it_is() -> None:
    """The state holds the registration, so that the next `up` sees, and changes, what differs."""
    found = live(minimal(model_name="live"))
    declaration = Declaration("a", found, minimal(model_name="declared", deletion_protection=True), is_new=False)
    made = entry(declaration, {}, "v1", ACCOUNT)
    assert made["inputs"]["model_name"] == "live"
    assert made["inputs"]["deletion_protection"] is True
    assert drift(declaration, {}, "v1") == ["model_name"]
    assert drift(declare(found, "a", Secrets({})), {}, "v1") == []


def test_a_secret_that_is_no_key_is_told() -> None:
    """A key with a space in it breaks its rule, and the error does not show it."""
    arguments = minimal(model_config__apikeys=[Secret("a_apikey")])
    declaration = Declaration("a", live(minimal()), arguments)
    with pytest.raises(
        ConfigurationError, match=r"^model_config\.apikeys\[0\]: must not be empty or hold spaces"
    ) as e:
        entry(declaration, {"a_apikey": "sk x"}, "v1", ACCOUNT)
    assert "sk x" not in str(e.value)


def test_the_document_is_json() -> None:
    """Numbers and texts are what JSON can say."""
    assert codec.from_state(MODEL, canonical(everything())) == canonical(everything())
    secrets = Secrets({})
    made = entry(declare(live(everything()), "a", secrets), secrets.known, "v1", ACCOUNT)
    assert json.loads(json.dumps(made)) == made
