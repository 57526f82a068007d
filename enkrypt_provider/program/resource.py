"""`EnkryptModel` and `EnkryptProvider`: the resources of a program. What can hold a secret is made one here."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, overload

import pulumi
from pulumi.dynamic import Resource
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from typing_extensions import Unpack

from ..frontends.property_values import OWNER
from ..kinds.plain import INEXACT, is_exact
from ..kinds.secrets import is_secret_name
from ..provider import EnkryptModelProvider
from .args import SECRETS, EnkryptModelArgs, EnkryptModelKeywords
from .arguments import WrongArguments, check_names, names_of, required_of
from .outputs import EnkryptModelOutputs


class EnkryptModel(EnkryptModelOutputs, Resource, module="enkrypt", name="EnkryptModel"):
    """A model registered with Enkrypt AI.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every
    other field changes in place. Since its keys are secret, Pulumi treats the output `model_config` as a
    secret as a whole.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """A team's own class declares the same type: to move a model to it changes nothing."""
        super().__init_subclass__(**{**options, "module": "enkrypt", "name": "EnkryptModel"})

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
        _refuse_import(resource_name, opts)
        given = given_arguments(resource_name, args, arguments)
        if given.get("deletion_protection") is True:
            # The engine refuses before anything is changed; the provider could do so only in the middle.
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(protect=True), opts)
        own = {
            OWNER: _owner(self._resource_type_name, resource_name, opts),
            PROVIDER_KEY: serialize_provider(EnkryptModelProvider()),
        }
        # Not `super()`: the engine takes the line that calls the third `__init__` for the program's.
        pulumi.CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            {**_outputs(), **_with_secrets(given), **own},
            opts,
        )

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> EnkryptModel:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION`, or `NAME` for version `v1`. `model_config` is secret as a whole.
        """
        ours = pulumi.ResourceOptions(id=id, additional_secret_outputs=["model_config"])
        found = EnkryptModel.__new__(EnkryptModel)
        Resource.__init__(
            found,
            EnkryptModelProvider(),
            resource_name,
            _outputs(),
            pulumi.ResourceOptions.merge(opts, ours),
        )
        return found


def _refuse_import(resource_name: str, opts: pulumi.ResourceOptions | None) -> None:
    if opts and opts.import_ is not None:
        raise WrongArguments(
            f"{resource_name}: the engine cannot import a dynamic resource: leave out import_, and run "
            f"`python -m enkrypt_provider import --name {str(opts.import_).partition('/')[0]}`"
        )


def given_arguments(resource_name: str, args: EnkryptModelArgs | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, however they are given. Raises `WrongArguments`."""
    if args is None:
        check_names(resource_name, arguments, names_of(EnkryptModelArgs), required_of(EnkryptModelArgs))
    elif arguments:
        raise WrongArguments(f"{resource_name}: give either args or keywords, not both")
    return {name: value for name, value in (vars(args) if args else arguments).items() if value is not None}


def _outputs() -> dict[str, Any]:
    """Every output, which must be named to exist; the engine fills it in."""
    return {name: None for name, value in vars(EnkryptModelOutputs).items() if isinstance(value, property)}


def _owner(type_: str, name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Output[Any]:
    """Return ORGANIZATION/URN, for `check`, which the host does not tell whose inputs it gets."""
    urn = pulumi.create_urn(name, f"pulumi-python:{type_}", opts.parent if opts else None)

    async def owner() -> str:
        # Awaited, not applied: to depend on a parent is to depend on its children, this one too.
        return f"{pulumi.get_organization() or 'organization'}/{await urn.future()}"

    return pulumi.Output.from_input(owner())


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
        given = {
            "apiKey": None if api_key is None else pulumi.Output.secret(api_key),
            "endpoint": endpoint,
            "dialect": dialect,
            "timeout": timeout,
            "maxRetries": max_retries,
            "checkOnline": check_online,
            "requireHttps": require_https,
            "rateLimit": rate_limit,
        }
        # The engine takes a provider's settings as strings.
        self.settings = {
            f"enkrypt:{name}": pulumi.Output.from_input(value).apply(_as_setting)
            for name, value in given.items()
            if value is not None
        }
        super().__init__("pulumi-python", resource_name, dict(self.settings), opts)


def _as_setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- secrets


def _with_secrets(value: Any, place: str = "") -> Any:
    """`value` with what can hold a secret made secret, wherever it comes from and whatever its form."""
    if isinstance(value, Awaitable) and not isinstance(value, pulumi.Output):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        return value.apply(lambda known: _with_secrets(known, place))
    if names_of(type(value)):
        value = {name: item for name, item in vars(value).items() if item is not None}
    if isinstance(value, Mapping):
        return {name: _hidden(item, name, f"{place}.{name}".removeprefix(".")) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_secrets(item, place) for item in value]
    if isinstance(value, int) and not is_exact(value):
        raise WrongArguments(f"{place}: {INEXACT}")
    return value


def _hidden(value: Any, name: str, place: str) -> Any:
    is_empty = value is None or value in ("", [], {}) if isinstance(value, str | list | dict | None) else False
    if is_empty or not (place in SECRETS or is_secret_name(str(name))):
        return _with_secrets(value, place)
    return pulumi.Output.secret(value)
