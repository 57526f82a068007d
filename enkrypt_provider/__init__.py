"""Enkrypt AI model registrations as Pulumi resources."""

from . import catalogue
from .errors import (
    AuthenticationFailed,
    ConfigurationError,
    DeletionProtected,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    ModelUnhealthy,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from .lookup import get_model, get_model_output, list_models, list_models_output
from .resource import (
    AuthDataArgs,
    ContextArgs,
    EndpointArgs,
    EnkryptModel,
    EnkryptModelArgs,
    EnkryptProvider,
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
    "DeletionProtected",
    "EndpointArgs",
    "EnkryptError",
    "EnkryptModel",
    "EnkryptModelArgs",
    "EnkryptProvider",
    "GeminiArgs",
    "HeaderArgs",
    "JwtConfigArgs",
    "MetadataArgs",
    "ModelConfigArgs",
    "ModelExists",
    "ModelNotFound",
    "ModelUnhealthy",
    "PathsArgs",
    "RequestRejected",
    "ServiceUnavailable",
    "ToolArgs",
    "UnexpectedResponse",
    "__version__",
    "catalogue",
    "get_model",
    "get_model_output",
    "list_models",
    "list_models_output",
]
