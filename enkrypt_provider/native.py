"""The native package's resources and functions for programs in Python.

The same classes, arguments and outputs as the dynamic ones, by the plugin `pulumi-resource-enkrypt`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from typing_extensions import Self

from .frontends.package_schema import DYNAMIC, camel, resource
from .program.account import Account
from .program.args import EnkryptDeploymentArgs, EnkryptGuardrailsPolicyArgs, EnkryptModelArgs
from .program.arguments import getter, given_arguments, warn_of_deleted_with
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
    """A registration of one kind, by the native plugin."""

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
        # A stack of the dynamic provider is taken over without a call of the API.
        ours = pulumi.ResourceOptions(aliases=[self._ALIAS])
        if given.get("deletion_protection") is True:
            ours.protect = True  # the engine refuses before anything is changed
        options = self._with_paths(pulumi.ResourceOptions.merge(ours, opts))
        # Not `super()`: the engine takes the line that calls the third `__init__` for the program's.
        pulumi.CustomResource.__init__(self, self._RESOURCE.type, name, self._RESOURCE.inputs(given), options)

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Self:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION` of a model, or `NAME` for version `v1`; `NAME` of a policy or a deployment.
        """
        found = cls.__new__(cls)
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        pulumi.CustomResource.__init__(found, cls._RESOURCE.type, resource_name, cls._RESOURCE.inputs({}), options)
        return found

    @classmethod
    def _with_paths(cls, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """The options with each path in the package's names: `model_config.endpoint` is `modelConfig.endpoint`."""
        for option in ("ignore_changes", "replace_on_changes", "hide_diffs"):
            paths = getattr(opts, option, None)  # an older SDK has no hide_diffs
            if isinstance(paths, list):
                setattr(opts, option, [cls._RESOURCE.path(path) for path in paths])
        return opts


class EnkryptModel(EnkryptModelDeclaration, Registered, kind="EnkryptModel"):
    """A model registered with Enkrypt AI, by the native plugin.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every other
    field changes in place. What can hold a secret is encrypted in the state and is no output, so that
    `model_config.endpoint.host` is plain.
    """

    @property
    def model_version(self) -> pulumi.Output[str]:
        """The version, as a deployment names it."""
        return self.model_config.apply(lambda config: config.model_version)


class EnkryptGuardrailsPolicy(EnkryptGuardrailsPolicyDeclaration, Registered, kind="EnkryptGuardrailsPolicy"):
    """A guardrails policy registered with Enkrypt AI, by the native plugin: as the dynamic one."""


class EnkryptDeployment(EnkryptDeploymentDeclaration, Registered, kind="EnkryptDeployment"):
    """A deployment registered with Enkrypt AI, by the native plugin: as the dynamic one."""


class EnkryptProvider(Account):
    """One account of the API, for `ResourceOptions(provider=…)` and the functions here.

    What is not given here has the default, or comes from the environment, never from the stack's configuration.
    """

    _PACKAGE = "enkrypt"
