"""Renders a declaration in four languages, for the native package's reference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from enkrypt_provider.frontends.package_schema import DYNAMIC, package, snake, token

Json = Any
SCHEMA: Final = package()
TAB: Final = "    "


@dataclass(frozen=True)
class Output:
    """An output of another resource."""

    resource: str
    name: str


EXAMPLES: Final[Mapping[str, tuple[str, Mapping[str, Json]]]] = {
    token("EnkryptModel"): (
        "model",
        {
            "modelSavedName": "support",
            "modelConfig": {
                "isCompatibleWith": "openai",
                "endpoint": {"host": "llm.example.com", "basePath": "/v1"},
                "systemPrompt": "Be brief.",
            },
        },
    ),
    token("GuardrailsPolicy"): (
        "policy",
        {
            "name": "support",
            "detectors": {
                "injectionAttack": {"enabled": True},
                "topicDetector": {"enabled": True, "topic": ["medical advice"]},
            },
        },
    ),
    token("Deployment"): (
        "deployment",
        {
            "name": "support",
            "modelSavedName": Output("model", "modelSavedName"),
            "inputGuardrailsPolicy": {
                "policyName": Output("policy", "name"),
                "enabled": True,
                "block": ["injection_attack"],
            },
        },
    ),
}
"""By resource type: the name of the variable in the program, and the inputs."""


def snippets(type_: str) -> Iterator[tuple[str, str, str]]:
    """Yield a resource's declaration in each language: the language, the name of its highlighting, the text."""
    variable, inputs = EXAMPLES[type_]
    short = type_.rpartition(":")[2]
    spec = SCHEMA["resources"][type_]
    python_class = spec["aliases"][0]["type"].removeprefix(DYNAMIC)
    arguments = "".join(f"{TAB}{snake(name)}={_python(value, 1)},\n" for name, value in inputs.items())
    yield "Python", "python", f'{variable} = native.{python_class}(\n{TAB}"support",\n{arguments})'
    yield "TypeScript", "typescript", f'const {variable} = new enkrypt.{short}("support", {_typescript(inputs, 0)});'
    given = _go_fields(inputs, spec["inputProperties"], 0)
    yield "Go", "go", f'{variable}, err := enkrypt.New{short}(ctx, "support", &enkrypt.{short}Args{given})'
    yield "YAML", "yaml", f"{variable}:\n  type: {type_.replace(':index', '')}\n  properties:\n{_yaml(inputs, 2)}"


def _python(value: Json, depth: int) -> str:
    if isinstance(value, Output):
        return f"{value.resource}.{snake(value.name)}"
    if isinstance(value, Mapping):
        names = {json.dumps(snake(name)): item for name, item in value.items()}
        return _block([f"{name}: {_python(item, depth + 1)}," for name, item in names.items()], depth)
    return repr(value) if isinstance(value, bool) else json.dumps(value)


def _typescript(value: Json, depth: int) -> str:
    if isinstance(value, Output):
        return f"{value.resource}.{value.name}"
    if isinstance(value, Mapping):
        return _block([f"{name}: {_typescript(item, depth + 1)}," for name, item in value.items()], depth)
    return json.dumps(value)


def _go_fields(values: Mapping[str, Json], properties: Mapping[str, Json], depth: int) -> str:
    lines = [
        f"{name[:1].upper()}{name[1:]}: {_go(value, properties[name], depth + 1)}," for name, value in values.items()
    ]
    return _block(lines, depth, "\t")


def _go(value: Json, spec: Mapping[str, Json], depth: int) -> str:
    if isinstance(value, Output):
        return f"{value.resource}.{value.name[:1].upper()}{value.name[1:]}"
    if isinstance(value, Mapping):
        type_ = spec["$ref"].rpartition("/")[2]
        properties = SCHEMA["types"][type_]["properties"]
        return f"&enkrypt.{type_.rpartition(':')[2]}Args{_go_fields(value, properties, depth)}"
    if isinstance(value, list):
        return f"pulumi.StringArray{{{', '.join(_go(item, {}, depth) for item in value)}}}"
    return f"pulumi.{'Bool' if isinstance(value, bool) else 'String'}({json.dumps(value)})"


def _yaml(values: Mapping[str, Json], depth: int) -> str:
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{'  ' * depth}{name}:", _yaml(value, depth + 1)]
        else:
            shown = f"${{{value.resource}.{value.name}}}" if isinstance(value, Output) else _yaml_value(value)
            lines.append(f"{'  ' * depth}{name}: {shown}")
    return "\n".join(lines)


def _yaml_value(value: Json) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml_value, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _block(lines: list[str], depth: int, tab: str = TAB) -> str:
    inner = "".join(f"{tab * (depth + 1)}{line}\n" for line in lines)
    return f"{{\n{inner}{tab * depth}}}"
