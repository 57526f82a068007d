"""Keys stay out of sight: texts without them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final
from urllib.parse import quote

SHORTEST: Final = 8
"""Characters of the shortest secret, or part of one, that is hidden: without "none" or "POST" nothing is readable."""
LONGEST: Final = 2**16
"""Characters of a text that are looked through; nobody reads more of a message."""

_KEY: Final = re.compile(r"[\w.~+/=-]+")
_WORD: Final = re.compile(r"[\w.~+=-]{8,}")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` for each secret, in the clear, escaped, URL-encoded or in base64.

    Of a key, each part of eight characters or more is hidden too; of a longer text, such as a command, each word that
    may be a key. What is beyond `LONGEST` is cut off.
    """
    parts: set[str] = set()
    for secret in secrets:
        is_key = bool(_KEY.fullmatch(secret))
        for form in _forms(secret):
            size = SHORTEST if is_key else max(SHORTEST, len(form))
            parts.update(form[at : at + size] for at in range(len(form) - size + 1))
        if not is_key:
            parts.update(word for word in _WORD.findall(secret) if any(map(str.isdigit, word)))
    return _without(text[:LONGEST], parts)


def _forms(secret: str) -> set[str]:
    once, in_ascii = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    twice = json.dumps(once, ensure_ascii=False)[1:-1]
    in_url = (quote(secret, safe=safe, errors="replace") for safe in ("", "/"))
    in_base64 = base64.b64encode(secret.encode(errors="replace")).decode().rstrip("=")
    return {secret, once, in_ascii, twice, *in_url, html.escape(secret), in_base64}


def _without(text: str, parts: set[str]) -> str:
    hidden = bytearray(len(text))
    for size in {len(part) for part in parts}:
        for at in range(len(text) - size + 1):
            if text[at : at + size] in parts:
                hidden[at : at + size] = b"\1" * size
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if is_hidden else "".join(char for char, _ in run) for is_hidden, run in runs)
