"""The encodings in which programs usually write a secret, and the case-insensitive search for them in a text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 8
"""Minimum length, in characters, of a secret or part of one to search for: "none" and "POST" must stay readable."""
LONG: Final = 12
"""Length, in characters, from which a key or part of one does not occur elsewhere by accident."""

_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")


def parts(secret: str, size: int = 2**31) -> Iterator[str]:
    """Yield every substring of `size` characters of each spelling, or a whole shorter spelling; in lower case."""
    for form in {folded(text) for _, text in spellings(secret)}:
        length = max(SHORTEST, min(size, len(form)))
        yield from (form[at : at + length] for at in range(len(form) - length + 1))


def by_size(wanted: Iterable[str]) -> dict[int, set[str]]:
    """Group parts by length, as `slices` needs them."""
    found: dict[int, set[str]] = {}
    for part in wanted:
        found.setdefault(len(part), set()).add(part)
    return found


def slices(text: str, wanted: Mapping[int, Set[str]]) -> Iterator[slice]:
    """Yield each place in `text` where one of the parts occurs; `wanted` comes from `by_size`."""
    small = folded(text)
    for size, parts_of_it in wanted.items():
        yield from (
            slice(at, at + size) for at in range(len(text) - size + 1) if small[at : at + size] in parts_of_it
        )


def has_digit(text: str) -> bool:
    """Whether a text has a digit, as most keys do; without one, it may be ordinary words."""
    return any(map(str.isdigit, text))


def folded(text: str) -> str:
    """Return `text` in lower case, with its length unchanged."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def spellings(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the result of every encoding in which programs usually write `secret`."""
    from html import escape  # its table of entities is slow to load

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
    yield "as HTML", escape(secret)
    yield "as HTML with numbers", escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield "as hexadecimal", raw.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(b" " * before + raw).decode()
            # Only the characters that depend on the secret alone, not on the bytes before or after it.
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
