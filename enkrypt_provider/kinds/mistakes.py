"""Messages for a document that breaks rules: the field, the rule and the nearest name, never a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from ..errors import Problem, counted, near_match
from .document import Document, FieldOf, in_order
from .kind import Kind
from .markers import InV2
from .plain import Path, Plain, dotted
from .secrets import place_of

SHOWN: Final = 20
IN_YAML: Final = " (in YAML, quote it)"
STRING: Final = f"must be a string{IN_YAML}"

_RULES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": STRING,
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of a sensible size",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}

Error = Mapping[str, Any]
_DERIVED: Final[Mapping[str, Callable[[Error], str]]] = {
    "string_too_long": lambda error: (
        f"must be at most {error['ctx']['max_length']:,} characters, this one has {len(error['input']):,}"
    ),
    "too_long": lambda error: (
        f"must have at most {error['ctx']['max_length']} items, this one has {len(error['input']):,}"
    ),
}


def problems_in(error: ValidationError, kind: Kind, plain: Plain) -> list[Problem]:
    """Return a problem for each mistake."""
    errors: list[Error] = [*error.errors(include_url=False)]
    real = [one for one in errors if one["type"] != "default_factory_not_called"]
    return [Problem(dotted(plain.place(one["loc"])), _rule(one, kind)) for one in real]


def shown(problems: list[Problem]) -> list[Problem]:
    """Return the first twenty problems, and one that counts the rest."""
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], Problem("", f"and {counted(more, 'more problem')}")] if more > 0 else problems


def _rule(error: Error, kind: Kind) -> str:
    if error["type"] == "extra_forbidden":
        return no_field(error["loc"], kind)
    if error["type"] in ("greater_than_equal", "less_than_equal"):
        return f"must be {_field_at(error['loc'], kind).bounds}"
    if error["type"] == "literal_error":
        return _one_of(error["input"], _field_at(error["loc"], kind).values)
    if error["type"] in _DERIVED:
        return _DERIVED[error["type"]](error)
    rule: str = _RULES.get(error["type"], error["msg"])
    return rule + (_name_in_v2(error["loc"], kind) if error["type"] == "missing" else "")


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        return STRING
    one_of = "one of " if len(allowed) > 1 else ""
    return f"must be {one_of}{', '.join(allowed)}{near_match(value, allowed) if one_of else ''}"


def _field_at(loc: Path, kind: Kind) -> FieldOf:
    return kind.fields[place_of(loc)]


def _name_in_v2(loc: Path, kind: Kind) -> str:
    v2 = _field_at(loc, kind).marker(InV2)
    return f" (dialect v2 calls it {v2.path.rpartition('.')[2]})" if v2 and v2.path else ""


def no_field(loc: Path, kind: Kind) -> str:
    """Return the message for a field that does not exist: its real place, the nearest name, or the valid names."""
    *parents, name = (part for part in loc if isinstance(part, str))
    holder = kind.fields.get(".".join(parents))
    names = _names(holder.document if holder and holder.document else kind.document)
    elsewhere = [path for path, field in kind.fields.items() if field.name == name and not _is_in_list(field)]
    if elsewhere and elsewhere[0] in kind.computed:
        return "is set by the server: leave it out"
    hint = (
        f": use {elsewhere[0]}"
        if len(elsewhere) == 1
        else near_match(name, names) or f"; the fields are {', '.join(names)}"
    )
    return f"is not a field here{hint}"


def _is_in_list(field: FieldOf) -> bool:
    return bool(field.parent and (field.parent.is_list or _is_in_list(field.parent)))


def _names(document: type[Document]) -> tuple[str, ...]:
    found = (FieldOf(info.alias or name, info) for name, info in in_order(document))
    return tuple(field.name for field in found if field.is_argument)
