"""masking.py: which strings of a registration may be secrets, and which are masked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from documents import canonical, everything, minimal
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.cli.masking import replaced, shown
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.secrets import is_masked


@pytest.mark.parametrize(
    "text",
    ["xxxxx", "x", "XXXX", "", "*", "********", "sk-****abcd", "sk-xxxxxxxx1234", "sk-...abcd", "sk-…abcd", "••••",
     "<redacted>", "[MASKED]", "hidden"],
)  # fmt: skip
def test_masks_are_recognized(text: str) -> None:
    """Anything that an API may show in place of a key is recognized."""
    assert is_masked(text)


@pytest.mark.parametrize("text", ["sk-proj-4fGh", "AIzaSyD-x_x1", "a", "hidden-away-key", "gsk_xxx1"])
def test_real_keys_are_not_masks(text: str) -> None:
    """The user is not asked again for a real key."""
    assert not is_masked(text)


@given(st.binary(min_size=12, max_size=40))
def test_random_hexadecimal_keys_are_not_masks(random: bytes) -> None:
    """Vendors create keys like these."""
    assert not is_masked(f"sk-{random.hex()}")


def test_every_secret_of_both_dialects_is_replaced() -> None:
    """No secret string is left when a registration is shown; header names and methods are kept."""
    inputs = canonical(everything("v2"), dialect="v2")
    text = json.dumps(shown(MODEL, inputs))
    assert "stand-in" not in text
    assert shown(MODEL, inputs)["model_config"]["model_jwt_config"] == {
        "jwt_method": "GET",
        "jwt_url": "https://id.example.com/token",
        "jwt_headers": [{"key": "X-Client", "value": "***"}],
        "jwt_body": "***",
        "jwt_response_key": "access_token",
    }
    assert shown(MODEL, inputs)["model_config"]["custom_headers"] == [{"key": "X-Team", "value": "***"}]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("custom_headers", [{"key": "content-type", "value": "application/json"}], []),
        ("custom_headers", [{"key": "X", "value": ""}], []),
        ("custom_headers", [{"key": "X", "value": "v"}], [("header", "v")]),
        ("model_jwt_config", {"jwt_url": "https://a"}, []),
        ("model_jwt_config", {"jwt_url": "https://a?key=1"}, [("jwt", "https://a?key=1")]),
        ("model_jwt_config", {"jwt_url": "https://u:p@a"}, [("jwt", "https://u:p@a")]),
        ("custom_curl_command", "curl", [("curl", "curl")]),
        ("apikeys", ["a", "b"], [("apikey", "a"), ("apikey", "b")]),
        ("apikeys", [], []),
        ("metadata", {"aws_secret_access_key": "s", "region": "eu"}, [("aws_secret_access_key", "s")]),
        ("metadata", {"relay": {"target_headers": {"X": "v", "n": 1}}}, [("X", "v")]),
        ("default_request_options", {"extra": [{"api-key": "k"}], "max_tokens": 5}, [("api-key", "k")]),
        ("custom_payload", {"prompt": "{prompt}", "eos_token": "</s>"}, []),
    ],
)
def test_only_secrets_are_replaced(field: str, value: Any, expected: list[tuple[str, str]]) -> None:
    """A string is replaced if it may be a secret, and otherwise kept."""
    inputs = canonical(minimal(**{f"model_config__{field}": value}), dialect="v2")
    met: list[tuple[str, str]] = []
    replaced(MODEL, inputs, lambda of, text: met.append((of, text)))
    assert met == expected


def test_other_fields_are_unchanged() -> None:
    """Fields that cannot hold secrets are shown as they are."""
    inputs = canonical(everything())
    masked = shown(MODEL, inputs)
    assert masked["model_config"].pop("apikeys") == ["***", "***"]
    assert masked == {**inputs, "model_config": {k: v for k, v in inputs["model_config"].items() if k != "apikeys"}}
