"""The rules for the bodies of model calls in either dialect: one row for each field.

Written from the API's document and the official client alone; [G] is a guess about the real server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .validation import (
    DEFAULT_VERSION,
    Check,
    Default,
    Dialect,
    Field,
    amount,
    boolean,
    list_of,
    mapping,
    object_with,
    one_of,
    saved_name,
    text,
    text_like,
    text_up_to,
    version,
    whole,
)

PROTOCOLS = (
    "openai", "together", "huggingface", "groq", "azure_openai", "anthropic", "cohere", "bedrock", "gemini", "ai21",
    "fireworks", "alibaba", "portkey", "deepseek", "mistral", "llama", "openai_compatible", "cohere_compatible",
    "anthropic_compatible",
)  # fmt: skip
CERTIFICATIONS = ("GDPR", "CCPA", "HIPAA", "SOC 2 Type II", "SOC 3")  # [G] that no others are accepted
METADATA: Mapping[str, Check] = {  # [G] their place; see docs/api.md
    "max_tokens": whole(1),
    "input_cost": amount,
    "output_cost": amount,
    "azure_instance": text,
    "azure_api_version": text,
    "azure_deployment_id": text,
    "anthropic_version": text,
    "llama2_format": one_of("openai"),
    "mistral_format": one_of("openai", "ollama"),
    "gemini": mapping(dict.fromkeys(("api_endpoint", "project_id", "location_id"), text)),
}
STANDARD_PORT = {"https": 443, "http": 80}


def _endpoint(fields: Check) -> Check:
    def check_endpoint(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = fields(value)
        found.setdefault("port", STANDARD_PORT[found["scheme"]])
        return found

    return check_endpoint


_host = text_like(r"[^\s/]+", "a host name, without scheme or path")  # [G]
_host_or_none = text_like(r"[^\s/]*", "a host name, without scheme or path, or empty")
_ENDPOINT: dict[str, Field] = {
    "host": Field(_host),
    "port": Field(whole(1, 65535), Default.ABSENT),
    "scheme": Field(one_of(*STANDARD_PORT), "https"),  # [G] that no others are accepted
    "base_path": Field(text, ""),
}
_PATHS = {
    "chat": Field(text, "/chat/completions"),
    "completions": Field(text, "/completions"),
    "vision": Field(text, Default.ABSENT),
    "embeddings": Field(text, Default.ABSENT),
}
_AUTH_DATA = {
    "header_name": Field(text, "Authorization"),
    "header_prefix": Field(text, "Bearer"),
    "space_after_prefix": Field(boolean, True),
}
_BOXAI = {  # [I] the official client has a class for them, which it never sends
    name: Field(text, Default.ABSENT)
    for name in ("boxai_client_id", "boxai_client_secret", "boxai_user_id", "boxai_default_file_id")
}
_CERTIFICATIONS = Field(list_of(one_of(*CERTIFICATIONS)), [])


def _in_both(object_of: Callable[[Mapping[str, Field]], Check], host: Field) -> dict[str, Field]:
    """Return the fields of `model_config` that both dialects have."""
    return {
        "paths": Field(object_of(_PATHS), {}),
        "apikeys": Field(list_of(text), []),
        "endpoint": Field(_endpoint(object_of({**_ENDPOINT, "host": host})), {}),
        "metadata": Field(mapping(METADATA), {}),
        "auth_data": Field(object_of(_AUTH_DATA), {}),
        "hosting_type": Field(one_of("External", "Internal"), "External"),
        "model_source": Field(text, ""),
        "system_prompt": Field(text, ""),
        "default_request_options": Field(mapping({}), {}),
    }


ONLY_V1: Mapping[str, Field] = {
    "model_provider": Field(text, ""),  # the vendor, free text
    "conversation_template": Field(text, ""),
}
_v1 = partial(object_with, dialect="v1")
V1 = _v1(
    {
        "model_saved_name": Field(saved_name),
        "testing_for": Field(one_of("Copilot", "LLM", "Chatbot"), "LLM"),
        "model_name": Field(text, ""),
        "model_type": Field(one_of("text_2_text"), "text_2_text"),
        "certifications": _CERTIFICATIONS,
        "model_config": Field(
            _v1(
                {
                    **_in_both(_v1, Field(_host)),
                    "is_compatible_with": Field(one_of(*PROTOCOLS)),
                    "model_version": Field(version, DEFAULT_VERSION),
                    **ONLY_V1,
                }
            ),
            {},
        ),
    }
)

_v2 = partial(object_with, dialect="v2", null_is_absent=True)  # the official client sends null for unset fields [P]
_HEADERS = list_of(_v2({"key": Field(text), "value": Field(text)}))
_JWT = {
    "jwt_method": Field(one_of("POST", "GET"), "POST"),
    "jwt_url": Field(text, ""),
    "jwt_headers": Field(_HEADERS, []),
    "jwt_body": Field(text, ""),
    "jwt_response_key": Field(text, ""),
}
_CONTEXT = {
    "system_description": Field(text_up_to(2000), Default.ABSENT),
    "policy_description": Field(text_up_to(5000), Default.ABSENT),
}
ONLY_V2: Mapping[str, Check] = {
    "context": _v2(_CONTEXT),
    "custom_curl_command": text,
    "custom_headers": _HEADERS,
    "custom_payload": mapping({}),
    "custom_response_content_type": text,
    "custom_response_format": text,
    "input_modalities": list_of(one_of("text", "image", "audio")),
    "model_auth_type": one_of("apikey", "jwt"),
    "model_jwt_config": _v2(_JWT),
    "output_modalities": list_of(one_of("text")),
    "rate_per_min": whole(1),  # 20 if absent
    "tools": list_of(_v2({"name": Field(text), "description": Field(text, "")})),
}
V2 = _v2(
    {
        "model_saved_name": Field(saved_name),
        "model_version": Field(version, DEFAULT_VERSION),
        "testing_for": Field(text, "foundationModels"),  # an open set: the official client takes any text [P]
        "model_name": Field(text, ""),
        "certifications": _CERTIFICATIONS,
        "model_config": Field(
            _v2(
                {
                    **_in_both(_v2, Field(_host_or_none, "")),  # [G] a custom_curl_command needs no host
                    "auth_data": Field(_v2({**_AUTH_DATA, **_BOXAI}), {}),
                    "model_provider": Field(
                        text_like(r"(?=.*\S)[^\x00-\x1f\x7f]+", "the name of a protocol")
                    ),  # an open set [P]
                    **{name: Field(check, Default.ABSENT) for name, check in ONLY_V2.items()},
                }
            ),
            {},
        ),
    }
)

BODY: Mapping[Dialect, Check] = {"v1": V1, "v2": V2}
