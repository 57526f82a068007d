"""The resources of a program: one class for each kind, and `EnkryptProvider` for an account."""

from __future__ import annotations

from typing import Any, overload

import pulumi
from typing_extensions import Unpack

from ..provider import EnkryptDeploymentProvider, EnkryptGuardrailsPolicyProvider, EnkryptModelProvider
from .args import (
    EnkryptDeploymentArgs,
    EnkryptDeploymentKeywords,
    EnkryptGuardrailsPolicyArgs,
    EnkryptGuardrailsPolicyKeywords,
    EnkryptModelArgs,
    EnkryptModelKeywords,
)
from .arguments import provider_settings
from .outputs import EnkryptDeploymentOutputs, EnkryptGuardrailsPolicyOutputs, EnkryptModelOutputs
from .registered import Registered, read_registered


class EnkryptModel(EnkryptModelOutputs, Registered):
    """A model registered with Enkrypt AI.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every
    other field changes in place. Since its keys are secret, Pulumi treats the output `model_config` as a
    secret as a whole.
    """

    _KIND = "EnkryptModel"
    _ARGS = EnkryptModelArgs
    _OUTPUTS = EnkryptModelOutputs
    _PROVIDER = EnkryptModelProvider

    @overload
    def __init__(
        self, resource_name: str, args: EnkryptModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        *,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Unpack[EnkryptModelKeywords],
    ) -> None: ...

    def __init__(
        self,
        resource_name: str,
        args: EnkryptModelArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Any,
    ) -> None:
        """Declares a model: by `EnkryptModelArgs`, or by the same arguments as keywords.

        Raises `TypeError`, in one line, for an argument that does not exist or is missing; every other mistake is
        found by `check`, at preview.
        """
        self._declare(resource_name, args, opts, arguments)

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> EnkryptModel:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION`, or `NAME` for version `v1`. `model_config` is secret as a whole.
        """
        return read_registered(EnkryptModel, resource_name, id, opts, "model_config")

    @property
    def model_version(self) -> pulumi.Output[str]:
        """The version, as a deployment names it: no secret, unlike the output `model_config`."""
        return self.id.apply(lambda id_: id_.partition("/")[2])

    @staticmethod
    def _instead_of_import(id_: str) -> str:
        return f"run `enkrypt-provider import --name {id_.partition('/')[0]}`"


class EnkryptGuardrailsPolicy(EnkryptGuardrailsPolicyOutputs, Registered):
    """A guardrails policy registered with Enkrypt AI: a named set of detectors.

    Its id is its name. A change of the name registers the new policy before the old one is deleted; every other
    field changes in place. A detector that is not declared is switched off when the policy is written, and not
    compared with what the API says.
    """

    _KIND = "EnkryptGuardrailsPolicy"
    _ARGS = EnkryptGuardrailsPolicyArgs
    _OUTPUTS = EnkryptGuardrailsPolicyOutputs
    _PROVIDER = EnkryptGuardrailsPolicyProvider

    @overload
    def __init__(
        self, resource_name: str, args: EnkryptGuardrailsPolicyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        *,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Unpack[EnkryptGuardrailsPolicyKeywords],
    ) -> None: ...

    def __init__(
        self,
        resource_name: str,
        args: EnkryptGuardrailsPolicyArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Any,
    ) -> None:
        """Declares a policy: by `EnkryptGuardrailsPolicyArgs`, or by the same arguments as keywords.

        Raises `TypeError`, in one line, for an argument that does not exist or is missing; every other mistake is
        found by `check`, at preview.
        """
        self._declare(resource_name, args, opts, arguments)

    @staticmethod
    def get(
        resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> EnkryptGuardrailsPolicy:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is the name.
        """
        return read_registered(EnkryptGuardrailsPolicy, resource_name, id, opts)


class EnkryptDeployment(EnkryptDeploymentOutputs, Registered):
    """A deployment registered with Enkrypt AI: a model, and the guardrails policies that protect it.

    Its id is its name, which no other project of the account may have. A change of the name deletes the old
    deployment before the new one is registered; every other field changes in place. Give it the names as outputs of
    the model and the policies, so that they are registered before it and deleted after it: the API does not see to
    that.
    """

    _KIND = "EnkryptDeployment"
    _ARGS = EnkryptDeploymentArgs
    _OUTPUTS = EnkryptDeploymentOutputs
    _PROVIDER = EnkryptDeploymentProvider

    @overload
    def __init__(
        self, resource_name: str, args: EnkryptDeploymentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        *,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Unpack[EnkryptDeploymentKeywords],
    ) -> None: ...

    def __init__(
        self,
        resource_name: str,
        args: EnkryptDeploymentArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Any,
    ) -> None:
        """Declares a deployment: by `EnkryptDeploymentArgs`, or by the same arguments as keywords.

        Raises `TypeError`, in one line, for an argument that does not exist or is missing; every other mistake is
        found by `check`, at preview.
        """
        self._declare(resource_name, args, opts, arguments)

    @staticmethod
    def get(
        resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> EnkryptDeployment:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is the name.
        """
        return read_registered(EnkryptDeployment, resource_name, id, opts)


class EnkryptProvider(pulumi.ProviderResource):
    """One account of the API, for `ResourceOptions(provider=…)` and the look-ups of lookup.py.

    What is not given here has the default, or comes from the environment, never from the stack's configuration.
    A changed key shows as an update of the provider. A model's provider is part of its identity to Pulumi: to
    move a model to another account is to replace it.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        api_key: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        dialect: pulumi.Input[str] | None = None,
        timeout: pulumi.Input[float] | None = None,
        max_retries: pulumi.Input[int] | None = None,
        check_online: pulumi.Input[bool] | None = None,
        require_https: pulumi.Input[bool] | None = None,
        rate_limit: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Each argument is the setting of that name, see settings.py; `api_key` is always secret."""
        settings = provider_settings(
            apiKey=None if api_key is None else pulumi.Output.secret(api_key),
            endpoint=endpoint,
            dialect=dialect,
            timeout=timeout,
            maxRetries=max_retries,
            checkOnline=check_online,
            requireHttps=require_https,
            rateLimit=rate_limit,
        )
        self.settings = {f"enkrypt:{name}": value for name, value in settings.items()}
        super().__init__("pulumi-python", resource_name, dict(self.settings), opts)
