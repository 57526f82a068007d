"""The model kind: each field once, in the order of the API's document.

[P] proven, [I] inferred, [G] guessed: how well each fact about the API is known, see docs/api.md.
"""

# ruff: noqa: RUF012 - pydantic copies a default before it is used

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from .document import Document
from .kind import Calls, Kind
from .managed import Managed
from .markers import (
    Compared,
    InV2,
    Note,
    OnlyIn,
    Option,
    Quiet,
    Reaches,
    Replaces,
    RequiredUnless,
    Secret,
    ServerSet,
    Unordered,
    UnsentInV2,
    as_url,
)
from .model_parts import AuthData, Context, Endpoint, Header, JwtConfig, Metadata, Paths, Tool
from .values import Count, Flag, FreeMap, Key, Line, Once, OneOf, SavedName, Text, UpTo100, Version

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
Certification = Literal["GDPR", "CCPA", "HIPAA", "SOC 2 Type II", "SOC 3"]

ReadNotSent: Final = Note("the official client reads but never sends it: that `add-model` accepts it is inferred [I]")


class ModelConfig(Document):
    """What the model is and how to reach it."""

    is_compatible_with: Annotated[
        str,
        OneOf(PROTOCOLS, PROTOCOLS_V2),
        InV2("model_config.model_provider"),
        Reaches(),
        Field(examples=["openai"]),
    ]
    """The request and response format that the model speaks. Dialect v2 calls it `model_provider`."""
    model_version: Annotated[Version, Replaces(), InV2("model_version"), Note("[G]")] = DEFAULT_VERSION
    """Your own identifier for this version; part of the identity."""
    hosting_type: Literal["External", "Internal"] = "External"
    """Who hosts the model."""
    model_source: Annotated[Line, Compared(as_url)] = ""
    """Where the model comes from, such as `https://together.ai`."""
    model_provider: Annotated[Line, UnsentInV2(), Quiet()] = ""
    """The model's vendor: free text, such as `Mistral AI`. Dialect v2 has no field for it, so there it is only kept
    in Pulumi's state."""
    system_prompt: Text = ""
    """Sent to the model before each conversation."""
    conversation_template: Annotated[Text, OnlyIn("v1"), Quiet()] = ""
    """The template that turns a conversation into the model's input."""
    endpoint: Annotated[Endpoint | None, RequiredUnless("custom_curl_command"), InV2(empty={}), Reaches()] = None
    """The address of the model."""
    paths: Annotated[Paths, Reaches(), Field(default_factory=Paths)]
    """The path for each type of request."""
    auth_data: Annotated[AuthData, Reaches(), Field(default_factory=AuthData)]
    """How a key is sent to the model."""
    apikeys: Annotated[UpTo100[Key], Secret("apikey"), Reaches()] = []
    """The keys for calling the model. A key may also be the JSON of a service account."""
    metadata: Annotated[Metadata, Field(default_factory=Metadata)]
    """Runtime options of the model. A plain dict may contain any other field too."""
    default_request_options: FreeMap = {}
    """Options sent with every request to the model: any JSON object."""
    model_auth_type: Annotated[Literal["apikey", "jwt"] | None, OnlyIn("v2", empty="apikey"), Reaches()] = None
    """How the model authenticates its callers."""
    model_jwt_config: Annotated[JwtConfig | None, OnlyIn("v2", empty=None), Secret("jwt"), Reaches()] = None
    """How to fetch the token for calling the model."""
    tools: Annotated[UpTo100[Tool] | None, OnlyIn("v2", empty=[]), Unordered()] = None
    """The tools that the model may call."""
    input_modalities: Annotated[
        UpTo100[Literal["text", "image", "audio"]] | None, OnlyIn("v2", empty=[]), Unordered()
    ] = None
    """The kinds of input that the model accepts."""
    output_modalities: Annotated[UpTo100[Literal["text"]] | None, OnlyIn("v2", empty=[]), Unordered()] = None
    """The kinds of output that the model produces."""
    custom_headers: Annotated[
        UpTo100[Header] | None, OnlyIn("v2", empty=[]), Secret("header"), Unordered(), Reaches()
    ] = None
    """Headers sent with every request to the model."""
    custom_payload: Annotated[FreeMap | None, OnlyIn("v2", empty={}), Reaches()] = None
    """The request body for a model that speaks none of the known protocols: any JSON object."""
    custom_curl_command: Annotated[Text | None, OnlyIn("v2", empty=None), Secret("curl"), Reaches()] = None
    """A request to the model as a curl command."""
    custom_response_format: Annotated[Text | None, OnlyIn("v2", empty=""), Reaches()] = None
    """A jq expression that locates the text in the model's response."""
    custom_response_content_type: Annotated[Line | None, OnlyIn("v2", empty=""), Reaches()] = None
    """The content type of the model's response."""
    rate_per_min: Annotated[Count | None, OnlyIn("v2", assumed=20), Quiet(), ReadNotSent] = None
    """How many requests per minute are sent to the model. If the API does not return it, drift goes undetected."""
    context: Annotated[Context | None, OnlyIn("v2"), Quiet(), ReadNotSent] = None
    """Background information for testing this model."""


class Registration(Managed):
    """A model registered with Enkrypt AI."""

    model_saved_name: Annotated[
        SavedName,
        Replaces(),
        Note("the length [P], the characters [G]"),
        Field(examples=["my-model"]),
    ]
    """The name by which deployments and callers refer to the model; part of its identity."""
    testing_for: Annotated[str, OneOf(PURPOSES, PURPOSES_V2), InV2(default="foundationModels")] = "LLM"
    """What the model is tested as."""
    model_name: Line = ""
    """The model's own name, such as `mistralai/Mixtral-8x7B-Instruct-v0.1`."""
    model_type: Annotated[Literal["text_2_text"], OnlyIn("v1"), Quiet()] = "text_2_text"
    """The type of the model."""
    certifications: Annotated[UpTo100[Certification], Once, Unordered()] = []
    """The model's certifications, in any order."""
    config: Annotated[ModelConfig, Field(alias="model_config")]
    """What the model is and how to reach it."""
    verify_health: Annotated[Flag, Option()] = None
    """Whether to check that the model responds after it is registered, or after its endpoint, paths or keys change.
    If the check fails, a new registration is deleted, a changed one is rolled back, and the error says why."""
    model_id: Annotated[int | None, ServerSet()] = None
    """The API's own id for the registration; nothing refers to a model by it."""


def _placed(response: dict[str, Any]) -> dict[str, Any]:
    """Drop an empty endpoint, and one with an empty host if a curl command has the address instead."""
    config = response["model_config"]
    endpoint = config.get("endpoint")
    is_empty = isinstance(endpoint, dict) and not endpoint.get("host")
    if endpoint == {} or (is_empty and "host" in endpoint and config.get("custom_curl_command")):
        config = {name: value for name, value in config.items() if name != "endpoint"}
    return {**response, "model_config": config}


MODEL: Final = Kind(
    name="EnkryptModel",
    noun="model",
    document=Registration,
    calls=Calls("/models", "add-model", "get-model", "list-models", "modify-model", "delete-model", listed="models"),
    identity={"model_saved_name": "X-Enkrypt-Model", "model_config.model_version": "X-Enkrypt-Model-Version"},
    number="model_id",
    whole_with=("model_config.model_version", "model_config.endpoint"),
    nested="model_config",
    placed=_placed,
)
