"""A model as Enkrypt AI registers it: each field once, in the order of the API's document.

[P] proven, [I] inferred, [G] guessed: what is known of the API and how, see docs/api.md.
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

ReadNotSent: Final = Note("read by the official client, not sent: that `add-model` takes it is inferred [I]")


class ModelConfig(Document):
    """How the model is reached and what it is."""

    is_compatible_with: Annotated[
        str,
        OneOf(PROTOCOLS, PROTOCOLS_V2),
        InV2("model_config.model_provider"),
        Reaches(),
        Field(examples=["openai"]),
    ]
    """The request and response format that the model speaks. Dialect v2 calls it `model_provider`."""
    model_version: Annotated[Version, Replaces(), InV2("model_version"), Note("[G]")] = DEFAULT_VERSION
    """Your own identifier of this version, part of the identity."""
    hosting_type: Literal["External", "Internal"] = "External"
    """Who hosts the model."""
    model_source: Annotated[Line, Compared(as_url)] = ""
    """Where the model comes from, such as `https://together.ai`."""
    model_provider: Annotated[Line, UnsentInV2(), Quiet()] = ""
    """The model's vendor, free text such as `Mistral AI`. Dialect v2 has no field for it: there it is kept in
    Pulumi's state alone."""
    system_prompt: Text = ""
    """Sent to the model before each conversation."""
    conversation_template: Annotated[Text, OnlyIn("v1"), Quiet()] = ""
    """How a conversation is written for the model."""
    endpoint: Annotated[Endpoint | None, RequiredUnless("custom_curl_command"), InV2(empty={}), Reaches()] = None
    """Where the model is reached."""
    paths: Annotated[Paths, Reaches(), Field(default_factory=Paths)]
    """The path of each kind of request."""
    auth_data: Annotated[AuthData, Reaches(), Field(default_factory=AuthData)]
    """How a key is presented to the model."""
    apikeys: Annotated[UpTo100[Key], Secret("apikey"), Reaches()] = []
    """The keys with which the model is called. The JSON of a service account is one, too."""
    metadata: Annotated[Metadata, Field(default_factory=Metadata)]
    """Options of the model's runtime; as a plain dict it takes any other field too."""
    default_request_options: FreeMap = {}
    """Sent with every request to the model: any JSON object."""
    model_auth_type: Annotated[Literal["apikey", "jwt"] | None, OnlyIn("v2", empty="apikey"), Reaches()] = None
    """How the model knows its callers."""
    model_jwt_config: Annotated[JwtConfig | None, OnlyIn("v2", empty=None), Secret("jwt"), Reaches()] = None
    """How the model's token is fetched."""
    tools: Annotated[UpTo100[Tool] | None, OnlyIn("v2", empty=[]), Unordered()] = None
    """The tools that the model may call."""
    input_modalities: Annotated[
        UpTo100[Literal["text", "image", "audio"]] | None, OnlyIn("v2", empty=[]), Unordered()
    ] = None
    """What the model is given."""
    output_modalities: Annotated[UpTo100[Literal["text"]] | None, OnlyIn("v2", empty=[]), Unordered()] = None
    """What the model gives."""
    custom_headers: Annotated[
        UpTo100[Header] | None, OnlyIn("v2", empty=[]), Secret("header"), Unordered(), Reaches()
    ] = None
    """Sent with every request to the model."""
    custom_payload: Annotated[FreeMap | None, OnlyIn("v2", empty={}), Reaches()] = None
    """The body of a request to a model that speaks no known protocol: any JSON object."""
    custom_curl_command: Annotated[Text | None, OnlyIn("v2", empty=None), Secret("curl"), Reaches()] = None
    """A request to the model as a curl command."""
    custom_response_format: Annotated[Text | None, OnlyIn("v2", empty=""), Reaches()] = None
    """Where the text stands in the model's response, as a jq expression."""
    custom_response_content_type: Annotated[Line | None, OnlyIn("v2", empty=""), Reaches()] = None
    """The content type of the model's response."""
    rate_per_min: Annotated[Count | None, OnlyIn("v2", assumed=20), Quiet(), ReadNotSent] = None
    """How many requests a minute the model is sent. Where the API does not show it, its drift is not seen."""
    context: Annotated[Context | None, OnlyIn("v2"), Quiet(), ReadNotSent] = None
    """What grounds the tests of this model."""


class Registration(Managed):
    """A model as Enkrypt AI registers it."""

    model_saved_name: Annotated[
        SavedName,
        Replaces(),
        Note("the length [P], the characters [G]"),
        Field(examples=["my-model"]),
    ]
    """The name by which all that uses the model refers to it, part of the identity."""
    testing_for: Annotated[str, OneOf(PURPOSES, PURPOSES_V2), InV2(default="foundationModels")] = "LLM"
    """What it is tested as."""
    model_name: Line = ""
    """The model's own name, such as `mistralai/Mixtral-8x7B-Instruct-v0.1`."""
    model_type: Annotated[Literal["text_2_text"], OnlyIn("v1"), Quiet()] = "text_2_text"
    """The type of the model."""
    certifications: Annotated[UpTo100[Certification], Once, Unordered()] = []
    """What the model is certified for, in any order."""
    config: Annotated[ModelConfig, Field(alias="model_config")]
    """How the model is reached and what it is."""
    verify_health: Annotated[Flag, Option()] = None
    """Whether the model must respond after it was registered, or after its endpoint, paths or keys changed. If it
    does not, a new registration is deleted again, a changed one is set back, and the error says what failed."""
    model_id: Annotated[int | None, ServerSet()] = None
    """The API's own number of the registration; nothing refers to a model by it."""


def _placed(response: dict[str, Any]) -> dict[str, Any]:
    """A curl command says where the model answers: the endpoint that a server shows beside one is filled in."""
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
