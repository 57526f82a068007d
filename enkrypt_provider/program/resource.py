"""The resources of a program: one class for each kind, and `EnkryptProvider` for an account."""

from __future__ import annotations

import pulumi

from ..provider import EnkryptDeploymentProvider, EnkryptGuardrailsPolicyProvider, EnkryptModelProvider
from .arguments import provider_settings
from .declarations import EnkryptDeploymentDeclaration, EnkryptGuardrailsPolicyDeclaration, EnkryptModelDeclaration
from .registered import Registered


class EnkryptModel(EnkryptModelDeclaration, Registered):
    """A model registered with Enkrypt AI.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every
    other field changes in place. Since its keys are secret, Pulumi treats the output `model_config` as a
    secret as a whole.
    """

    _KIND = "EnkryptModel"
    _PROVIDER = EnkryptModelProvider
    _SECRET_OUTPUTS = ("model_config",)

    @property
    def model_version(self) -> pulumi.Output[str]:
        """The version, as a deployment names it: no secret, unlike the output `model_config`."""
        return self.id.apply(lambda id_: id_.partition("/")[2])

    @staticmethod
    def _instead_of_import(id_: str) -> str:
        return f"run `python -m enkrypt_provider import --name {id_.partition('/')[0]}`"


class EnkryptGuardrailsPolicy(EnkryptGuardrailsPolicyDeclaration, Registered):
    """A guardrails policy registered with Enkrypt AI: a named set of detectors.

    Its id is its name. A change of the name registers the new policy before the old one is deleted; every other
    field changes in place. A detector that is not declared is switched off when the policy is written, and not
    compared with what the API says.
    """

    _KIND = "EnkryptGuardrailsPolicy"
    _PROVIDER = EnkryptGuardrailsPolicyProvider


class EnkryptDeployment(EnkryptDeploymentDeclaration, Registered):
    """A deployment registered with Enkrypt AI: a model, and the guardrails policies that protect it.

    Its id is its name, which no other project of the account may have. A change of the name deletes the old
    deployment before the new one is registered; every other field changes in place. Give it the names as outputs of
    the model and the policies, so that they are registered before it and deleted after it: the API does not see to
    that.
    """

    _KIND = "EnkryptDeployment"
    _PROVIDER = EnkryptDeploymentProvider


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
