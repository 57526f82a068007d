"""The native package's resources and functions for programs in Python.

They have the same classes, arguments and outputs as the dynamic ones, and use the plugin `pulumi-resource-enkrypt`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from typing_extensions import Self

from .frontends.package_schema import DYNAMIC, camel, resource
from .program.account import Account
from .program.args import EnkryptDeploymentArgs, EnkryptGuardrailsPolicyArgs, EnkryptModelArgs
from .program.arguments import getter, given_arguments, naming, warn_of_deleted_with
from .program.declarations import (
    Declaration,
    EnkryptDeploymentDeclaration,
    EnkryptGuardrailsPolicyDeclaration,
    EnkryptModelDeclaration,
)
from .program.native_lookup import (
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
from .program.package_types import ResourceType

__all__ = [
    "EnkryptDeployment",
    "EnkryptDeploymentArgs",
    "EnkryptGuardrailsPolicy",
    "EnkryptGuardrailsPolicyArgs",
    "EnkryptModel",
    "EnkryptModelArgs",
    "EnkryptProvider",
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


# ---- resources


class Registered(pulumi.CustomResource, Declaration):
    """A registration of one kind, managed by the native plugin."""

    _ARGS: ClassVar[type]
    _RESOURCE: ClassVar[ResourceType]
    _ALIAS: ClassVar[pulumi.Alias]

    def __init_subclass__(cls, kind: str = "", **options: Any) -> None:
        """Give a kind's class its outputs; a team's own class inherits them."""
        super().__init_subclass__(**options)
        if kind:
            cls._RESOURCE = ResourceType(resource(kind))
            cls._ALIAS = pulumi.Alias(type_=f"{DYNAMIC}{kind}")
            for name, type_ in cls._RESOURCE.outputs.items():
                setattr(cls, name, getter(name, camel(name), type_))

    def _declare(
        self, name: str, args: object, opts: pulumi.ResourceOptions | None, arguments: dict[str, Any]
    ) -> None:
        warn_of_deleted_with(name, opts, Declaration)
        given = given_arguments(name, self._ARGS, args, arguments)
        # The alias takes over a stack of the dynamic provider without calling the API.
        own = pulumi.ResourceOptions(aliases=[self._ALIAS])
        if given.get("deletion_protection") is True:
            own.protect = True  # the engine refuses before anything is changed
        options = self._with_paths(pulumi.ResourceOptions.merge(own, opts))
        with naming(name):
            inputs = self._RESOURCE.inputs(given)
        # Not `super()`: the SDK reports the caller of the third `__init__` as the program's line.
        pulumi.CustomResource.__init__(self, self._RESOURCE.type, name, inputs, options)

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Self:
        """Read an existing registration that another stack, or nobody, manages. It is never changed.

        `id` is `NAME/VERSION` for a model, or `NAME` for version `v1`; `NAME` for a policy or a deployment.
        """
        found = cls.__new__(cls)
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        pulumi.CustomResource.__init__(found, cls._RESOURCE.type, resource_name, cls._RESOURCE.inputs({}), options)
        return found

    @classmethod
    def _with_paths(cls, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Translate the options' paths to the package's names: `modelConfig.endpoint` for `model_config.endpoint`."""
        for option in ("ignore_changes", "replace_on_changes", "hide_diffs"):
            paths = getattr(opts, option, None)  # an older SDK has no hide_diffs
            if isinstance(paths, list):
                setattr(opts, option, [cls._RESOURCE.path(path) for path in paths])
        return opts


class EnkryptModel(EnkryptModelDeclaration, Registered, kind="EnkryptModel"):
    """A model registered with Enkrypt AI by the native plugin.

    Its id is `NAME/VERSION`. Changing either registers the new model before the old one is deleted; every other
    field is updated in place. Fields that can hold a secret are encrypted in the state and are not outputs, so
    `model_config.endpoint.host` is plain.
    """

    @property
    def model_version(self) -> pulumi.Output[str]:
        """The version, to pass to a deployment's `model_version`."""
        return self.model_config.apply(lambda config: config.model_version)


class EnkryptGuardrailsPolicy(EnkryptGuardrailsPolicyDeclaration, Registered, kind="EnkryptGuardrailsPolicy"):
    """A guardrails policy registered with Enkrypt AI by the native plugin; otherwise like the dynamic class."""


class EnkryptDeployment(EnkryptDeploymentDeclaration, Registered, kind="EnkryptDeployment"):
    """A deployment registered with Enkrypt AI by the native plugin; otherwise like the dynamic class."""


class EnkryptProvider(Account):
    """One account of the API, for `ResourceOptions(provider=…)` and the functions in this module.

    A setting that is not given comes from the environment or has its default; the stack's configuration is not used.
    """

    _PACKAGE = "enkrypt"
