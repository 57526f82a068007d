"""Keys stay out of sight: texts without them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 8
"""Characters of the shortest secret, or part of one, that is hidden: without "none" or "POST" nothing is readable."""
LONGEST: Final = 2**16
"""Characters of a text that are looked through; nobody reads more of a message."""

_KEY: Final = re.compile(r"[\w.~+/=-]+")
_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")
_WORDS: Final = re.compile(r"[A-Za-z_]+[=/][A-Za-z_]+")
_WORD: Final = re.compile(r"[\w.~+=-]{8,}")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` for each secret, however it is spelt.

    Of a key, each part of eight characters or more is hidden too; of a longer text, such as a command, each word that
    may be a key, and its parts. What is beyond `LONGEST` is cut off.
    """
    parts: set[str] = set()
    for secret in secrets:
        if _is_key(secret):
            parts.update(_parts(secret, SHORTEST))
            continue
        parts.update(_parts(secret))
        for word in filter(_has_digit, _WORD.findall(secret)):
            parts.update(_parts(word))
            # Of a host name the single parts are words.
            parts.update(part for key in filter(_has_digit, word.split(".")) for part in _parts(key, SHORTEST))
    return _without(text[:LONGEST], parts)


def _is_key(secret: str) -> bool:
    """Whether a secret is one key, not several words such as `grant_type=client_credentials`, `application/json`."""
    return bool(_KEY.fullmatch(secret)) and not _WORDS.fullmatch(secret)


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _parts(secret: str, size: int = 0) -> Iterator[str]:
    """Yield each part of `size` characters of each spelling, or each spelling as a whole."""
    for form in {text for _, text in spellings(secret)}:
        length = size or max(SHORTEST, len(form))
        yield from (form[at : at + length] for at in range(len(form) - length + 1))


def spellings(secret: str) -> Iterator[tuple[str, str]]:
    """Yield every way in which programs spell `secret` by habit, after its name."""
    raw = secret.encode(errors="replace")
    yield "in the clear", secret
    for name, text in _in_json(secret):
        yield f"as {name}", text
        yield f"as {name} within JSON", json.dumps(text, ensure_ascii=False)[1:-1]
    for name, text in (
        ("URL-encoded", quote(secret, safe="", errors="replace")),
        ("URL-encoded, but for slashes", quote(secret, errors="replace")),
        ("as a form", quote_plus(secret, errors="replace")),
    ):
        yield name, text
        yield f"{name}, in small letters", _ESCAPE.sub(lambda found: found[0].lower(), text)
    yield "as HTML", html.escape(secret)
    yield "as HTML with numbers", html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield "as hexadecimal", raw.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(b" " * before + raw).decode()
            # Only what depends on the secret alone, not on what stands before or after it.
            yield (
                f"as base64 with {before} bytes before it",
                encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6],
            )


def _in_json(secret: str) -> Iterator[tuple[str, str]]:
    text, in_ascii = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    yield "JSON", text
    yield "JSON in ASCII", in_ascii
    yield "PHP writes JSON", in_ascii.replace("/", "\\/")
    yield "Go writes JSON", in_ascii.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _without(text: str, parts: set[str]) -> str:
    hidden = bytearray(len(text))
    for size in {len(part) for part in parts}:
        for at in range(len(text) - size + 1):
            if text[at : at + size] in parts:
                hidden[at : at + size] = b"\1" * size
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if is_hidden else "".join(char for char, _ in run) for is_hidden, run in runs)
