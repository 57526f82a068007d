"""Hides secrets in JSON, so that neither the request log nor the page shows a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

MASK = "xxxxx"
RECOGNIZED = 8  # characters; a shorter secret is too likely to occur in other text
# Wider than the known fields: a key in a misspelt field must not leak either.
_SECRET = re.compile(
    r"\wkeys?|[_-]keys?|secret|token|passw|passphrase|passcode|pwd|jwt|curl|headers|credential|creds|authorization|"
    r"cookie|bearer|dsn|assertion|conn\w*[_-]?str|(service_?)?account_?json|(^|[_-]|user|db)(pass|o?auth|sas|otp|sig|pat)"
    r"([_-]?(header|values?|v|base|b|encoded|plaintext|\d+))*$",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LABELS = ("key", "name", "header", "header_name", "headername", "field", "variable", "k")
_VALUES = ("value", "values", "val", "header_value", "headervalue", "content", "v")
_HARMLESS = re.compile(
    r"key_?word|monkey|tokeniz|max_?\w*tokens|token_?(limit|type|count)|jwt_(method|response_key)", re.IGNORECASE
)
_TEXT = re.compile(
    r"://[^/\s:@]{0,99}:(?!\d{1,9}/)[^\s@]{1,999}@|://[^/\s:@]{20,999}@|[?&]key=[^&\s]{8}|[?&]code=[^&\s]{20}|"
    r"PRIVATE KEY|^(bearer|basic|token|api-?key) +\S{16,}$|"
    r"(hooks\.slack\.com/services|discord(app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)/|"
    r"(?<!\w)(sk-[\w-]{20}|gh[a-z]_\w{30}|github_pat_\w{20}|glpat-[\w-]{20}|xox[a-z]-[\w-]{10}|hf_[a-z]{30}|"
    r"(gsk_|csk-|pplx-|r8_)\w{30}|(xai-|nvapi-|tgp_v1_)[\w-]{40}|"
    r"aiza[\w-]{30}|(akia|asia)\w{16}|eyj[\w-]{8,2000}\.eyj[\w-]{8})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?<![\w-])([\w-]{2,64})[\\\"']{0,4} {0,2}([=:]) {0,2}[\[\\\"']{0,4}(?:(?:bearer|basic|token) {1,2})?"
    r"(?=([\w.~+/-][^\s\"'&;,\\]{7,80}))",
    re.IGNORECASE,
)


def masked(value: Any) -> Any:
    """Return a JSON value with every string under a secret name masked, and longer secrets masked in all texts."""
    secrets = {text for text in _secrets(value) if len(text) >= RECOGNIZED}
    return _masked(value, secrets)


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, secret=_is_hidden(value, name, secret=secret))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, secret=secret)
    elif isinstance(value, str) and (secret or _is_secret_text(value)):
        yield value


def _is_secret_text(text: str) -> bool:
    """Return whether a text looks secret: a URL with a password, a header, a key of a well-known service."""
    text = f"{text} {unquote(text)}" if "%" in text else text
    return bool(_TEXT.search(text)) or any(_is_secret_pair(*found.groups()) for found in _NAMED.finditer(text))


def _is_secret_pair(name: str, sign: str, value: str) -> bool:
    # After a colon, the value may be a word of a sentence.
    return is_secret(name) and (sign == "=" or len(value) >= 20 or any(map(str.isdigit, value)))


def _masked(value: Any, secrets: Set[str], *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            name: _masked(item, secrets, secret=_is_hidden(value, name, secret=secret))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, secrets, secret=secret) for item in value]
    if not isinstance(value, str):
        return value
    if secret:
        return MASK
    for text in secrets:
        value = value.replace(text, MASK)
    return value


def _is_hidden(holder: dict[str, Any], name: str, *, secret: bool) -> bool:
    """Return whether a field is secret by its own name, or by the text of a `key` or `name` beside it."""
    small = {field.lower(): text for field, text in holder.items()}
    if name.lower() in _LABELS and not small.keys().isdisjoint(_VALUES):
        return False
    labels = [small.get(label) for label in _LABELS] if name.lower() in _VALUES else []
    is_named = is_secret(name) or any(isinstance(label, str) and is_secret(label) for label in labels)
    return is_named or (secret and not _HARMLESS.search(name))


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    return bool(_SECRET.search(_HUMP.sub("_", name))) and not _HARMLESS.search(name)
