"""Enkrypt AI model registrations as Pulumi resources."""

from . import catalogue
from .errors import (
    AuthenticationFailed,
    ConfigurationError,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from .resource import (
    AuthDataArgs,
    ContextArgs,
    EndpointArgs,
    EnkryptModel,
    EnkryptModelArgs,
    GeminiArgs,
    HeaderArgs,
    JwtConfigArgs,
    MetadataArgs,
    ModelConfigArgs,
    PathsArgs,
    ToolArgs,
)

__version__ = "0.1.0"

__all__ = [
    "AuthDataArgs",
    "AuthenticationFailed",
    "ConfigurationError",
    "ContextArgs",
    "EndpointArgs",
    "EnkryptError",
    "EnkryptModel",
    "EnkryptModelArgs",
    "GeminiArgs",
    "HeaderArgs",
    "JwtConfigArgs",
    "MetadataArgs",
    "ModelConfigArgs",
    "ModelExists",
    "ModelNotFound",
    "PathsArgs",
    "RequestRejected",
    "ServiceUnavailable",
    "ToolArgs",
    "UnexpectedResponse",
    "__version__",
    "catalogue",
]
