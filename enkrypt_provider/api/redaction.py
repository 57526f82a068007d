"""Keys stay out of sight: texts without them."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterable, Set
from itertools import groupby
from typing import Final, TypeAlias

from ..kinds.spellings import SHORTEST, by_size, has_digit, parts, slices, spellings
from ..settings import Key

LONGEST: Final = 2**16
"""Characters of a text that are looked through; nobody reads more of a message."""

SHORTEST_KEY: Final = 16
"""Characters of the shortest account's key that is searched for in whole bodies."""

_KEY: Final = re.compile(r"""[^\s"'`{}<>|\\&;,]+""")
_NO_KEY: Final = re.compile(r"://|\A[A-Za-z_]+[=/][A-Za-z_]+\Z")
_WORD: Final = re.compile(r"[\w.~+=-]{8,}")

Wanted: TypeAlias = dict[int, set[str]]
"""Parts of secrets, in small letters, by their length."""


class Hidden:
    """What the clients of one account show in no message."""

    def __init__(self) -> None:
        self.unread: list[Iterable[str]] = []  # to look for keys in each document at once would double a diff's time
        self._read: set[str] = set()
        self._wanted: Wanted = {}
        self._reading = threading.Lock()

    def redacted(self, text: str) -> str:
        """Return `text` as `redacted` would without all that is hidden; what was read once is not read again."""
        with self._reading:
            while self.unread:
                new = {*self.unread.pop()} - self._read
                self._read |= new
                for size, parts_of_it in _wanted(new).items():
                    self._wanted.setdefault(size, set()).update(parts_of_it)
            return _without(text, self._wanted)


@functools.lru_cache(maxsize=64)
def hidden_of(_account: tuple[str, Key]) -> Hidden:
    """Each kind has a client, and a deployment is of a model with keys."""
    return Hidden()


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` for each secret, however it is spelt.

    Of a key, each part of eight characters or more is hidden too; of a longer text, such as a command, each word that
    may be a key, and its parts. What is beyond `LONGEST` is cut off.
    """
    return _without(text, _wanted(secrets))


def spelt(key: str) -> frozenset[bytes]:
    """Return what `without_key` looks for; nothing of a key that may be a word, as an emulator takes it."""
    return frozenset(text.encode().lower() for _, text in spellings(key)) if len(key) >= SHORTEST_KEY else frozenset()


def without_key(body: bytes, forms: Set[bytes]) -> bytes:
    """Return a body with `***` for a key in each of its forms."""
    small = body.lower()
    for form in (form for form in forms if form in small):
        body = re.sub(re.escape(form), b"***", body, flags=re.IGNORECASE)
    return body


def _is_key(secret: str) -> bool:
    """Whether a secret is one key, not several words such as `grant_type=client_credentials`, `application/json`."""
    return bool(_KEY.fullmatch(secret)) and not _NO_KEY.search(secret)


def _wanted(secrets: Iterable[str]) -> Wanted:
    wanted: set[str] = set()
    for secret in secrets:
        if _is_key(secret):
            wanted.update(parts(secret, SHORTEST))
            continue
        wanted.update(parts(secret))
        for word in filter(has_digit, _WORD.findall(secret)):
            wanted.update(parts(word))
            # Of a host name the single parts are words.
            wanted.update(part for key in filter(has_digit, word.split(".")) for part in parts(key, SHORTEST))
    return by_size(wanted)


def _without(text: str, wanted: Wanted) -> str:
    text = text[:LONGEST]
    hidden = bytearray(len(text))
    for place in slices(text, wanted):
        hidden[place] = b"\1" * (place.stop - place.start)
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if is_hidden else "".join(char for char, _ in run) for is_hidden, run in runs)
