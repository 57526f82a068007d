"""The native package's resources and functions for programs in Python: `enkrypt_provider.native`.

The same arguments and outputs as the dynamic `EnkryptModel`, by the plugin `pulumi-resource-enkrypt`. Names and types
are those of the package's schema.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

import pulumi

from .frontends.package_schema import camel, package, snake, token
from .program import args as arguments
from .program.args import EnkryptModelArgs, ModelConfigArgs

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

DYNAMIC: Final = "pulumi-python:dynamic/enkrypt:EnkryptModel"
_SCHEMA: Final = package()
_RESOURCE: Final = _SCHEMA["resources"][token("EnkryptModel")]
_ARGUMENTS: Final = tuple(found for name, found in vars(arguments).items() if name.endswith("Args"))


# ---- types


def _object(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the properties of the object that a property, or each of its items, is."""
    spec = spec.get("items", spec)
    name = spec.get("$ref", "").rpartition("/")[2]
    found = _SCHEMA["types"].get(name, {})
    return (name, found["properties"]) if found.get("type") == "object" else None


def _places(properties: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """By the dotted path of each object with fixed names: the package's name of each of Python's."""
    yield place, {snake(name): name for name in properties}
    for name, spec in properties.items():
        if inner := _object(spec):
            yield from _places(inner[1], f"{place}.{snake(name)}".removeprefix("."))


_NAMES: Final = dict(_places(_RESOURCE["inputProperties"]))
_PRIMITIVES: Final[Mapping[str, type]] = {"string": str, "boolean": bool, "integer": int, "number": float}
_types: dict[str, type] = {}


def _type(spec: Mapping[str, Any]) -> Any:
    if spec["type"] == "array":
        return Sequence[_type(spec["items"])]  # type: ignore[misc]
    if inner := _object(spec):
        return _output_type(*inner)
    return Mapping[str, Any] if spec["type"] == "object" else _PRIMITIVES[spec["type"]]


def _output_type(name: str, properties: Mapping[str, Any]) -> type:
    """The typed outputs of an object of the schema: what outputs.py has, in the package's names."""
    if name not in _types:
        types = {snake(each): _type(spec) for each, spec in properties.items()}
        members = {snake(each): pulumi.property(each, default=None) for each in properties}
        made = type(name.rpartition(":")[2], (dict,), {"__annotations__": types, **members, "__module__": __name__})
        _types[name] = pulumi.output_type(made)
    return _types[name]


def _inputs_type(properties: Mapping[str, Any]) -> type:
    members = {snake(each): pulumi.property(each, default=None) for each in properties}
    types = dict.fromkeys(members, Any)
    return pulumi.input_type(type("Inputs", (), {"__annotations__": types, **members, "__module__": __name__}))


_INPUTS: Final = _inputs_type(_RESOURCE["inputProperties"])


def _in_package(value: Any, place: str = "") -> Any:
    """A program's arguments in the package's names, whatever is another resource's output."""
    if isinstance(value, Awaitable) and not isinstance(value, pulumi.Output):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        return value.apply(lambda known: _in_package(known, place))
    if isinstance(value, list | tuple):
        return [_in_package(item, place) for item in value]
    names = _NAMES.get(place, {})
    if isinstance(value, _ARGUMENTS):
        value = {name: item for name, item in vars(value).items() if item is not None}
    if not isinstance(value, Mapping):
        return value
    return {
        names.get(name, name): _in_package(item, f"{place}.{name}".removeprefix(".")) for name, item in value.items()
    }


# ---- resources


class EnkryptModel(pulumi.CustomResource):
    """A model registered with Enkrypt AI, by the native plugin.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every other
    field changes in place. What can hold a secret is encrypted in the state and is no output, so that
    `model_config.endpoint.host` is plain.
    """

    if TYPE_CHECKING:
        model_saved_name: pulumi.Output[str]
        model_config: pulumi.Output[outputs.ModelConfig]
        model_name: pulumi.Output[str]
        testing_for: pulumi.Output[str]
        model_type: pulumi.Output[str]
        certifications: pulumi.Output[Sequence[str]]
        model_id: pulumi.Output[int]
        project_name: pulumi.Output[str]
        created_at: pulumi.Output[str]
        updated_at: pulumi.Output[str]
        adopt_existing: pulumi.Output[bool | None]
        deletion_protection: pulumi.Output[bool | None]
        verify_health: pulumi.Output[bool | None]

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
        model_saved_name: pulumi.Input[str],
        model_config: pulumi.Input[pulumi.InputType[ModelConfigArgs]],
        model_name: pulumi.Input[str] | None = None,
        testing_for: pulumi.Input[str] | None = None,
        model_type: pulumi.Input[str] | None = None,
        certifications: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        adopt_existing: pulumi.Input[bool] | None = None,
        deletion_protection: pulumi.Input[bool] | None = None,
        verify_health: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(
        self,
        resource_name: str,
        args: EnkryptModelArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **properties: Any,
    ) -> None:
        """Declares a model: by `EnkryptModelArgs`, or by the same arguments as keywords."""
        if args is None:
            args = EnkryptModelArgs(**properties)
        elif properties:
            raise TypeError("give either args or keywords, not both")
        given = {name: value for name, value in vars(args).items() if value is not None}
        # A stack of the dynamic provider is taken over without a call of the API.
        ours = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=DYNAMIC)])
        if given.get("deletion_protection") is True:
            ours.protect = True  # the engine refuses before anything is changed
        super().__init__(
            token("EnkryptModel"),
            resource_name,
            _inputs(given),
            _with_paths(pulumi.ResourceOptions.merge(ours, opts)),
        )

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> EnkryptModel:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION`, or `NAME` for version `v1`.
        """
        found = EnkryptModel.__new__(EnkryptModel)
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        pulumi.CustomResource.__init__(found, token("EnkryptModel"), resource_name, _inputs({}), options)
        return found


def _inputs(given: Mapping[str, Any]) -> Any:
    """The arguments, and each output by its name, which must be named to exist."""
    inputs = _INPUTS()
    in_package = {name: _in_package(value, name) for name, value in given.items()}
    inputs.__dict__.update({snake(name): None for name in _RESOURCE["properties"]} | in_package)
    return inputs


def _with_paths(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """The options with each path in the package's names: `model_config.endpoint` is `modelConfig.endpoint`."""
    for option in ("ignore_changes", "replace_on_changes"):
        paths = getattr(opts, option)
        if isinstance(paths, list):
            setattr(opts, option, [_path(path) for path in paths])
    return opts


def _path(path: str) -> str:
    steps, place = path.split("."), ""
    for number, step in enumerate(steps):
        name, bracket, index = step.partition("[")
        steps[number] = _NAMES.get(place, {}).get(name, name) + bracket + index
        place = f"{place}.{name}".removeprefix(".")
    return ".".join(steps)


def _getter(name: str, type_: Any) -> property:
    def get(self: pulumi.Resource) -> Any:
        found = pulumi.get(self, name)
        return pulumi.Output.from_input(None) if found is None else found

    get.__annotations__["return"] = pulumi.Output[type_]
    return property(pulumi.getter(name=camel(name))(get))


for _name, _spec in _RESOURCE["properties"].items():
    setattr(EnkryptModel, snake(_name), _getter(snake(_name), _type(_spec)))


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
        settings = {
            name: pulumi.Output.from_input(value).apply(_as_setting)
            for name, value in given.items()
            if value is not None
        }
        super().__init__("enkrypt", resource_name, settings, opts)


def _as_setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    spec = _SCHEMA["functions"][token(function)]["outputs"]
    return _output_type(token(f"{function}Result"), spec["properties"])


def _invoke(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Any:
    return pulumi.runtime.invoke(token(function), dict(given), opts, typ=_result_type(function)).value


def _invoke_output(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    options: Any = opts or pulumi.InvokeOptions()
    return pulumi.runtime.invoke_output(token(function), dict(given), options, typ=_result_type(function))
