"""The steps of an import: secrets are set, declarations and the import file written, the next commands spelt."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..kinds.registry import KINDS
from . import stack_file, typed_python
from .import_plan import Plan, catalogue_name, catalogue_of
from .stack import IMPORT, NAMESPACE, Stack

FILE: Final = Path("enkrypt-import.json")
MODE: Final = 0o600


def set_secrets(
    stack: Stack, values: Mapping[str, str], watch: Callable[[Sequence[Any]], Iterable[Any]] = iter
) -> None:
    """Give the stack these secrets."""
    for name, value in watch(list(values.items())):
        stack.set_secret(name, value)


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


# ---- what remains to be typed


def set_command(name: str, stack: Stack) -> str:
    """Return the command that asks for the secret `enkrypt:NAME` and sets it."""
    return _pulumi("config", "set", "--secret", NAMESPACE + name, stack=stack)


def import_command(file: Path, stack: Stack) -> str:
    """Return the command that imports a file."""
    return _pulumi("import", "--file", str(file), *IMPORT, stack=stack)


def remove_command(file: Path) -> str:
    """Return the command that removes the import file."""
    return shlex.join(["rm", str(file)])


def up_command(stack: Stack, *, changes: bool) -> str:
    """Return the command that ends the import. Where nothing `changes`, it fails if something would."""
    return _pulumi("up", *([] if changes else ["--expect-no-changes"]), stack=stack)


def _pulumi(*words: str, stack: Stack) -> str:
    return shlex.join(["pulumi", *words, "--stack", stack.name])
