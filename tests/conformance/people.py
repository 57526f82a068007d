"""One model of each kind as a user of the official client writes it, and as a program declares it."""

from __future__ import annotations

import copy
from typing import Any, Final

from documents import minimal

from enkrypt_provider.kinds.kind import Properties

Json = Any
_TOOLS: Final[Json] = [{"name": "search", "description": "Finds pages."}]
_AGENT: Final[Json] = {
    "auth_data": {"header_name": "X-Key", "header_prefix": "", "space_after_prefix": False},
    "custom_headers": [{"key": "X-Team", "value": "stand-in-header-value"}],
    "custom_payload": {"prompt": "{prompt}", "options": {"deep": [True, None, 1.5]}},
    "custom_response_content_type": "json", "custom_response_format": ".choices[0].text",
}  # fmt: skip
_CURL: Final[Json] = {
    "custom_curl_command": "curl -H 'Authorization: stand-in-curl-key' https://h/ask -d '{prompt}'",
    "custom_response_format": ".answer",
}
_JWT: Final[Json] = {
    "jwt_method": "GET", "jwt_url": "https://id.example.com/token", "jwt_response_key": "access_token",
    "jwt_headers": [{"key": "X-Client", "value": "stand-in-client-key"}],
}  # fmt: skip
_HOSTED: Final[Json] = {
    "model_source": "https://openai.com", "system_prompt": "Be brief.", "input_modalities": ["text", "image"],
    "output_modalities": ["text"], "tools": _TOOLS, "metadata": {"max_tokens": 2048},
}  # fmt: skip


def _written(name: str, version: str, purpose: str, own_name: str, **config: Json) -> Json:
    return {
        "model_saved_name": name, "model_version": version, "testing_for": purpose, "model_name": own_name,
        "model_config": config,
    }  # fmt: skip


KINDS: Final[dict[str, Json]] = {
    "hosted": {
        **_written(
            "hosted", "v1", "foundationModels", "gpt-4o-mini", model_provider="openai",
            endpoint_url="https://api.openai.com/v1/chat/completions", apikey="stand-in-key", **_HOSTED,
        ),
        "certifications": ["GDPR"],
    },
    "custom": _written(
        "custom", "2", "agents", "agent", model_provider="custom",
        endpoint_url="http://agents.internal:8000/api/ask", **_AGENT,
    ),
    "curl": _written("curl", "v1", "chatbotsAndCopilots", "behind a login", model_provider="vg-curl", **_CURL),
    "jwt": _written(
        "jwt", "v1", "foundationModels", "gated", model_provider="openai_compatible",
        endpoint_url="https://llm.example.com/v1/chat/completions", model_auth_type="jwt",
        model_jwt_config={**_JWT, "jwt_body": ""},
    ),
}  # fmt: skip


def written(kind: str, **changes: Any) -> Json:
    """Return a fresh dictionary of this kind, with fields of `model_config` replaced."""
    config: Json = copy.deepcopy(KINDS[kind])
    config["model_config"].update(changes)
    return config


def _declared(name: str, protocol: str, endpoint: Json, config: Json, **more: Json) -> Properties:
    config = {"is_compatible_with": protocol, "endpoint": endpoint, **config}
    said = {field: KINDS[name][field] for field in ("model_saved_name", "testing_for", "model_name")}
    return minimal(**said, model_config={part: it for part, it in config.items() if it}, **more)


PROGRAMS: Final[dict[str, Properties]] = {
    "hosted": _declared(
        "hosted", "openai", {"host": "api.openai.com", "base_path": "/v1"},
        {"apikeys": ["stand-in-key"], **_HOSTED}, certifications=["GDPR"],
    ),
    "custom": _declared(
        "custom", "custom", {"scheme": "http", "host": "agents.internal", "port": 8000, "base_path": "/api"},
        {"model_version": "2", "paths": {"completions": "/ask", "chat": "/ask"}, **_AGENT},
    ),
    "curl": _declared("curl", "vg-curl", None, {"paths": {"completions": "", "chat": ""}, **_CURL}),
    "jwt": _declared(
        "jwt", "openai_compatible", {"host": "llm.example.com", "base_path": "/v1"},
        {"model_auth_type": "jwt", "model_jwt_config": _JWT},
    ),
}  # fmt: skip
