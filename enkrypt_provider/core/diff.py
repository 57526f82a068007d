"""What a difference means: the interpreter of the rules that a kind's fields declare by their markers.

Compares canonical documents only; asks nobody, sends nothing.
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
    REPLACE = "part of the identity: a new registration, made before the old one is deleted"
    SECRET = "changed in place; never compared with what the server says"  # noqa: S105 - a name, no password
    OPTION = "said to this provider: the API is not told"


@dataclass(frozen=True)
class Change:
    """One field that differs. It holds no value: any value may be a secret."""

    path: str
    rule: Rule


def rule_of(path: str, kind: Kind) -> Rule:
    """The rule of a field, given as a dotted path."""
    field = kind.fields.get(path)
    if kind.is_secret(path):
        return Rule.SECRET
    if field and field.marker(Replaces):
        return Rule.REPLACE
    return Rule.OPTION if field and field.marker(Option) else Rule.UPDATE


def told(changes: Iterable[Change]) -> list[Change]:
    """Return those of which the API is told."""
    return [change for change in changes if change.rule is not Rule.OPTION]


def changes(old: Mapping[str, Any], new: Mapping[str, Any], kind: Kind) -> list[Change]:
    """The fields in which two canonical documents differ; a value that is not known yet always does."""
    return list(_changes(kind, old, new, ""))


def _changes(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[Change]:
    for name in {**old, **new}:
        path = f"{prefix}{name}"
        field = kind.fields.get(path)
        if field and field.marker(ServerSet):
            continue
        before, after = old.get(name, _sent_for_absent(field)), new.get(name, _made_of_absent(field))
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(kind, before, after, f"{path}.")
        elif not equal(before, after) and not _is_spelt_otherwise(field, before, after):
            yield Change(path, rule_of(path, kind))


def _sent_for_absent(field: FieldOf | None) -> Any:
    """What is sent for a field that is absent: to say it is no difference."""
    only = field.marker(OnlyIn) if field else None
    return only.empty if only else ABSENT


def _made_of_absent(field: FieldOf | None) -> Any:
    """What the server makes of a field that is absent: to leave that out is no difference."""
    only = field.marker(OnlyIn) if field else None
    return only.assumed if only and only.assumed is not ABSENT else _sent_for_absent(field)


def _is_spelt_otherwise(field: FieldOf | None, one: Any, other: Any) -> bool:
    """Whether two values that differ are one to the field: in another order, or in another spelling."""
    if field is None:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return bool(field.marker(Unordered)) and sorted(map(repr, one)) == sorted(map(repr, other))
    compared = field.marker(Compared)
    if compared is None or not isinstance(one, str) or not isinstance(other, str):
        return False
    return compared.spelling(one) == compared.spelling(other)


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are one: 443.0 is 443, but true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


# ---- a declaration beside what the server has


def differing(declared: Properties, live: Live, kind: Kind) -> list[str]:
    """The paths in which a live registration differs from a declared one, secrets aside."""
    return [change.path for change in changes(declared, settle(declared, live, kind), kind)]


def without_secrets(declared: Properties, kind: Kind) -> Properties:
    """`declared` as if it had no secrets: what nobody can compare is then a difference from what has some."""
    kept: Properties = without(declared, kind.secrets, kind.public)
    return kept


def settle(declared: Properties, live: Live, kind: Kind) -> Properties:
    """The live registration as the program would have written it: only real drift is left as a difference.

    Where nothing is declared (`get`, `import`) it is the live registration as it is.
    """
    if not declared:
        return live.inputs
    options = {name: declared[name] for name in kind.options if name in declared}
    return _Settling(kind, live.unsaid).document(declared, live.inputs) | options


def _stored(kind: Kind, path: str, value: Any) -> Any:
    """A value as a server may store it: texts trimmed and composed, a closed set in any case, without what says
    nothing."""
    field = kind.fields.get(path)
    if isinstance(value, dict):
        said = {name: item for name, item in value.items() if not _is_nothing(item)}
        return {name: _stored(kind, f"{path}.{name}", item) for name, item in said.items()}
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
    """Whether one is the other as a text, as servers spell values of a map: `0.50` for 0.5, `True` for true."""
    text, value = (one, other) if isinstance(one, str) else (other, one)
    if not isinstance(text, str) or not isinstance(value, int | float):
        return False
    if isinstance(value, bool):
        return text.casefold() == str(value).casefold()
    try:
        return float(text) == value
    except ValueError:
        return False


def _is_nothing(value: Any) -> bool:
    """Whether a server may leave the value out, or spell it as another that says nothing."""
    if isinstance(value, dict):
        return all(map(_is_nothing, value.values()))
    return value in ("", []) or value is False


@dataclass(frozen=True)
class _Settling:
    """What a program said, compared with what the server says about it."""

    kind: Kind
    unsaid: frozenset[str]

    def document(self, declared: Properties, live: Properties, prefix: str = "") -> Properties:
        said = {name: value for name, value in live.items() if name in declared or self._is_drift(prefix + name)}
        unsaid = {
            name: value
            for name, value in declared.items()
            if name not in live and self._stands(f"{prefix}{name}", value)
        }
        settled = {
            name: self._value(prefix + name, declared[name], value) if name in declared else value
            for name, value in said.items()
        }
        return {**settled, **unsaid}

    def _is_drift(self, path: str) -> bool:
        """Whether a value that the server says and nobody declared differs from its default."""
        field = self.kind.fields.get(path)
        absent = field.marker(SentWhereAbsent) if field else None
        is_known = bool(field and field.default is not ABSENT and not field.is_secret)
        return is_known or bool(absent and absent.is_ours)

    def _stands(self, path: str, value: Any) -> bool:
        """Whether what is declared stands where the server does not say it."""
        is_untold = self._is_free(path) or self.kind.is_secret(path) or self._is_quiet(path, value)
        field = self.kind.fields.get(path)
        absent = field.marker(SentWhereAbsent) if field else None
        return is_untold or equal(value, absent.value if absent else _sent_for_absent(field))

    def _is_quiet(self, path: str, declared: Any) -> bool:
        """Whether a response says the declared value by leaving the field out."""
        field = self.kind.fields.get(path)
        is_unsaid = path in self.unsaid and bool(field and field.marker(Quiet))
        return is_unsaid or _is_nothing(declared)

    def _is_free(self, path: str) -> bool:
        """Whether a field stands in a map that takes any name: a server may leave out, mask or add some."""
        field = self.kind.fields.get(path)
        return field is None or bool(field.parent and field.parent.is_map)

    def _value(self, path: str, declared: Any, live: Any) -> Any:
        if isinstance(declared, str) and declared == live:
            return declared
        if self.kind.is_secret(path) or (path in self.unsaid and self._is_quiet(path, declared)):
            return declared
        if isinstance(declared, dict) and isinstance(live, dict):
            return self.document(declared, live, f"{path}.")
        if _is_nothing(declared) and _is_nothing(live):
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
    """`new` with each unordered list in the order of `old`, what is new last: so a difference shows as it is."""
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
