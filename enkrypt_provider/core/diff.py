"""Finds the differences between documents, and classifies them by the markers of a kind's fields.

Compares canonical documents only, and makes no calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from unicodedata import normalize

from ..kinds.document import FieldOf
from ..kinds.kind import Kind, Live, Properties
from ..kinds.markers import (
    ABSENT,
    Compared,
    OnlyIn,
    Option,
    Quiet,
    Replaces,
    SentWhereAbsent,
    ServerSet,
    Unordered,
)
from ..kinds.secrets import is_mask_of, without
from ..kinds.values import OneOf


class Rule(Enum):
    """What a difference in a field means."""

    UPDATE = "changed in place, by one request with the whole object"
    REPLACE = "part of the identity: a new registration replaces the old one"
    SECRET = "changed in place; never compared with the server's value"  # noqa: S105 - a name, no password
    OPTION = "an option of this provider, never sent to the API"


@dataclass(frozen=True)
class Change:
    """One field that differs. It holds no value, since any value may be a secret."""

    path: str
    rule: Rule


def rule_of(path: str, kind: Kind) -> Rule:
    """Return the rule of a field, given as a dotted path."""
    field = kind.fields.get(path)
    if kind.is_secret(path):
        return Rule.SECRET
    if field and field.marker(Replaces):
        return Rule.REPLACE
    return Rule.OPTION if field and field.marker(Option) else Rule.UPDATE


def sent(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that are sent to the API."""
    return [change for change in changes if change.rule is not Rule.OPTION]


def changes(old: Mapping[str, Any], new: Mapping[str, Any], kind: Kind) -> list[Change]:
    """Return the fields in which two canonical documents differ. A value that is not known yet always differs."""
    return list(_changes(kind, old, new, ""))


def _changes(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[Change]:
    for name in {**old, **new}:
        path = f"{prefix}{name}"
        field = kind.fields.get(path)
        if field and field.marker(ServerSet):
            continue
        before, after = old.get(name, _sent_for_absent(field)), new.get(name, _stored_for_absent(field))
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(kind, before, after, f"{path}.")
        elif not equal(before, after) and not _is_spelt_otherwise(field, before, after):
            yield Change(path, rule_of(path, kind))


def _sent_for_absent(field: FieldOf | None) -> Any:
    """Return what is sent for an absent field, so that declaring just that is no difference."""
    only = field.marker(OnlyIn) if field else None
    return only.empty if only else ABSENT


def _stored_for_absent(field: FieldOf | None) -> Any:
    """Return what the server stores for an absent field, so that leaving just that out is no difference."""
    only = field.marker(OnlyIn) if field else None
    return only.assumed if only and only.assumed is not ABSENT else _sent_for_absent(field)


def _is_spelt_otherwise(field: FieldOf | None, one: Any, other: Any) -> bool:
    """Whether two values differ only in an order or a spelling that the field ignores."""
    if field is None:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return bool(field.marker(Unordered)) and sorted(map(repr, one)) == sorted(map(repr, other))
    compared = field.marker(Compared)
    if compared is None or not isinstance(one, str) or not isinstance(other, str):
        return False
    return compared.spelling(one) == compared.spelling(other)


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 443.0 equals 443, but true does not equal 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


# ---- comparing a declaration with the live registration


def differing(declared: Properties, live: Live, kind: Kind) -> list[str]:
    """Return the paths in which a live registration differs from a declared one, ignoring secrets."""
    return [change.path for change in changes(declared, settle(declared, live, kind), kind)]


def without_secrets(declared: Properties, kind: Kind) -> Properties:
    """Return `declared` without secrets: as nobody can compare them, any declared ones then count as a difference."""
    kept: Properties = without(declared, kind.secrets, kind.public)
    return kept


def settle(declared: Properties, live: Live, kind: Kind) -> Properties:
    """Return the live registration as the program would have written it, so that only real drift differs.

    If nothing is declared (`get`, `import`), return the live registration as it is.
    """
    if not declared:
        return live.inputs
    options = {name: declared[name] for name in kind.options if name in declared}
    return _Settling(kind, live.omitted).document(declared, live.inputs) | options


def _stored(kind: Kind, path: str, value: Any) -> Any:
    """Normalize a value as a server may: trim and compose texts, ignore case in closed sets, drop empty values."""
    field = kind.fields.get(path)
    if isinstance(value, dict):
        filled = {name: item for name, item in value.items() if not _is_empty(item)}
        return {name: _stored(kind, f"{path}.{name}", item) for name, item in filled.items()}
    if isinstance(value, list):
        items = [_stored(kind, path, item) for item in value]
        return sorted(set(map(repr, items))) if field and field.marker(Unordered) else items
    if not isinstance(value, str):
        return value
    text = normalize("NFC", value.replace("\r\n", "\n").strip())
    compared = field.marker(Compared) if field else None
    text = compared.spelling(text) if compared else text
    return text.casefold() if field and (field.values or field.marker(OneOf)) else text


def _is_text_of(one: Any, other: Any) -> bool:
    """Whether one is the other as text, as servers may return a map's values: `0.50` for 0.5, `True` for true."""
    text, value = (one, other) if isinstance(one, str) else (other, one)
    if not isinstance(text, str) or not isinstance(value, int | float):
        return False
    if isinstance(value, bool):
        return text.casefold() == str(value).casefold()
    try:
        return float(text) == value
    except ValueError:
        return False


def _is_empty(value: Any) -> bool:
    """Whether a server may leave the value out, or return another empty one in its place."""
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    return value in ("", []) or value is False


@dataclass(frozen=True)
class _Settling:
    """Merges a program's inputs with the server's, for `settle`. `omitted` is that of `Live`."""

    kind: Kind
    omitted: frozenset[str]

    def document(self, declared: Properties, live: Properties, prefix: str = "") -> Properties:
        returned = {name: value for name, value in live.items() if name in declared or self._is_drift(prefix + name)}
        omitted = {
            name: value
            for name, value in declared.items()
            if name not in live and self._stands(f"{prefix}{name}", value)
        }
        settled = {
            name: self._value(prefix + name, declared[name], value) if name in declared else value
            for name, value in returned.items()
        }
        return {**settled, **omitted}

    def _is_drift(self, path: str) -> bool:
        """Whether a value that the server returns and nobody declared counts as drift."""
        field = self.kind.fields.get(path)
        absent = field.marker(SentWhereAbsent) if field else None
        is_known = bool(field and field.default is not ABSENT and not field.is_secret)
        return is_known or bool(absent and absent.is_ours)

    def _stands(self, path: str, value: Any) -> bool:
        """Whether the declared value stands if the server does not return it."""
        is_unverifiable = self._is_free(path) or self.kind.is_secret(path) or self._is_quiet(path, value)
        field = self.kind.fields.get(path)
        absent = field.marker(SentWhereAbsent) if field else None
        return is_unverifiable or equal(value, absent.value if absent else _sent_for_absent(field))

    def _is_quiet(self, path: str, declared: Any) -> bool:
        """Whether a response that leaves the field out confirms the declared value."""
        field = self.kind.fields.get(path)
        is_omitted = path in self.omitted and bool(field and field.marker(Quiet))
        return is_omitted or _is_empty(declared)

    def _is_free(self, path: str) -> bool:
        """Whether the field is in a map that takes any name, where a server may omit, mask or add entries."""
        field = self.kind.fields.get(path)
        return field is None or bool(field.parent and field.parent.is_map)

    def _value(self, path: str, declared: Any, live: Any) -> Any:
        if isinstance(declared, str) and declared == live:
            return declared
        if self.kind.is_secret(path) or (path in self.omitted and self._is_quiet(path, declared)):
            return declared
        if isinstance(declared, dict) and isinstance(live, dict):
            return self.document(declared, live, f"{path}.")
        if _is_empty(declared) and _is_empty(live):
            return declared
        if equal(_stored(self.kind, path, declared), _stored(self.kind, path, live)):
            return declared
        if self._is_free(path) and _is_text_of(declared, live):
            return declared
        if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
            return [self._value(path, *pair) for pair in zip(declared, live, strict=True)]
        is_masked = self._is_free(path) and isinstance(live, str) and is_mask_of(live, str(declared))
        return declared if is_masked else live


def in_order_of(old: Properties, new: Properties, kind: Kind) -> Properties:
    """Return `new` with its unordered lists in the order of `old`, new items last, so that only real changes show."""
    found: Properties = _in_order_of(kind, old, new, "")
    return found


def _in_order_of(kind: Kind, old: Any, new: Any, path: str) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            name: _in_order_of(kind, old.get(name), value, f"{path}.{name}".removeprefix("."))
            for name, value in new.items()
        }
    field = kind.fields.get(path)
    if not (isinstance(old, list) and isinstance(new, list) and field and field.marker(Unordered)):
        return new
    kept, added = [], list(new)
    for item in old:
        if item in added:
            added.remove(item)
            kept.append(item)
    return [*kept, *added]
