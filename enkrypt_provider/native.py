"""The native package's resources and functions for programs in Python.

The same arguments and outputs as the dynamic `EnkryptModel`, by the plugin `pulumi-resource-enkrypt`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pulumi
from typing_extensions import Unpack

from .frontends.package_schema import DYNAMIC, camel, snake, token
from .program.args import EnkryptModelArgs, EnkryptModelKeywords
from .program.arguments import given_arguments, provider_settings
from .program.outputs import EnkryptModelOutputs
from .program.package_types import RESOURCE, SCHEMA, inputs, output_type, package_path, type_of

if TYPE_CHECKING:
    from .program import outputs

__all__ = [
    "EnkryptModel",
    "EnkryptModelArgs",
    "EnkryptProvider",
    "get_model",
    "get_model_output",
    "list_models",
    "list_models_output",
]


# ---- resources


class EnkryptModel(EnkryptModelOutputs, pulumi.CustomResource):
    """A model registered with Enkrypt AI, by the native plugin.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every other
    field changes in place. What can hold a secret is encrypted in the state and is no output, so that
    `model_config.endpoint.host` is plain.
    """

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

        Raises `TypeError`, in one line, for an argument that does not exist or is missing.
        """
        given = given_arguments(resource_name, EnkryptModelArgs, args, arguments)
        # A stack of the dynamic provider is taken over without a call of the API.
        ours = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=f"{DYNAMIC}EnkryptModel")])
        if given.get("deletion_protection") is True:
            ours.protect = True  # the engine refuses before anything is changed
        super().__init__(
            token("EnkryptModel"),
            resource_name,
            inputs(given),
            _with_paths(pulumi.ResourceOptions.merge(ours, opts)),
        )

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> EnkryptModel:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION`, or `NAME` for version `v1`.
        """
        found = EnkryptModel.__new__(EnkryptModel)
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        pulumi.CustomResource.__init__(found, token("EnkryptModel"), resource_name, inputs({}), options)
        return found


def _with_paths(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """The options with each path in the package's names: `model_config.endpoint` is `modelConfig.endpoint`."""
    for option in ("ignore_changes", "replace_on_changes"):
        paths = getattr(opts, option)
        if isinstance(paths, list):
            setattr(opts, option, [package_path(path) for path in paths])
    return opts


def _getter(name: str, type_: Any) -> property:
    def get(self: pulumi.Resource) -> Any:
        found = pulumi.get(self, name)
        return pulumi.Output.from_input(None) if found is None else found

    get.__annotations__["return"] = pulumi.Output[type_]
    return property(pulumi.getter(name=camel(name))(get))


for _name, _spec in RESOURCE["properties"].items():
    setattr(EnkryptModel, snake(_name), _getter(snake(_name), type_of(_spec)))


class EnkryptProvider(pulumi.ProviderResource):
    """One account of the API, for `ResourceOptions(provider=…)` and the functions here.

    What is not given here has the default, or comes from the environment, never from the stack's configuration.
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
        """Each argument is the setting of that name, see docs/reference.md; `api_key` is always secret."""
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
        super().__init__("enkrypt", resource_name, settings, opts)


# ---- functions


def get_model(name: str, version: str = "v1", *, opts: pulumi.InvokeOptions | None = None) -> outputs.Model:
    """The registration NAME/VERSION of the account, without its secrets. Fails, naming what comes near."""
    found: outputs.Model = _invoke("getModel", {"name": name, "version": version}, opts)
    return found


def get_model_output(
    name: pulumi.Input[str], version: pulumi.Input[str] = "v1", *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[outputs.Model]:
    """`get_model` with Inputs. Where one is an output of a resource, it waits for the resource."""
    return _invoke_output("getModel", {"name": name, "version": version}, opts)


def list_models(name: str = "*", *, opts: pulumi.InvokeOptions | None = None) -> Sequence[outputs.Model]:
    """The registrations whose name matches the pattern (`*` and `?`), in the order of their names."""
    found: Sequence[outputs.Model] = _invoke("listModels", {"name": name}, opts).models
    return found


def list_models_output(
    name: pulumi.Input[str] = "*", *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[Sequence[outputs.Model]]:
    """`list_models` with Inputs."""
    return _invoke_output("listModels", {"name": name}, opts).apply(lambda found: found.models)


def _result_type(function: str) -> type:
    spec = SCHEMA["functions"][token(function)]["outputs"]
    return output_type(token(f"{function}Result"), spec["properties"])


def _invoke(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Any:
    return pulumi.runtime.invoke(token(function), dict(given), opts, typ=_result_type(function)).value


def _invoke_output(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    options: Any = opts or pulumi.InvokeOptions()
    return pulumi.runtime.invoke_output(token(function), dict(given), options, typ=_result_type(function))
