"""The native package in Python, made of its schema: outputs by class, arguments by name, calls of functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi

from ..frontends.package_schema import package, snake, token
from .arguments import walked

SCHEMA: Final = package()


def _object(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the properties of the object that a property, or each of its items, is."""
    spec = spec.get("items", spec)
    name = spec.get("$ref", "").rpartition("/")[2]
    found = SCHEMA["types"].get(name, {})
    return (name, found["properties"]) if found.get("type") == "object" else None


def _places(properties: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """By the dotted path of each object with fixed names: the package's name of each of Python's."""
    yield place, {snake(name): name for name in properties}
    for name, spec in properties.items():
        if inner := _object(spec):
            yield from _places(inner[1], f"{place}.{snake(name)}".removeprefix("."))


_PRIMITIVES: Final[Mapping[str, type]] = {"string": str, "boolean": bool, "integer": int, "number": float}
_types: dict[str, type] = {}


def type_of(spec: Mapping[str, Any]) -> Any:
    """The type of an output, by its property in the schema."""
    if spec["type"] == "array":
        return Sequence[type_of(spec["items"])]  # type: ignore[misc]  # a type made at run time
    if inner := _object(spec):
        return output_type(*inner)
    return Mapping[str, Any] if spec["type"] == "object" else _PRIMITIVES[spec["type"]]


def output_type(name: str, properties: Mapping[str, Any]) -> type:
    """The class of an object of the schema: what outputs.py has, in the package's names."""
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
    """A resource of the schema, by its type."""

    def __init__(self, type_: str) -> None:
        spec = SCHEMA["resources"][type_]
        self.type = type_
        self.outputs: Final = {snake(name): type_of(property_) for name, property_ in spec["properties"].items()}
        self._names = dict(_places(spec["inputProperties"]))
        self._inputs = _inputs_type(spec["inputProperties"])

    def inputs(self, given: Mapping[str, Any]) -> Any:
        """The arguments, and each output by its name, which must be named to exist."""
        found = self._inputs()
        in_package = {name: walked(value, name, self._in_package) for name, value in given.items()}
        found.__dict__.update(dict.fromkeys(self.outputs) | in_package)
        return found

    def path(self, path: str) -> str:
        """`model_config.endpoint` as `modelConfig.endpoint`."""
        steps, place = path.split("."), ""
        for number, step in enumerate(steps):
            name, bracket, index = step.partition("[")
            steps[number] = self._names.get(place, {}).get(name, name) + bracket + index
            place = f"{place}.{name}".removeprefix(".")
        return ".".join(steps)

    def _in_package(self, value: Any, place: str) -> Any:
        """A value in the package's names."""
        if not isinstance(value, Mapping):
            return value
        names = self._names.get(place, {})
        return {
            names.get(name, name): walked(item, f"{place}.{name}".removeprefix("."), self._in_package)
            for name, item in value.items()
        }


# ---- functions


def invoke(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Any:
    """Call it now, and return its typed result."""
    return pulumi.runtime.invoke(token(function), dict(given), opts, typ=_result_type(function)).value


def invoke_output(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    """Call it once the inputs are known, and what they depend on is there."""
    options: Any = opts or pulumi.InvokeOptions()
    return pulumi.runtime.invoke_output(token(function), dict(given), options, typ=_result_type(function))


def _result_type(function: str) -> type:
    spec = SCHEMA["functions"][token(function)]["outputs"]
    return output_type(token(f"{function}Result"), spec["properties"])
