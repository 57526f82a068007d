"""Enkrypt AI models, guardrails policies and deployments as Pulumi resources."""

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
    from .program.account import EnkryptProvider
    from .program.args import (
        AuthDataArgs,
        BlockingDetectorArgs,
        ContextArgs,
        DetectorArgs,
        DetectorsArgs,
        EndpointArgs,
        EnkryptDeploymentArgs,
        EnkryptGuardrailsPolicyArgs,
        EnkryptModelArgs,
        GeminiArgs,
        HeaderArgs,
        InjectionAttackDetectorArgs,
        InputAdditionalConfigArgs,
        InputPolicyArgs,
        JwtConfigArgs,
        KeywordDetectorArgs,
        MetadataArgs,
        ModelConfigArgs,
        OutputAdditionalConfigArgs,
        OutputPolicyArgs,
        PathsArgs,
        PiiDetectorArgs,
        PolicyRuleArgs,
        PolicyViolationDetectorArgs,
        RuleMappingArgs,
        SystemPromptDetectorArgs,
        ToolArgs,
        TopicDetectorArgs,
    )
    from .program.lookup import (
        get_deployment,
        get_deployment_output,
        get_guardrails_policy,
        get_guardrails_policy_output,
        get_model,
        get_model_output,
        list_deployments,
        list_deployments_output,
        list_guardrails_policies,
        list_guardrails_policies_output,
        list_models,
        list_models_output,
    )
    from .program.resource import EnkryptDeployment, EnkryptGuardrailsPolicy, EnkryptModel

__version__ = "0.2.0"

__all__ = [
    "AuthDataArgs",
    "AuthenticationFailed",
    "BlockingDetectorArgs",
    "ConfigurationError",
    "ContextArgs",
    "DeletionProtected",
    "DetectorArgs",
    "DetectorsArgs",
    "EndpointArgs",
    "EnkryptDeployment",
    "EnkryptDeploymentArgs",
    "EnkryptError",
    "EnkryptGuardrailsPolicy",
    "EnkryptGuardrailsPolicyArgs",
    "EnkryptModel",
    "EnkryptModelArgs",
    "EnkryptProvider",
    "GeminiArgs",
    "HeaderArgs",
    "InjectionAttackDetectorArgs",
    "InputAdditionalConfigArgs",
    "InputPolicyArgs",
    "JwtConfigArgs",
    "KeywordDetectorArgs",
    "MetadataArgs",
    "ModelConfigArgs",
    "ModelExists",
    "ModelNotFound",
    "ModelUnhealthy",
    "OutputAdditionalConfigArgs",
    "OutputPolicyArgs",
    "PathsArgs",
    "PiiDetectorArgs",
    "PolicyRuleArgs",
    "PolicyViolationDetectorArgs",
    "RequestRejected",
    "RuleMappingArgs",
    "ServiceUnavailable",
    "SystemPromptDetectorArgs",
    "ToolArgs",
    "TopicDetectorArgs",
    "UnexpectedResponse",
    "__version__",
    "catalogue",
    "get_deployment",
    "get_deployment_output",
    "get_guardrails_policy",
    "get_guardrails_policy_output",
    "get_model",
    "get_model_output",
    "list_deployments",
    "list_deployments_output",
    "list_guardrails_policies",
    "list_guardrails_policies_output",
    "list_models",
    "list_models_output",
]

_LATER = {
    **dict.fromkeys((name for name in __all__ if name.endswith("Args")), "program.args"),
    **dict.fromkeys(("EnkryptDeployment", "EnkryptGuardrailsPolicy", "EnkryptModel"), "program.resource"),
    "EnkryptProvider": "program.account",
    **dict.fromkeys((name for name in __all__ if name.startswith(("get_", "list_"))), "program.lookup"),
    "catalogue": "catalogue",
    "outputs": "program.outputs",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: look-ups need pydantic and an HTTP client, and the provider's process needs no resources.
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LATER[name]}", __name__)
    return getattr(module, name, module)
