"""The objects within a model's `model_config`: where the model is, how it is called, what it can do."""

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
    """Where the model is reached: `scheme://host:port/base_path`."""

    scheme: Annotated[Literal["https", "http"], Compared(ignoring_case)] = "https"
    """How the model is called."""
    host: Annotated[HostName, Compared(as_host), Field(examples=["api.together.xyz"])]
    """The host of the model, such as `api.together.xyz`."""
    port: Annotated[
        Port,
        DefaultOf("scheme", "443, or 80 where the scheme is `http`"),
        Field(default_factory=lambda known: 80 if known.get("scheme", "").casefold() == "http" else 443),
    ]
    """The port of the host."""
    base_path: Annotated[BasePath, Compared(ignoring_outer_slashes)] = ""
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

    api_endpoint: Annotated[HostNameOrEmpty | None, Compared(as_host), Inferred] = None
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

    system_description: Annotated[Text2000 | None, Quiet()] = None
    """What the system is, for those who attack it. It is not sent to the model."""
    policy_description: Annotated[Text5000 | None, Quiet()] = None
    """What it must keep to."""
