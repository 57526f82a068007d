"""The native package in Python, built from its schema: output classes, argument names, function calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi

from ..frontends.package_schema import package, snake, token
from .arguments import walked

SCHEMA: Final = package()


def _object(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the properties of a property's object type, or of its items'; None for any other type."""
    spec = spec.get("items", spec)
    name = spec.get("$ref", "").rpartition("/")[2]
    found = SCHEMA["types"].get(name, {})
    return (name, found["properties"]) if found.get("type") == "object" else None


def _places(properties: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """For each object with fixed names, yield its dotted path and the package's name for each Python name."""
    yield place, {snake(name): name for name in properties}
    for name, spec in properties.items():
        if inner := _object(spec):
            yield from _places(inner[1], f"{place}.{snake(name)}".removeprefix("."))


_PRIMITIVES: Final[Mapping[str, type]] = {"string": str, "boolean": bool, "integer": int, "number": float}
_types: dict[str, type] = {}


def type_of(spec: Mapping[str, Any]) -> Any:
    """The Python type of an output, from its property in the schema."""
    if spec["type"] == "array":
        return Sequence[type_of(spec["items"])]  # type: ignore[misc]  # a type built at run time
    if inner := _object(spec):
        return output_type(*inner)
    return Mapping[str, Any] if spec["type"] == "object" else _PRIMITIVES[spec["type"]]


def output_type(name: str, properties: Mapping[str, Any]) -> type:
    """The class for an object type of the schema: as in outputs.py, but with the package's names."""
    if name not in _types:
        types = {snake(each): type_of(spec) for each, spec in properties.items()}
        members = {snake(each): pulumi.property(each, default=None) for each in properties}
        made = type(name.rpartition(":")[2], (dict,), {"__annotations__": types, **members, "__module__": __name__})
        _types[name] = pulumi.output_type(made)
    return _types[name]


def _inputs_type(properties: Mapping[str, Any]) -> type:
    members = {snake(each): pulumi.property(each, default=None) for each in properties}
    types = dict.fromkeys(members, Any)
    return pulumi.input_type(type("Inputs", (), {"__annotations__": types, **members, "__module__": __name__}))


class ResourceType:
    """A resource in the schema, looked up by its type."""

    def __init__(self, type_: str) -> None:
        spec = SCHEMA["resources"][type_]
        self.type = type_
        self.outputs: Final = {snake(name): type_of(property_) for name, property_ in spec["properties"].items()}
        self._names = dict(_places(spec["inputProperties"]))
        self._inputs = _inputs_type(spec["inputProperties"])

    def inputs(self, given: Mapping[str, Any]) -> Any:
        """Return the arguments, plus None for every output: the SDK creates only the outputs named here."""
        found = self._inputs()
        in_package = {name: walked(value, name, self._in_package) for name, value in given.items()}
        found.__dict__.update(dict.fromkeys(self.outputs) | in_package)
        return found

    def path(self, path: str) -> str:
        """Return `modelConfig.endpoint` for `model_config.endpoint`."""
        steps, place = path.split("."), ""
        for number, step in enumerate(steps):
            name, bracket, index = step.partition("[")
            steps[number] = self._names.get(place, {}).get(name, name) + bracket + index
            place = f"{place}.{name}".removeprefix(".")
        return ".".join(steps)

    def _in_package(self, value: Any, place: str) -> Any:
        """Return a value with the package's names."""
        if not isinstance(value, Mapping):
            return value
        names = self._names.get(place, {})
        return {
            names.get(name, name): walked(item, f"{place}.{name}".removeprefix("."), self._in_package)
            for name, item in value.items()
        }


# ---- functions


def invoke(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Any:
    """Call a function now and return its typed result."""
    return pulumi.runtime.invoke(token(function), dict(given), opts, typ=_result_type(function)).value


def invoke_output(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    """Call a function once its inputs are known and the resources they depend on exist."""
    options: Any = opts or pulumi.InvokeOptions()
    return pulumi.runtime.invoke_output(token(function), dict(given), options, typ=_result_type(function))


def _result_type(function: str) -> type:
    spec = SCHEMA["functions"][token(function)]["outputs"]
    return output_type(token(f"{function}Result"), spec["properties"])
