"""The placeholders for configuration values in a catalogue: `{secret: NAME}`, `{config: NAME}`.

Does not import `pulumi`: commands that read a stack's file do not need it and would have to wait for it.
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
    """Yield each NAME in `value`."""
    if (name := name_in(value, kind)) is not None:
        yield name
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from named_in(item, kind)


def mapped(value: Any, kind: str, put: Callable[[str], Any]) -> Any:
    """Return `value` with `put(NAME)` in place of each `{kind: NAME}`."""
    if (name := name_in(value, kind)) is not None:
        return put(name)
    if isinstance(value, dict):
        return {k: mapped(v, kind, put) for k, v in value.items()}
    return [mapped(v, kind, put) for v in value] if isinstance(value, list) else value


def meant(text: str) -> Any:
    """Return a configuration value as a catalogue reads it: a list, an object, true or false, or else the text."""
    # No numbers: a version such as 1.10 must stay text, and fields that hold numbers accept text too.
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list | bool) else text
