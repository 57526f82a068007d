"""Enkrypt AI model registrations as Pulumi resources."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from . import catalogue
    from .program.args import (
        AuthDataArgs,
        ContextArgs,
        EndpointArgs,
        EnkryptModelArgs,
        GeminiArgs,
        HeaderArgs,
        JwtConfigArgs,
        MetadataArgs,
        ModelConfigArgs,
        PathsArgs,
        ToolArgs,
    )
    from .program.lookup import get_model, get_model_output, list_models, list_models_output
    from .program.resource import EnkryptModel, EnkryptProvider

__version__ = "0.2.0"

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

_LATER = {
    **dict.fromkeys((name for name in __all__ if name.endswith("Args")), "program.args"),
    **dict.fromkeys(("EnkryptModel", "EnkryptProvider"), "program.resource"),
    **dict.fromkeys(("get_model", "get_model_output", "list_models", "list_models_output"), "program.lookup"),
    "catalogue": "catalogue",
    "outputs": "program.outputs",
}


def __getattr__(name: str) -> Any:
    # Look-ups need pydantic and an HTTP client, the provider's process no resource: only who uses them waits.
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LATER[name]}", __name__)
    return getattr(module, name, module)
