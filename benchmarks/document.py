"""The model that every system registers: the complete example of the API document, under a unique name."""

from __future__ import annotations

from typing import Any


def document(number: int, key: Any = "stand-in-key") -> dict[str, Any]:
    """The `number`th model, as canonical inputs of `EnkryptModel`; `key` may be an Output."""
    return {
        "model_saved_name": f"bench-{number}",
        "testing_for": "LLM",
        "model_name": "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "model_type": "text_2_text",
        "certifications": ["GDPR", "SOC 2 Type II"],
        "model_config": {
            "is_compatible_with": "openai",
            "model_version": "1",
            "hosting_type": "External",
            "model_source": "https://together.ai",
            "model_provider": "Mistral AI",
            "system_prompt": "",
            "conversation_template": "",
            "endpoint": {"scheme": "https", "host": "api.together.xyz", "port": 443, "base_path": "/v1"},
            "paths": {"completions": "/completions", "chat": "/chat/completions"},
            "auth_data": {"header_name": "Authorization", "header_prefix": "Bearer", "space_after_prefix": True},
            "apikeys": [key],
            "metadata": {"max_tokens": 2048, "input_cost": 2.5, "output_cost": 10},
            "default_request_options": {},
        },
    }
