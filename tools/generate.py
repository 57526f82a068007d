"""Writes what of program/ follows from kinds/: `make generate`. A test holds the files to it."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import StringConstraints

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it knows tools/ alone

from enkrypt_provider.frontends.package_schema import short  # noqa: E402 - after the path that it is found by
from enkrypt_provider.kinds.document import Document, FieldOf  # noqa: E402 - after the path that it is found by
from enkrypt_provider.kinds.kind import Kind  # noqa: E402 - after the path that it is found by
from enkrypt_provider.kinds.markers import (  # noqa: E402
    ABSENT,
    DefaultOf,
    Dialect,
    InV2,
    OnlyIn,
    Option,
    Replaces,
    RequiredUnless,
    Says,
    Secret,
)
from enkrypt_provider.kinds.registry import KINDS  # noqa: E402 - after the path that it is found by
from enkrypt_provider.kinds.values import OneOf  # noqa: E402 - after the path that it is found by
from tools.look_ups import look_ups, native_look_ups  # noqa: E402 - after the path that it is found by
from tools.templates import declarations, resources  # noqa: E402 - after the path that it is found by

WIDTH: Final = 118
OURS: Final = (4_000, 8_000)
"""Limits in characters that nobody meets by hand: not worth a word."""
PROGRAM: Final = ROOT / "enkrypt_provider" / "program"


def files() -> dict[Path, str]:
    """The text of each file that is generated."""
    written = {
        "args.py": args(),
        "outputs.py": outputs(),
        "declarations.py": declarations(),
        "resource.py": resources(),
        "lookup.py": look_ups(),
        "native_lookup.py": native_look_ups(),
    }
    return {PROGRAM / name: text for name, text in written.items()}


@functools.cache
def meanings(document: type[Document]) -> dict[str, str]:
    """The docstring below each field of a document, on one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(document))).body
    found: dict[str, str] = {}
    for base in document.__bases__:
        found |= meanings(base) if issubclass(base, Document) and base is not Document else {}
    for field, below in itertools.pairwise(getattr(tree, "body", ())):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            found[ast.unparse(field.target)] = " ".join(ast.literal_eval(below.value).split())
    return found


def kind_of(field: FieldOf) -> Kind:
    """The kind that a field is of."""
    return next(kind for kind in KINDS if kind.fields.get(field.path) is field)


def meaning(field: FieldOf) -> str:
    """What the docstring below a field says. Raises `KeyError` where there is none."""
    holder = field.parent.document if field.parent and field.parent.document else kind_of(field).document
    name = next(name for name, info in holder.model_fields.items() if info is field.info)
    return meanings(holder)[name]


def documents(kind: Kind) -> dict[type[Document], list[FieldOf]]:
    """Each document of a kind with its arguments and outputs, each after those that stand in it."""
    found: dict[type[Document], list[FieldOf]] = {}

    def visit(document: type[Document], parent: FieldOf | None) -> None:
        own = [field for field in kind.fields.values() if field.parent is parent]
        for field in own:
            if field.document and field.document not in found:
                visit(field.document, field)
        found[document] = own

    visit(kind.document, None)
    return found


def is_required(field: FieldOf) -> bool:
    """Whether a program must give it, whatever else it gives."""
    return field.info.is_required()


def required_first(fields: list[FieldOf]) -> list[FieldOf]:
    """The arguments, those without a default before the others."""
    arguments = [field for field in fields if field.is_argument]
    return sorted(arguments, key=lambda field: not is_required(field))


def limit_of(field: FieldOf) -> int | None:
    """How many characters a text may have, where somebody may meet that limit by hand."""
    found = field.constraint(StringConstraints)
    return found.max_length if found and found.max_length not in OURS else None


# ---- arguments


def args() -> str:
    """The module of the classes with which a program declares a registration."""
    names = "\n".join(f'    "{path}",' for kind in KINDS for path in kind.secrets)
    secrets = f'SECRETS: Final = (\n{names}\n)\n"""The arguments that are secret as a whole."""'
    return "\n\n\n".join([ARGS_HEAD, *(part for kind in KINDS for part in _args_of(kind)), secrets]) + "\n"


def _args_of(kind: Kind) -> Iterator[str]:
    found = documents(kind)
    for document, fields in found.items():
        yield _args(f"{args_name(kind, document)}Args", document, fields)
    yield _keywords(kind, found[kind.document])


ARGS_HEAD: Final = '''\
"""The arguments of a registration: what a program writes. Generated by `make generate` from kinds/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

import pulumi
from typing_extensions import Required

from .arguments import input_type'''


def args_name(kind: Kind, document: type[Document]) -> str:
    """`Endpoint`; the kind's own name for its whole document."""
    return kind.name if document is kind.document else document.__name__


def _args(name: str, document: type[Document], fields: list[FieldOf]) -> str:
    lines = ["@input_type", f"class {name}:", *_docstring(inspect.getdoc(document) or "", ""), ""]
    for field in required_first(fields):
        ending = "" if is_required(field) else " | None = None"
        lines += [f"    {field.name}: {input_type(field)}{ending}", *_docstring(argument_meaning(field), "")]
    return "\n".join(lines)


def _keywords(kind: Kind, fields: list[FieldOf]) -> str:
    lines = [
        f"class {kind.name}Keywords(TypedDict, total=False):",
        f'    """The arguments of `{kind.name}` as keywords, each as in `{kind.name}Args`."""',
        "",
    ]
    for field in required_first(fields):
        shown = input_type(field)
        lines.append(f"    {field.name}: {f'Required[{shown}]' if is_required(field) else f'{shown} | None'}")
    return "\n".join(lines)


def input_type(field: FieldOf) -> str:
    """The type of an argument: every value in it may be another resource's output."""
    inner = f"pulumi.InputType[{field.document.__name__}Args]" if field.document else _plain(field)
    return f"pulumi.Input[Sequence[pulumi.Input[{inner}]]]" if field.is_list else f"pulumi.Input[{inner}]"


def _plain(field: FieldOf) -> str:
    return "Mapping[str, Any]" if field.is_map else field.value_type.__name__


def only_in(field: FieldOf) -> Dialect | None:
    own = field.marker(OnlyIn)
    return own.dialect if own else only_in(field.parent) if field.parent else None


def argument_meaning(field: FieldOf) -> str:
    """What an argument means, what it may be, and what it is where it is not given."""
    return " ".join(filter(None, [meaning(field), *_rules(field), _default(field)]))


def _rules(field: FieldOf) -> Iterator[str]:
    if field.marker(Replaces):
        yield "A change replaces the registration."
    if field.marker(Secret):
        yield "Always secret; never compared with what the API says, which may mask it."
    values = field.values
    named = ", ".join(f"`{value}`" for value in values)
    if values:
        yield f"{'Any of' if field.is_list and len(values) > 1 else 'One of' if len(values) > 1 else 'Only'} {named}."
    if (says := field.constraint(Says)) and says.rule != "one line":
        yield f"{says.rule[0].upper()}{says.rule[1:]}."
    if one_of := field.marker(OneOf):
        yield f"One of {', '.join(f'`{value}`' for value in one_of.values)}. Dialect v2 takes any other value too."
    if limit := limit_of(field):
        yield f"At most {limit} characters."
    if bounds := field.bounds:
        lowest = bounds.removesuffix(" or more")
        yield f"At least {lowest}." if lowest != bounds else f"{bounds[0].upper()}{bounds[1:]}."


def _default(field: FieldOf) -> str:
    """The last words: what the field is where a program does not say it, and in which dialect."""
    unless, only = field.marker(RequiredUnless), field.marker(OnlyIn)
    if unless:
        return f"Required, but beside a `{unless.field}`."
    if field.marker(Option):
        return "Default: false."
    if only and only.dialect == "v2":
        shown = next((v for v in (only.assumed, only.empty) if v not in (ABSENT, None, "", [], {})), None)
        return "Dialect v2" + (f", where the default is `{shown}`." if shown is not None else ".")
    dialect = f" Dialect {only.dialect}." if only else ""
    if is_required(field):
        return "Required."
    if follows := field.marker(DefaultOf):
        return f"Default: {follows.shown}."
    is_object = field.document is not None and not field.is_list
    return ("" if is_object or field.default is ABSENT else f"Default: {shown_default(field)}.") + dialect


def shown_default(field: FieldOf) -> str:
    """`https`, empty, none or true."""
    default = field.default
    if isinstance(default, bool):
        return str(default).lower()
    if default == [] or default == {}:
        return "none" if field.is_list else "empty"
    v2 = field.marker(InV2)
    also = f", in dialect v2 `{v2.default}`" if v2 and v2.default is not ABSENT else ""
    return (f"`{default}`" if default != "" else "empty") + also


# ---- outputs


def outputs() -> str:
    """The module of the typed outputs of a registration."""
    return "\n\n\n".join([OUTPUTS_HEAD, *(part for kind in KINDS for part in _outputs_of(kind))]) + "\n"


def _outputs_of(kind: Kind) -> Iterator[str]:
    found = documents(kind)
    root = found.pop(kind.document)
    for document, fields in found.items():
        if not _in_map(kind, document):
            yield _output(document.__name__, inspect.getdoc(document) or "", fields)
    secret = " What can hold a secret is a secret Output." if kind.secrets else ""
    meaning = f"A {kind.noun}, as a look-up finds it.{secret}"
    yield _output(short(kind.name), meaning, [field for field in root if field.marker(Option) is None])
    yield _properties(kind, root)


OUTPUTS_HEAD: Final = '''\
"""What a program reads of a registration. Generated by `make generate` from kinds/."""

# A bare dict is what the SDK's own output types are, and its getters know no types.
# mypy: disable-error-code="type-arg, no-any-return"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi'''


def _in_map(kind: Kind, document: type[Document]) -> bool:
    """Whether it is a map that takes any name, or stands in one: a program reads it as a plain mapping."""
    return any(
        field.document is document and (field.is_map or (field.parent and field.parent.is_map))
        for field in kind.fields.values()
    )


def _output(name: str, meaning: str, fields: list[FieldOf]) -> str:
    lines = ["@pulumi.output_type", f"class {name}(dict):", *_docstring(meaning.partition("\n")[0], ""), ""]
    lines += [f"    {field.name}: {output_type(field)}" for field in fields]
    return "\n".join(lines)


def output_type(field: FieldOf) -> str:
    """The type of an output."""
    inner = "Mapping[str, Any]" if field.is_map else field.document.__name__ if field.document else _plain(field)
    shown = f"Sequence[{inner}]" if field.is_list else inner
    return shown if field.default is not ABSENT or field.info.is_required() else f"{shown} | None"


def _properties(kind: Kind, fields: list[FieldOf]) -> str:
    lines = [f"class {kind.name}Outputs:", f'    """The outputs of an `{kind.name}`."""']
    for field in fields:
        shown = output_type(field) if field.marker(Option) or field.is_argument else field.value_type.__name__
        lines += [
            "",
            "    @property",
            "    @pulumi.getter",
            f"    def {field.name}(self) -> pulumi.Output[{shown}]:",
            *_docstring(meaning(field), "    "),
            f'        return pulumi.get(self, "{field.name}")',
        ]
    return "\n".join(lines)


# ---- text


def _docstring(text: str, indent: str) -> list[str]:
    """A docstring, on one line where it fits."""
    margin = f"{indent}    "
    if len(margin) + len(text) + 6 <= WIDTH and "\n" not in text:
        return [f'{margin}"""{text}"""']
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        first = f'{margin}"""' if not number else margin
        lines += ["", *_filled(paragraph, first, margin)] if number else _filled(paragraph, first, margin)
    if len(paragraphs) == 1 and len(lines[-1]) + 3 <= WIDTH:
        return [*lines[:-1], f'{lines[-1]}"""']
    return [*lines, f'{margin}"""']


def _filled(text: str, first: str, margin: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False)


def main() -> None:
    """Writes the files."""
    for file, text in files().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
