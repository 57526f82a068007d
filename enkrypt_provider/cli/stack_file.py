"""Appends declarations to the catalogue in a stack's file, as YAML.

The file is written by hand, so nothing else in it changes, not even a space or a comment. The only exception is a
mapping in braces that the entries go into: it is rewritten with one value on each line.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from ..errors import ConfigurationError
from ..program import placeholders
from .declarations import Declaration, filled

Node = Any

WIDTH: Final = 118
READ_AS: Final = {placeholders.SECRET: "secret", "secure": "secret", placeholders.VALUE: "setting"}
"""How a catalogue or the engine reads an object whose only field is this."""


def entries(declarations: Iterable[Declaration]) -> dict[str, Any]:
    """Return the catalogue's entries, by name, with `{secret: NAME}` for each secret."""
    return {found.name: filled(found.arguments, lambda name: {placeholders.SECRET: name}) for found in declarations}


def obstacle(arguments: Any) -> str:
    """Return why a catalogue cannot hold these arguments, or ""."""
    if isinstance(arguments, Mapping):
        for name, value in arguments.items() if len(arguments) == 1 else ():
            if name in READ_AS and isinstance(value, str):
                return f"an object in it would be read as a {READ_AS[name]}"
        return next(filter(None, map(obstacle, (*arguments, *arguments.values()))), "")
    if isinstance(arguments, list):
        return next(filter(None, map(obstacle, arguments)), "")
    # Engine 3.259 writes such a string as a block that it cannot read back.
    is_lost = isinstance(arguments, str) and "\n" in arguments and arguments[0].isspace()
    return "Pulumi's configuration cannot hold a multi-line string that starts with white space" if is_lost else ""


def extended(text: str, name: str, added: Mapping[str, Any]) -> str:
    """Return the text of a stack's file with the entries `added` to the catalogue of this name.

    Raise `ConfigurationError` if that is impossible without touching the rest.
    """
    if "\r\n" in text:
        return extended(text.replace("\r\n", "\n"), name, added).replace("\n", "\r\n")
    path = ("config", name)
    try:
        held = yaml.safe_load(text) or {}
        root = yaml.compose(text)
        if root is not None and not _is_block(root):
            text = to_yaml(held) if held else ""
            root = yaml.compose(text)
        new = _with(text, root, held, path, added)
        is_meant = yaml.safe_load(new) == _merged(held, path, added)
    except (yaml.YAMLError, ValueError, TypeError):  # the engine may still read it
        is_meant = False
    if not is_meant:
        raise ConfigurationError("the stack's file is written in a way that cannot be extended: use --python")
    return new


def to_yaml(value: Any, indent: int = 0, width: int = WIDTH) -> str:
    """Return `value` as YAML that parsers of any YAML version read alike."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=width)
    return textwrap.indent(text, " " * indent)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the base has no types
    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent(self, data: Any) -> None:
        # The outermost collection is in block style, however small it is.
        node = self.represent_data(data)
        node.flow_style = False
        self.serialize(node)


def _scalar(dumper: yaml.SafeDumper, text: str) -> Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    # The engine uses another version of YAML than PyYAML: quote what it might read as a number, a date or a folded
    # line.
    lines = text.split("\n")
    if len(lines) > 1 and text[:1].strip() and all(line.isprintable() for line in lines):
        return "|"
    return None if re.match(r"[A-Za-z/]", text) and text.isprintable() else '"'


_Dumper.add_representer(str, _scalar)


# ---- insertion


def _with(text: str, parent: Node, held: Any, path: tuple[str, ...], added: Mapping[str, Any]) -> str:
    """Return `text` with `added` at `path` below the mapping `parent`, which holds `held`."""
    name, *rest = path
    key, value = next(((k, v) for k, v in parent.value if k.value == name), (None, None)) if parent else (None, None)
    if not _is_block(value):
        start = key.start_mark.index - key.start_mark.column if key else _end(text, parent)
        end = _end(text, value, key) if key else start
        return _put(text, start, end, {name: _merged(held, path, added)[name]}, _column(parent))
    if rest:
        return _with(text, value, held[name], tuple(rest), added)
    return _put(text, _end(text, value), _end(text, value), added, _column(value))


def _put(text: str, start: int, end: int, value: Any, indent: int) -> str:
    before = text[:start]
    return f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}{to_yaml(value, indent)}{text[end:]}"


def _is_block(node: Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def _column(node: Node) -> int:
    return node.value[0][0].start_mark.column if node else 0


def _end(text: str, node: Node, key: Node = None) -> int:
    """Return the index after the last line of a node."""
    if node is None:
        return len(text)
    index = max(_last(node), key.end_mark.index if key else 0)
    if text[index - 1 : index] == "\n":
        return index
    newline = text.find("\n", index)
    return len(text) if newline < 0 else newline + 1


def _last(node: Node) -> int:
    # A block's own end mark is after the comments that follow it, an alias's at its anchor.
    if isinstance(node, yaml.MappingNode) and _is_block(node):
        key, value = node.value[-1]
        return max(int(key.end_mark.index), _last(value))
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last(node.value[-1])
    return int(node.end_mark.index)


# ---- the expected result


def _merged(held: Any, path: tuple[str, ...], added: Mapping[str, Any]) -> Any:
    if isinstance(held, str):
        held = json.loads(held)
    held = held or {}
    return {**held, path[0]: _merged(held.get(path[0]), path[1:], added)} if path else {**held, **added}
