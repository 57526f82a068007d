"""The rules for bodies, one by one, with their messages."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from documents import document
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator.model_rules import BODY, PROTOCOLS
from enkrypt_provider.emulator.validation import Dialect, Refused

from .document import v1, v2

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
WHOLE: dict[Dialect, dict[str, Any]] = {"v1": document(), "v2": WHOLE_V2}


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the body with another value at a dotted path; `...` removes the field."""
    new = copy.deepcopy(body)
    *holders, name = path.split(".")
    holder = new
    for step in holders:
        holder = holder.setdefault(step, {})
    holder[name] = value
    if value is ...:
        del holder[name]
    return new


def refusal(dialect: Dialect, body: Any) -> str:
    with pytest.raises(Refused) as caught:
        BODY[dialect](body)
    return str(caught.value)


def one_of(*values: str) -> str:
    return f"must be one of: {', '.join(values)}"


ASCII = "printable ASCII characters without leading or trailing spaces"
Rules = dict[str, dict[str, list[Any]]]
# Each rule, the fields that have it, and values that break it. A path may omit `model_config`.
IN_V1: Rules = {
    "is required": {"model_saved_name": [...], "is_compatible_with": [...], "endpoint.host": [...]},
    f"must be 1 to 32 {ASCII}": {"model_saved_name": ["", "x" * 33, " x", "x\n", "Modèle"]},
    f"must be one or more {ASCII}": {"model_config.model_version": [""]},
    "must be a string": {
        "model_saved_name": [7, None], "model_name": [5], "model_config.model_version": [1],
        "model_config.model_provider": [True], "paths.vision": [None], "metadata.azure_instance": [1],
        "metadata.gemini.project_id": [5],
    },
    "must be a list": {"certifications": ["GDPR", {}], "apikeys": ["sk-1"]},
    "must be an object": {
        "model_config": [[]], "metadata": [[]], "metadata.gemini": ["x"], "default_request_options": [None],
    },
    "must be true or false": {"auth_data.space_after_prefix": [1]},
    "must be a host name, without scheme or path": {"endpoint.host": ["", "https://x"]},
    "must be a whole number from 1 to 65535": {"endpoint.port": [0, 65536, "443", 443.0, True, None]},
    "must be a whole number, 1 or more": {"metadata.max_tokens": [0, True]},
    "must be a number, 0 or more": {"metadata.input_cost": [-0.5], "metadata.output_cost": [False]},
    one_of("Copilot", "LLM", "Chatbot"): {"testing_for": ["agents"]},
    one_of("text_2_text"): {"model_type": ["text_2_image"]},
    one_of("External", "Internal"): {"hosting_type": ["external"]},
    one_of("https", "http"): {"endpoint.scheme": ["ftp"]},
    one_of("openai"): {"metadata.llama2_format": ["ollama"]},
    one_of("openai", "ollama"): {"metadata.mistral_format": ["raw"]},
    one_of(*PROTOCOLS): {"is_compatible_with": ["openAI", "custom"]},
    "is not a field of this API (dialect v1)": {
        "model_id": [5], "model_version": ["1"], "tools": [[]], "endpoint.hosts": ["x"], "paths.completion": ["/x"],
        "auth_data.token": ["x"],
    },
}  # fmt: skip
IN_V2: Rules = {
    "must be a string": {"testing_for": [5]},
    "is required": {"model_provider": [...]},
    "must be the name of a protocol": {"model_provider": [" "]},
    "must be a whole number, 1 or more": {"rate_per_min": [0]},
    one_of("apikey", "jwt"): {"model_auth_type": ["basic"]},
    one_of("POST", "GET"): {"model_jwt_config.jwt_method": ["PUT"]},
    "must be at most 2000 characters long": {"context.system_description": ["x" * 2001]},
    "must be at most 5000 characters long": {"context.policy_description": ["x" * 5001]},
    "must be an object": {"custom_payload": [[]]},
    "is not a field of this API (dialect v2)": {
        "model_type": ["text_2_text"], "is_compatible_with": ["openai"], "conversation_template": [""],
        "model_config.model_version": ["1"], "model_jwt_config.secret": ["x"],
    },
}  # fmt: skip
AT_THE_ROOT = {
    "model_saved_name", "model_version", "model_id", "testing_for", "model_name", "model_type", "certifications",
    "model_config",
}  # fmt: skip


def rows(dialect: Dialect, rules: Rules) -> list[tuple[Dialect, str, Any, str]]:
    return [
        (dialect, path if path.split(".")[0] in AT_THE_ROOT else f"model_config.{path}", value, rule)
        for rule, fields in rules.items()
        for path, values in fields.items()
        for value in values
    ]


BROKEN = [*rows("v1", IN_V1), *rows("v2", IN_V2)]


@pytest.mark.parametrize(("dialect", "path", "value", "message"), BROKEN)
def test_one_wrong_value_is_refused_with_its_path_and_rule(
    dialect: Dialect, path: str, value: Any, message: str
) -> None:
    assert refusal(dialect, changed(WHOLE[dialect], path, value)) == f"{path} {message}"


@pytest.mark.parametrize(
    ("dialect", "field", "value", "message"),
    [
        ("v1", "endpoint", ..., "model_config.endpoint.host is required"),
        ("v1", "apikeys", ["a", 5], "model_config.apikeys[1] must be a string"),
        ("v2", "custom_headers", [{"key": "a"}], "model_config.custom_headers[0].value is required"),
        ("v2", "input_modalities", ["video"], "model_config.input_modalities[0] must be one of: text, image, audio"),
        ("v2", "output_modalities", ["text", "image"], "model_config.output_modalities[1] must be one of: text"),
        ("v2", "tools", ["web"], "model_config.tools[0] must be an object"),
    ],
)
def test_the_path_is_that_of_the_wrong_item_or_field(dialect: Dialect, field: str, value: Any, message: str) -> None:
    assert refusal(dialect, changed(WHOLE[dialect], f"model_config.{field}", value)) == message


def test_each_dialect_refuses_the_others_payload() -> None:
    assert refusal("v2", WHOLE["v1"]) == "model_type is not a field of this API (dialect v2)"
    assert refusal("v1", WHOLE_V2) == "model_version is not a field of this API (dialect v1)"


@pytest.mark.parametrize("body", [None, [], "x", 5, True])
def test_a_body_must_be_an_object(body: Any) -> None:
    assert refusal("v1", body) == "the body must be an object"


def test_complete_bodies_pass_unchanged() -> None:
    for dialect, body in WHOLE.items():
        assert BODY[dialect](body) == body


def test_known_metadata_is_accepted_with_the_documents_values() -> None:
    metadata = {
        "max_tokens": 2048, "input_cost": 2.5, "output_cost": 10, "azure_instance": "enkrypt2024",
        "azure_api_version": "2024-02-01", "azure_deployment_id": "gpt3", "anthropic_version": "",
        "llama2_format": "openai", "mistral_format": "ollama", "anything": {"else": [None, 1.5]},
        "gemini": {"api_endpoint": "", "project_id": "", "location_id": ""},
    }  # fmt: skip
    assert BODY["v1"](v1(metadata=metadata))["model_config"]["metadata"] == metadata


def test_null_means_absent_only_in_v2() -> None:
    """The official client sends null for unset fields; the document never does."""
    nulls: dict[str, Any] = dict.fromkeys(("model_jwt_config", "custom_curl_command", "model_source", "apikeys"))
    config = BODY["v2"](v2(**nulls))["model_config"]
    assert "model_jwt_config" not in config
    assert (config["model_source"], config["apikeys"]) == ("", [])
    assert refusal("v1", v1(model_source=None)) == "model_config.model_source must be a string"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = sorted({path for _, path, *_ in BROKEN})


def outcome(dialect: Dialect, body: Any) -> tuple[Any, str]:
    """Return the accepted body, or the message of the refusal."""
    try:
        return BODY[dialect](body), ""
    except Refused as refused:
        return None, str(refused)


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON, dialect=st.sampled_from(["v1", "v2"]))
def test_a_rule_accepts_or_refuses(path: str, value: Any, dialect: Dialect) -> None:
    """No value anywhere raises another exception, and an accepted body is accepted again unchanged."""
    accepted, message = outcome(dialect, changed(WHOLE[dialect], path, value))
    assert message or outcome(dialect, accepted) == (accepted, "")


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), dialect=st.sampled_from(["v1", "v2"]))
def test_no_refusal_repeats_a_value(path: str, dialect: Dialect) -> None:
    body = changed(WHOLE[dialect], path, "sk-SECRET KEY")
    assert "SECRET" not in outcome(dialect, body)[1]
