"""The plan of an import: the registrations to declare, their names and secrets, and the registrations to leave out.

Writes nothing. A second run finds the secrets and declarations of the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, plain
from ..kinds.kind import Kind, Live
from ..kinds.markers import Dialect
from ..kinds.plain import UNKNOWN
from ..kinds.registry import KINDS
from ..program import placeholders
from . import import_file, stack_file
from .declarations import Declaration, declare, declared, names_for
from .masking import secret_numbers
from .registrations import Key, matches
from .stack import NAMESPACE, Resource, Stack
from .stack_secrets import Secrets, repeated_in


@dataclass(frozen=True)
class ImportOptions:
    """The options of an import.

    `python` is a module to write instead of catalogue entries; `masked_as` names the secret to use for every key that
    the API masks. `at_once` imports without a `file`. `asks` is false if nobody can answer. If `is_native` is None,
    the stack and its program decide.
    """

    kinds: Sequence[Kind]
    patterns: Sequence[str]
    python: Path | None
    masked_as: str
    file: Path
    at_once: bool
    asks: bool
    is_native: bool | None


@dataclass(frozen=True)
class Target:
    """The target of an import: a stack, the resources in its state, and whether the native plugin manages it."""

    stack: Stack
    dialect: Dialect
    account: str
    resources: Sequence[Resource]
    is_native: bool
    options: ImportOptions

    @cached_property
    def held(self) -> set[Key]:
        """The registrations that the state manages."""
        return {one.key for one in self.resources if one.key and not one.is_external}

    def entries(self, kind: Kind) -> dict[str, Any]:
        """Return the catalogue of a kind with this stack's values filled in; nothing if a module is written."""
        found = {} if self.options.python else catalogue_of(self.stack, kind)
        values = self.stack.values
        filled: dict[str, Any] = placeholders.mapped(
            found, placeholders.VALUE, lambda name: placeholders.meant(values.get(name, ""))
        )
        return filled

    def obstacle(self, declaration: Declaration) -> str:
        """Return why a registration cannot be declared here, or ""."""
        _, problems = declaration.parsed(self.dialect)
        if problems or not declaration.is_new:
            return str(problems[0]) if problems else ""
        if numbers := secret_numbers(declaration.kind, declaration.live.inputs):
            return f"{numbers[0]}: is a number with the name of a secret, and Pulumi's secrets are strings"
        name = catalogue_name(declaration.kind)
        if self.options.python:
            return ""
        if self.stack.get(name) not in ("", "{}") and self.stack.origin(name) != self.stack.file.name:
            # A catalogue in the stack's file would override it.
            return "the catalogue is in Pulumi.yaml, shared by all stacks: use --python"
        why = stack_file.obstacle(declaration.arguments)
        return f"{why}: use --python" if why else ""


@dataclass
class Plan:
    """What an import will do: the declarations, their secrets, and what is left out, with the reason."""

    target: Target
    secrets: Secrets
    declarations: list[Declaration] = field(default_factory=list)
    left_out: list[tuple[Key, str]] = field(default_factory=list)

    @property
    def new(self) -> list[Declaration]:
        """The declarations to be written."""
        return [declaration for declaration in self.declarations if declaration.is_new]

    def problem_with(self, secret: str, value: str) -> str:
        """Return the rule that a secret breaks with this value, or ""."""
        for one in (one for one in self.declarations if secret in one.secrets):
            _, problems = one.parsed(self.target.dialect, lambda name: value if name == secret else UNKNOWN)
            if problems:
                return problems[0].rule
        return ""

    def to_set(self) -> dict[str, str]:
        """Return the secrets to set in the stack's configuration."""
        needed = {name for declaration in self.declarations for name in declaration.secrets}
        return {name: value for name, value in self.secrets.found.items() if name in needed}

    def document(self) -> Any:
        """Return the import file's content, with secrets in the clear. Registrations whose secrets break a rule are
        left out."""
        known, target = self.secrets.known, self.target
        entries = []
        for one in list(self.declarations):
            try:
                entries.append(
                    import_file.entry(one, known, target.dialect, target.account, is_native=target.is_native)
                )
            except ConfigurationError as error:
                self.declarations.remove(one)
                self.left_out.append((one.key, str(error)))
        return {"resources": entries}

    def drift(self) -> dict[str, list[str]]:
        """Return the resources that the next `up` would change, each with the fields that differ."""
        known, dialect = self.secrets.known, self.target.dialect
        found = {one.name: import_file.drift(one, known, dialect) for one in self.declarations}
        return {name: fields for name, fields in found.items() if fields}


def planned(target: Target, chosen: Sequence[Live], every: Iterable[Key]) -> Plan:
    """Plan the import of the registrations `chosen`; `every` has the keys of all, for unambiguous names."""
    stack, lives = target.stack, {live.key: live for live in chosen}
    entries = {kind: target.entries(kind) for kind in KINDS}
    before = {one.key: one for kind in KINDS for one in declared(kind, entries[kind], lives, target.dialect)}
    taken = {*chain(*entries.values()), *(resource.name for resource in target.resources)}
    names = names_for((key for key in every if key not in before and key not in target.held), taken)
    new = [live for key, live in lives.items() if key not in before]
    masked_as = target.options.masked_as.removeprefix(NAMESPACE)
    plan = Plan(target, Secrets(stack.secrets, masked_as, stack.values, repeated_in(new)))
    for key, live in lives.items():
        declaration = before.get(key) or declare(live, names[key], plan.secrets, target.dialect)
        if why := target.obstacle(declaration):
            plan.left_out.append((key, why))
        else:
            plan.declarations.append(declaration)
    return plan


def catalogue_name(kind: Kind) -> str:
    """Return the configuration key of a kind's catalogue, such as `enkrypt:models`."""
    return f"{NAMESPACE}{kind.calls.listed}"


def catalogue_of(stack: Stack, kind: Kind) -> Mapping[str, Any]:
    """Return the stack's catalogue of a kind. Raise `ConfigurationError` if it is not an object."""
    try:
        found = json.loads(stack.get(catalogue_name(kind)) or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        rule = f"must be an object that maps the name of each {kind.noun} to its arguments"
        raise ConfigurationError(f"{catalogue_name(kind)} {rule}")
    return found


# ---- the user's choice


def chosen(typed: str, names: Sequence[str]) -> list[int]:
    """Return the indexes chosen by numbers (from 1), ranges and patterns, such as `1 4-7 gpt-*`, or by `all`.

    Raise `ConfigurationError` for a word that matches nothing.
    """
    return sorted({place for word in re.split(r"[\s,]+", typed.strip()) for place in _matching(word, names)})


def _matching(word: str, names: Sequence[str]) -> list[int]:
    first, _, last = word.partition("-")
    if first.isdecimal() and (last or first).isdecimal():
        found = [place for place in range(int(first) - 1, int(last or first)) if 0 <= place < len(names)]
    else:
        found = [place for place, name in enumerate(names) if matches(name, ["*" if word == "all" else word])]
    if not found:
        raise ConfigurationError(f"{plain(word, 60)}: no such number or name")
    return found
