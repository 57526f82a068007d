"""Keys stay out of sight: which texts of a body are secret, texts without them, and how an API hides them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from ..kinds.kind import Json
from ..kinds.model import MODEL

_MASK: Final = re.compile(
    r"[xX]{4}|[*•]{2}|\.{3}|…|\A[xX*•]*\Z|\A\W?(masked|redacted|hidden|secret)\W?\Z", re.IGNORECASE
)


def secrets_in(body: Mapping[str, Json]) -> tuple[str, ...]:
    """Every text in a body that a person must never see."""
    config = body.get("model_config")
    hidden = ([config.get(path.rpartition(".")[2]) for path in MODEL.secrets]) if isinstance(config, Mapping) else []
    return tuple(_texts(hidden))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, in the clear, URL-encoded or in base64."""
    shapes = {shape for secret in secrets for shape in (secret, quote(secret, safe=""), _base64(secret))}
    for shape in sorted(shapes, key=len, reverse=True):  # one secret may begin another
        if len(shape) > 3:
            text = text.replace(shape, "***")
    return text


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode().rstrip("=")


def is_masked(text: str) -> bool:
    """True for what an API answers in the place of a secret, such as `xxxxx`.

    It rather takes a real one for masked, which is then asked for, than keeps a mask for real.
    """
    return bool(_MASK.search(text))
