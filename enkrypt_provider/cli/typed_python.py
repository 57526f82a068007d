"""Writes declarations as a typed Python module, formatted as by ruff and black.

The arguments are canonical and may contain `Secret`s; line width and line breaks are decided here.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..kinds.kind import Kind, Properties
from ..kinds.registry import KINDS
from ..program import args
from ..program.arguments import classes, names_of
from .declarations import Declaration
from .registrations import Key
from .stack_secrets import Secret, numbered

WIDTH: Final = 88
"""Maximum length of a line that can be broken at brackets."""
TEXT_WIDTH: Final = 110
"""Maximum length of a string that is not split."""

ARGS: Final[Mapping[Kind, Mapping[str, type]]] = {
    kind: {path: getattr(args, name) for path, name in classes(kind).items()} for kind in KINDS
}
"""The class of the object, or of the list's items, at each path."""


@dataclass(frozen=True)
class Output:
    """A reference in arguments to an output of another resource in the module: `model.model_saved_name`."""

    code: str


@dataclass(frozen=True)
class Group:
    """Parts between brackets, on one line or one on each line, with `separator` between them."""

    opening: str
    parts: list[tuple[str, Node]]
    closing: str
    separator: str = ","


Node: TypeAlias = "str | Group"


def module(
    declarations: Iterable[Declaration], about: str, *, beside_package: bool = False, is_native: bool = False
) -> str:
    """Return the source of a module with these declarations, in order; `about` is its docstring.

    References between them become outputs. If the module is `beside_package`, in the folder that contains this
    package, its imports are grouped as linters expect there.
    """
    found: dict[str, Declaration] = {}
    for declaration in declarations:
        found[next(name for name in numbered(_variable(declaration), "_") if name not in found)] = declaration
    variables = {declaration.key: variable for variable, declaration in found.items()}
    body = "\n".join(_statement(variable, declaration, variables) for variable, declaration in found.items())
    imports = _imports(body, is_native=is_native)
    if any(declaration.secrets for declaration in found.values()):
        between = "\n" if beside_package else ""
        imports = f'import pulumi\n{between}{imports}\nconfig = pulumi.Config("enkrypt")\n'
    return f'"""{about}"""\n\n{imports}\n{body}'


def _imports(body: str, *, is_native: bool) -> str:
    resources = {kind.name for kind in KINDS}
    classes = {class_.__name__ for by_path in ARGS.values() for class_ in by_path.values()}
    if not is_native:
        return _import("enkrypt_provider", resources | classes, body)
    return _import("enkrypt_provider", classes, body) + _import("enkrypt_provider.native", resources, body)


def _import(package: str, names: Iterable[str], body: str) -> str:
    used = sorted(name for name in names if re.search(rf"\b{name}\(", body))
    line = f"from {package} import {', '.join(used)}"
    many = Group(f"from {package} import (", [("", name) for name in used], ")")
    return (line if len(line) <= WIDTH else _laid(many, "")) + "\n" if used else ""


def _statement(variable: str, declaration: Declaration, variables: Mapping[Key, str]) -> str:
    kind = declaration.kind
    keywords = [(f"{name}=", _node(kind, value, name)) for name, value in _linked(declaration, variables).items()]
    call = Group(f"{kind.name}(", [("", _text(declaration.name)), *keywords], ")")
    return f"{variable} = {_laid(call, '', len(variable) + 3)}\n"


def _linked(declaration: Declaration, variables: Mapping[Key, str]) -> Properties:
    """Return the arguments with references to other resources of the module replaced by their outputs."""
    arguments = declaration.arguments
    for reference, other in declaration.kind.named(declaration.live.inputs):
        variable = variables.get((reference.kind, other))
        for path, its in zip(reference.paths, reference.kind.identity, strict=True) if variable else ():
            arguments = _with(arguments, path.split("."), Output(f"{variable}.{its.rpartition('.')[2]}"))
    return arguments


def _with(value: Properties, path: Sequence[str], new: Any) -> Properties:
    name, *rest = path
    return {**value, name: _with(value.get(name, {}), rest, new) if rest else new}


# ---- from values to nodes


def _node(kind: Kind, value: Any, path: str = "") -> Node:
    if isinstance(value, Secret):
        return Group("config.require_secret(", [("", _text(value.name))], ")")
    if isinstance(value, Output):
        return value.code
    if isinstance(value, Mapping):
        return _object(kind, value, path)
    if isinstance(value, list):
        return Group("[", [("", _node(kind, item, path)) for item in value], "]")
    return _text(value) if isinstance(value, str) else repr(value)


def _object(kind: Kind, value: Mapping[str, Any], path: str) -> Node:
    class_ = ARGS[kind].get(path)
    if class_ is not None and set(value) <= set(names_of(class_)):
        parts = [(f"{name}=", _broken(item) or _node(kind, item, f"{path}.{name}")) for name, item in value.items()]
        return Group(f"{class_.__name__}(", parts, ")")
    return Group(
        "{", [(f"{_text(name)}: ", _node(kind, item, f"{path}.{name}")) for name, item in value.items()], "}"
    )


def _broken(value: Any) -> Node | None:
    """Return a long string in pieces, if it can be split at its spaces and line breaks."""
    if not isinstance(value, str) or len(_text(value)) <= TEXT_WIDTH:
        return None
    pieces = re.findall(r"[^\n]{1,60}\S*[^\S\n]*\n?|\n", value)
    return Group("(", [("", _text(piece)) for piece in pieces], ")", separator="") if len(pieces) > 1 else None


def _text(value: str) -> str:
    """Return a string literal, in the quotes that need fewer escapes."""
    if value.count('"') > value.count("'"):
        return repr(value)
    # repr uses single quotes for a string that contains a double quote.
    body = repr('"' + value)[2:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'


_RESERVED: Final = {"config", "pulumi", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}


def _variable(declaration: Declaration) -> str:
    found = re.sub(r"\W+", "_", declaration.name.lower(), flags=re.ASCII).strip("_")
    is_free = found.isidentifier() and found not in _RESERVED
    return found if is_free else f"{declaration.kind.noun}_{found}".rstrip("_")


# ---- layout


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    between = f"{node.separator} "
    return f"{node.opening}{between.join(before + _flat(part) for before, part in node.parts)}{node.closing}"


def _laid(node: Node, indent: str, before: int = 0, after: int = 0) -> str:
    """Format a node at `indent`, with `before` and `after` more characters on its first and last line."""
    if isinstance(node, str):
        return node
    is_whole = bool(node.separator) and len(indent) + before + len(_flat(node)) + after <= WIDTH
    if is_whole or not node.parts:
        return _flat(node)
    deeper = indent + "    "
    lines = [f"{deeper}{name}{_laid(part, deeper, len(name), 1)}{node.separator}\n" for name, part in node.parts]
    return f"{node.opening}\n{''.join(lines)}{indent}{node.closing}"
