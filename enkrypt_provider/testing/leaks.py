"""Searches the output of a program, the engine or a server for secrets.

Each secret is searched for in the clear and in every common encoding. Nothing here ever shows a secret, not even an
error message.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..frontends.property_values import Secret
from ..kinds.spellings import spellings
from .stack import Resource, Result

SERVER: Final = (".db", ".db-wal", ".db-shm", ".sqlite", ".sqlite-wal", ".sqlite-shm")
"""Suffixes of the emulator's own files, which are not searched: a server must know the keys."""
SHORTEST: Final = 8
"""Minimum length of a secret: a shorter one would be found by chance."""


def assert_no_secret(secrets: str | Iterable[str] | Mapping[str, str], where: Any) -> None:
    """Asserts that `where` contains none of `secrets`: in the clear, as base64, URL-encoded or in another encoding.

    `secrets` is one secret, several, or several by name. `where` is a string or bytes, a dict or list (an exported
    state, a stack's outputs), a result of `MockStack`, a file, or a folder with everything under it except the
    emulator's databases. Values marked as `Secret` may contain one. The error reports which secret was found, how
    it is encoded, and where; it never shows the secret.
    """
    __tracebackhide__ = True  # pytest would show the arguments
    wanted = Secrets()
    for name, secret in _named(secrets):
        wanted.learn(name, secret)
    if found := list(_findings(wanted, where)):
        raise AssertionError("secrets are exposed:\n  " + "\n  ".join(found))


class Secrets:
    """Generates secrets for a test, and searches for them."""

    def __init__(self) -> None:
        self._spellings: dict[bytes, str] = {}

    def make(self, what: str) -> str:
        """Returns a new secret that every way of quoting changes; `what` names it in findings."""
        secret = f"sk-{secrets.token_hex(8)}/+=&<{secrets.token_hex(8)}"
        self.learn(what, secret)
        return secret

    def learn(self, what: str, secret: str) -> None:
        """Adds `secret` to the search; `what` names it in findings."""
        if len(secret) < SHORTEST:
            raise ValueError(f"{what} is shorter than {SHORTEST} characters: it would be found by chance")
        for how, text in spellings(secret):
            self._spellings.setdefault(text.encode(errors="replace").lower(), f"{what}, {how}")

    def found_in(self, content: bytes) -> list[str]:
        """The secrets in `content`, ignoring case, and how each is encoded."""
        small = content.lower()
        return sorted(what for text, what in self._spellings.items() if text in small)

    def found_under(self, folder: Path) -> list[str]:
        """The same for every file under `folder`, except the emulator's own."""
        files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(SERVER)]
        return [f"{path.relative_to(folder)}: {what}" for path in files for what in self.found_in(path.read_bytes())]


def _named(secrets: str | Iterable[str] | Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if isinstance(secrets, str):
        return [("the secret", secrets)]
    if isinstance(secrets, Mapping):
        return secrets.items()
    return [(f"secret {number}", secret) for number, secret in enumerate(secrets, 1)]


def _findings(wanted: Secrets, where: Any) -> Iterator[str]:
    if isinstance(where, Path):
        yield from wanted.found_under(where) if where.is_dir() else wanted.found_in(where.read_bytes())
    else:
        for path, text in _texts(where):
            yield from (f"{path}: {what}" if path else what for what in wanted.found_in(text))


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Every readable string in `value`, including field names, with its path."""
    if isinstance(value, Secret):
        return
    if isinstance(value, Result | Resource):
        value = vars(value)
    if isinstance(value, Mapping):
        yield path, " ".join(map(str, value)).encode(errors="replace")
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}[{number}]")
    else:
        yield path, value if isinstance(value, bytes) else str(value).encode(errors="replace")
