"""Hides secrets in JSON, so that neither the request log nor the page shows a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import lru_cache
from typing import Any

MASK = "xxxxx"
RECOGNIZED = 8  # characters; a shorter secret is too likely part of something else
# Wider than the known fields: a key in a misspelt one must not come out either.
_SECRET = re.compile(
    r"\wkeys?|[_-]keys?|secret|token|passw|passphrase|passcode|pwd|jwt|curl|headers|credential|creds|authorization|"
    r"cookie|bearer|dsn|assertion|conn\w*[_-]?str|(service_?)?account_?json|(^|[_-]|user|db)(pass|o?auth|sas|otp|sig|pat)"
    r"([_-]?(header|value|\d+))*$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"key_?word|monkey|tokeniz|max_?\w*tokens|token_?(limit|type|count)|jwt_(method|response_key)", re.IGNORECASE
)
_TEXT = re.compile(
    r"://[^/\s:@]{0,99}:(?!\d{1,9}/)[^\s@]{1,999}@|PRIVATE KEY|^(bearer|basic|token|api-?key) +\S{16,}$",
    re.IGNORECASE,
)


def masked(value: Any) -> Any:
    """A JSON value with every string under a secret name masked, and those of some length wherever they stand."""
    secrets = {text for text in _secrets(value) if len(text) >= RECOGNIZED}
    return _masked(value, secrets)


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, secret=_is_hidden(value, name, secret=secret))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, secret=secret)
    elif isinstance(value, str) and (secret or _TEXT.search(value)):
        yield value


def _masked(value: Any, secrets: Set[str], *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            name: _masked(item, secrets, secret=_is_hidden(value, name, secret=secret))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, secrets, secret=secret) for item in value]
    if not isinstance(value, str):
        return value
    if secret:
        return MASK
    for text in secrets:
        value = value.replace(text, MASK)
    return value


def _is_hidden(holder: dict[str, Any], name: str, *, secret: bool) -> bool:
    """Whether a field is secret by its name, or by what a `key` or `name` beside its value says."""
    if "value" in holder and name in ("key", "name", "header"):
        return False
    labels = [holder.get(label) for label in ("key", "name", "header")] if name == "value" else []
    is_named = is_secret(name) or any(isinstance(label, str) and is_secret(label) for label in labels)
    return is_named or (secret and not _HARMLESS.search(name))


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)
