"""What a program reads of a registered model: the typed shapes of `EnkryptModel`'s outputs.

The names, meanings and defaults are those of the arguments in resource.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi


@pulumi.output_type
class Endpoint(dict):  # type: ignore[type-arg]
    """Where the model answers."""

    scheme: str
    host: str
    port: int
    base_path: str


@pulumi.output_type
class Paths(dict):  # type: ignore[type-arg]
    """The path of each kind of request."""

    completions: str
    chat: str
    vision: str | None
    embeddings: str | None


@pulumi.output_type
class AuthData(dict):  # type: ignore[type-arg]
    """How a key is presented to the model."""

    header_name: str
    header_prefix: str
    space_after_prefix: bool


@pulumi.output_type
class ModelConfig(dict):  # type: ignore[type-arg]
    """How the model is reached and what it is."""

    is_compatible_with: str
    model_version: str
    hosting_type: str
    model_source: str
    model_provider: str
    system_prompt: str
    conversation_template: str
    endpoint: Endpoint
    paths: Paths
    auth_data: AuthData
    apikeys: Sequence[str]
    metadata: Mapping[str, Any]
    default_request_options: Mapping[str, Any]
