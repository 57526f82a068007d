"""Writes docs/reference.md from the code: `python docs/generate.py`. A test fails while the file says something else.

What an argument means stands once, in resource.py; what a change of it does in diff.py; the settings in Pulumi.yaml.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "reference.md"
sys.path.insert(0, str(ROOT))  # as a script it knows docs/ alone

from enkrypt_provider import catalogue, lookup, resource  # noqa: E402 - after the path that it is found by
from enkrypt_provider.commands.sources import VARIABLES  # noqa: E402 - after the path that it is found by
from enkrypt_provider.core.diff import Rule, rule_of  # noqa: E402 - after the path that it is found by
from enkrypt_provider.fields import COMPUTED, SECRETS  # noqa: E402 - after the path that it is found by

HOLDERS: Final = {
    "EnkryptModelArgs": "",
    "ModelConfigArgs": "model_config.",
    "EndpointArgs": "model_config.endpoint.",
    "PathsArgs": "model_config.paths.",
    "AuthDataArgs": "model_config.auth_data.",
    "MetadataArgs": "model_config.metadata.",
    "GeminiArgs": "model_config.metadata.gemini.",
    "JwtConfigArgs": "model_config.model_jwt_config.",
    "HeaderArgs": "model_config.custom_headers.",
    "ToolArgs": "model_config.tools.",
    "ContextArgs": "model_config.context.",
}
"""Where the fields of each type stand, in the order of the page."""
LOOK_UPS: Final = (lookup.get_model, lookup.get_model_output, lookup.list_models, lookup.list_models_output)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_model(), *_look_ups(), *_catalogue(), *_provider(), *_settings(), *_types()])


HEAD: Final = """\
<!-- Written by docs/generate.py from the code: change it there. -->
# Reference

Every argument, output, look-up and setting; `*` is required. What is known of the API behind them is in
[api.md](api.md)."""


def _model() -> Iterator[str]:
    fields, outputs = _fields(resource.EnkryptModelArgs), _fields(resource.EnkryptModel)
    yield from _titled(2, resource.EnkryptModel)
    yield from _signature(
        "EnkryptModel",
        ["resource_name: str", "*", *map(_argument, fields, fields.values()), "opts: ResourceOptions | None = None"],
    )
    yield from _paragraph(
        "`EnkryptModel(resource_name, EnkryptModelArgs(…), opts)` says the same; every argument takes"
    )
    yield "Inputs. A change is made in place, unless the column says that it *replaces*."
    yield from _paragraph("### Arguments")
    yield from _table(resource.EnkryptModelArgs)
    yield from _paragraph("### Outputs")
    yield from _paragraph("All arguments, with their defaults filled in, and:")
    rows = [f"| `{name}` | `{_type(outputs[name][0])}` | {outputs[name][1]} |" for name in COMPUTED]
    of_id = "| `id` | `str` | `NAME/VERSION`, by which all that uses the model refers to it. |"
    yield from ("", "| output | type | meaning |", "|---|---|---|", of_id, *rows)


def _look_ups() -> Iterator[str]:
    yield from _paragraph("## Look-ups")
    yield from _paragraph("A `Model` has the arguments, but for the options, and the outputs of an `EnkryptModel`.")
    for found in (resource.EnkryptModel.get, *LOOK_UPS):
        yield from _titled(3, found)
        yield from _signature(found.__name__, _parameters(found), inspect.signature(found).return_annotation)


def _catalogue() -> Iterator[str]:
    yield from _paragraph("## Catalogue")
    yield from _paragraph(inspect.getdoc(catalogue) or "")
    yield from _titled(3, catalogue.load)
    yield from _signature("load", _parameters(catalogue.load), inspect.signature(catalogue.load).return_annotation)


def _provider() -> Iterator[str]:
    yield from _titled(2, resource.EnkryptProvider)
    yield from _signature("EnkryptProvider", _parameters(resource.EnkryptProvider.__init__))
    yield from _paragraph("Each argument is the [setting](#settings) of that name; `api_key` is always secret.")


def _settings() -> Iterator[str]:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    yield from _paragraph("## Settings")
    yield from _paragraph(
        "From the stack's configuration, `pulumi config set enkrypt:NAME VALUE` (`--secret` for a secret),"
    )
    yield "then from the environment, else the default. An `EnkryptProvider` has none of the stack's."
    yield from ("", "| setting | type | environment | meaning | default |", "|---|---|---|---|---|")
    for name, setting in declared.items():
        if not name.endswith("ApiKey"):  # the keys of this repository's own catalogue
            yield _setting(name, setting)


def _setting(name: str, setting: Mapping[str, Any]) -> str:
    kind = "secret" if setting.get("secret") else setting["type"]
    variables = ", ".join(f"`{variable}`" for variable in VARIABLES.get(name, ()))
    default = json.dumps(setting["default"]).strip('"') if setting["default"] not in ("", {}) else ""
    return _row(f"`enkrypt:{name}`", kind, variables, setting["description"], f"`{default}`" * bool(default))


def _types() -> Iterator[str]:
    yield from _paragraph("## Supporting types")
    yield from _paragraph("A plain dict of the same fields does as well.")
    for name in list(HOLDERS)[1:]:
        yield from _titled(3, getattr(resource, name))
        yield from _table(getattr(resource, name))
    yield ""


# ---- the parts of a page


def _paragraph(text: str) -> Iterator[str]:
    yield from ("", text)


def _titled(level: int, found: Any) -> Iterator[str]:
    yield from ("", f"{'#' * level} {found.__qualname__}", "", inspect.getdoc(found) or "")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(cls: type[Any]) -> Iterator[str]:
    yield from ("", "| argument | type | meaning | change |", "|---|---|---|---|")
    for name, (annotation, meaning) in _fields(cls).items():
        path = HOLDERS[cls.__name__] + name
        required = not annotation.endswith("| None")
        shown = re.sub(r" ?Required\.", "", meaning) if required else meaning
        marks = [*(["secret"] if path in SECRETS else []), *(["replaces"] if rule_of(path) is Rule.REPLACE else [])]
        yield _row(f"`{name}`{' *' * required}", _linked(_type(annotation)), shown.strip(), ", ".join(marks))


def _signature(name: str, parameters: Iterable[str], answer: str = "") -> Iterator[str]:
    lines = (f"    {parameter}," for parameter in parameters)
    yield from ("", "```python", f"def {name}(", *lines, f") -> {_short(answer) or name}: ...", "```")


def _argument(name: str, field: tuple[str, str]) -> str:
    annotation, _ = field
    return f"{name}: {_type(annotation)}{' | None = None' if annotation.endswith('| None') else ''}"


def _parameters(call: Callable[..., Any]) -> Iterator[str]:
    starred = False
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}".replace("'", '"')
        if name != "self":
            yield f"{name}: {_short(parameter.annotation)}{default}"


# ---- what the code says


def _fields(cls: type[Any]) -> dict[str, tuple[str, str]]:
    """The annotation of each field of a class, and what is written below it, on one line."""
    (tree,) = ast.parse(inspect.getsource(cls)).body
    found: dict[str, tuple[str, str]] = {}
    for field, below in itertools.pairwise(getattr(tree, "body", [])):
        if isinstance(field, ast.AnnAssign):
            text = ast.literal_eval(below.value) if isinstance(below, ast.Expr) else ""
            found[ast.unparse(field.target)] = (ast.unparse(field.annotation), " ".join(text.split()))
    return found


class _Short(ast.NodeTransformer):
    """`Output[Model]` for `pulumi.Output[outputs.Model]`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name(node.attr)


class _Bare(_Short):
    """A type as a person says it: without the wrappers of Inputs, and without None."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        inner: ast.expr = self.visit(node.slice)
        wraps = ast.unparse(node.value) in ("pulumi.Input", "pulumi.InputType", "pulumi.Output")
        return inner if wraps else ast.Subscript(node.value, inner, node.ctx)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        left: ast.AST = self.visit(node.left)
        return left


def _short(annotation: str) -> str:
    return ast.unparse(_Short().visit(ast.parse(annotation)))


def _type(annotation: str) -> str:
    return ast.unparse(_Bare().visit(ast.parse(annotation, mode="eval")))


def _linked(name: str) -> str:
    held = next((holder for holder in HOLDERS if holder in name), "")
    return f"[`{name}`](#{held.lower()})" if held else f"`{name}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
