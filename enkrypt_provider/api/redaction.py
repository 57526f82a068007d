"""Keys stay out of sight: which texts of a body are secret, texts without them, and how an API hides them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final
from urllib.parse import quote

from ..fields import SECRETS
from ..schema import Json

SHORTEST: Final = 8
"""Characters of the shortest secret, or part of one, that is hidden: without "none" or "POST" nothing is readable."""

_MASK: Final = re.compile(
    r"[xX]{4}|[*•]{2}|\.{3}|…|\A[xX*•]*\Z|\A\W?(masked|redacted|hidden|secret)\W?\Z", re.IGNORECASE
)
_KEY: Final = re.compile(r"[\w.~+/=-]+")
_WORD: Final = re.compile(r"[\w.~+=-]*\d[\w.~+=-]*")
_HARMLESS: Final = ("key", "jwt_method", "jwt_response_key")


def secrets_in(body: Mapping[str, Json]) -> tuple[str, ...]:
    """Return every text in a body that a person must never see."""
    config = body.get("model_config")
    fields = [path.rpartition(".")[2] for path in SECRETS]
    return tuple(_texts({name: config.get(name) for name in fields})) if isinstance(config, Mapping) else ()


def _texts(value: Json, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name not in _HARMLESS and not (name == "jwt_url" and not set("?@") & set(value)):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` for each secret, in the clear, escaped, URL-encoded or in base64.

    Of a key, each part of eight characters or more is hidden too; of a longer text, such as a command, each word that
    may be a key.
    """
    parts: set[str] = set()
    for secret in secrets:
        words = () if _KEY.fullmatch(secret) else _WORD.findall(secret)
        for form in _forms(secret):
            size = max(SHORTEST, len(form)) if words != () else SHORTEST
            parts.update(form[at : at + size] for at in range(len(form) - size + 1))
        parts.update(word for word in words if len(word) >= SHORTEST)
    return _without(text, parts)


def _forms(secret: str) -> set[str]:
    once, in_ascii = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    twice = json.dumps(once, ensure_ascii=False)[1:-1]
    return {
        secret,
        once,
        in_ascii,
        twice,
        quote(secret, safe=""),
        quote(secret),
        html.escape(secret),
        _base64(secret),
    }


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode().rstrip("=")


def _without(text: str, parts: set[str]) -> str:
    hidden = bytearray(len(text))
    for size in {len(part) for part in parts}:
        for at in range(len(text) - size + 1):
            if text[at : at + size] in parts:
                hidden[at : at + size] = b"\1" * size
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if is_hidden else "".join(char for char, _ in run) for is_hidden, run in runs)


def is_masked(text: str) -> bool:
    """Whether a text is what an API shows in the place of a secret, such as `xxxxx`.

    It rather takes a real one for masked, which is then asked for, than keeps a mask for real.
    """
    return bool(_MASK.search(text))
