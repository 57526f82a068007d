"""Hides secrets in JSON, so that neither the request log nor the page shows a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import lru_cache
from typing import Any

MASK = "xxxxx"
RECOGNIZED = 8  # characters; a shorter secret is too likely part of something else
# Wider than the known fields: a key in a misspelt one must not come out either.
_SECRET = re.compile(r"key|secret|token|passw|jwt|curl|custom_headers|credential|authorization|cookie", re.IGNORECASE)


def masked(value: Any) -> Any:
    """A JSON value with every string under a secret name masked, and those of some length wherever they stand."""
    secrets = {text for text in _secrets(value) if len(text) >= RECOGNIZED}
    return _masked(value, secrets)


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, secret=secret or is_secret(name))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, secret=secret)
    elif secret and isinstance(value, str):
        yield value


def _masked(value: Any, secrets: Set[str], *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {name: _masked(item, secrets, secret=secret or is_secret(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secrets, secret=secret) for item in value]
    if not isinstance(value, str):
        return value
    if secret:
        return MASK
    for text in secrets:
        value = value.replace(text, MASK)
    return value


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    return bool(_SECRET.search(name))
