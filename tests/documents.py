"""Examples from the API's documentation, and Hypothesis strategies for programs. Contains no tests."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from pulumi.runtime import rpc

from enkrypt_provider.frontends.property_values import with_unknown, without_unknown
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Kind, Properties
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PROTOCOLS_V2, PURPOSES, PURPOSES_V2

DOCUMENT = """{
  "model_saved_name": "Test_Model",
  "testing_for": "LLM",
  "model_name": "mistralai/Mixtral-8x7B-Instruct-v0.1",
  "model_type": "text_2_text",
  "certifications": [],
  "model_config": {
    "is_compatible_with": "openai",
    "model_version": "1",
    "hosting_type": "External",
    "model_source": "https://together.ai",
    "model_provider": "Mistral AI",
    "system_prompt": "",
    "conversation_template": "",
    "endpoint": {
      "scheme": "https",
      "host": "api.together.xyz",
      "port": 443,
      "base_path": "/v1"
    },
    "paths": {
      "completions": "/completions",
      "chat": "/chat/completions"
    },
    "auth_data": {
      "header_name": "Authorization",
      "header_prefix": "Bearer",
      "space_after_prefix": true
    },
    "apikeys": [
      "xxxxx"
    ],
    "metadata": {},
    "default_request_options": {}
  }
}"""
"""The request body of the documentation's `add-model` example, in its original order."""

ANSWER = """{
  "model_saved_name": "Test_Model",
  "testing_for": "LLM",
  "model_name": "mistralai/Mixtral-8x7B-Instruct-v0.1",
  "model_type": "text_2_text",
  "certifications": [],
  "model_config": {
    "paths": {
      "chat": "/chat/completions",
      "completions": "/completions"
    },
    "apikeys": [
      "xxxxx"
    ],
    "endpoint": {
      "host": "api.together.xyz",
      "port": 443,
      "scheme": "https",
      "base_path": "/v1"
    },
    "metadata": {},
    "auth_data": {
      "header_name": "Authorization",
      "header_prefix": "Bearer",
      "space_after_prefix": true
    },
    "hosting_type": "External",
    "model_source": "https://together.ai",
    "model_version": "1",
    "system_prompt": "",
    "model_provider": "Mistral AI",
    "is_compatible_with": "openai",
    "conversation_template": "",
    "default_request_options": {}
  },
  "created_at": "2024-10-15T17:22:47.872389+00:00",
  "project_name": "default",
  "updated_at": "2024-10-15T17:22:47.872389+00:00",
  "model_id": 1234567890
}"""
"""The documentation's response to it, without the envelope."""

COMPUTED = {
    "model_id": 1234567890,
    "project_name": "default",
    "created_at": "2024-10-15T17:22:47.872389+00:00",
    "updated_at": "2024-10-15T17:22:47.872389+00:00",
}


RULE: dict[str, Any] = {
    "id": "r1", "display_text": "No advice", "text": "Give no medical advice.", "risk_category": "safety_harm",
    "applicability": "assistant", "severity": "high", "frameworks": ["hipaa"],
    "mappings": [{"framework": "hipaa", "clause": "164"}], "source": "user", "suggested": True,
}  # fmt: skip
DETECTORS: dict[str, Any] = {
    "topic_detector": {"enabled": True, "topic": ["science", "money"], "block_message": "Not here."},
    "nsfw": {"enabled": True, "block_message": "No."},
    "toxicity": {"enabled": False},
    "pii": {"enabled": True, "entities": ["pii", "secrets"]},
    "injection_attack": {"enabled": True, "need_explanation": True},
    "keyword_detector": {"enabled": True, "banned_keywords": ["acme"]},
    "policy_violation": {"enabled": True, "policy_text": "Be kind.", "coc_policy_name": "Staff", "rules": [RULE]},
    "bias": {"enabled": True},
    "copyright_ip": {"enabled": True},
    "system_prompt": {"enabled": True, "index": "system"},
    "sponge_attack": {"enabled": True, "block_message": "Slower."},
}
"""Every detector of a policy, with every option."""
INPUT: dict[str, Any] = {
    "policy_name": "p", "enabled": True, "block": ["pii", "nsfw"], "additional_config": {"pii_redaction": True},
}  # fmt: skip
OUTPUT: dict[str, Any] = {
    "policy_name": "p", "enabled": False, "block": ["relevancy"],
    "additional_config": {"hallucination": True, "adherence": False, "relevancy": True},
}  # fmt: skip
"""The guardrails policies of a deployment."""
WHOLE_POLICY: dict[str, Any] = {"name": "p", "description": "d", "detectors": DETECTORS}
WHOLE_DEPLOYMENT: dict[str, Any] = {
    "name": "d", "model_saved_name": "m", "model_version": "2", "input_guardrails_policy": INPUT,
    "output_guardrails_policy": OUTPUT,
}  # fmt: skip

SECRET_NAMES = (
    ["aws_secret_access_key", "secret", "clientSecret", "boxai_client_secret", "password", "db-passwd",
     "Authorization", "proxy-authorization", "api_key", "api-key", "apiKey", "x-api-key", "X-API-KEY", "apikey",
     "openaiApikey", "token", "access_token", "hf-token", "authTokens", "tokens", "credentials", "private_key",
     "Ocp-Apim-Subscription-Key", "cookie", "target_headers", "headers", "extraHeaders",
     "sessionKey", "db_pwd", "creds", "dsn", "connectionString", "connection_string", "basic_auth", "jwt", "sas",
     "client_assertion", "service_account_json", "hmac-key", "appkey", "ssh_key", "token_value",
     "secretkey", "secretaccesskey", "accesskey", "clientsecret", "privatekey", "authtoken", "sessiontoken",
     "dbpassword", "userpass", "db_pass", "token_2", "token1", "PASSWORD1", "api_key_base64", "openai_key", "HF_KEY",
     "azureKey", "x-functions-key", "tls-keys", "auth_header", "oauth2", "otp", "sig", "conn_str", "passcode",
     "githubPat", "basicAuth", "XAuth", "dbPassValue", "sas_base64", "otp_encoded"]
)  # fmt: skip
"""Names of fields and headers that indicate a secret."""

SECRET_TEXTS = (
    "http://me:pass@proxy:3128", "-----BEGIN PRIVATE KEY-----", "Bearer abcdefgh12345678",
    "https://h/path?a=1&api_key=abcdefgh", "https://h/path?sv=1&sig=abcdefgh", "https://h/path?key=abcdefgh",
    "https%3A%2F%2Fme%3Apass%40h", f"https://{'a1' * 10}@h", "Server=h;User=me;Password=abcdefgh;",
    "X-Api-Key: abcdefgh1", "curl -H 'Authorization: Bearer abcdefgh1' https://h", r"{\"api_key\": \"abcdefgh1\"}",
    f"ghp_{'a' * 36}", f"use sk-{'a' * 24}", f"eyJ{'a' * 12}.eyJ{'a' * 12}.b",
    f"gsk_{'a' * 40}", f"xai-{'a' * 60}", f"https://f.example.com/api?code={'a1' * 20}",
    "https://discord.com/api/webhooks/1/a", "no: {'apikeys': ['abcdefgh1']}",
)  # fmt: skip
"""Strings that look like they contain a secret."""
SECRET_PAIRS = (
    {"Name": "X-Api-Key", "Value": "stand-in"}, {"header_name": "api_key", "header_value": "stand-in"},
    {"field": "password", "content": "stand-in"}, {"variable": "TOKEN", "val": "stand-in"},
)  # fmt: skip
"""Objects in which one field names what the other holds."""


def document(**changes: Any) -> dict[str, Any]:
    """Return the documentation's request body, with fields replaced by their dotted path (`__` for each dot)."""
    return _with(json.loads(DOCUMENT), changes)


def answer(**changes: Any) -> dict[str, Any]:
    """Return the documentation's response, with fields replaced in the same way."""
    return _with(json.loads(ANSWER), changes)


def minimal(**changes: Any) -> dict[str, Any]:
    """Return the minimum that a program can declare, with fields replaced in the same way."""
    least = {"model_saved_name": "small", "model_config": {"is_compatible_with": "openai", "endpoint": {"host": "h"}}}
    return _with(least, changes)


def everything(dialect: Dialect = "v1") -> dict[str, Any]:
    """Return a registration with every field of a dialect set, each to something other than its default.

    In v2 it includes `model_type` and an empty conversation template, which are accepted and not sent.
    """
    if dialect == "v2":
        whole = everything()
        config = {**whole["model_config"], "conversation_template": "", **copy.deepcopy(_ONLY_V2)}
        config["auth_data"].update(BOXAI)
        return {**whole, "model_config": config, "deletion_protection": True, "verify_health": True}
    return document(
        adopt_existing=True,
        deletion_protection=True,
        verify_health=True,
        testing_for="Chatbot",
        certifications=["GDPR", "SOC 2 Type II"],
        model_config__hosting_type="Internal",
        model_config__system_prompt="Be brief.",
        model_config__conversation_template="{{ messages }}",
        model_config__endpoint={"scheme": "http", "host": "llm.internal", "port": 8000, "base_path": "/v2"},
        model_config__paths={"completions": "/c", "chat": "/m", "vision": "/v", "embeddings": "/e"},
        model_config__auth_data={"header_name": "x-api-key", "header_prefix": "Key", "space_after_prefix": False},
        model_config__apikeys=["stand-in-key-1", "stand-in-key-2"],
        model_config__metadata={
            "max_tokens": 2048,
            "input_cost": 2.5,
            "output_cost": 10,
            "azure_instance": "enkrypt2024",
            "azure_api_version": "2024-02-01",
            "azure_deployment_id": "gpt3",
            "anthropic_version": "2023-06-01",
            "llama2_format": "openai",
            "mistral_format": "ollama",
            "gemini": {"api_endpoint": "eu.example.com", "project_id": "p", "location_id": "l"},
            "owner": {"team": ["ml", "platform"]},
        },
        model_config__default_request_options={"temperature": 0.5, "stop": ["\n"], "nested": {"deep": True}},
    )


def canonical(props: Mapping[str, Any], kind: Kind = MODEL, dialect: Dialect = "v1") -> Properties:
    """Return `props` as `parse` does; they must be valid."""
    inputs, problems = codec.parse(kind, without_unknown(props), dialect)
    assert not problems, problems
    found: Properties = with_unknown(inputs)
    return found


def through_engine(props: dict[str, Any]) -> dict[str, Any]:
    """Return `props` after the engine's own serialisation: numbers as floats, maps in any order."""
    loop = asyncio.new_event_loop()
    try:
        sent = loop.run_until_complete(rpc.serialize_properties(props, {}))
        found: dict[str, Any] = without_secrets(rpc.deserialize_properties(sent, True))
        return found
    finally:
        loop.close()


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value in `value`, including itself, the outermost first."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in below for place in leaves(item, (*path, key)))]


def upside_down(value: Any) -> Any:
    """Return `value` with the fields of every object in reverse order."""
    if isinstance(value, dict):
        return {name: upside_down(value[name]) for name in reversed(value)}
    return [upside_down(item) for item in value] if isinstance(value, list) else value


def at(value: Any, place: tuple[str | int, ...]) -> Any:
    """Return the value at `place`."""
    for part in place:
        value = value[part]
    return value


def put(value: Any, place: tuple[str | int, ...], item: Any) -> Any:
    """Return a copy of `value` with `item` at `place`."""
    if not place:
        return item
    fresh: Any = dict(value) if isinstance(value, dict) else list(value)
    fresh[place[0]] = put(fresh[place[0]], place[1:], item) if place[1:] else item
    return fresh


def _with(props: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for dotted, value in changes.items():
        *parents, last = dotted.split("__")
        target = props
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return props


BOXAI = {
    "boxai_client_id": "box-client",
    "boxai_client_secret": "stand-in-box-secret",
    "boxai_user_id": "box-user",
    "boxai_default_file_id": "box-file",
}
_ONLY_V2: dict[str, Any] = {
    "model_auth_type": "jwt",
    "model_jwt_config": {
        "jwt_method": "GET",
        "jwt_url": "https://id.example.com/token",
        "jwt_headers": [{"key": "X-Client", "value": "stand-in-client-key"}],
        "jwt_body": "stand-in-jwt-body",
        "jwt_response_key": "access_token",
    },
    "tools": [{"name": "search", "description": "Finds pages."}],
    "input_modalities": ["text", "image"],
    "output_modalities": ["text"],
    "custom_headers": [{"key": "X-Team", "value": "stand-in-header-value"}],
    "custom_payload": {"prompt": "{prompt}"},
    "custom_curl_command": "curl -H 'Authorization: stand-in-curl-key' https://h",
    "custom_response_format": ".choices[0].text",
    "custom_response_content_type": "application/json",
    "rate_per_min": 30,
    "context": {"system_description": "A bank.", "policy_description": "No advice."},
}


# ---- strategies

_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
"""Strings and names that a free-form map may contain."""
_IDENTITY = st.from_regex(r"[!-.0-~]([ -.0-~]{0,20}[!-.0-~])?", fullmatch=True)
_HOST = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
_PATH = st.from_regex(r"(/[a-zA-Z0-9_.~%/-]{0,20})?", fullmatch=True)
_KEY = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30)
_WHOLE = st.integers(1 - 2**53, 2**53 - 1)  # exact as a double
_SCALAR = st.none() | st.booleans() | _WHOLE | st.floats(1 - 2.0**53, 2.0**53 - 1) | TEXT
FREE = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
"""Any JSON value that a free-form map may contain."""


Fields = st.SearchStrategy[dict[str, Any]]


def _some(required: dict[str, st.SearchStrategy[Any]], **fields: st.SearchStrategy[Any]) -> Fields:
    """Objects in which every optional field is present, absent, or null."""
    return st.fixed_dictionaries(required, optional={name: st.none() | field for name, field in fields.items()})


_METADATA: Fields = st.builds(
    lambda known, others: {**others, **known},
    _some(
        {},
        max_tokens=st.integers(1, 2**53 - 1),
        input_cost=st.floats(0, 1e9) | st.integers(0, 10),
        output_cost=st.floats(0, 1e9) | st.integers(0, 10),
        azure_instance=_LINE,
        azure_api_version=_LINE,
        azure_deployment_id=_LINE,
        anthropic_version=_LINE,
        llama2_format=st.just("openai"),
        mistral_format=st.sampled_from(["openai", "ollama"]),
        gemini=_some({}, api_endpoint=_HOST, project_id=_LINE, location_id=_LINE),
    ),
    st.dictionaries(st.sampled_from(["owner", "é", "a b", ""]), FREE, max_size=2),
)


_HEADERS = st.lists(_some({"key": _LINE}, value=TEXT), max_size=2)
_CONFIG_V2: dict[str, st.SearchStrategy[Any]] = {
    "model_auth_type": st.sampled_from(["apikey", "jwt"]),
    "model_jwt_config": _some(
        {"jwt_url": _LINE},
        jwt_method=st.sampled_from(["POST", "GET"]),
        jwt_headers=_HEADERS,
        jwt_body=TEXT,
        jwt_response_key=_LINE,
    ),
    "tools": st.lists(_some({"name": _LINE}, description=TEXT), max_size=2),
    "input_modalities": st.lists(st.sampled_from(MODEL.fields["model_config.input_modalities"].values), max_size=2),
    "output_modalities": st.lists(st.sampled_from(MODEL.fields["model_config.output_modalities"].values), max_size=2),
    "custom_headers": _HEADERS,
    "custom_payload": st.dictionaries(TEXT, FREE, max_size=2),
    "custom_curl_command": TEXT,
    "custom_response_format": TEXT,
    "custom_response_content_type": _LINE,
    "rate_per_min": st.integers(1, 10**6),
    "context": _some({}, system_description=TEXT, policy_description=TEXT),
}


def registrations(dialect: Dialect = "v1") -> Fields:
    """Anything that a program may declare in a dialect, from the minimum to every field."""
    only = {"conversation_template": TEXT} if dialect == "v1" else _CONFIG_V2
    more = dialect == "v2"
    config = _some(
        {
            "is_compatible_with": st.sampled_from(PROTOCOLS + PROTOCOLS_V2 * more),
            "endpoint": _some(
                {"host": _HOST},
                scheme=st.sampled_from(["https", "http"]),
                port=st.integers(1, 65535),
                base_path=_PATH,
            ),
        },
        model_version=_IDENTITY,
        hosting_type=st.sampled_from(["External", "Internal"]),
        model_source=_LINE,
        model_provider=_LINE,
        system_prompt=TEXT,
        **only,
        paths=_some({}, completions=_PATH, chat=_PATH, vision=_PATH, embeddings=_PATH),
        auth_data=_some(
            {},
            header_name=st.sampled_from(["Authorization", "x-api-key", ""]),
            header_prefix=_LINE,
            space_after_prefix=st.booleans(),
            **dict.fromkeys(BOXAI, _KEY) if more else {},
        ),
        apikeys=st.lists(_KEY, max_size=3),
        metadata=_METADATA,
        default_request_options=st.dictionaries(TEXT, FREE, max_size=3),
    )
    return _some(
        {"model_saved_name": _IDENTITY, "model_config": config},
        testing_for=st.sampled_from(PURPOSES + PURPOSES_V2 * more),
        model_name=_LINE,
        model_type=st.just("text_2_text"),
        certifications=st.lists(st.sampled_from(MODEL.fields["certifications"].values), max_size=3),
    )


MARKER = "stand-in-marker-"


def marked() -> st.SearchStrategy[Any]:
    """Any value in which every string, except field names, begins with `MARKER`."""
    text = st.text(max_size=5).map(MARKER.__add__)
    names = st.sampled_from(
        ["model_saved_name", "model_config", "endpoint", "host", "port", "apikeys", "metadata", "gemini", "paths",
         "testing_for", "certifications", "is_compatible_with", "auth_data", "other"]
    )  # fmt: skip
    scalar = (
        st.none() | st.booleans() | st.integers() | st.floats() | text | st.binary(max_size=3) | st.just(object())
    )
    return st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
    )


def without_secrets(value: Any) -> Any:
    """Return a value in the clear, as the engine passes it to a provider."""
    if rpc.is_rpc_secret(value):
        return without_secrets(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value
