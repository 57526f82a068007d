"""What an import writes: declarations in the catalogue or in a module, and the file for `pulumi import`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..kinds.registry import KINDS
from . import stack_file, typed_python
from .import_plan import Plan, catalogue_name, catalogue_of

MODE: Final = 0o600


def write_catalogue(plan: Plan) -> Path:
    """Add the new declarations to the stack's file, and make sure that the engine reads what was meant."""
    stack = plan.target.stack
    added = {kind: stack_file.entries(one for one in plan.new if one.kind is kind) for kind in KINDS}
    file = stack.file
    before = text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for kind, entries in added.items():
        text = stack_file.extended(text, catalogue_name(kind), entries) if entries else text
    file.write_text(text, encoding="utf-8")
    stack.forget()
    read = {kind: catalogue_of(stack, kind) for kind in KINDS}
    if misread := [name for kind in KINDS for name, one in added[kind].items() if read[kind].get(name) != one]:
        file.write_text(before, encoding="utf-8")
        raise ConfigurationError(f"the engine reads {', '.join(misread[:3])} in another way: use --python")
    return file


def write_python(plan: Plan, file: Path, about: str) -> None:
    """Write a module with the new declarations. Raise `ConfigurationError` where another file is in the way."""
    beside_us = (file.absolute().parent / __package__.partition(".")[0]).is_dir()
    text = typed_python.module(plan.new, about, beside_us=beside_us, is_native=plan.target.is_native)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{file} is there already: name another file, or move it away")
    file.write_text(text, encoding="utf-8")


def write_document(document: Any, file: Path) -> None:
    """Write the import file, which nobody else may read."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)
