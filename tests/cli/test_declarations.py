"""declarations.py and stack_secrets.py: the arguments that declare registrations, and their secrets."""

from __future__ import annotations

from typing import Any

import pytest
from documents import everything, minimal, registrations
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.cli.declarations import Declaration, declare, declared, missing, names_for
from enkrypt_provider.cli.stack_secrets import Secrets, repeated_in
from enkrypt_provider.core import diff
from enkrypt_provider.emulator import create_app
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier, Live
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from .lives import live, read_back


def unchanged(declaration: Declaration, secrets: Secrets, dialect: Dialect) -> bool:
    """Whether `up` would leave the registration unchanged."""
    inputs, problems = declaration.parsed(dialect, secrets.known.__getitem__)
    assert problems == []
    return diff.changes(inputs, diff.settle(inputs, declaration.live, MODEL), MODEL) == []


@given(registrations())
def test_declaration_of_a_v1_registration_changes_nothing(props: dict[str, Any]) -> None:
    """This holds for any v1 registration."""
    secrets = Secrets({})
    declaration = declare(live(props), "name", secrets)
    secrets.found.update({name: f"key-of-{name}" for name in missing([declaration], secrets)})
    assert unchanged(declaration, secrets, "v1")


@given(registrations("v2"))
def test_declaration_of_a_v2_registration_changes_nothing(props: dict[str, Any]) -> None:
    """This holds for any v2 registration, and the declaration contains none of v2's empty defaults."""
    secrets = Secrets({})
    declaration = declare(read_back(props, "v2"), "name", secrets, "v2")
    secrets.found.update(dict.fromkeys(missing([declaration], secrets), "https://key"))
    assert unchanged(declaration, secrets, "v2")
    config = declaration.arguments["model_config"]
    empties = {path.rpartition(".")[2]: only.empty for path, only in MODEL.only_in.items()}
    assert [name for name, empty in empties.items() if config.get(name, ...) == empty] == []


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_defaults_are_not_declared(dialect: Dialect) -> None:
    """A minimal registration is declared by minimal arguments."""
    assert declare(read_back(minimal(), dialect), "small", Secrets({}), dialect).arguments == minimal()


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_default_port_of_a_scheme_is_not_declared(scheme: str, port: int) -> None:
    """Any other port is declared."""
    endpoint = {"scheme": scheme, "host": "h", "port": port}
    found = declare(live(minimal(model_config__endpoint=endpoint)), "a", Secrets({}))
    assert "port" not in found.arguments["model_config"]["endpoint"]
    found = declare(live(minimal(model_config__endpoint={**endpoint, "port": port + 1})), "a", Secrets({}))
    assert found.arguments["model_config"]["endpoint"]["port"] == port + 1


def test_defaults_in_lists_are_omitted_but_free_form_fields_are_kept() -> None:
    """A header with an empty value is declared by its key; in metadata the same names are the user's own."""
    config = {
        "custom_headers": [{"key": "A", "value": ""}],
        "tools": [{"name": "t", "description": ""}],
        "model_jwt_config": {"jwt_url": "https://a", "jwt_headers": [{"key": "B"}]},
        "metadata": {"tools": [{"name": "t", "description": ""}], "empty": {}},
    }
    props = minimal(**{f"model_config__{name}": value for name, value in config.items()})
    found = declare(live(props, "v2"), "a", Secrets({})).arguments["model_config"]
    assert found["custom_headers"] == [{"key": "A"}]
    assert found["tools"] == [{"name": "t"}]
    assert found["model_jwt_config"] == {"jwt_url": "https://a", "jwt_headers": [{"key": "B"}]}
    assert found["metadata"] == config["metadata"]


def test_model_with_a_curl_command_has_no_endpoint(tmp_path: Any) -> None:
    """The API's value for the missing endpoint is neither declared nor a difference."""
    import httpx

    props = minimal(model_config__custom_curl_command="curl https://h", model_config__is_compatible_with="custom")
    del props["model_config"]["endpoint"]
    transport = httpx.WSGITransport(create_app(tmp_path / "a.db", dialect="v2"))
    with httpx.Client(transport=transport, base_url="http://a", headers={"apikey": "k"}) as api:
        response = api.post("/models/add-model", json=codec.body(MODEL, live(props, "v2").inputs, "v2"))
    secrets = Secrets({})
    found = declare(codec.read(MODEL, response.json()["data"]), "a", secrets)
    assert "endpoint" not in found.arguments["model_config"]
    assert unchanged(found, secrets, "v2")


# ---- secrets


def test_secrets_are_named_after_their_resource_and_field() -> None:
    """Every string that may be a secret gets its own name, and its value is recorded."""
    secrets = Secrets({})
    found = declare(live(everything("v2"), "v2"), "bank", secrets)
    assert secrets.found == {
        "bank_apikey": "stand-in-key-1",
        "bank_apikey_2": "stand-in-key-2",
        "bank_boxai": "stand-in-box-secret",
        "bank_jwt": "stand-in-client-key",
        "bank_jwt_2": "stand-in-jwt-body",
        "bank_header": "stand-in-header-value",
        "bank_curl": "curl -H 'Authorization: stand-in-curl-key' https://h",
    }
    assert set(found.secrets) == set(secrets.found)
    assert "stand-in" not in repr(found)


def with_keys(*keys: str) -> Live:
    return live(minimal(model_config__apikeys=list(keys)))


def keys_of(declaration: Declaration) -> list[str]:
    return [secret.name for secret in declaration.arguments["model_config"]["apikeys"]]


def test_existing_secret_of_the_stack_is_used() -> None:
    """A key that the configuration already has is not set again; its own name is preferred."""
    secrets = Secrets({"vendor": "sk-1", "a_apikey": "sk-1", "apiKey": "sk-2"})
    assert keys_of(declare(with_keys("sk-1"), "a", secrets)) == ["a_apikey"]
    assert keys_of(declare(with_keys("sk-1"), "b", secrets)) == ["vendor"]
    assert keys_of(declare(with_keys("sk-2"), "b", secrets)) == ["b_apikey"]  # not the account's key
    assert secrets.found == {"b_apikey": "sk-2"}


def test_models_that_share_a_key_share_its_secret() -> None:
    """A shared key is set once; short keys may be equal by chance."""
    secrets = Secrets({})
    found = [declare(with_keys("sk-shared-1"), name, secrets) for name in ("a", "b", "c")]
    assert [keys_of(one) for one in found] == [["a_apikey"]] * 3
    assert [keys_of(declare(with_keys("sk-1"), name, secrets)) for name in ("d", "e")] == [["d_apikey"], ["e_apikey"]]


def test_shared_secret_is_not_named_after_a_model() -> None:
    """The name of a shared key says so; a model's own key is named after the model."""
    lives = [with_keys("sk-of-all-models", "sk-of-this-one"), with_keys("sk-of-all-models")]
    secrets = Secrets({}, repeated=repeated_in(lives))
    found = [declare(one, name, secrets) for one, name in zip(lives, "ab", strict=True)]
    assert [keys_of(one) for one in found] == [["shared_apikey", "a_apikey"], ["shared_apikey"]]
    assert secrets.found == {"shared_apikey": "sk-of-all-models", "a_apikey": "sk-of-this-one"}


def test_masks_and_short_strings_are_not_shared_secrets() -> None:
    """Masks of different keys look alike, and short strings may be equal by chance."""
    assert repeated_in([with_keys("sk-xxxxxxxx1234", "pin1")] * 2) == set()


def test_secret_with_another_value_is_not_overwritten() -> None:
    """If the name is taken by another value, the next number is used."""
    secrets = Secrets({"a_apikey": "sk-old"})
    assert keys_of(declare(with_keys("sk-new"), "a", secrets)) == ["a_apikey_2"]
    assert secrets.found == {"a_apikey_2": "sk-new"}
    assert keys_of(declare(with_keys("sk-other"), "a", secrets)) == ["a_apikey_3"]


def test_masked_keys_use_the_given_secret() -> None:
    """Every masked key uses it; a visible key does not."""
    secrets = Secrets({}, "vendor")
    found = [declare(with_keys("xxxxx"), "a", secrets), declare(with_keys("xxxxx", "sk-2"), "b", secrets)]
    assert [keys_of(one) for one in found] == [["vendor"], ["vendor", "b_apikey"]]
    assert missing(found, secrets) == {"vendor": ["a", "b"]}


def test_empty_secret_counts_as_missing() -> None:
    """A project's default of "" is not a key."""
    secrets = Secrets({"a_apikey": ""}, others={"vendor": ""})
    assert missing([declare(with_keys("xxxxx"), "a", secrets)], secrets) == {"a_apikey": ["a"]}


# ---- names


@pytest.mark.parametrize(
    ("ids", "taken", "names"),
    [
        (["gpt-4o/v1", "claude/v1"], [], ["gpt-4o", "claude"]),
        (["a/1", "a/2", "b/1"], [], ["a-1", "a-2", "b"]),
        (["a b/1", "a:b/1"], [], ["a-b-1", "a-b-1-2"]),
        (["gpt-4.1 (new)/v1"], [], ["gpt-4.1-new"]),
        (["a/v1"], ["a"], ["a-2"]),
        (["a/v1"], ["a", "a-2"], ["a-3"]),
        (["$'()/v1", "-/v1"], [], ["model-v1", "model-v1-2"]),
    ],
)
def test_resource_is_named_after_its_model(ids: list[str], taken: list[str], names: list[str]) -> None:
    """The name is the model's own, made unique and safe for a shell and a URN."""
    identities = [Identifier.parse(id_) for id_ in ids]
    assert list(names_for([(MODEL, one) for one in identities], taken).values()) == names


@given(st.lists(st.tuples(st.text("aB -.$é", min_size=1), st.text("1v.", min_size=1)), unique=True, max_size=8))
def test_names_are_unique_and_plain(pairs: list[tuple[str, str]]) -> None:
    names = list(names_for([(MODEL, Identifier(*pair)) for pair in pairs], ["a", "B"]).values())
    assert len({*names, "a", "B"}) == len(pairs) + 2
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzB0123456789._-") for name in names)


# ---- existing entries of a catalogue


ENTRY = {"model_saved_name": "a", "model_config": {"is_compatible_with": "openai", "endpoint": {"host": "h"}}}


@pytest.mark.parametrize(
    "entry",
    [
        "no object",
        {},
        {"secret": "all-of-it"},
        {**ENTRY, "model_saved_name": "b"},
        {**ENTRY, "model_config": {"secret": "all-of-it"}},
        {**ENTRY, "model_name": 5},
    ],
)
def test_unrelated_catalogue_entries_are_ignored(entry: Any) -> None:
    """An entry for another model, or an invalid one, declares none of the imported models."""
    found = live(ENTRY)
    assert list(declared(MODEL, {"x": entry}, {(MODEL, found.identity): found}, "v1")) == []
