"""The secrets of a story, and the search for them in whatever came out of it.

A secret is looked for in the clear and in every spelling that a program gives a text by habit. Nothing here,
no message included, shows one.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

SERVER = (".db", ".db-wal", ".db-shm", ".sqlite", ".sqlite-wal", ".sqlite-shm")
"""How the names of the emulator's own files end: it plays the server, who must know the keys."""


class Secrets:
    """Makes the secrets of a story and finds them again."""

    def __init__(self) -> None:
        self._spellings: dict[bytes, str] = {}

    def make(self, what: str) -> str:
        """A new secret, in which every way of quoting changes something; `what` names it in a finding."""
        secret = f"sk-{secrets.token_hex(8)}/+=&<{secrets.token_hex(8)}"
        self.learn(what, secret)
        return secret

    def learn(self, what: str, secret: str) -> None:
        """Looks for `secret` too."""
        for how, text in spellings(secret):
            self._spellings.setdefault(text, f"{what}, {how}")

    def found_in(self, content: bytes) -> list[str]:
        """Which secrets stand in `content`, and how they are spelt."""
        return sorted(what for text, what in self._spellings.items() if text in content)

    def found_under(self, folder: Path) -> list[str]:
        """The same for every file under `folder`, the emulator's own aside."""
        files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(SERVER)]
        return [f"{path.relative_to(folder)}: {what}" for path in files for what in self.found_in(path.read_bytes())]


def spellings(secret: str) -> Iterator[tuple[str, bytes]]:
    """Every way to spell `secret`, by its name."""
    raw = secret.encode()
    yield "in the clear", raw
    yield "as JSON", json.dumps(secret)[1:-1].encode()
    yield "as Go writes JSON", _as_go(secret).encode()
    yield "as Go writes JSON within JSON", json.dumps(_as_go(secret))[1:-1].encode()
    yield "URL-encoded", quote(secret, safe="").encode()
    yield "URL-encoded, but for slashes", quote(secret).encode()
    yield "as a form", quote_plus(secret).encode()
    yield "as hexadecimal", raw.hex().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            yield f"as base64 with {before} bytes before it", _middle(encode(b" " * before + raw), before, len(raw))


def _as_go(secret: str) -> str:
    text = json.dumps(secret)[1:-1]
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _middle(encoded: bytes, before: int, length: int) -> bytes:
    """The characters that depend on the secret alone, not on what stands before or after it."""
    return encoded[-(-before * 8 // 6) : (before + length) * 8 // 6]
