"""What users of the official client write: one dictionary for each kind of model. No test lives here."""

from __future__ import annotations

import copy
from typing import Any, Final

Json = Any

_HOSTED: Final[Json] = {
    "model_saved_name": "hosted",
    "model_version": "v1",
    "testing_for": "foundationModels",
    "model_name": "gpt-4o-mini",
    "certifications": ["GDPR"],
    "model_config": {
        "model_provider": "openai",
        "model_source": "https://openai.com",
        "system_prompt": "Be brief.",
        "endpoint_url": "https://api.openai.com/v1/chat/completions",
        "apikey": "stand-in-key",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "tools": [{"name": "search", "description": "Finds pages."}],
        "metadata": {"max_tokens": 2048},
    },
}
_CUSTOM: Final[Json] = {
    "model_saved_name": "custom",
    "model_version": "2",
    "testing_for": "agents",
    "model_name": "agent",
    "model_config": {
        "model_provider": "custom",
        "endpoint_url": "http://agents.internal:8000/api/ask",
        "auth_data": {"header_name": "X-Key", "header_prefix": "", "space_after_prefix": False},
        "custom_headers": [{"key": "X-Team", "value": "stand-in-header-value"}],
        "custom_payload": {"prompt": "{prompt}", "options": {"deep": [True, None, 1.5]}},
        "custom_response_content_type": "json",
        "custom_response_format": ".choices[0].text",
    },
}
_CURL: Final[Json] = {
    "model_saved_name": "curl",
    "model_version": "v1",
    "testing_for": "chatbotsAndCopilots",
    "model_name": "behind a login",
    "model_config": {
        "model_provider": "vg-curl",
        "custom_curl_command": "curl -H 'Authorization: stand-in-curl-key' https://h/ask -d '{prompt}'",
        "custom_response_format": ".answer",
    },
}
_JWT: Final[Json] = {
    "model_saved_name": "jwt",
    "model_version": "v1",
    "testing_for": "foundationModels",
    "model_name": "gated",
    "model_config": {
        "model_provider": "openai_compatible",
        "endpoint_url": "https://llm.example.com/v1/chat/completions",
        "model_auth_type": "jwt",
        "model_jwt_config": {
            "jwt_method": "GET",
            "jwt_url": "https://id.example.com/token",
            "jwt_headers": [{"key": "X-Client", "value": "stand-in-client-key"}],
            "jwt_body": "",
            "jwt_response_key": "access_token",
        },
    },
}
KINDS: Final[dict[str, Json]] = {it["model_saved_name"]: it for it in (_HOSTED, _CUSTOM, _CURL, _JWT)}


def written(kind: str, **changes: Any) -> Json:
    """A fresh dictionary of this kind, with fields of `model_config` replaced."""
    config: Json = copy.deepcopy(KINDS[kind])
    config["model_config"].update(changes)
    return config
