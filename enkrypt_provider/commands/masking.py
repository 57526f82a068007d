"""Which texts of a registration may be secrets, and what stands in the place of each.

`SECRETS` names the fields; here is what within them is harmless, and how an API shows that it hides something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ..fields import SECRETS
from ..schema import Properties

STARS: Final = "***"

FIELDS: Final = tuple(path.rpartition(".")[2] for path in SECRETS)
"""The fields of `model_config` that can hold secrets."""

_HARMLESS: Final = ("key", "jwt_method", "jwt_response_key")
_HARMLESS_HEADERS: Final = ("accept", "content-type", "user-agent")


def replaced(inputs: Properties, place: Callable[[str, str], Any]) -> Properties:
    """Canonical `inputs` with `place(FIELD, TEXT)` for each text that may be a secret."""
    config = dict(inputs["model_config"])
    for name in FIELDS:
        if name in config:
            config[name] = _replaced(config[name], name, "", partial(place, name))
    return {**inputs, "model_config": config}


def shown(inputs: Properties) -> Properties:
    """Canonical `inputs` for a person: `***` for each text that may be a secret."""
    return replaced(inputs, lambda _field, _text: STARS)


def _replaced(value: Any, name: str, header: str, place: Callable[[str], Any]) -> Any:
    if isinstance(value, Mapping):
        header = str(value.get("key", "")).casefold()
        return {key: _replaced(item, key, header, place) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, name, header, place) for item in value]
    return value if not value or _is_harmless(name, header, value) else place(value)


def _is_harmless(name: str, header: str, text: str) -> bool:
    if name == "jwt_url":
        return not set("?@") & set(text)
    return name in _HARMLESS or (name == "value" and header in _HARMLESS_HEADERS)
