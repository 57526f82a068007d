"""Decides which values are secret: those in a field declared as `Secret`, and those whose name or text says so.

The same rule serves the state, diffs, commands, imports and redaction. Imports nothing heavy: programs load it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import suppress
from functools import lru_cache, partial
from itertools import filterfalse
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from .plain import leaves
from .secret_names import is_secret_name
from .spellings import LONG, SHORTEST, by_size, has_digit, parts, slices

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]

_LABELS: Final = frozenset(("key", "name", "header", "header_name", "headername", "field", "variable", "k"))
_VALUES: Final = frozenset(("value", "values", "val", "header_value", "headervalue", "content", "v"))
"""Names of the two fields of an object in which one labels the other."""
_SHORTEST_TEXT: Final = len("http://a:b@c")
_SECRET_TEXT: Final = re.compile(
    r"://[^/\s:@]{0,99}:(?!\d{1,9}/)[^\s@]{1,999}@|://[^/\s:@]{20,999}@|[?&]key=[^&\s]{8}|[?&]code=[^&\s]{20}|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----|\A(bearer|basic|token|api-?key) +[\w.~+/=-]{16,}\Z|"
    r"(hooks\.slack\.com/services|discord(app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)/|"
    r"(?<!\w)(sk-[\w-]{20}|gh[a-z]_\w{30}|github_pat_\w{20}|glpat-[\w-]{20}|xox[a-z]-[\w-]{10}|hf_[a-z]{30}|"
    r"(gsk_|csk-|pplx-|r8_)\w{30}|(xai-|nvapi-|tgp_v1_)[\w-]{40}|"
    r"aiza[\w-]{30}|(akia|asia)\w{16}(?!\w)|eyj[\w-]{8,2000}\.eyj[\w-]{8})",
    re.IGNORECASE,
)
"""A URL with a password, a private key, a whole header, and the key formats of well-known services."""
_NAMED: Final = re.compile(
    r"(?<![\w-])([\w-]{2,64})[\\\"']{0,4} {0,2}([=:]) {0,2}[\[\\\"']{0,4}"
    r"(?=(?:(?:bearer|basic|token) {1,2})?([\w.~+/-][^\s\"'&;,\\]{7,80}))",
    re.IGNORECASE,
)
"""A name and its value inside a string: a query string, a header, JSON, a connection string."""
_REST: Final = re.compile(r"\A[^\s\"'&;,\\]+")
_MASK_WORD: Final = r"(masked|redacted|removed|hidden|secret|sensitive|filtered)( value)?"
_MASK: Final = re.compile(rf"[xX]{{4}}|[*•●]{{2}}|\.{{3}}|…|\A[xX*•●#]*\Z|\A\W*{_MASK_WORD}\W*\Z", re.IGNORECASE)
_MASKING: Final = re.compile(r"[xX]{3,}|[*•●#]{3,}|\.{3,}|…")
_MASKED: Final = re.compile(rf"\W+{_MASK_WORD}\W+|masked|redacted", re.IGNORECASE)


def is_secret_text(text: str) -> bool:
    """Whether a string is or contains a secret, wherever it is: a URL with a password, a private key, a header value,
    `api_key=…`."""
    if len(text) < _SHORTEST_TEXT:
        return False
    if "%" in text:
        text = f"{text} {unquote(text)}"
    if _SECRET_TEXT.search(text):
        return True
    has_names = "=" in text or text.count(":") > text.count("://")  # the search costs ten times as much
    return has_names and any(map(_names_one, _NAMED.finditer(text)))


def _names_one(found: re.Match[str]) -> bool:
    name, sign, value = found.groups()
    # A word after a colon may be part of a sentence.
    return is_secret_name(name) and (sign == "=" or len(value) >= 20 or has_digit(value))


def without_secret_texts(text: str) -> str:
    """Return `text` with `***` in place of everything that is recognizable as a secret."""
    named = (found.span(3) for found in _NAMED.finditer(text) if _names_one(found))
    for start, end in sorted([*(found.span() for found in _SECRET_TEXT.finditer(text)), *named], reverse=True):
        text = f"{text[:start]}***{_REST.sub('', text[end:], count=1)}"
    return text


def is_masked(text: str) -> bool:
    """Whether a string is a mask that an API shows in place of a secret, such as `xxxxx`.

    When in doubt, a real secret counts as masked, and the user is asked for it, rather than a mask as real.
    """
    return bool(_MASK.search(text))


def is_mask_of(shown: str, text: str) -> bool:
    """Whether `shown` may be an API's mask of `text`: any characters still visible are from its ends."""
    first, *rest = (part if re.search(r"\w", part) else "" for part in _MASKING.split(shown))
    if not rest:
        return bool(_MASKED.fullmatch(shown))
    *middle, last = rest
    is_end = text.startswith(first) and text.endswith(last) and len(first + last) < len(text)
    return is_end and not any(middle)


def secret_paths(document: Json, places: Collection[str], public: Collection[str] = ()) -> list[Path]:
    """Return the path of each outermost secret in `document`. `places` are the dotted paths of secret fields.

    Empty values are not secret. In `{"key": "api-key", "value": …}` the `key`, or `name`, labels the value. A string
    that repeats a key of the document, such as one that a server sets, is secret too, unless the field is `public`.
    """
    found = list(_paths(document, (), "", places))
    repeats = _repeats(document, public) if found else ()
    return [*found, *(path for path in repeats if not any(path[: len(outer)] == outer for outer in found))]


def without(document: Json, places: Collection[str], public: Collection[str] = ()) -> Json:
    """Return a copy of a document without its secrets and without secret fields that are empty."""
    repeats = frozenset(_repeats(document, public))

    def kept(value: Json, path: Path) -> Json:
        if isinstance(value, list):
            return [kept(item, (*path, n)) for n, item in enumerate(value) if not is_out(item, (*path, n))]
        if not isinstance(value, dict):
            return value
        return {
            name: kept(item, (*path, name))
            for name, item in value.items()
            if not (is_hidden(value, name, place_of((*path, name)), places) or is_out(item, (*path, name)))
        }

    def is_out(item: Json, path: Path) -> bool:
        return _is_text(item) or path in repeats

    return kept(document, ())


def is_hidden(holder: Mapping[str, Json], name: str, place: str, places: Collection[str]) -> bool:
    """Whether a field is secret by its place, by its name, or by a label next to it."""
    if place in places or is_secret_name(str(name)):
        return True
    labels = (text for other, text in holder.items() if str(other).lower() in _LABELS and isinstance(text, str))
    return str(name).lower() in _VALUES and any(map(is_secret_name, labels))


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and is_secret_text(value)


def _paths(value: Json, path: Path, place: str, places: Collection[str]) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, item in value.items():
            below = f"{place}.{name}" if place else str(name)
            if item in (None, "", [], {}):
                continue
            if is_hidden(value, name, below, places):
                yield (*path, name)
            else:
                yield from _paths(item, (*path, name), below, places)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index), place, places)
    elif _is_text(value):
        yield path


def _repeats(document: Json, public: Collection[str]) -> Iterator[Path]:
    """Yield the path of each string that contains a key of the document, or a long part of one; keys included."""
    wanted = _wanted(frozenset(_keys(document)))
    for path, leaf in leaves(document) if wanted else ():
        if isinstance(leaf, str) and place_of(path) not in public and next(slices(leaf, wanted), None):
            yield path


def _keys(value: Json, *, is_key: bool = False) -> Iterator[str]:
    """Yield each string that its own name makes secret, if it is too long to occur elsewhere by accident."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _keys(item, is_key=is_hidden(value, name, "", ()))
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item, is_key=is_key)
    elif is_key and isinstance(value, str):
        yield from _keys_in(value)


def _keys_in(text: str) -> Iterator[str]:
    if text.lstrip().startswith("{"):  # the JSON of a service account: its other fields are not keys
        with suppress(ValueError, RecursionError):
            yield from _keys(json.loads(text))
        return
    word = max(text.split(), key=len, default="")  # `Bearer KEY`
    is_telling = len(word) >= LONG or (len(word) >= SHORTEST and has_digit(word))
    if is_telling and not is_masked(word):
        yield word


@lru_cache(maxsize=64)
def _wanted(keys: frozenset[str]) -> Mapping[int, Set[str]]:
    return by_size(
        part for key in keys for part in (*filter(has_digit, parts(key, LONG)), *filterfalse(has_digit, parts(key)))
    )


def replaced_at(value: Json, paths: Collection[Path], put: Callable[[Json], Json]) -> Json:
    """Return a copy of `value` with `put(old)` at each of the paths."""
    if () in paths:
        return put(value)
    below: dict[str | int, list[Path]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(tuple(rest))
    if isinstance(value, dict):
        return {k: replaced_at(v, below[k], put) if k in below else v for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [replaced_at(v, below[n], put) if n in below else v for n, v in enumerate(value)]
    return value


# ---- the strings in secrets

_HARMLESS_HEADERS: Final = ("accept", "content-type", "user-agent")


def replaced_texts(
    document: Json, places: Collection[str], public: Collection[str], put: Callable[[Path, str], Json]
) -> Json:
    """Return a copy of `document` with `put(PATH, TEXT)` in place of each string that may be a secret.

    `public` are the dotted paths of fields inside a secret that are not secret themselves.
    """

    def below(path: Path, value: Json, header: str = "") -> Json:
        if isinstance(value, dict):
            header = str(value.get("key", "")).casefold()
            return {name: below((*path, name), item, header) for name, item in value.items()}
        if isinstance(value, list):
            return [below((*path, index), item, header) for index, item in enumerate(value)]
        if not isinstance(value, str) or not value or place_of(path) in public or _is_harmless(path, header, value):
            return value
        return put(path, value)

    replaced = document
    for path in secret_paths(document, places, public):
        replaced = replaced_at(replaced, [path], partial(below, path))
    return replaced


def place_of(path: Path) -> str:
    """Return the dotted path of the field at `path`, without list indexes."""
    return ".".join(part for part in path if isinstance(part, str))


def _is_harmless(path: Path, header: str, text: str) -> bool:
    if path[-1] == "jwt_url":
        return not set("?@") & set(text)
    return header in _HARMLESS_HEADERS and path[-1] == "value"


def secret_texts(document: Json, places: Collection[str], public: Collection[str]) -> tuple[str, ...]:
    """Return every string in `document` that must not be shown."""
    found: list[str] = []
    replaced_texts(document, places, public, lambda _path, text: found.append(text))
    return tuple(found)
