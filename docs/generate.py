"""Write docs/reference.md, the tables in docs/api.md and docs/catalogue.schema.json: `make generate`.

Arguments, and the effect of changing them, are documented once, in kinds/; settings in Pulumi.yaml. A test fails if
the generated files are out of date.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from enkrypt_provider.cli.sources import VARIABLES
from enkrypt_provider.core.diff import Rule, rule_of
from enkrypt_provider.kinds.document import Document, FieldOf
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import (
    ABSENT,
    Compared,
    DefaultOf,
    Evidence,
    Note,
    OnlyIn,
    Option,
    Quiet,
    Replaces,
    RequiredUnless,
    Says,
    Secret,
    SentWhereAbsent,
    Unordered,
    UnsentInV2,
    as_host,
    as_url,
    ignoring_case,
    ignoring_outer_slashes,
    ignoring_trailing_slash,
)
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.kinds.values import OneOf
from enkrypt_provider.program import account, catalogue, lookup, resource
from tools.catalogue_schema import catalogue_schema
from tools.generate import (
    argument_meaning,
    is_required,
    kind_of,
    limit_of,
    meaning,
    only_in,
    required_first,
    shown_default,
)

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "reference.md"
API: Final = ROOT / "docs" / "api.md"
SCHEMA: Final = ROOT / "docs" / "catalogue.schema.json"

LOOK_UPS: Final[tuple[Callable[..., Any], ...]] = tuple(
    found for name, found in vars(lookup).items() if name.startswith(("get_", "list_"))
)


def page() -> str:
    """Return docs/reference.md."""
    return "\n".join([HEAD, *_resources(), *_look_ups(), *_catalogue(), *_provider(), *_settings(), *_types()])


HEAD: Final = """\
<!-- Generated from the code by docs/generate.py. Do not edit. -->
# Reference

Every argument, output, look-up and setting; `*` marks required arguments. [api.md](api.md) describes what is known
about the API behind them."""


def _resources() -> Iterator[str]:
    for kind in KINDS:
        yield from _resource(kind)


def _resource(kind: Kind) -> Iterator[str]:
    arguments = _arguments(kind.document)
    signature = [
        f"{field.name}: {_type(field)}{'' if is_required(field) else ' | None = None'}" for field in arguments
    ]
    yield from _titled(2, getattr(resource, kind.name))
    yield from _signature(kind.name, ["resource_name: str", "*", *signature, "opts: ResourceOptions | None = None"])
    yield from _paragraph(
        f"`{kind.name}(resource_name, {kind.name}Args(…), opts)` is equivalent. Every argument accepts Inputs."
    )
    yield "Changes are made in place, unless the last column says *replaces*."
    yield from _paragraph("### Arguments")
    yield from _table(arguments)
    yield from _paragraph("### Outputs")
    yield from _paragraph("All arguments, with their defaults filled in, and:")
    outputs = [kind.fields[name] for name in kind.computed]
    rows = [f"| `{field.name}` | `{field.value_type.__name__}` | {meaning(field)} |" for field in outputs]
    id_ = "NAME/VERSION" if len(kind.identity) > 1 else "NAME"
    of_id = f"| `id` | `str` | `{id_}`, by which others refer to the {kind.noun}. |"
    yield from ("", "| output | type | meaning |", "|---|---|---|", of_id, *rows)


def _look_ups() -> Iterator[str]:
    yield from _paragraph("## Look-ups")
    yield from _paragraph(
        "Look-ups return objects such as `Model`, with the resource's arguments (except options) and outputs."
    )
    for found in (resource.EnkryptModel.get, *LOOK_UPS):
        yield from _titled(3, found)
        yield from _signature(found.__name__, _parameters(found), inspect.signature(found).return_annotation)


def _catalogue() -> Iterator[str]:
    yield from _paragraph("## Catalogue")
    yield from _paragraph(inspect.getdoc(catalogue) or "")
    for found in (catalogue.declare, catalogue.load):
        yield from _titled(3, found)
        yield from _signature(found.__name__, _parameters(found), inspect.signature(found).return_annotation)


def _provider() -> Iterator[str]:
    yield from _titled(2, account.EnkryptProvider)
    yield from _signature("EnkryptProvider", _parameters(account.EnkryptProvider.__init__))
    yield from _paragraph("Each argument is the [setting](#settings) of the same name; `api_key` is always secret.")


def _settings() -> Iterator[str]:
    yield from _paragraph("## Settings")
    yield from _paragraph(
        "They come from the stack's configuration (`pulumi config set enkrypt:NAME VALUE`, `--secret` for a secret),"
    )
    yield "then the environment, then the default. An `EnkryptProvider` ignores the stack's configuration."
    yield from ("", "| setting | type | environment | meaning | default |", "|---|---|---|---|---|")
    for name, setting in declared_settings().items():
        yield _setting(name, setting)


def declared_settings() -> dict[str, Mapping[str, Any]]:
    """Return the settings that Pulumi.yaml declares, without the keys of this repository's own catalogue."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    return {name: setting for name, setting in declared.items() if not name.endswith("ApiKey")}


def _setting(name: str, setting: Mapping[str, Any]) -> str:
    kind = "secret" if setting.get("secret") else setting["type"]
    variables = ", ".join(f"`{variable}`" for variable in VARIABLES.get(name, ()))
    default = json.dumps(setting["default"]).strip('"') if setting["default"] not in ("", {}) else ""
    return _row(f"`enkrypt:{name}`", kind, variables, setting["description"], f"`{default}`" * bool(default))


def _types() -> Iterator[str]:
    yield from _paragraph("## Supporting types")
    yield from _paragraph("A plain dict with the same fields works too.")
    fields = (field for kind in KINDS for field in kind.fields.values())
    for document in dict.fromkeys(field.document for field in fields if field.document):
        yield from ("", f"### {document.__name__}Args", "", inspect.getdoc(document) or "")
        yield from _table(_arguments(document))
    yield ""


def schema() -> str:
    """Return docs/catalogue.schema.json."""
    return catalogue_schema(declared_settings())


def _arguments(document: type[Document]) -> list[FieldOf]:
    """Return the fields of a document, at the first place where it is used."""
    fields = [field for kind in KINDS for field in kind.fields.values()]
    holder = next((field for field in fields if field.document is document), None)
    return required_first(
        [it for it in fields if it.parent is holder and (holder or kind_of(it).document is document)]
    )


# ---- the table of docs/api.md


def api_page() -> str:
    """Return docs/api.md with its tables of fields."""
    page = API.read_text(encoding="utf-8")
    tables = {"compared": _comparisons(), **{kind.noun: _rows(kind) for kind in KINDS}}
    for name, rows in tables.items():
        table = "".join(f"{line}\n" for line in rows)
        old = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        page = old.sub(table.replace("\\", r"\\"), page)
    return page


def _comparisons() -> Iterator[str]:
    fields = [field for field in MODEL.fields.values() if field.is_argument and not field.marker(Option)]
    optional = [one for one in fields if one.default is ABSENT and not _is_starred(one) and not one.marker(DefaultOf)]
    compared = [one for one in fields if not one.is_secret]
    rows = {
        "part of the identity: replaced, create before delete": MODEL.marked(Replaces),
        "secret: compared with the declared value, never with the server's": MODEL.secrets,
        "in any order": [one.path for one in compared if one.marker(Unordered)],
        **{
            how: [one.path for one in compared if _is_compared(one, spelling)]
            for how, spelling in (
                ("ignoring case", ignoring_case),
                ("as a host: ignoring case and a trailing dot, in ASCII, any spelling of an IPv6 address", as_host),
                ("as a URL: its host and path likewise, with or without the default port", as_url),
                ("as a path, with or without a leading slash", ignoring_outer_slashes),
                ("as a path: with or without a trailing slash, any spelling of `%7E`", ignoring_trailing_slash),
            )
        },
        "a map: only the declared names; names that a response omits or masks count as unchanged": [
            one.path for one in compared if one.is_map and not (one.parent and one.parent.is_map)
        ],
        "if not declared, the server's value is not drift": [
            one.path for one in optional if not one.is_secret and not (one.parent and one.parent.is_map)
        ],
        "if a response omits it, the declared value is kept": MODEL.marked(Quiet),
    }
    yield from ("| comparison | fields |", "|---|---|")
    for how, paths in rows.items():
        yield _row(how, ", ".join(f"`{path.removeprefix('model_config.')}`" for path in paths))
    yield _row("exactly; changed in place, with a PATCH of the whole object", "everything else")


def _is_compared(field: FieldOf, spelling: Callable[[str], str]) -> bool:
    compared = field.marker(Compared)
    return compared is not None and compared.spelling is spelling


def _rows(kind: Kind) -> Iterator[str]:
    dialects = ["v1", "v2"] if kind.has_dialects else [""]
    head = ["path", *dialects, "rule", "default"]
    yield from (_row(*head).replace("|  |", "| |"), f"|{'---|' * len(head)}")
    for path, field in kind.fields.items():
        is_covered_by_its_list = kind.has_dialects and field.parent is not None and field.parent.is_list
        if field.is_argument and not field.marker(Option) and not is_covered_by_its_list:
            evidence = _evidence(field)[: len(dialects)]
            cells = (f"`{path}`{' *' * _is_starred(field)}", *evidence, "; ".join(_rule(field)), _default(field))
            yield _row(*cells).replace("|  |", "| |")


def _is_starred(field: FieldOf) -> bool:
    return is_required(field) or field.marker(RequiredUnless) is not None


def _evidence(field: FieldOf) -> tuple[str, str]:
    found, only = field.marker(Evidence) or Evidence(), only_in(field)
    in_v2 = "kept" if field.marker(UnsentInV2) else found.v2
    return ("" if only == "v2" else found.v1, "" if only == "v1" else in_v2)


def _rule(field: FieldOf) -> Iterator[str]:
    if field.marker(Secret):
        yield "secret, never compared with the API's response"
    yield _kind(field)
    if limit := limit_of(field):
        yield f"at most {limit} characters"
    if field.marker(Unordered):
        yield "a set"
    if unless := field.marker(RequiredUnless):
        yield f"not required with `{unless.field}`"
    if note := field.marker(Note):
        yield note.text


def _kind(field: FieldOf) -> str:
    one_of, says = field.marker(OneOf), field.constraint(Says)
    if one_of:
        named = [", ".join(f"`{value}`" for value in values) for values in (one_of.values, one_of.more)]
        return f"{named[0]}; v2 also {named[1]} and any other"
    if field.values:
        return ", ".join(f"`{value}`" for value in field.values)
    if field.document and field.is_list:
        return "a list of " + ", ".join(f"`{name}`" for name in field.document.model_fields)
    if field.document:
        return "an object; other fields are accepted too" if field.is_map else "an object"
    if field.is_map:
        return "any JSON object"
    types = {str: "string", bool: "true or false"}
    return says.rule if says else field.bounds or ("a list of strings" if field.is_list else types[field.value_type])


def _default(field: FieldOf) -> str:
    only, follows = field.marker(OnlyIn), field.marker(DefaultOf)
    if _is_starred(field):
        return ""
    if field.marker(SentWhereAbsent):
        return "absent, sent switched off"
    if follows:
        return follows.shown
    if field.document and not field.is_list and field.default is not ABSENT and not field.is_map:
        return ""
    if field.default is not ABSENT:
        return shown_default(field)
    if only and only.empty not in (ABSENT, None):
        return f"`{only.empty}`" if only.empty else "none" if only.empty == [] else "empty"
    return f"absent (the API: {only.assumed})" if only and only.assumed is not ABSENT else "absent"


# ---- the parts of a page


def _paragraph(text: str) -> Iterator[str]:
    yield from ("", text)


def _titled(level: int, found: Any) -> Iterator[str]:
    owner = getattr(found, "__self__", None)  # the class, for a classmethod that all resource classes inherit
    name = f"{owner.__name__}.{found.__name__}" if isinstance(owner, type) else found.__qualname__
    yield from ("", f"{'#' * level} {name}", "", inspect.getdoc(found) or "")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(fields: Iterable[FieldOf]) -> Iterator[str]:
    yield from ("", "| argument | type | meaning | change |", "|---|---|---|---|")
    for field in fields:
        shown = argument_meaning(field).removesuffix("Required.").strip()
        replaces = ["replaces"] if rule_of(field.path, kind_of(field)) is Rule.REPLACE else []
        secret = ["secret"] if field.marker(Secret) else []
        name = f"`{field.name}`{' *' * is_required(field)}"
        yield _row(name, _linked(field), shown, ", ".join(secret + replaces))


def _signature(name: str, parameters: Iterable[str], result: str = "") -> Iterator[str]:
    lines = (f"    {parameter}," for parameter in parameters)
    yield from ("", "```python", f"def {name}(", *lines, f") -> {_short(result) or name}: ...", "```")


def _parameters(call: Callable[..., Any]) -> Iterator[str]:
    starred = False
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}".replace("'", '"')
        if name != "self":
            yield f"{name}: {_short(parameter.annotation)}{default}"


# ---- types and signatures


class _Short(ast.NodeTransformer):
    """`Output[Model]` for `pulumi.Output[outputs.Model]`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name(node.attr)


def _short(annotation: str) -> str:
    return ast.unparse(_Short().visit(ast.parse(annotation)))


def _type(field: FieldOf) -> str:
    inner = f"{field.document.__name__}Args" if field.document else field.value_type.__name__
    shown = inner if field.document or not field.is_map else "Mapping[str, Any]"
    return f"Sequence[{shown}]" if field.is_list else shown


def _linked(field: FieldOf) -> str:
    return f"[`{_type(field)}`](#{field.document.__name__.lower()}args)" if field.document else f"`{_type(field)}`"


def main() -> None:
    """Write the files."""
    PAGE.write_text(page(), encoding="utf-8")
    API.write_text(api_page(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
