"""What the API refuses, rule by rule, and how it says so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator.model_rules import BODY, PROTOCOLS
from enkrypt_provider.emulator.validation import Dialect, Refused

from .document import REQUEST, v1, v2

DOCUMENT = json.loads(REQUEST)
WHOLE_V2 = {
    "model_saved_name": "Test_Model",
    "model_version": "v1",
    "testing_for": "agents",
    "model_name": "gpt-4o",
    "certifications": ["GDPR", "SOC 3"],
    "model_config": {
        "model_provider": "vg-curl",
        "model_source": "https://shop",
        "system_prompt": "Be kind.",
        "hosting_type": "Internal",
        "auth_data": {"header_name": "X-Key", "header_prefix": "", "space_after_prefix": False},
        "endpoint": {"scheme": "http", "host": "localhost", "port": 8080, "base_path": "/v1"},
        "paths": {"completions": "/a", "chat": "/b", "vision": "/c", "embeddings": "/d"},
        "model_auth_type": "jwt",
        "model_jwt_config": {
            "jwt_method": "GET", "jwt_url": "https://login", "jwt_headers": [{"key": "a", "value": "b"}],
            "jwt_body": "", "jwt_response_key": "token",
        },
        "apikeys": [],
        "tools": [{"name": "web_search", "description": "of the web"}],
        "input_modalities": ["text", "image", "audio"],
        "output_modalities": ["text"],
        "custom_curl_command": "curl x",
        "custom_headers": [{"key": "a", "value": "b"}],
        "custom_payload": {"any": ["thing"]},
        "custom_response_content_type": "json",
        "custom_response_format": ".a",
        "context": {"system_description": "d" * 2000, "policy_description": "p" * 5000},
        "rate_per_min": 5,
        "metadata": {},
        "default_request_options": {},
    },
}  # fmt: skip


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body with another value at a dotted path; `...` takes the field away."""
    new = copy.deepcopy(body)
    *holders, name = path.split(".")
    holder = new
    for step in holders:
        holder = holder.setdefault(step, {})
    if value is ...:
        del holder[name]
    else:
        holder[name] = value
    return new


def refusal(dialect: Dialect, body: Any) -> str:
    with pytest.raises(Refused) as caught:
        BODY[dialect](body)
    return str(caught.value)


IN_V1 = [
    ("model_saved_name", ..., "is required"),
    ("model_saved_name", "", "must be 1 to 32 characters of printable ASCII without a space at its ends"),
    ("model_saved_name", "x" * 33, "must be 1 to 32 characters of printable ASCII without a space at its ends"),
    ("model_saved_name", " x", "must be 1 to 32 characters of printable ASCII without a space at its ends"),
    ("model_saved_name", "x\n", "must be 1 to 32 characters of printable ASCII without a space at its ends"),
    ("model_saved_name", "Modèle", "must be 1 to 32 characters of printable ASCII without a space at its ends"),
    ("model_saved_name", 7, "must be a string"),
    ("model_saved_name", None, "must be a string"),
    ("testing_for", "agents", "must be one of: Copilot, LLM, Chatbot"),
    ("model_name", 5, "must be a string"),
    ("model_type", "text_2_image", "must be one of: text_2_text"),
    ("certifications", "GDPR", "must be a list"),
    ("certifications", {}, "must be a list"),
    ("model_id", 5, "is no field of this API (dialect v1)"),
    ("model_version", "1", "is no field of this API (dialect v1)"),
    ("model_config", [], "must be an object"),
    ("model_config.is_compatible_with", ..., "is required"),
    ("model_config.is_compatible_with", "openAI", f"must be one of: {', '.join(PROTOCOLS)}"),
    ("model_config.is_compatible_with", "custom", f"must be one of: {', '.join(PROTOCOLS)}"),
    (
        "model_config.model_version",
        "",
        "must be one character or more of printable ASCII without a space at its ends",
    ),
    ("model_config.model_version", 1, "must be a string"),
    ("model_config.hosting_type", "external", "must be one of: External, Internal"),
    ("model_config.model_provider", True, "must be a string"),
    ("model_config.tools", [], "is no field of this API (dialect v1)"),
    ("model_config.endpoint", ..., None),
    ("model_config.endpoint.host", ..., "is required"),
    ("model_config.endpoint.host", "", "must be a host name, without scheme or path"),
    ("model_config.endpoint.host", "https://x", "must be a host name, without scheme or path"),
    ("model_config.endpoint.port", 0, "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.port", 65536, "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.port", "443", "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.port", 443.0, "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.port", True, "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.port", None, "must be a whole number from 1 to 65535"),
    ("model_config.endpoint.scheme", "ftp", "must be one of: https, http"),
    ("model_config.endpoint.hosts", "x", "is no field of this API (dialect v1)"),
    ("model_config.paths.completion", "/x", "is no field of this API (dialect v1)"),
    ("model_config.paths.vision", None, "must be a string"),
    ("model_config.auth_data.space_after_prefix", 1, "must be true or false"),
    ("model_config.auth_data.token", "x", "is no field of this API (dialect v1)"),
    ("model_config.apikeys", "sk-1", "must be a list"),
    ("model_config.metadata", [], "must be an object"),
    ("model_config.metadata.max_tokens", 0, "must be a whole number of 1 or more"),
    ("model_config.metadata.max_tokens", True, "must be a whole number of 1 or more"),
    ("model_config.metadata.input_cost", -0.5, "must be a number of 0 or more"),
    ("model_config.metadata.output_cost", False, "must be a number of 0 or more"),
    ("model_config.metadata.azure_instance", 1, "must be a string"),
    ("model_config.metadata.llama2_format", "ollama", "must be one of: openai"),
    ("model_config.metadata.mistral_format", "raw", "must be one of: openai, ollama"),
    ("model_config.metadata.gemini", "x", "must be an object"),
    ("model_config.metadata.gemini.project_id", 5, "must be a string"),
    ("model_config.default_request_options", None, "must be an object"),
]


@pytest.mark.parametrize(("path", "value", "message"), IN_V1)
def test_dialect_v1_refuses(path: str, value: Any, message: str | None) -> None:
    """A body with one thing wrong is refused with the nested path of that field and what it may be."""
    expected = f"{path} {message}" if message else f"{path}.host is required"
    assert refusal("v1", changed(DOCUMENT, path, value)) == expected


IN_V2 = [
    ("model_type", "text_2_text", "is no field of this API (dialect v2)"),
    ("testing_for", 5, "must be a string"),
    ("model_config.model_provider", ..., "is required"),
    ("model_config.model_provider", " ", "must be the name of a protocol"),
    ("model_config.is_compatible_with", "openai", "is no field of this API (dialect v2)"),
    ("model_config.conversation_template", "", "is no field of this API (dialect v2)"),
    ("model_config.model_version", "1", "is no field of this API (dialect v2)"),
    ("model_config.rate_per_min", 0, "must be a whole number of 1 or more"),
    ("model_config.model_auth_type", "basic", "must be one of: apikey, jwt"),
    ("model_config.model_jwt_config.jwt_method", "PUT", "must be one of: POST, GET"),
    ("model_config.model_jwt_config.secret", "x", "is no field of this API (dialect v2)"),
    ("model_config.context.system_description", "x" * 2001, "must be at most 2000 characters long"),
    ("model_config.context.policy_description", "x" * 5001, "must be at most 5000 characters long"),
    ("model_config.custom_payload", [], "must be an object"),
]


@pytest.mark.parametrize(("path", "value", "message"), IN_V2)
def test_dialect_v2_refuses(path: str, value: Any, message: str) -> None:
    """The other dialect has its own rules, and refuses the fields of the first."""
    assert refusal("v2", changed(WHOLE_V2, path, value)) == f"{path} {message}"


@pytest.mark.parametrize(
    ("dialect", "field", "value", "message"),
    [
        ("v1", "apikeys", ["a", 5], "model_config.apikeys[1] must be a string"),
        ("v2", "custom_headers", [{"key": "a"}], "model_config.custom_headers[0].value is required"),
        ("v2", "input_modalities", ["video"], "model_config.input_modalities[0] must be one of: text, image, audio"),
        ("v2", "output_modalities", ["text", "image"], "model_config.output_modalities[1] must be one of: text"),
        ("v2", "tools", ["web"], "model_config.tools[0] must be an object"),
    ],
)
def test_an_item_of_a_list_is_named_by_its_number(dialect: Dialect, field: str, value: Any, message: str) -> None:
    """The path of an item counts from nought."""
    body = v1(**{field: value}) if dialect == "v1" else v2(**{field: value})
    assert refusal(dialect, body) == message


def test_each_dialect_refuses_the_others_payload() -> None:
    """Neither the document's body nor the official client's is taken for the other."""
    assert refusal("v2", DOCUMENT) == "model_type is no field of this API (dialect v2)"
    assert refusal("v1", WHOLE_V2) == "model_version is no field of this API (dialect v1)"


@pytest.mark.parametrize("body", [None, [], "x", 5, True])
def test_a_body_is_an_object(body: Any) -> None:
    """Any other JSON value is refused in words."""
    assert refusal("v1", body) == "the body must be an object"


def test_whole_bodies_pass_unchanged() -> None:
    """A body that says everything comes out as it went in."""
    assert BODY["v1"](DOCUMENT) == DOCUMENT
    assert BODY["v2"](WHOLE_V2) == WHOLE_V2


def test_known_metadata_is_accepted_with_the_documents_values() -> None:
    """Each of the document's unnamed fields is taken under the name that models-api.md gives it, beside any other."""
    metadata = {
        "max_tokens": 2048, "input_cost": 2.5, "output_cost": 10, "azure_instance": "enkrypt2024",
        "azure_api_version": "2024-02-01", "azure_deployment_id": "gpt3", "anthropic_version": "",
        "llama2_format": "openai", "mistral_format": "ollama", "anything": {"else": [None, 1.5]},
        "gemini": {"api_endpoint": "", "project_id": "", "location_id": ""},
    }  # fmt: skip
    assert BODY["v1"](v1(metadata=metadata))["model_config"]["metadata"] == metadata


def test_null_is_absent_in_v2_alone() -> None:
    """The official client sends null for what it has not; the document never does."""
    nulls: dict[str, Any] = {
        "model_jwt_config": None,
        "custom_curl_command": None,
        "model_source": None,
        "apikeys": None,
    }
    config = BODY["v2"](v2(**nulls))["model_config"]
    assert "model_jwt_config" not in config
    assert (config["model_source"], config["apikeys"]) == ("", [])
    assert refusal("v1", v1(model_source=None)) == "model_config.model_source must be a string"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = sorted({path for path, *_ in IN_V1} | {path for path, *_ in IN_V2})


def outcome(dialect: Dialect, body: Any) -> tuple[Any, str]:
    """What is accepted, or why it is not."""
    try:
        return BODY[dialect](body), ""
    except Refused as refused:
        return None, str(refused)


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON, dialect=st.sampled_from(["v1", "v2"]))
def test_a_rule_accepts_or_refuses(path: str, value: Any, dialect: Dialect) -> None:
    """No value at any place makes a rule fail in another way, and what it accepts it accepts again, unchanged."""
    accepted, message = outcome(dialect, changed(DOCUMENT if dialect == "v1" else WHOLE_V2, path, value))
    assert message or outcome(dialect, accepted) == (accepted, "")


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), dialect=st.sampled_from(["v1", "v2"]))
def test_no_refusal_repeats_a_value(path: str, dialect: Dialect) -> None:
    """A key pasted into any field does not come back in the message."""
    body = changed(DOCUMENT if dialect == "v1" else WHOLE_V2, path, "sk-SECRET KEY")
    assert "SECRET" not in outcome(dialect, body)[1]
