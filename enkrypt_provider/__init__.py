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
    EndpointArgs,
    EnkryptModel,
    EnkryptModelArgs,
    GeminiArgs,
    MetadataArgs,
    ModelConfigArgs,
    PathsArgs,
)

__version__ = "0.1.0"

__all__ = [
    "AuthDataArgs",
    "AuthenticationFailed",
    "ConfigurationError",
    "EndpointArgs",
    "EnkryptError",
    "EnkryptModel",
    "EnkryptModelArgs",
    "GeminiArgs",
    "MetadataArgs",
    "ModelConfigArgs",
    "ModelExists",
    "ModelNotFound",
    "PathsArgs",
    "RequestRejected",
    "ServiceUnavailable",
    "UnexpectedResponse",
    "__version__",
    "catalogue",
]
