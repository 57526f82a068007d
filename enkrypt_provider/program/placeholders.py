"""What stands for a configuration value in a catalogue: `{secret: NAME}`, `{config: NAME}`.

Imports no `pulumi`: commands that read a stack's file need none, and would wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

SECRET: Final = "secret"  # noqa: S105 - a name, no password
VALUE: Final = "config"


def name_in(value: Any, kind: str) -> str | None:
    """The NAME of `{kind: NAME}`; None for any other value."""
    name = value.get(kind) if isinstance(value, dict) and len(value) == 1 else None
    return name if isinstance(name, str) else None


def named_in(value: Any, kind: str) -> Iterator[str]:
    """Each NAME in `value`."""
    if (name := name_in(value, kind)) is not None:
        yield name
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from named_in(item, kind)


def mapped(value: Any, kind: str, put: Callable[[str], Any]) -> Any:
    """`value` with `put(NAME)` in the place of each `{kind: NAME}`."""
    if (name := name_in(value, kind)) is not None:
        return put(name)
    if isinstance(value, dict):
        return {k: mapped(v, kind, put) for k, v in value.items()}
    return [mapped(v, kind, put) for v in value] if isinstance(value, list) else value


def meant(text: str) -> Any:
    """What a configuration value means in a catalogue: a list, an object, true, false, or else its text."""
    # No numbers: a version such as 1.10 is a text, and a text is good where a number is wanted.
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list | bool) else text
