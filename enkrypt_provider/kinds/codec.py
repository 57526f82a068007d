"""Converts between a program's arguments, request bodies, responses and the state, for every kind.

All four are forms of one canonical document: defaults filled in, whole numbers as int, nulls left out, in the order
of the kind's document. The state holds it, and dialect v1 sends it. No message in this module shows a value.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import CoreConfig, SchemaValidator

from ..errors import Problem, UnexpectedResponse, near_match
from .document import FieldOf, tolerant
from .kind import Json, Kind, Live, Properties, at, holder_of
from .markers import ABSENT, DefaultOf, Dialect, InV2, OnlyIn, RequiredUnless, SentWhereAbsent, UnsentInV2
from .mistakes import IN_YAML, problems_in, shown
from .plain import UNKNOWN, Path, Plain, dotted
from .secrets import place_of
from .values import OneOf

_KINDS: Final[Mapping[type, str]] = {
    dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number",
    float: "a number", type(None): "nothing",
}  # fmt: skip


_building: Final = threading.Lock()


@cache
def _validator(document: type[BaseModel]) -> SchemaValidator:
    # Not `document.model_validate`: pydantic plugins, such as tracers, see whatever it validates, keys included.
    with _building:  # a host calls from several threads at once
        document.model_rebuild()
        return SchemaValidator(document.__pydantic_core_schema__, CoreConfig(hide_input_in_errors=True))


# ---- what a program declares


def declared(kind: Kind, props: Mapping[str, Json]) -> Properties:
    """Return `props` without the server's outputs and the engine's own `__…` entries."""
    return {k: v for k, v in props.items() if k not in kind.computed and not str(k).startswith("__")}


def parse(kind: Kind, props: Mapping[str, Json], dialect: Dialect = "v1") -> tuple[Properties, list[Problem]]:
    """Return the canonical form of a program's arguments, and the rules that they break.

    If there are problems, the properties are returned unchanged. `UNKNOWN` values stay in place and break no rule.
    """
    given = declared(kind, props)
    plain = Plain.of(given)
    reported = [*plain.problems, *_dates(kind, plain)]
    if plain.is_cut:
        return given, shown(reported)
    try:
        inputs, broken = _validated(kind, kind.document, plain, dialect), []
        _finish(kind, plain.put_back(inputs), given, dialect)
    except ValidationError as error:
        inputs, broken = plain.put_back(plain.value), problems_in(error, kind, plain)
    broken += _missing(kind, inputs)
    problems = [*reported, *(it for it in broken if not any(map(it.is_within, reported)))]
    paths = {it.path for it in problems}
    problems += [it for it in _foreign(kind, inputs, dialect) if it.path not in paths]
    return (given if problems else inputs), shown(problems)


def _dates(kind: Kind, plain: Plain) -> Iterator[Problem]:
    """Yield a problem for each unquoted YAML date, as Pulumi passes it on, in a text field of the kind."""
    for path in plain.dates:
        if place_of(path) in kind.fields:
            yield Problem(dotted(path), "is a date: in YAML, quote it")


def _validated(kind: Kind, document: type[BaseModel], plain: Plain, dialect: Dialect) -> Properties:
    """Return the canonical form of the known values; valid stand-ins replace required values that are unknown."""
    validator = _validator(document)
    while True:
        try:
            found: BaseModel = validator.validate_python(plain.value, context=dialect)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            missing = [one["loc"] for one in errors if one["type"] == "missing"]
            waiting = [path for path in missing if plain.place(path) in plain.unknown]
            if not waiting:
                raise
            for path in waiting:
                _put(plain.value, path, _stand_in(kind.fields[place_of(path)]))
        else:
            return found.model_dump(by_alias=True, exclude_none=True, warnings=False)


def _put(document: Json, path: Path, value: Json) -> None:
    _holder(document, path)[path[-1]] = value


def _holder(document: Json, path: Path) -> Json:
    """Return the object or list that contains the last part of `path`."""
    for part in path[:-1]:
        document = document[part]
    return document


def _stand_in(field: FieldOf) -> Json:
    if field.info.examples:
        return field.info.examples[0]
    document = field.document
    if document is None:
        return None
    inner = [FieldOf(f"{field.path}.{info.alias or name}", info) for name, info in document.model_fields.items()]
    return {one.name: _stand_in(one) for one in inner if one.info.is_required()}


def _finish(kind: Kind, inputs: Properties, given: Properties, dialect: Dialect) -> None:
    """Drop empty optional objects and defaults that depend on unknown values, and set the dialect's own defaults."""
    for field in kind.optional_objects:
        if (holder := holder_of(inputs, field.path)) and holder.get(field.name) == {}:
            del holder[field.name]
    for field, follows in kind.having(DefaultOf):
        holder = holder_of(inputs, field.path)
        if holder and holder.get(follows.field) is UNKNOWN and at(given, field.path) is None:
            del holder[field.name]
    for field, v2 in kind.having(InV2):
        if dialect == "v2" and v2.default is not ABSENT and at(given, field.path) is None:
            _put(inputs, tuple(field.path.split(".")), v2.default)


def _missing(kind: Kind, inputs: Properties) -> Iterator[Problem]:
    for field, unless in kind.having(RequiredUnless):
        holder = holder_of(inputs, field.path)
        if holder is not None and not holder.get(unless.field) and field.name not in holder:
            yield Problem(field.path, "is required")


def _foreign(kind: Kind, inputs: Properties, dialect: Dialect) -> Iterator[Problem]:
    for path, only in kind.only_in.items():
        value = at(inputs, path)
        if only.dialect != dialect and value not in (None, UNKNOWN, kind.fields[path].default):
            other = only.dialect
            yield Problem(path, f"exists only in dialect {other}: leave it out, or set enkrypt:dialect to {other}")


def doubts(kind: Kind, inputs: Properties, dialect: Dialect) -> list[Problem]:
    """Return a problem for each value of an open set of v2 that this provider does not know and sends unchanged."""
    found = []
    for field, known in kind.having(OneOf) if dialect == "v2" else ():
        value = at(inputs, field.path)
        if isinstance(value, str) and value not in known.values + known.more:
            hint = near_match(value, known.values + known.more)
            found.append(
                Problem(field.path, f"is not among the values known to this provider; it is sent unchanged{hint}")
            )
    return found


# ---- what is sent


def body(kind: Kind, inputs: Properties, dialect: Dialect = "v1") -> Properties:
    """Return the body of an add or modify call for canonical inputs: always the whole object."""
    sent = {name: value for name, value in inputs.items() if name not in kind.options}
    sent = _with_absent(kind, sent) if kind.having(SentWhereAbsent) else sent
    return _to_v2(kind, sent) if dialect == "v2" else sent


def _with_absent(kind: Kind, document: Properties) -> Properties:
    document = deepcopy(document)
    for field, absent in kind.having(SentWhereAbsent):
        if (holder := holder_of(document, field.path)) is not None:
            holder.setdefault(field.name, deepcopy(absent.value))
    return document


def _to_v2(kind: Kind, document: Properties) -> Properties:
    """Return the document as the official client sends it [P]: every field that it knows, even if empty."""
    document = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    for field, _ in kind.having(UnsentInV2):
        _pop(document, field.path)
    moved = [(field, v2, _pop(document, field.path)) for field, v2 in kind.having(InV2)]
    for field, only in kind.having(OnlyIn):
        if only.dialect == "v1":
            _pop(document, field.path)
        elif only.empty is not ABSENT and (holder := holder_of(document, field.path)) is not None:
            holder.setdefault(field.name, only.empty)
    for field, v2, value in moved:
        if value is not ABSENT or v2.empty is not ABSENT:
            path = v2.path or field.path
            _put(document, tuple(path.split(".")), v2.empty if value is ABSENT else value)
    return document


def _pop(document: Properties, path: str) -> Json:
    *parents, name = path.split(".")
    for parent in parents:
        document = document.get(parent, {})
    return document.pop(name, ABSENT)


# ---- what a server returns


class NotWhole(UnexpectedResponse):
    """The response is JSON but not a whole registration, so another attempt is unlikely to help."""


def read(kind: Kind, response: Json) -> Live:
    """Read a registration from a response in either dialect: values at the root or nested, fields extra or missing.

    Raise `NotWhole` if the response is not one.
    """
    if not isinstance(response, dict):
        raise NotWhole(f"expected a {kind.noun}, got {_KINDS.get(type(response), 'something else')}")
    plain = Plain.of(response, strict=False)
    placed = _in_place(kind, plain.value)
    try:
        if plain.problems:
            raise NotWhole(f"returned an invalid {kind.noun}: {plain.problems[0]}")
        found = _tolerated(kind, Plain(placed), placed)
    except ValidationError as error:
        problems = "; ".join(str(problem) for problem in problems_in(error, kind, plain)[:3])
        problems = problems.replace(IN_YAML, "")
        raise NotWhole(f"returned an invalid {kind.noun}: {problems}") from None
    inputs = {name: value for name, value in found.items() if name not in kind.computed}
    computed = {name: found[name] for name in kind.computed if name in found}
    omitted = frozenset(path for path in kind.filled_in if at(placed, path) is None)
    return Live(kind, inputs, computed, omitted)


def _tolerated(kind: Kind, plain: Plain, given: Properties) -> Properties:
    try:
        document = _validated(kind, tolerant(kind.document), plain, "v1")
    except ValidationError as error:
        _mend(plain.value, error)
        document = _validated(kind, tolerant(kind.document), plain, "v1")
    found: Properties = plain.put_back(document)
    _finish(kind, found, given, "v1")
    return found


def _mend(document: Json, error: ValidationError) -> None:
    """Remove empty values of the wrong type and turn numbers into strings: servers write an empty object as a list
    or a string, and `"1"` as 1."""
    for one in reversed(error.errors(include_url=False)):  # list items from the end
        value, path = one["input"], one["loc"]
        if one["type"] == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
            _put(document, path, str(value))
        elif one["type"] != "missing" and value in ("", [], {}):
            _holder(document, path).pop(path[-1])


def is_whole(kind: Kind, item: Json) -> bool:
    """Whether a list item holds everything that a `get` of that registration would return."""
    placed = _in_place(kind, Plain.of(item, strict=False).value) if isinstance(item, dict) else {}
    wanted = ((kind.fields[path], at(placed, path)) for path in kind.whole_with)
    return all(isinstance(value, dict) if field.document else bool(value) for field, value in wanted)


def from_state(kind: Kind, props: Mapping[str, Json]) -> Properties:
    """Return the inputs or state that the engine hands over as canonical inputs: numbers come as floats, and an older
    version of this package may have written them. Anything that is not a registration is returned unchanged."""
    held = declared(kind, props)
    try:
        return _tolerated(kind, Plain.of(held, strict=False), held)
    except ValidationError:
        return held


def _in_place(kind: Kind, response: Properties) -> Properties:
    """Return the response with every field where the document has it [P: v2 returns some at the root]."""
    found = dict(response)
    if kind.nested:
        roots, nested = set(kind.document.model_fields), kind.fields[kind.nested].document
        inner = set(nested.model_fields) if nested else set()
        strays = {name: found.pop(name) for name in list(found) if name in inner}
        config = found.pop(kind.nested, {} if strays else None)
        if not isinstance(config, dict):
            return dict(response)
        found = {**{name: config[name] for name in config if name in roots}, **found}
        found[kind.nested] = {**strays, **config}
    return kind.placed(_from_v2(kind, found))


def _from_v2(kind: Kind, document: Properties) -> Properties:
    """Rename the fields that v2 names differently, and fill in v2's defaults."""
    is_v2 = False
    for field, v2 in kind.having(InV2):
        if v2.path in kind.fields and not at(document, field.path) and at(document, v2.path) is not None:
            is_v2 = True
            _put(document, tuple(field.path.split(".")), _pop(document, v2.path))
    for field, v2 in kind.having(InV2) if is_v2 else ():
        if v2.default is not ABSENT and (holder := holder_of(document, field.path)) is not None:
            holder.setdefault(field.name, v2.default)
    return document
