"""Validation errors in plain words: the field and its rule."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

_RULES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_pattern_mismatch": "must be printable ASCII without leading or trailing spaces",
    "value_error": "{error}",
}
_TYPES: Mapping[str, str] = {
    "string": "a string", "int": "a whole number", "float": "a number", "finite": "a finite number",
    "bool": "true or false", "list": "a list", "dict": "an object", "model": "an object",
}  # fmt: skip


def first_mistake(error: ValidationError, whole: str) -> str:
    """Return a message for the first error; `whole` names the value as a whole, if not empty. No value is shown."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    context = {name: str(value).replace("'", "").removesuffix(".0") for name, value in first.get("ctx", {}).items()}
    rule = _RULES.get(first["type"], f"must be {_TYPES.get(first['type'].partition('_')[0], 'something else')}")
    place = path or whole
    return f"{place}: {rule.format_map(context)}" if place else rule.format_map(context)
