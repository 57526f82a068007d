"""Redacts keys and other secrets in texts and bodies."""

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
"""Maximum length of a redacted text, in characters: nobody reads more of a message."""

SHORTEST_KEY: Final = 16
"""Minimum length, in characters, for an account's key to be redacted in whole bodies."""

_KEY: Final = re.compile(r"""[^\s"'`{}<>|\\&;,]+""")
_NO_KEY: Final = re.compile(r"://|\A[A-Za-z_]+[=/][A-Za-z_]+\Z")
_WORD: Final = re.compile(r"[\w.~+=-]{8,}")

Wanted: TypeAlias = dict[int, set[str]]
"""Parts of secrets, in lower case, by length."""


class Hidden:
    """The secrets that the clients of one account redact in every message."""

    def __init__(self) -> None:
        self.unread: list[Iterable[str]] = []  # reading each document's keys at once would double a diff's time
        self._read: set[str] = set()
        self._wanted: Wanted = {}
        self._reading = threading.Lock()

    def redacted(self, text: str) -> str:
        """Return `text` with all hidden secrets redacted; each secret is only processed once."""
        with self._reading:
            while self.unread:
                new = {*self.unread.pop()} - self._read
                self._read |= new
                for size, parts_of_it in _wanted(new).items():
                    self._wanted.setdefault(size, set()).update(parts_of_it)
            return _without(text, self._wanted)


@functools.lru_cache(maxsize=64)
def hidden_of(_account: tuple[str, Key]) -> Hidden:
    """Return what all clients of an account share: an error about a deployment may repeat a key of its model."""
    return Hidden()


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` in place of each secret, in every encoding that `spellings` yields.

    Every substring of a key that has eight or more characters is redacted too; so is, in a longer secret such as a
    command, every word that may be a key, and its substrings. The text is cut off at `LONGEST`.
    """
    return _without(text, _wanted(secrets))


def spelt(key: str) -> frozenset[bytes]:
    """Return the encodings for `without_key`; none for a short key, since an emulator accepts any word as one."""
    return frozenset(text.encode().lower() for _, text in spellings(key)) if len(key) >= SHORTEST_KEY else frozenset()


def without_key(body: bytes, forms: Set[bytes]) -> bytes:
    """Return a body with `***` in place of every form of a key."""
    small = body.lower()
    for form in (form for form in forms if form in small):
        body = re.sub(re.escape(form), b"***", body, flags=re.IGNORECASE)
    return body


def _is_key(secret: str) -> bool:
    """Whether a secret is a single key, not words such as `grant_type=client_credentials` or `application/json`."""
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
            # In a host name, the single parts are words.
            wanted.update(part for key in filter(has_digit, word.split(".")) for part in parts(key, SHORTEST))
    return by_size(wanted)


def _without(text: str, wanted: Wanted) -> str:
    text = text[:LONGEST]
    hidden = bytearray(len(text))
    for place in slices(text, wanted):
        hidden[place] = b"\1" * (place.stop - place.start)
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if is_hidden else "".join(char for char, _ in run) for is_hidden, run in runs)
