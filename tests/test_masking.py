"""masking.py: which texts of a registration may be secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from documents import canonical, everything, minimal

from enkrypt_provider import schema
from enkrypt_provider.commands.masking import replaced, shown


def test_every_secret_of_both_dialects_is_replaced() -> None:
    """No text that a registration keeps secret is left when it is shown; header names and methods are."""
    inputs, problems = schema.parse(everything("v2"), "v2")
    assert problems == []
    text = json.dumps(shown(inputs))
    assert "stand-in" not in text
    assert shown(inputs)["model_config"]["model_jwt_config"] == {
        "jwt_method": "GET",
        "jwt_url": "https://id.example.com/token",
        "jwt_headers": [{"key": "X-Client", "value": "***"}],
        "jwt_body": "***",
        "jwt_response_key": "access_token",
    }
    assert shown(inputs)["model_config"]["custom_headers"] == [{"key": "X-Team", "value": "***"}]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("custom_headers", [{"key": "content-type", "value": "application/json"}], []),
        ("custom_headers", [{"key": "X", "value": ""}], []),
        ("custom_headers", [{"key": "X", "value": "v"}], [("custom_headers", "v")]),
        ("model_jwt_config", {"jwt_url": "https://a"}, []),
        ("model_jwt_config", {"jwt_url": "https://a?key=1"}, [("model_jwt_config", "https://a?key=1")]),
        ("model_jwt_config", {"jwt_url": "https://u:p@a"}, [("model_jwt_config", "https://u:p@a")]),
        ("custom_curl_command", "curl", [("custom_curl_command", "curl")]),
        ("apikeys", ["a", "b"], [("apikeys", "a"), ("apikeys", "b")]),
        ("apikeys", [], []),
    ],
)
def test_what_is_harmless_stays(field: str, value: Any, expected: list[tuple[str, str]]) -> None:
    """A text is replaced where it may be a secret, and only there."""
    inputs, problems = schema.parse(minimal(**{f"model_config__{field}": value}), "v2")
    assert problems == []
    met: list[tuple[str, str]] = []
    replaced(inputs, lambda of, text: met.append((of, text)))
    assert met == expected


def test_nothing_else_changes() -> None:
    """What is not in a field that can hold secrets is shown as it is."""
    inputs = canonical(everything())
    masked = shown(inputs)
    assert masked["model_config"].pop("apikeys") == ["***", "***"]
    assert masked == {**inputs, "model_config": {k: v for k, v in inputs["model_config"].items() if k != "apikeys"}}
