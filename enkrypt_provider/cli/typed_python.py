"""Declarations as a Python module: typed, and laid out as ruff and black would.

Arguments come in canonical, with `Secret`s among them; how wide a line may be and where it breaks is decided here.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..kinds.model import MODEL
from ..program import args
from ..program.arguments import names_of
from .declarations import Declaration
from .stack_secrets import Secret, numbered

WIDTH: Final = 88
"""Characters of a line that brackets can break."""
TEXT_WIDTH: Final = 110
"""Characters of a text that stays in one piece."""

ARGS: Final[Mapping[str, type]] = {
    path: getattr(args, f"{field.document.__name__}Args") for path, field in MODEL.fields.items() if field.document
}
"""The class of the object, or of the objects in the list, at each path."""


@dataclass(frozen=True)
class Group:
    """Parts between brackets: on one line, or one on each line. `separator` stands behind each but the last."""

    opening: str
    parts: list[tuple[str, Node]]
    closing: str
    separator: str = ","


Node: TypeAlias = "str | Group"


def module(declarations: Iterable[Declaration], about: str, *, beside_us: bool = False) -> str:
    """Return the text of a module that declares these, in their order; `about` is its docstring.

    Where it stands `beside_us`, in the folder of this package, its imports are grouped as tools want them there.
    """
    named: dict[str, Declaration] = {}
    for declaration in declarations:
        named[next(n for n in numbered(_variable(declaration.name), "_") if n not in named)] = declaration
    body = "\n".join(_statement(variable, declaration) for variable, declaration in named.items())
    imports = _imports(body)
    if any(declaration.secrets for declaration in named.values()):
        between = "\n" * beside_us
        imports = f'import pulumi\n{between}{imports}\nconfig = pulumi.Config("enkrypt")\n'
    return f'"""{about}"""\n\n{imports}\n{body}'


def _imports(body: str) -> str:
    classes = {MODEL.name, *(class_.__name__ for class_ in ARGS.values())}
    used = sorted(name for name in classes if re.search(rf"\b{name}\(", body))
    line = f"from enkrypt_provider import {', '.join(used)}"
    many = Group("from enkrypt_provider import (", [("", name) for name in used], ")")
    return (line if len(line) <= WIDTH else _laid(many, "")) + "\n"


def _statement(variable: str, declaration: Declaration) -> str:
    keywords = [(f"{name}=", _node(value, name)) for name, value in declaration.arguments.items()]
    call = Group(f"{MODEL.name}(", [("", _text(declaration.name)), *keywords], ")")
    return f"{variable} = {_laid(call, '', len(variable) + 3)}\n"


# ---- from values to nodes


def _node(value: Any, path: str = "") -> Node:
    if isinstance(value, Secret):
        return Group("config.require_secret(", [("", _text(value.name))], ")")
    if isinstance(value, Mapping):
        return _object(value, path)
    if isinstance(value, list):
        return Group("[", [("", _node(item, path)) for item in value], "]")
    return _text(value) if isinstance(value, str) else repr(value)


def _object(value: Mapping[str, Any], path: str) -> Node:
    class_ = ARGS.get(path)
    if class_ is not None and set(value) <= set(names_of(class_)):
        parts = [(f"{name}=", _broken(item) or _node(item, f"{path}.{name}")) for name, item in value.items()]
        return Group(f"{class_.__name__}(", parts, ")")
    return Group("{", [(f"{_text(name)}: ", _node(item, f"{path}.{name}")) for name, item in value.items()], "}")


def _broken(value: Any) -> Node | None:
    """Return a long text in pieces, where it can be broken at its spaces and line breaks."""
    if not isinstance(value, str) or len(_text(value)) <= TEXT_WIDTH:
        return None
    pieces = re.findall(r"[^\n]{1,60}\S*[^\S\n]*\n?|\n", value)
    return Group("(", [("", _text(piece)) for piece in pieces], ")", separator="") if len(pieces) > 1 else None


def _text(value: str) -> str:
    """Return a literal, in the quotes that need fewer escapes."""
    if value.count('"') > value.count("'"):
        return repr(value)
    # With a quotation mark in it, repr quotes by apostrophes.
    body = repr('"' + value)[2:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'


_RESERVED: Final = {"config", "pulumi", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}


def _variable(name: str) -> str:
    found = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    return found if found.isidentifier() and found not in _RESERVED else f"model_{found}".rstrip("_")


# ---- layout


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    between = f"{node.separator} "
    return f"{node.opening}{between.join(before + _flat(part) for before, part in node.parts)}{node.closing}"


def _laid(node: Node, indent: str, before: int = 0, after: int = 0) -> str:
    """Return a node at `indent`, with `before` and `after` characters on its first and last line."""
    if isinstance(node, str):
        return node
    is_whole = bool(node.separator) and len(indent) + before + len(_flat(node)) + after <= WIDTH
    if is_whole or not node.parts:
        return _flat(node)
    deeper = indent + "    "
    lines = [f"{deeper}{name}{_laid(part, deeper, len(name), 1)}{node.separator}\n" for name, part in node.parts]
    return f"{node.opening}\n{''.join(lines)}{indent}{node.closing}"
