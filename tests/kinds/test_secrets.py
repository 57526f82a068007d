"""kinds/secrets.py: which values are secret, by place, by name and by text."""

from __future__ import annotations

import time
from typing import Any

import pytest
from documents import SECRET_NAMES, SECRET_TEXTS, canonical, everything, minimal

from enkrypt_provider.core import diff as differences
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import TEXT_LIMIT, UNKNOWN
from enkrypt_provider.kinds.secret_names import is_secret_name
from enkrypt_provider.kinds.secrets import is_secret_text, replaced_at, without, without_secret_texts


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names_are_recognized(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["key", "max_tokens", "maxTokens", "max_new_tokens", "eos_token", "pad-token", "token_limit", "tokenizer",
     "header", "header_name", "author", "secretary", "keyword", "monkey", "primary_key", "region", "stop", "",
     "value", "header_value", "auth_type", "jwt_method", "service_account", "public_key", "session_id", "sort-key",
     "cacheKey", "banned_keywords", "keyword_detector", "token_type", "passport", "bypass_cache", "signature_2",
     "prompt_cache_key", "messages_key", "outputKey"],
)  # fmt: skip
def test_harmless_names_are_not_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_every_field_with_a_secret_name_is_declared_secret() -> None:
    assert [path for path, field in MODEL.fields.items() if is_secret_name(field.name) and not field.is_secret] == []


def test_secret_paths_lists_the_outermost_secrets() -> None:
    """By place and by name, in maps and lists; empty values are not secret."""
    metadata = {
        "a": [{"token": "x"}, {"n": 1}],
        "b": {"headers": {"X": "y", "secret": "z"}},
        "password": "",
        "key": "k",
    }
    inputs = canonical(everything("v2"), dialect="v2")
    inputs["model_config"]["metadata"] = metadata
    config = ["apikeys", "model_jwt_config", "custom_headers", "custom_curl_command"]
    assert set(MODEL.secret_paths(inputs)) == {
        *(("model_config", name) for name in config),
        ("model_config", "auth_data", "boxai_client_secret"),
        ("model_config", "metadata", "a", 0, "token"),
        ("model_config", "metadata", "b", "headers"),
    }
    assert MODEL.secret_paths(canonical(minimal())) == []


@pytest.mark.parametrize(
    ("free", "path"),
    [
        ({"relay": [{"key": "api-key", "value": "x"}]}, ("relay", 0, "value")),
        ({"relay": [{"name": "Authorization", "value": {"a": "x"}}]}, ("relay", 0, "value")),
        ({"proxy": "http://me:pass@proxy.example.com:3128"}, ("proxy",)),
        ({"proxy": "http://me:p/a?s#s@proxy.example.com:3128"}, ("proxy",)),
        ({"cache": ["redis://:pass@cache:6379/0"]}, ("cache", 0)),
        ({"pem": "a\n-----BEGIN RSA PRIVATE KEY-----\nMII"}, ("pem",)),
        ({"x": {"y": '{"private_key": "-----BEGIN PRIVATE KEY-----"}'}}, ("x", "y")),
        ({"extra": "Bearer abcdefgh12345678"}, ("extra",)),
        ({"extra": "Token abcdefgh12345678"}, ("extra",)),
        ({"relay": [{"Name": "X-Api-Key", "Value": "x"}]}, ("relay", 0, "Value")),
        ({"relay": [{"header_name": "api_key", "header_value": "x"}]}, ("relay", 0, "header_value")),
        ({"hook": "https://h/path?a=1&api_key=abcdefgh"}, ("hook",)),
        ({"hook": "https://h/path?sv=1&sig=abcdefgh"}, ("hook",)),
        ({"hook": "https://h/path?key=abcdefgh"}, ("hook",)),
        ({"hook": "https%3A%2F%2Fme%3Apass%40h"}, ("hook",)),
        ({"hook": f"https://{'a1' * 10}@h"}, ("hook",)),
        ({"store": "Server=h;User=me;Password=abcdefgh;"}, ("store",)),
        ({"lines": ["X-Team: ml", "X-Api-Key: abcdefgh1"]}, ("lines", 1)),
        ({"line": "curl -H 'Authorization: Bearer abcdefgh1' https://h"}, ("line",)),
        ({"json": r"{\"api_key\": \"abcdefgh1\"}"}, ("json",)),
        ({"x": f"ghp_{'a' * 36}"}, ("x",)),
        ({"x": f"use sk-{'a' * 24}"}, ("x",)),
        ({"x": f"eyJ{'a' * 12}.eyJ{'a' * 12}.b"}, ("x",)),
    ],
    ids=str,
)
def test_a_value_may_be_secret_by_its_text_or_label(free: Properties, path: tuple[str | int, ...]) -> None:
    """Under a harmless name too."""
    inputs = canonical(minimal(model_config__default_request_options=free))
    assert MODEL.secret_paths(inputs) == [("model_config", "default_request_options", *path)]


KEYS: dict[str, Properties] = {
    "a service account": {"apikeys": ['{"project_id":"p","private_key":"stand-in-4f7a1b-of-a-model"}']},
    "a key": {"apikeys": ["stand-in-4f7a1b-of-a-model"]},
    "a header": {"custom_headers": [{"key": "Authorization", "value": "Bearer stand-in-4f7a1b-of-a-model"}]},
    "a name": {"metadata": {"relay": {"target_headers": {"X-Api-Key": "stand-in-4f7a1b-of-a-model"}}}},
}


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(
    "text",
    [
        "by stand-in-4f7a1b-of-a-model", "STAND-IN-4F7A1B-OF-A-MODEL", '{"sent": "stand-in-4f7a1b-of-a-model"}',
        "Basic OnN0YW5kLWluLTRmN2ExYi1vZi1hLW1vZGVs", "the key stand-in-4f7a1b…", "...7a1b-of-a-model",
    ],
)  # fmt: skip
def test_a_text_that_repeats_a_key_is_secret(text: str, keys: Properties) -> None:
    """In any field, whoever set it: a server may echo what it was sent."""
    inputs: Properties = canonical(everything("v2"), dialect="v2") | {"model_config": keys, "created_at": text}
    inputs["model_config"] = {**keys, "custom_payload": {"a": [1, text]}}
    _, *repeats = MODEL.secret_paths(inputs)
    assert repeats == [("model_config", "custom_payload", "a", 1), ("created_at",)]
    assert "4f7a1b" not in str(without(inputs, MODEL.secrets)).lower()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("none", "none of these"), ("together", "https://together.ai"), ("ollama", "ollama"), ("xxxxx", "xxxxx"),
        ("****************", "****************"), ("sk-proj-openai-4f7a1b", "openai, a sk-proj"),
        ('{"project_id":"my-project-123456","private_key":"a"}', "my-project-123456"), ("{", "{"),
        ('{"a":' * 1500, "stand-in-1"),
        ("key-of-the-support-copilot-1", "the-support-copilot"),
    ],
)  # fmt: skip
def test_words_that_also_occur_in_a_key_are_not_secret(key: str, text: str) -> None:
    inputs = {**canonical(minimal(model_config__apikeys=[key])), "model_name": text}
    assert MODEL.secret_paths(inputs) == [("model_config", "apikeys")]
    assert without(inputs, MODEL.secrets)["model_name"] == text


def test_an_identity_is_never_secret() -> None:
    """It is the resource's id, so it stays readable even if a key is derived from it."""
    arguments = minimal(model_saved_name="gpt-4o-mini-2024", model_config__apikeys=["gpt-4o-mini-2024-key"])
    inputs = canonical(arguments)
    assert MODEL.secret_paths(inputs) == [("model_config", "apikeys")]
    assert differences.without_secrets(inputs, MODEL)["model_saved_name"] == "gpt-4o-mini-2024"


@pytest.mark.parametrize(
    "headers",
    [
        {"custom_headers": [{"key": "X-Model", "value": "gpt-4o-2024-08-06"}]},
        {"metadata": {"headers": {"X": "gpt-4o-2024-08-06"}}},
    ],
    ids=str,
)
def test_the_value_of_a_harmless_header_is_not_secret_elsewhere(headers: Properties) -> None:
    """The header itself is hidden, but the model's name stays readable."""
    inputs: Properties = {"model_name": "gpt-4o-2024-08-06", "model_config": headers}
    assert ("model_name",) not in MODEL.secret_paths(inputs)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"401 for sk-{'a1' * 24}, try again", "401 for ***, try again"),
        (f"model: {{'apikeys': 'k', 'api_key': '{'a1' * 60}'}}", "model: {'apikeys': 'k', 'api_key': '***'}"),
        ("https://h/p?a=1&api_key=abcdefgh1&b=2 and sig=abcdefgh", "https://h/p?a=1&api_key=***&b=2 and sig=***"),
        (f"key eyJ{'a' * 12}.eyJ{'a' * 12}.b and eyJ{'b' * 12}.eyJ{'b' * 12}.b", "key *** and ***"),
        ("use Authorization: Bearer abcdefgh1 or http://me:pass@h", "use Authorization: Bearer *** or http***"),
        ("the apikey is required; max_tokens=12345678", "the apikey is required; max_tokens=12345678"),
        ("", ""),
    ],
)
def test_without_secret_texts_masks_recognizable_secrets(text: str, left: str) -> None:
    assert without_secret_texts(text) == left


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_secret_texts_are_recognized(text: str) -> None:
    assert is_secret_text(text)


def test_texts_that_only_resemble_secrets_are_not_secret() -> None:
    """A URL without a password, a sentence, a harmless pair of name and value."""
    free = {
        "a": "https://h:443/x@y", "b": "Basic rules: be polite", "c": [{"name": "region", "value": "eu"}],
        "d": "-----BEGIN CERTIFICATE-----", "e": "https://me@h", "f": "Bearer token", "value": "v",
        "g": "Never tell a password: that is a secret.", "h": "curl -H 'Authorization: Bearer {apikey}' https://h",
        "i": "https://h/p?page=12345678&sort=key", "j": "max_tokens=12345678", "k": f"task-{'a' * 24}",
        "l": [{"name": "team", "value": "platform", "token_type": "word"}], "m": "api_version=2024-02-01",
        "n": "xai-grok-2-vision-latest-1212", "o": "https://h/callback?code=short",
    }  # fmt: skip
    assert MODEL.secret_paths(canonical(minimal(model_config__default_request_options=free))) == []


@pytest.mark.parametrize(
    "part", ["https://", "://", "://a:", "a=", "key: ", "api_key ", "sk-", "eyj", "a.eyj", " ", "%3A"]
)
def test_a_long_text_is_searched_in_bounded_time(part: str) -> None:
    began = time.process_time()
    is_secret_text(part * (TEXT_LIMIT // len(part)))
    assert time.process_time() - began < 10


def test_an_unknown_value_may_be_secret() -> None:
    inputs, _ = codec.parse(MODEL, minimal(model_config__apikeys=UNKNOWN))
    assert MODEL.secret_paths(inputs) == [("model_config", "apikeys")]


def test_secret_texts_lists_every_secret_string() -> None:
    inputs = canonical(everything("v2"), dialect="v2")
    assert sorted(MODEL.secret_texts(inputs)) == [
        "curl -H 'Authorization: stand-in-curl-key' https://h",
        "stand-in-box-secret",
        "stand-in-client-key",
        "stand-in-header-value",
        "stand-in-jwt-body",
        "stand-in-key-1",
        "stand-in-key-2",
    ]
    odd: list[Any] = [{}, {"model_config": None}, {"model_config": {"apikeys": [1, None, {"a": []}]}}]
    assert [MODEL.secret_texts(nothing) for nothing in odd] == [(), (), ()]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], {"a": [1, {"b": 2}]}),
        ([("a", 1, "b")], {"a": [1, {"b": "-"}]}),
        ([("a", 0), ("a", 1)], {"a": ["-", "-"]}),
        ([()], "-"),
    ],
)
def test_replaced_at_replaces_the_values_at_the_paths(paths: list[tuple[Any, ...]], expected: Any) -> None:
    document: Properties = {"a": [1, {"b": 2}]}
    assert replaced_at(document, paths, lambda _old: "-") == expected
    assert document == {"a": [1, {"b": 2}]}
