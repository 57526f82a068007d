"""Decides by its name whether a field or header holds a secret. Imports nothing heavy: programs load it too."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET: Final = frozenset(
    ("secret", "secrets", "password", "passwords", "passwd", "passcode", "pwd", "passphrase", "authorization",
     "credential", "credentials", "creds", "cookie", "cookies", "bearer", "apikey", "apikeys", "appkey", "pat", "dsn")
)  # fmt: skip
_KEYS: Final = frozenset(
    ("api", "access", "private", "account", "app", "auth", "client", "consumer", "deploy", "encryption", "hmac",
     "license", "master", "sas", "session", "shared", "signing", "ssh", "storage", "subscription")
)  # fmt: skip
_HARMLESS_KEYS: Final = frozenset(
    ("", "answer", "cache", "column", "content", "context", "data", "dedup", "dict", "document", "field", "foreign",
     "group", "hash", "header", "idempotency", "index", "input", "item", "json", "label", "list", "lookup", "map",
     "memory", "message", "messages", "metadata", "name", "object", "output", "partition", "primary", "prompt",
     "public", "query", "question", "response", "result", "role", "routing", "row", "score", "sort", "source", "text",
     "translation", "type", "unique", "url")
)  # fmt: skip
"""Words before a final `key` that make it harmless; any other makes it secret: `openai_key`, `x-functions-key`."""
_AT_THE_END: Final = frozenset(
    ("headers", "token", "tokens", "auth", "oauth", "jwt", "sas", "sig", "otp", "pass", "assertion")
)
"""Words that are secret only at the end: `basic_auth`, not `auth_type`."""
_AFTER: Final = frozenset(("value", "values", "v", "base", "b", "encoded", "plaintext"))
"""Words ignored at the end of a name, as numbers are: `token_value`, `token_base64`, `password_2`."""
_TOGETHER: Final = re.compile(
    r".*(secret|password|passwd|passphrase|credential|(user|db)pass|(access|api|auth|bearer|client|id|refresh|session)"
    r"token|(access|account|api|auth|client|encryption|master|private|secret|service|session|shared|signing)key)s?"
)
"""Secret words run together without capitals: `secretaccesskey`."""
_PAIRS: Final = frozenset(
    (("connection", "string"), ("connection", "strings"), ("conn", "str"), ("account", "json"), ("auth", "header"))
)
_OF_MODELS: Final = frozenset(
    ("bos", "cls", "end", "eos", "mask", "max", "min", "pad", "sep", "start", "stop", "unk")
)
"""Words for tokens of a language model rather than of an account."""


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a field or header of this name holds a secret.

    A map of headers is secret as a whole. `max_tokens`, `eos_token` and `token_limit` are not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    while words and (words[-1].isdigit() or words[-1] in _AFTER):
        words.pop()
    pairs = list(zip(["", *words], words, strict=False))
    return (
        any(word in _SECRET or _TOGETHER.fullmatch(word) for word in words)
        or any(word in ("key", "keys") and before in _KEYS for before, word in pairs)
        or not _PAIRS.isdisjoint(pairs)
        or bool(pairs and _ends_as_one(*pairs[-1]))
    )


def _ends_as_one(before: str, word: str) -> bool:
    """Whether the last word makes the name secret, given the word before it."""
    if word in ("key", "keys"):
        return before not in _HARMLESS_KEYS
    return word in _AT_THE_END and not _counts(before, word)


def _counts(before: str, word: str) -> bool:
    return (word == "tokens" and before != "" and before not in ("access", "auth", "api")) or before in _OF_MODELS
