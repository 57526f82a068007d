"""The objects inside a model's `model_config`: where the model is, how it is called, what it can do."""

# ruff: noqa: RUF012 - pydantic copies a default before it is used

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from .document import Document
from .markers import (
    Compared,
    DefaultOf,
    Evidence,
    OnlyIn,
    Public,
    Quiet,
    ReadAs,
    Secret,
    Unordered,
    as_host,
    ignoring_case,
    ignoring_outer_slashes,
    ignoring_trailing_slash,
)
from .values import (
    Amount,
    BasePath,
    Count,
    HeaderName,
    HostName,
    HostNameOrEmpty,
    Key,
    Line,
    Port,
    Route,
    Text,
    Text2000,
    Text5000,
    UpTo100,
)

Inferred: Final = Evidence("I", "I")
Unproven: Final = Evidence(v2="I")


class Endpoint(Document):
    """The address of the model: `scheme://host:port/base_path`."""

    scheme: Annotated[Literal["https", "http"], Compared(ignoring_case)] = "https"
    """The URL scheme."""
    host: Annotated[HostName, Compared(as_host), Field(examples=["api.together.xyz"])]
    """The host of the model, such as `api.together.xyz`."""
    port: Annotated[
        Port,
        DefaultOf("scheme", "443, or 80 if the scheme is `http`"),
        Field(default_factory=lambda known: 80 if known.get("scheme", "").casefold() == "http" else 443),
    ]
    """The port of the host."""
    base_path: Annotated[BasePath, Compared(ignoring_outer_slashes)] = ""
    """The prefix of every path, such as `/v1`."""


class Paths(Document):
    """The paths appended to the endpoint's `base_path`, one for each type of request."""

    completions: Annotated[Route, Compared(ignoring_trailing_slash)] = "/completions"
    """The path for completions."""
    chat: Annotated[Route, Compared(ignoring_trailing_slash)] = "/chat/completions"
    """The path for chat completions."""
    vision: Annotated[Route | None, Compared(ignoring_trailing_slash), Evidence(v1="I")] = None
    """The path for images. Defined in the official client, but not in the API's document."""
    embeddings: Annotated[Route | None, Compared(ignoring_trailing_slash), Evidence(v1="I")] = None
    """The path for embeddings. Defined in the official client, but not in the API's document."""


class AuthData(Document):
    """The header that carries a key from `apikeys` to the model: `HEADER_NAME: PREFIX KEY`."""

    header_name: Annotated[HeaderName, Compared(ignoring_case)] = "Authorization"
    """The name of the header."""
    header_prefix: Line = "Bearer"
    """The text before the key."""
    space_after_prefix: bool = True
    """Whether there is a space between the prefix and the key."""
    boxai_client_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """For Box AI: the client id. The official client has a class for these four fields but never sends it."""
    boxai_client_secret: Annotated[Key | None, OnlyIn("v2"), Quiet(), Unproven, Secret("boxai")] = None
    """For Box AI: the client secret."""
    boxai_user_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """For Box AI: the user that the client acts as."""
    boxai_default_file_id: Annotated[Line | None, OnlyIn("v2"), Quiet(), Unproven] = None
    """For Box AI: the file to ask about if a request names none."""


class Gemini(Document):
    """Gemini on Vertex. The API's document describes these fields without naming them; the names are inferred."""

    model_config = ConfigDict(extra="allow")

    api_endpoint: Annotated[HostNameOrEmpty | None, Compared(as_host), Inferred] = None
    """The regional API endpoint."""
    project_id: Annotated[Line | None, Inferred] = None
    """The project id."""
    location_id: Annotated[Line | None, Inferred] = None
    """The location id."""


class Metadata(Document):
    """Runtime options of the model.

    The API's document describes these fields without naming them: the names are those of Kong's ai-proxy, and their
    place in `metadata` is a guess. A plain dict may contain any other field too; it is passed through unchanged.
    """

    model_config = ConfigDict(extra="allow")

    max_tokens: Annotated[Count | None, Inferred] = None
    """The maximum number of tokens in a response; the API document's example is 2048."""
    input_cost: Annotated[Amount | None, Inferred] = None
    """The cost of input tokens; the API document's example is 2.5. The unit is not documented."""
    output_cost: Annotated[Amount | None, Inferred] = None
    """The cost of output tokens; the API document's example is 10. The unit is not documented."""
    azure_instance: Annotated[Line | None, Inferred] = None
    """For Azure: the instance."""
    azure_api_version: Annotated[Line | None, Inferred] = None
    """For Azure: the API version, such as `2024-02-01`."""
    azure_deployment_id: Annotated[Line | None, Inferred] = None
    """For Azure: the deployment id."""
    anthropic_version: Annotated[Line | None, Inferred] = None
    """For Anthropic: the API version."""
    llama2_format: Annotated[Literal["openai"] | None, Inferred] = None
    """For Llama 2: the request format."""
    mistral_format: Annotated[Literal["openai", "ollama"] | None, Inferred] = None
    """For Mistral: the request format."""
    gemini: Annotated[Gemini | None, Inferred] = None
    """Options for Gemini on Vertex."""


class Header(Document):
    """An HTTP header."""

    key: Annotated[Line, Public(), ReadAs(""), Field(examples=["X-Team"])]
    """The name of the header."""
    value: Text = ""
    """The value of the header."""


class JwtConfig(Document):
    """How Enkrypt AI fetches the token for calling the model."""

    jwt_method: Annotated[Literal["POST", "GET"], Public()] = "POST"
    """The HTTP method of the token request."""
    jwt_url: Annotated[Line, ReadAs(""), Field(examples=["https://login.example.com/token"])]
    """The URL of the token request."""
    jwt_headers: Annotated[UpTo100[Header], Unordered()] = []
    """The headers of the token request."""
    jwt_body: Text = ""
    """The body of the token request."""
    jwt_response_key: Annotated[Line, Public()] = ""
    """The field of the response that contains the token."""


class Tool(Document):
    """A tool that the model may call, described for testers."""

    name: Annotated[Line, ReadAs(""), Field(examples=["search"])]
    """The name of the tool."""
    description: Text = ""
    """What the tool does."""


class Context(Document):
    """Background information for testing this model."""

    system_description: Annotated[Text2000 | None, Quiet()] = None
    """A description of the system for testers who attack it. Not sent to the model."""
    policy_description: Annotated[Text5000 | None, Quiet()] = None
    """The rules that the system must follow."""
