"""Values inside values: the walk through a document of objects and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..kinds.secrets import Path


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value that holds no other, an empty object or list too, with its path."""
    if isinstance(value, Mapping | list) and value:
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from leaves(item, (*path, name))
    else:
        yield path, value


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy of `value` with `change(leaf)` in the place of every value that is no object or list."""
    if isinstance(value, Mapping):
        return {name: changed(item, change) for name, item in value.items()}
    return [changed(item, change) for item in value] if isinstance(value, list) else change(value)
