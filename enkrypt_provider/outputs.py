"""What a program reads of a registered model: the typed shapes of `EnkryptModel`'s outputs.

The names, meanings and defaults are those of the arguments in resource.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi


@pulumi.output_type
class Endpoint(dict):
    """Where the model answers."""

    scheme: str
    host: str
    port: int
    base_path: str


@pulumi.output_type
class Paths(dict):
    """The path of each kind of request."""

    completions: str
    chat: str
    vision: str | None
    embeddings: str | None


@pulumi.output_type
class AuthData(dict):
    """How a key is presented to the model."""

    header_name: str
    header_prefix: str
    space_after_prefix: bool


@pulumi.output_type
class Header(dict):
    """One HTTP header."""

    key: str
    value: str


@pulumi.output_type
class JwtConfig(dict):
    """How the model's token is fetched."""

    jwt_method: str
    jwt_url: str
    jwt_headers: Sequence[Header]
    jwt_body: str
    jwt_response_key: str


@pulumi.output_type
class Tool(dict):
    """A tool that the model may call."""

    name: str
    description: str


@pulumi.output_type
class Context(dict):
    """What grounds the tests of the model."""

    system_description: str | None
    policy_description: str | None


@pulumi.output_type
class ModelConfig(dict):
    """How the model is reached and what it is."""

    is_compatible_with: str
    model_version: str
    hosting_type: str
    model_source: str
    model_provider: str
    system_prompt: str
    conversation_template: str
    endpoint: Endpoint | None
    paths: Paths
    auth_data: AuthData
    apikeys: Sequence[str]
    metadata: Mapping[str, Any]
    default_request_options: Mapping[str, Any]
    model_auth_type: str | None
    model_jwt_config: JwtConfig | None
    tools: Sequence[Tool] | None
    input_modalities: Sequence[str] | None
    output_modalities: Sequence[str] | None
    custom_headers: Sequence[Header] | None
    custom_payload: Mapping[str, Any] | None
    custom_curl_command: str | None
    custom_response_format: str | None
    custom_response_content_type: str | None
    rate_per_min: int | None
    context: Context | None


@pulumi.output_type
class Model(dict):
    """A registration, as a look-up finds it. What can hold a secret in `model_config` is a secret Output."""

    model_saved_name: str
    testing_for: str
    model_name: str
    model_type: str
    certifications: Sequence[str]
    model_config: ModelConfig
    model_id: int | None
    project_name: str | None
    created_at: str | None
    updated_at: str | None
