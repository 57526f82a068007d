"""A model as Enkrypt AI registers it: each field once, in the order of the API's document.

[P] proven, [I] inferred, [G] guessed: what is known of the API and how, see docs/api.md.
"""

# ruff: noqa: RUF012 - pydantic copies a default before it is used

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from .document import Document
from .kind import Calls, Kind
from .markers import (
    Compared,
    DefaultOf,
    Evidence,
    InV2,
    Note,
    OnlyIn,
    Option,
    Public,
    Quiet,
    Reaches,
    ReadAs,
    Replaces,
    RequiredUnless,
    Secret,
    ServerSet,
    Unordered,
    UnsentInV2,
    ignoring_case,
    ignoring_trailing_slash,
)
from .values import (
    Amount,
    BasePath,
    Count,
    Flag,
    FreeMap,
    HeaderName,
    HostName,
    HostNameOrEmpty,
    Key,
    Line,
    Once,
    OneOf,
    Port,
    Route,
    SavedName,
    Text,
    Text2000,
    Text5000,
    UpTo100,
    Version,
)

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

Inferred: Final = Evidence("I", "I")


class Endpoint(Document):
    """Where the model is reached: `scheme://host:port/base_path`."""

    scheme: Literal["https", "http"] = "https"
    """How the model is called."""
    host: Annotated[HostName, Compared(ignoring_case), Field(examples=["api.together.xyz"])]
    """The host of the model, such as `api.together.xyz`."""
    port: Annotated[
        Port,
        DefaultOf("scheme", "443, or 80 where the scheme is `http`"),
        Field(default_factory=lambda known: 80 if known.get("scheme") == "http" else 443),
    ]
    """The port of the host."""
    base_path: Annotated[BasePath, Compared(ignoring_trailing_slash)] = ""
    """What every path begins with, such as `/v1`."""


class Paths(Document):
    """What is appended to the endpoint's `base_path` for each kind of request."""

    completions: Annotated[Route, Compared(ignoring_trailing_slash)] = "/completions"
    """For completions."""
    chat: Annotated[Route, Compared(ignoring_trailing_slash)] = "/chat/completions"
    """For conversations."""
    vision: Annotated[Route | None, Compared(ignoring_trailing_slash), Evidence(v1="I")] = None
    """For images. Known to the official client, not to the API's document."""
    embeddings: Annotated[Route | None, Compared(ignoring_trailing_slash), Evidence(v1="I")] = None
    """For embeddings. Known to the official client, not to the API's document."""


Unproven: Final = Evidence(v2="I")


class AuthData(Document):
    """How a key of `apikeys` is presented to the model: `HEADER_NAME: PREFIX KEY`."""

    header_name: Annotated[HeaderName, Compared(ignoring_case)] = "Authorization"
    """The name of the header."""
    header_prefix: Line = "Bearer"
    """What stands before the key."""
    space_after_prefix: bool = True
    """Whether a space stands between prefix and key."""
    boxai_client_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """If Box AI: the id of the client. The official client has a class for these four, which it does not send."""
    boxai_client_secret: Annotated[Key | None, OnlyIn("v2"), Quiet(), Unproven, Secret("boxai")] = None
    """If Box AI: the secret of the client."""
    boxai_user_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """If Box AI: the user as whom the client acts."""
    boxai_default_file_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """If Box AI: the file that is asked about where a request names none."""


class Gemini(Document):
    """Gemini on Vertex. The API's document describes these fields without naming them: the names are inferred."""

    model_config = ConfigDict(extra="allow")

    api_endpoint: Annotated[HostNameOrEmpty | None, Compared(ignoring_case), Inferred] = None
    """The regional API endpoint."""
    project_id: Annotated[Line | None, Inferred] = None
    """The project's id."""
    location_id: Annotated[Line | None, Inferred] = None
    """The location's id."""


class Metadata(Document):
    """Options of the model's runtime.

    The API's document describes these fields without naming them: the names are those of Kong's ai-proxy, their
    place in `metadata` is a guess. A plain dict may hold any other field besides; it passes through as it is.
    """

    model_config = ConfigDict(extra="allow")

    max_tokens: Annotated[Count | None, Inferred] = None
    """The most tokens of one response; the document's example is 2048."""
    input_cost: Annotated[Amount | None, Inferred] = None
    """Cost of the tokens sent; the document's example is 2.5. Its unit is not documented."""
    output_cost: Annotated[Amount | None, Inferred] = None
    """Cost of the tokens returned; the document's example is 10. Its unit is not documented."""
    azure_instance: Annotated[Line | None, Inferred] = None
    """If Azure: the instance."""
    azure_api_version: Annotated[Line | None, Inferred] = None
    """If Azure: the API version, such as `2024-02-01`."""
    azure_deployment_id: Annotated[Line | None, Inferred] = None
    """If Azure: the deployment's id."""
    anthropic_version: Annotated[Line | None, Inferred] = None
    """If Anthropic: the API's version."""
    llama2_format: Annotated[Literal["openai"] | None, Inferred] = None
    """If Llama 2: the format of its requests."""
    mistral_format: Annotated[Literal["openai", "ollama"] | None, Inferred] = None
    """If Mistral: the format of its requests."""
    gemini: Annotated[Gemini | None, Inferred] = None
    """If Gemini on Vertex."""


class Header(Document):
    """One HTTP header."""

    key: Annotated[Line, Public(), ReadAs(""), Field(examples=["X-Team"])]
    """Its name."""
    value: Text = ""
    """Its value."""


class JwtConfig(Document):
    """How Enkrypt AI fetches the token with which it calls the model."""

    jwt_method: Annotated[Literal["POST", "GET"], Public()] = "POST"
    """How the token is fetched."""
    jwt_url: Annotated[Line, ReadAs(""), Field(examples=["https://login.example.com/token"])]
    """Where the token is fetched."""
    jwt_headers: Annotated[UpTo100[Header], Unordered()] = []
    """Sent when the token is fetched."""
    jwt_body: Text = ""
    """Sent when the token is fetched."""
    jwt_response_key: Annotated[Line, Public()] = ""
    """Which field of the response is the token."""


class Tool(Document):
    """A tool that the model may call, as a tester should know it."""

    name: Annotated[Line, ReadAs(""), Field(examples=["search"])]
    """Its name."""
    description: Text = ""
    """What it does."""


class Context(Document):
    """What grounds the tests of this model."""

    system_description: Text2000 | None = None
    """What the system is, for those who attack it. It is not sent to the model."""
    policy_description: Text5000 | None = None
    """What it must keep to."""


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
    model_source: Annotated[Line, Compared(ignoring_trailing_slash)] = ""
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
    context: Annotated[Context | None, OnlyIn("v2"), ReadNotSent] = None
    """What grounds the tests of this model."""


class Registration(Document):
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
    """What the model is certified for; their order says nothing."""
    config: Annotated[ModelConfig, Field(alias="model_config")]
    """How the model is reached and what it is."""
    adopt_existing: Annotated[Flag, Option()] = None
    """Whether create takes over a registration of the same name and version that is there already, and updates
    it to what is declared. Otherwise that is an error. Not sent to the API."""
    deletion_protection: Annotated[Flag, Option()] = None
    """Whether a delete or a replacement of this registration is refused, before anything is changed. Implies the
    resource option `protect`. To lift it set it to false, run `pulumi up`, then delete."""
    verify_health: Annotated[Flag, Option()] = None
    """Whether the model must answer after it was registered, or after its endpoint, paths or keys changed. If it
    does not, a new registration is deleted again, a changed one is set back, and the error says what failed."""
    model_id: Annotated[int | None, ServerSet()] = None
    """The API's own number of the registration; nothing refers to a model by it."""
    project_name: Annotated[str | None, ServerSet()] = None
    """The project that the API key belongs to."""
    created_at: Annotated[str | None, ServerSet()] = None
    """When it was registered, in ISO 8601."""
    updated_at: Annotated[str | None, ServerSet()] = None
    """When it was last changed, in ISO 8601."""


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
