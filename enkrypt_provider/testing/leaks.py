"""The search for secrets in whatever came out of a program, the engine or a server.

A secret is looked for in the clear and in every spelling that a program gives a text by habit. Nothing here,
no message included, shows one.
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
"""How the names of the emulator's own files end: it plays the server, who must know the keys."""
SHORTEST: Final = 8
"""Characters of a secret: a shorter one would be found by chance."""


def assert_no_secret(secrets: str | Iterable[str] | Mapping[str, str], where: Any) -> None:
    """Asserts that none of `secrets` stands in `where`, in the clear, as base64, URL-encoded or in another spelling.

    `secrets` is one, several, or several by the name that a finding gives them. `where` is a text or bytes, a
    dict or list (an exported state, a stack's outputs), a result of `MockStack`, a file, or a folder with all
    that is under it (the emulator's databases aside). What is marked as `Secret` may hold one. The error says
    which secret, spelt how, and where; it never shows it.
    """
    __tracebackhide__ = True  # pytest would show the arguments
    wanted = Secrets()
    for name, secret in _named(secrets):
        wanted.learn(name, secret)
    if found := list(_findings(wanted, where)):
        raise AssertionError("secrets stand where anyone may read them:\n  " + "\n  ".join(found))


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
        if len(secret) < SHORTEST:
            raise ValueError(f"{what} is shorter than {SHORTEST} characters: it would be found by chance")
        for how, text in spellings(secret):
            self._spellings.setdefault(text.encode(errors="replace").lower(), f"{what}, {how}")

    def found_in(self, content: bytes) -> list[str]:
        """Which secrets stand in `content`, in capitals or not, and how they are spelt."""
        small = content.lower()
        return sorted(what for text, what in self._spellings.items() if text in small)

    def found_under(self, folder: Path) -> list[str]:
        """The same for every file under `folder`, the emulator's own aside."""
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
    """Every text in `value` that anyone may read, names of fields included, by its place."""
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
