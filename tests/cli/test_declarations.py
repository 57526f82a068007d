"""declarations.py and stack_secrets.py: the arguments that declare what is registered, and the names in them."""

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
    """True where `up` would leave the registration as it is."""
    inputs, problems = declaration.parsed(dialect, secrets.known.__getitem__)
    assert problems == []
    return diff.changes(inputs, diff.settle(inputs, declaration.live, MODEL), MODEL) == []


@given(registrations())
def test_what_is_declared_is_what_is_registered(props: dict[str, Any]) -> None:
    """Whatever is registered in v1, its declaration changes nothing."""
    secrets = Secrets({})
    declaration = declare(live(props), "name", secrets)
    secrets.found.update({name: f"key-of-{name}" for name in missing([declaration], secrets)})
    assert unchanged(declaration, secrets, "v1")


@given(registrations("v2"))
def test_v2_too(props: dict[str, Any]) -> None:
    """Whatever is registered in v2, its declaration changes nothing, and none of v2's empty defaults is in it."""
    secrets = Secrets({})
    declaration = declare(read_back(props, "v2"), "name", secrets, "v2")
    secrets.found.update(dict.fromkeys(missing([declaration], secrets), "https://key"))
    assert unchanged(declaration, secrets, "v2")
    config = declaration.arguments["model_config"]
    empties = {path.rpartition(".")[2]: only.empty for path, only in MODEL.only_in.items()}
    assert [name for name, empty in empties.items() if config.get(name, ...) == empty] == []


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_only_what_differs_from_the_defaults_is_declared(dialect: Dialect) -> None:
    """The least registration is declared by the least arguments."""
    assert declare(read_back(minimal(), dialect), "small", Secrets({}), dialect).arguments == minimal()


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_schemes_own_port_is_not_declared(scheme: str, port: int) -> None:
    """A port is said where it is not the one that the scheme means."""
    endpoint = {"scheme": scheme, "host": "h", "port": port}
    found = declare(live(minimal(model_config__endpoint=endpoint)), "a", Secrets({}))
    assert "port" not in found.arguments["model_config"]["endpoint"]
    found = declare(live(minimal(model_config__endpoint={**endpoint, "port": port + 1})), "a", Secrets({}))
    assert found.arguments["model_config"]["endpoint"]["port"] == port + 1


def test_defaults_within_lists_are_not_declared_and_free_fields_always_are() -> None:
    """A header without a value is its key; the same names in metadata are the user's own."""
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


def test_a_model_that_a_curl_command_reaches_has_no_endpoint(tmp_path: Any) -> None:
    """What the API makes of the missing endpoint is neither declared nor a difference."""
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
    """Every text that may be a secret has a name of its own, and its value is found."""
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


def test_a_secret_that_the_stack_holds_is_used() -> None:
    """A key that the configuration has under any name, its own before others, is not set again."""
    secrets = Secrets({"vendor": "sk-1", "a_apikey": "sk-1", "apiKey": "sk-2"})
    assert keys_of(declare(with_keys("sk-1"), "a", secrets)) == ["a_apikey"]
    assert keys_of(declare(with_keys("sk-1"), "b", secrets)) == ["vendor"]
    assert keys_of(declare(with_keys("sk-2"), "b", secrets)) == ["b_apikey"]  # not the account's own
    assert secrets.found == {"b_apikey": "sk-2"}


def test_models_that_share_a_key_share_its_secret() -> None:
    """The key of many models is set once; what is short may be the same by chance."""
    secrets = Secrets({})
    found = [declare(with_keys("sk-shared-1"), name, secrets) for name in ("a", "b", "c")]
    assert [keys_of(one) for one in found] == [["a_apikey"]] * 3
    assert [keys_of(declare(with_keys("sk-1"), name, secrets)) for name in ("d", "e")] == [["d_apikey"], ["e_apikey"]]


def test_what_several_models_have_is_named_after_none_of_them() -> None:
    """A key of many models is one secret, whose name says so; one model's own key keeps the model's name."""
    lives = [with_keys("sk-of-all-models", "sk-of-this-one"), with_keys("sk-of-all-models")]
    secrets = Secrets({}, repeated=repeated_in(lives))
    found = [declare(one, name, secrets) for one, name in zip(lives, "ab", strict=True)]
    assert [keys_of(one) for one in found] == [["shared_apikey", "a_apikey"], ["shared_apikey"]]
    assert secrets.found == {"shared_apikey": "sk-of-all-models", "a_apikey": "sk-of-this-one"}


def test_a_mask_and_a_short_text_are_nobodys_shared_secret() -> None:
    """Masks of different keys look alike, and what is short may be the same by chance."""
    assert repeated_in([with_keys("sk-xxxxxxxx1234", "pin1")] * 2) == set()


def test_a_secret_of_another_value_is_not_overwritten() -> None:
    """Where a name is taken by another value, the next number is."""
    secrets = Secrets({"a_apikey": "sk-old"})
    assert keys_of(declare(with_keys("sk-new"), "a", secrets)) == ["a_apikey_2"]
    assert secrets.found == {"a_apikey_2": "sk-new"}
    assert keys_of(declare(with_keys("sk-other"), "a", secrets)) == ["a_apikey_3"]


def test_masked_keys_may_share_a_secret() -> None:
    """With one named, every masked key is that; one that shows is not."""
    secrets = Secrets({}, "vendor")
    found = [declare(with_keys("xxxxx"), "a", secrets), declare(with_keys("xxxxx", "sk-2"), "b", secrets)]
    assert [keys_of(one) for one in found] == [["vendor"], ["vendor", "b_apikey"]]
    assert missing(found, secrets) == {"vendor": ["a", "b"]}


def test_an_empty_secret_is_not_set() -> None:
    """A default of "" in the project is no key."""
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
def test_a_resource_is_named_after_its_model(ids: list[str], taken: list[str], names: list[str]) -> None:
    """A name is the model's own as far as a shell and a URN bear it, and nobody else's."""
    identities = [Identifier.parse(id_) for id_ in ids]
    assert list(names_for([(MODEL, one) for one in identities], taken).values()) == names


@given(st.lists(st.tuples(st.text("aB -.$é", min_size=1), st.text("1v.", min_size=1)), unique=True, max_size=8))
def test_names_are_unique_and_plain(pairs: list[tuple[str, str]]) -> None:
    names = list(names_for([(MODEL, Identifier(*pair)) for pair in pairs], ["a", "B"]).values())
    assert len({*names, "a", "B"}) == len(pairs) + 2
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzB0123456789._-") for name in names)


# ---- what a catalogue has already


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
def test_other_entries_of_a_catalogue_are_passed_over(entry: Any) -> None:
    """An entry for another model, or one that is wrong, declares nothing of what is imported."""
    found = live(ENTRY)
    assert list(declared(MODEL, {"x": entry}, {(MODEL, found.identity): found}, "v1")) == []
