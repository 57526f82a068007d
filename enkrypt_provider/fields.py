"""What is special about which field: plain names and paths, for all who need them.

No logic, and nothing heavier to import than this: a program that only declares models loads it too.
"""

from __future__ import annotations

from typing import Final, Literal

Dialect = Literal["v1", "v2"]

COMPUTED: Final = ("model_id", "project_name", "created_at", "updated_at")
"""Set by the server: outputs."""

OPTIONS: Final = ("adopt_existing", "deletion_protection", "verify_health")
"""Arguments to this provider: kept in the state, unknown to the API."""

SECRETS: Final = tuple(
    f"model_config.{name}" for name in ("apikeys", "model_jwt_config", "custom_headers", "custom_curl_command")
)
"""What is or can hold a secret: secret without the user asking, and never compared with what the server says."""

ONLY_IN: Final[dict[str, Dialect]] = {
    "model_type": "v1",
    "model_config.conversation_template": "v1",
    "model_config.model_auth_type": "v2",
    "model_config.model_jwt_config": "v2",
    "model_config.tools": "v2",
    "model_config.input_modalities": "v2",
    "model_config.output_modalities": "v2",
    "model_config.custom_headers": "v2",
    "model_config.custom_payload": "v2",
    "model_config.custom_curl_command": "v2",
    "model_config.custom_response_format": "v2",
    "model_config.custom_response_content_type": "v2",
    "model_config.rate_per_min": "v2",
    "model_config.context": "v2",
}
"""The arguments that only one dialect can say [P]; in the other they must have their default.

`model_config.model_provider`, the vendor as free text, has no field in v2 either [P]. There it is kept in the state
alone, so that a stack may change its dialect and nothing else.
"""

QUIET: Final = (
    "model_type",
    "model_config.conversation_template",
    "model_config.model_provider",
    "model_config.rate_per_min",
)
"""What an answer may leave out without having lost it: v2 knows no name for it, or does not echo it [P]."""

DEFAULT_VERSION: Final = "v1"
PROTOCOLS: Final = (
    "openai", "together", "huggingface", "groq", "azure_openai", "anthropic", "cohere", "bedrock", "gemini",
    "ai21", "fireworks", "alibaba", "portkey", "deepseek", "mistral", "llama", "openai_compatible",
    "cohere_compatible", "anthropic_compatible",
)  # fmt: skip
PROTOCOLS_V2: Final = (
    "custom", "hr", "url", "enkryptai", "sierra", "boxai", "nutanix", "sofitest", "xactly", "xactly-cortex",
    "xactly-intelligence", "mattel", "kastle", "vg-curl", "vg-login", "marriott", "supermoon",
)  # fmt: skip
PURPOSES: Final = ("Copilot", "LLM", "Chatbot")
PURPOSES_V2: Final = ("foundationModels", "chatbotsAndCopilots", "agents", "URL")
CERTIFICATIONS: Final = ("GDPR", "CCPA", "HIPAA", "SOC 2 Type II", "SOC 3")
MODALITIES_IN: Final = ("text", "image", "audio")
MODALITIES_OUT: Final = ("text",)

OWNER: Final = "__owner"
"""An input for `check` alone, the resource as ORGANIZATION/URN: never in the state."""
