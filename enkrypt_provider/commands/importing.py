"""The import of live registrations into a stack, step by step: what is chosen, asked for, written.

Each step can be done again: a second run finds what the first has set and declared. Nothing is written before
every secret is known, since the next `up` would send what is wrong. What a person sees of it is cli.py's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from .. import catalogue
from ..errors import ConfigurationError, plain
from ..kinds.kind import Identifier, Live
from ..kinds.markers import Dialect
from . import import_file, stackfile, typed_python
from .declaring import Declaration, Secrets, declare, declared, names_for
from .registry import matches
from .stack import IMPORT, NAMESPACE, TYPE, Resource, Stack

FILE: Final = Path("enkrypt-import.json")
MODE: Final = 0o600


@dataclass(frozen=True)
class Target:
    """Where registrations are imported to: a stack and what its state has, and whether its catalogue or a module
    declares them. `shared` names the secret that stands for every key that the API masks."""

    stack: Stack
    dialect: Dialect
    resources: Sequence[Resource]
    in_catalogue: bool = True
    shared: str = ""

    @cached_property
    def held(self) -> set[str]:
        """The ids of the models that the state manages."""
        return {resource.id for resource in self.resources if resource.type == TYPE and not resource.is_external}

    @property
    def entries(self) -> dict[str, Any]:
        """The catalogue, where it declares what is imported, with this stack's values in it."""
        found = _entries(self.stack) if self.in_catalogue else {}
        values = self.stack.values
        filled: dict[str, Any] = catalogue.mapped(
            found, catalogue.VALUE, lambda name: catalogue.meant(values.get(name, ""))
        )
        return filled

    def obstacle(self, declaration: Declaration) -> str:
        """Why something cannot be declared here, or ""."""
        if problems := declaration.problems(self.dialect):
            return str(problems[0])
        why = self._hindrance(declaration) if self.in_catalogue and declaration.is_new else ""
        return f"{why}: use --python" if why else ""

    def _hindrance(self, declaration: Declaration) -> str:
        name = f"{NAMESPACE}{catalogue.MODELS}"
        if self.stack.get(name) not in ("", "{}") and self.stack.origin(name) != self.stack.file.name:
            return "the catalogue stands in Pulumi.yaml and is every stack's"  # one in the stack's file would hide it
        return stackfile.obstacle(declaration.arguments)


@dataclass
class Plan:
    """What an import will do: the declarations, the secrets that they need, and what is left out, with the reason."""

    target: Target
    secrets: Secrets
    declarations: list[Declaration] = field(default_factory=list)
    left_out: list[tuple[Identifier, str]] = field(default_factory=list)

    @property
    def new(self) -> list[Declaration]:
        """The declarations that are to be written."""
        return [declaration for declaration in self.declarations if declaration.is_new]

    def missing(self) -> dict[str, list[str]]:
        """The secrets that the API masks and the stack does not hold, and the resources that need each."""
        return self.secrets.missing(self.declarations)

    def to_set(self) -> dict[str, str]:
        """The secrets that the stack must be given."""
        needed = {name for declaration in self.declarations for name in declaration.secrets}
        return {name: value for name, value in self.secrets.found.items() if name in needed}

    def document(self) -> Any:
        """The import file's content: secrets in the clear."""
        return import_file.document(self.declarations, self.secrets.known, self.target.dialect)

    def drift(self) -> dict[str, list[str]]:
        """The resources that the next `up` would change, and in which fields: declared by hand, and otherwise."""
        known, dialect = self.secrets.known, self.target.dialect
        found = {one.name: import_file.drift(one, known, dialect) for one in self.declarations}
        return {name: fields for name, fields in found.items() if fields}


def planned(target: Target, chosen: Sequence[Live], every: Iterable[Live]) -> Plan:
    """The import of the registrations `chosen` out of `every` one."""
    stack, entries = target.stack, target.entries
    before = {
        one.identity: one for one in declared(entries, {live.identity: live for live in chosen}, target.dialect)
    }
    taken = {*entries, *(resource.name for resource in target.resources)}
    names = names_for((live.identity for live in every if live.identity not in before), taken)
    plan = Plan(target, Secrets(stack.secrets, target.shared.removeprefix(NAMESPACE), stack.values))
    for live in chosen:
        declaration = before.get(live.identity) or declare(live, names[live.identity], plan.secrets, target.dialect)
        if why := target.obstacle(declaration):
            plan.left_out.append((live.identity, why))
        else:
            plan.declarations.append(declaration)
    return plan


def _entries(stack: Stack) -> dict[str, Any]:
    found = json.loads(stack.get(f"{NAMESPACE}{catalogue.MODELS}") or "{}")
    if not isinstance(found, dict):
        raise ConfigurationError("enkrypt:models must be an object: a name for each model, its arguments below it")
    return found


# ---- what a person chooses


def chosen(typed: str, names: Sequence[str]) -> list[int]:
    """The places that a person means by numbers from 1, ranges and patterns: `1 4-7 gpt-*`; all by nothing.

    Raises `ConfigurationError` for a word that means none.
    """
    words = re.split(r"[\s,]+", typed.strip()) if typed.strip() else ["*"]
    return sorted({place for word in words for place in _meant(word, names)})


def _meant(word: str, names: Sequence[str]) -> list[int]:
    first, _, last = word.partition("-")
    if first.isdecimal() and (last or first).isdecimal():
        found = [place for place in range(int(first) - 1, int(last or first)) if 0 <= place < len(names)]
    else:
        found = [place for place, name in enumerate(names) if matches(name, ["*" if word == "all" else word])]
    if not found:
        raise ConfigurationError(f"{plain(word, 60)}: there is none of that")
    return found


# ---- what is written


def set_secrets(
    stack: Stack, values: Mapping[str, str], watch: Callable[[Sequence[Any]], Iterable[Any]] = iter
) -> None:
    """Gives the stack these secrets."""
    for name, value in watch(list(values.items())):
        stack.set_secret(name, value)


def write_catalogue(plan: Plan) -> Path:
    """Adds the new declarations to the stack's file, and makes sure that the engine reads what was meant."""
    stack, added = plan.target.stack, stackfile.entries(plan.new)
    file = stack.file
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    file.write_text(stackfile.extended(before, added), encoding="utf-8")
    stack.forget()
    read = _entries(stack)
    if misread := [name for name, entry in added.items() if read.get(name) != entry]:
        file.write_text(before, encoding="utf-8")
        raise ConfigurationError(f"the engine reads {', '.join(misread[:3])} in another way: use --python")
    return file


def write_python(plan: Plan, file: Path, about: str) -> None:
    """Writes a module with the new declarations. Raises `ConfigurationError` where another file is in the way."""
    beside_us = (file.absolute().parent / __package__).is_dir()
    text = typed_python.module(plan.new, about, beside_us=beside_us)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{file} is there already: name another file, or move it away")
    file.write_text(text, encoding="utf-8")


def write_document(document: Any, file: Path) -> None:
    """Writes the import file, which nobody else may read."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)


# ---- what remains to be typed


def set_command(name: str, stack: Stack) -> str:
    """The command that asks for the secret `enkrypt:NAME` and sets it."""
    return shlex.join(["pulumi", "config", "set", "--secret", NAMESPACE + name, "--stack", stack.name])


def import_command(file: Path, stack: Stack) -> str:
    """The command that imports a file."""
    return shlex.join(["pulumi", "import", "--file", str(file), *IMPORT, "--stack", stack.name])


def remove_command(file: Path) -> str:
    """The command that removes the import file."""
    return shlex.join(["rm", str(file)])


def up_command(stack: Stack, *, changes: bool) -> str:
    """The command that takes the declarations for what they are; where nothing `changes`, it would rather fail."""
    return shlex.join(["pulumi", "up", *([] if changes else ["--expect-no-changes"]), "--stack", stack.name])
