"""The shortest arguments that declare a registration: defaults left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import codec
from .kind import Kind, Properties, at, holder_of
from .markers import ABSENT, DefaultOf, Dialect, InV2, OnlyIn, SentWhereAbsent


def shortened(kind: Kind, inputs: Properties, like: Any, dialect: Dialect = "v1") -> Properties:
    """Return `like`, a copy of canonical `inputs` that may have other values in places, without the defaults."""
    found: Properties = _without(kind, like, _defaults(kind, inputs, dialect), "")
    return found


def _defaults(kind: Kind, inputs: Properties, dialect: Dialect) -> Properties:
    """Return the registration that results from declaring only the required fields."""
    whole = codec.from_state(kind, _least(kind, inputs))
    for field, follows in kind.having(DefaultOf):
        source = kind.fields[f"{field.path.rpartition('.')[0]}.{follows.field}"]
        if (holder := holder_of(whole, source.path)) is not None:
            holder[source.name] = source.default
    for field, in_v2 in kind.having(InV2) if dialect == "v2" else ():
        if in_v2.default is not ABSENT:
            whole[field.path] = in_v2.default
    for field, only in kind.having(OnlyIn):
        absent = only.assumed if only.assumed is not ABSENT else only.empty
        if (holder := holder_of(whole, field.path)) is not None and absent is not ABSENT:
            holder[field.name] = absent
    return whole


def _least(kind: Kind, inputs: Properties) -> Properties:
    """Return the required fields, and those that a default depends on."""
    sources = [f"{field.path.rpartition('.')[0]}.{follows.field}" for field, follows in kind.having(DefaultOf)]
    optional = tuple(f"{field.path}." for field in kind.optional_objects if not field.is_required)
    least: Properties = {}
    for path in (*kind.required, *sources):
        value = None if path.startswith(optional) else at(inputs, path)
        if value is not None and not isinstance(value, list):
            *parents, name = path.split(".")
            holder = least
            for parent in parents:
                holder = holder.setdefault(parent, {})
            holder[name] = {} if isinstance(value, dict) else value
    return least


def _without(kind: Kind, value: Any, default: Any, path: str) -> Any:
    """Return `value` without the fields that equal their default, as far as the kind declares them."""
    field = kind.fields.get(path)
    if isinstance(value, list) and field and field.document:
        return [_without(kind, item, _of_fields(kind, path), path) for item in value]
    if not isinstance(value, Mapping) or (path and not (field and field.document)):
        return value
    if not isinstance(default, Mapping):
        default = _of_fields(kind, path)
    kept = {}
    for name, item in value.items():
        below = f"{path}.{name}".removeprefix(".")
        if below in kind.required or (item != default.get(name, ABSENT) and not _is_absent(kind, item, below)):
            kept[name] = _without(kind, item, default.get(name), below)
    return kept


def _is_absent(kind: Kind, value: Any, path: str) -> bool:
    """Whether an object is equal to the one that is sent for an undeclared one."""
    absent = kind.fields[path].marker(SentWhereAbsent) if path in kind.fields else None
    return absent is not None and _without(kind, value, None, path) == _without(kind, absent.value, None, path)


def _of_fields(kind: Kind, path: str) -> Properties:
    """Return the defaults of an object that is absent unless declared."""
    return {field.name: field.default for field in kind.fields.values() if field.path.rpartition(".")[0] == path}
