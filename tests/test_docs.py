"""The documents say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from enkrypt_provider.fields import ONLY_IN, OPTIONS
from enkrypt_provider.schema import Document, Registration

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(?P<path>[a-z0-9_.]+)`(?P<required> \*)? \| (?P<v1>\w*) ?\| (?P<v2>\w*) ?\|", re.MULTILINE)


def documents_in(annotation: object) -> Iterator[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for inner in get_args(annotation):
        if get_args(annotation)[0] is not list:
            yield from documents_in(inner)


def paths(shape: type[Document], prefix: str = "") -> Iterator[str]:
    for name, field in shape.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        yield path
        for inner in documents_in(field.annotation) if "list[" not in str(field.annotation) else ():
            yield from paths(inner, f"{path}.")


def test_the_table_of_fields_has_a_row_for_each_field_of_the_schema_and_no_other() -> None:
    """docs/api.md lists exactly the schema's fields."""
    rows = {m["path"] for m in ROW.finditer((ROOT / "docs/api.md").read_text())}
    assert rows == {path for path in paths(Registration) if path not in OPTIONS}


@pytest.mark.parametrize("row", [*ROW.finditer((ROOT / "docs/api.md").read_text())], ids=lambda m: m["path"])
def test_a_field_of_one_dialect_has_a_mark_in_that_column_alone(row: re.Match[str]) -> None:
    """The marks of docs/api.md agree with `ONLY_IN`."""
    top = ".".join(row["path"].split(".")[:2])
    only = ONLY_IN.get(top)
    assert (bool(row["v1"]), bool(row["v2"])) == (only != "v2", only != "v1")
