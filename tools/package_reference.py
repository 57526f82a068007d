"""Writes docs/native/reference.md from the native package's schema (`make generate`). A test checks the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from enkrypt_provider.frontends.package_schema import package, resource, snake
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.registry import KINDS
from tools.package_schema import id_of
from tools.package_snippets import snippets

ROOT: Final = Path(__file__).resolve().parent.parent

PAGE: Final = ROOT / "docs" / "native" / "reference.md"
HEAD: Final = """\
<!-- Written by tools/package_reference.py from the package's schema: `make generate`. -->
# Reference

Resources, functions and provider of the package `enkrypt`. `*` marks a required property. In Python
`modelSavedName` is `model_saved_name`; in Go it is `ModelSavedName`. Python imports
`from enkrypt_provider import native`, TypeScript `import * as enkrypt from "@enkrypt-provider/enkrypt"`."""
FUNCTION: Final = """\
### {name}

{description}

| | |
|---|---|
| Python | `native.{python}(name="support")`, `native.{python}_output(…)` |
| TypeScript | `enkrypt.{name}({{ name: "support" }})`, `enkrypt.{name}Output(…)` |
| Go | `enkrypt.{go}(ctx, &enkrypt.{go}Args{{Name: "support"}})` |
| YAML | `fn::invoke: {{function: enkrypt:{name}, arguments: {{name: support}}}}` |"""

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page."""
    schema = package()
    resources = (part for kind in KINDS for part in _resource(schema, kind))
    return "\n\n".join([HEAD, *resources, *_functions(schema), *_provider(schema), *_types(schema)]) + "\n"


def _resource(schema: Schema, kind: Kind) -> Iterator[str]:
    type_ = resource(kind.name)
    found, name = schema["resources"][type_], type_.rpartition(":")[2]
    yield f"## {name}"
    yield found["description"].partition("\n\n## Import")[0]
    for language, highlighting, text in snippets(type_):
        yield f"{language}:\n\n```{highlighting}\n{text}\n```"
    yield f"### Inputs of {name}"
    yield _table(found["inputProperties"], found["requiredInputs"])
    yield f"### Outputs of {name}"
    yield "All inputs except those that can hold a secret, with their defaults filled in, and:"
    outputs = {name: spec for name, spec in found["properties"].items() if name not in found["inputProperties"]}
    yield _table({"id": {"type": "string", "description": f"`{id_of(kind)}`."}, **outputs}, ())


def _functions(schema: Schema) -> Iterator[str]:
    yield "## Functions"
    yield "Their results contain no secrets."
    for name, found in schema["functions"].items():
        short = name.rpartition(":")[2]
        go = short[:1].upper() + short[1:]
        yield FUNCTION.format(name=short, description=found["description"], python=snake(short), go=go)
        yield _table(found["inputs"]["properties"], found["inputs"].get("required", ()))


def _provider(schema: Schema) -> Iterator[str]:
    yield "## Provider"
    yield "`enkrypt:NAME` in a stack's configuration, or an argument of an explicit provider."
    yield _table(schema["provider"]["inputProperties"], ())


def _types(schema: Schema) -> Iterator[str]:
    yield "## Types"
    for name, found in schema["types"].items():
        short = name.rpartition(":")[2]
        if found["type"] != "object" or short.startswith("Registered") or short.endswith("Response"):
            continue
        yield f"### {short}"
        yield found["description"]
        yield _table(found["properties"], found["required"])


def _table(properties: Schema, required: Any) -> str:
    rows = [
        f"| `{name}`{'*' if name in required else ''} | {_shown(spec)} | {spec['description']} |"
        for name, spec in properties.items()
    ]
    return "\n".join(["| property | type | meaning |", "|---|---|---|", *rows])


def _shown(spec: Schema) -> str:
    if spec["type"] == "array":
        return f"list of {_shown(spec['items'])}"
    reference = spec.get("$ref", "").rpartition(":")[2]
    return f"[`{reference}`](#{reference.lower()})" if reference else f"`{spec['type']}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
