"""The import as a person sees it: what is shown, asked, written and told.

In a non-interactive run nothing is asked: all that match are taken, and keys that nobody knows end it with the
commands that set them.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from ..api.client import EnkryptClient
from ..errors import ConfigurationError, counted, plain
from ..kinds.registry import KINDS
from . import engine, import_plan, native, printing, registrations, stack_file, typed_python
from .declarations import missing
from .import_plan import Plan, Target, Wishes, catalogue_name, catalogue_of
from .registrations import Registration, totals
from .stack import IMPORT, NAMESPACE, Stack

HELP: Final = """\
  1 4-7    by number
  gpt-*    by name: * is any text, ? any character
  all      every one of them
  none     no one: nothing is changed"""
"""What `?` shows."""


def hold(stack: Stack, client: EnkryptClient, wishes: Wishes) -> bool:
    """Import what is wished into the stack. Return False where something was left out, or has to be done first."""
    settings, resources = client.settings, stack.resources()
    is_native = native.is_native(stack, resources) if wishes.is_native is None else wishes.is_native
    if is_native:
        native.require_python(stack)
    target = Target(stack, settings.dialect, settings.account, resources, is_native, wishes)
    held = target.held
    found = registrations.registrations(client, (), printing.watching("Reading"), wishes.kinds, held.__contains__)
    new = [one for one in found if one.key not in held]
    known = f"{totals(one.kind for one in found)}, {len(found) - len(new)} in its state"
    typer.echo(f"Stack {stack.name}, {settings.shown_endpoint}: {known}.")
    wanted = _matching(new, found, wishes.patterns)
    if not wanted:
        typer.echo("There is nothing to import.")
        return True
    chosen = _chosen(wanted) if wishes.asks else wanted
    if not chosen:
        typer.echo("Nothing was imported.")
        return True
    plan = import_plan.planned(target, [one.live for one in chosen if one.live], (one.key for one in found))
    plan.left_out += [(one.key, one.problem) for one in chosen if one.live is None]
    # No path of this machine in a module that is committed.
    return _carried_out(plan, f"Imported from {settings.endpoint or 'the embedded emulator'}.")


# ---- what is asked


def _matching(
    new: Sequence[Registration], every: Sequence[Registration], patterns: Sequence[str]
) -> list[Registration]:
    if patterns and not any(registrations.matches(one.identity.name, patterns) for one in every):
        raise ConfigurationError(f"no registration's name matches {plain(' or '.join(patterns))}")
    return [one for one in new if registrations.matches(one.identity.name, patterns)]


def _chosen(wanted: Sequence[Registration]) -> list[Registration]:
    printing.numbered(wanted)
    names = [one.identity.name for one in wanted]
    while True:
        typed = typer.prompt("Which? Numbers, patterns, all or none; ? explains", default="", show_default=False)
        if typed.strip() == "none":
            return []
        if typed.strip() in ("", "?"):
            typer.echo(HELP)
            continue
        try:
            return [wanted[place] for place in import_plan.chosen(typed, names)]
        except ConfigurationError as error:
            typer.echo(str(error))


def _know_keys(plan: Plan) -> bool:
    """Return whether every key is known, if need be by asking."""
    needed = missing(plan.declarations, plan.secrets)
    if not needed:
        return True
    if plan.target.wishes.asks:
        typer.echo("The API hides these keys. Type or paste each one, unseen; Enter alone repeats the one before.")
        _ask(plan, needed)
        return True
    typer.echo("The API hides these keys. Set each one (the command asks for it), then import again:")
    _tell_commands(_pulumi(plan, "config", "set", "--secret", NAMESPACE + name) for name in needed)
    return False


def _ask(plan: Plan, needed: Mapping[str, Sequence[str]]) -> None:
    last = None
    for name, users in needed.items():
        question = f"  enkrypt:{name}, the key of {_few(users)}"
        last = typer.prompt(question, last, hide_input=True, show_default=False).strip()
        while problem := plan.problem_with(name, last):
            typer.echo(f"  It {problem}.")
            last = typer.prompt(question, hide_input=True).strip()
        plan.secrets.found[name] = last


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# ---- what is done, and told


def _carried_out(plan: Plan, about: str) -> bool:
    stack, wishes = plan.target.stack, plan.target.wishes
    known = bool(plan.declarations) and _know_keys(plan)
    document = plan.document() if known else None  # before anything is written: it finds what is wrong with a key
    for (kind, identity), why in plan.left_out:
        typer.echo(f"left out: {kind.noun} {plain(identity)}: {why}", err=True)
    if not known or not plan.declarations:
        return False
    _set_secrets(stack, plan.to_set())
    _declare(plan, about)
    if wishes.at_once:
        stack.import_(document)
    else:
        _write_document(document, wishes.file)
        typer.echo(f"Wrote {wishes.file}, which only you can read: it holds keys in the clear. Delete it afterwards.")
    _tell_next(plan)
    return not plan.left_out


def _set_secrets(stack: Stack, secrets: Mapping[str, str]) -> None:
    for name in printing.watching("Setting secrets")([*secrets]):
        stack.set_secret(name, secrets[name])
    if secrets:
        names = _few([f"enkrypt:{name}" for name in secrets])
        typer.echo(f"Set {counted(len(secrets), 'secret')} of stack {stack.name}: {names}.")


def _declare(plan: Plan, about: str) -> None:
    new, python = totals(declaration.kind for declaration in plan.new), plan.target.wishes.python
    if python is not None:
        _write_python(plan, python, about)
        typer.echo(f"Declared {new} in {python}.")
    elif plan.new:
        file = _write_catalogue(plan)
        typer.echo(f"Declared {new} in the catalogue of {file.name}.")


def _tell_next(plan: Plan) -> None:
    wishes, drift = plan.target.wishes, plan.drift()
    for name, fields in drift.items():
        typer.echo(f"{name}: its declaration differs from what is registered; the next `up` changes {_few(fields)}.")
    typer.echo("\nNext:")
    if wishes.python and wishes.python.stem != "__main__":
        typer.echo(f"  add `import {wishes.python.stem}` to the program, before anything else")
    file = str(wishes.file)
    imports = [_pulumi(plan, "import", "--file", file, *IMPORT), shlex.join(["rm", file])]
    up = _pulumi(plan, "up", *([] if drift else ["--expect-no-changes"]))
    _tell_commands([up] if wishes.at_once else [*imports, up])


def _pulumi(plan: Plan, *words: str) -> str:
    return shlex.join(["pulumi", *words, "--stack", plan.target.stack.name])


def _tell_commands(commands: Iterable[str]) -> None:
    for command in filter(None, (engine.path_command(), *commands)):
        typer.echo(f"  {command}")


# ---- what is written


def _write_catalogue(plan: Plan) -> Path:
    """Add the new declarations to the stack's file, and make sure that the engine reads what was meant."""
    stack = plan.target.stack
    added = {kind: stack_file.entries(one for one in plan.new if one.kind is kind) for kind in KINDS}
    file = stack.file
    # Bytes: a text would have its line ends changed.
    before = text = file.read_bytes().decode() if file.is_file() else ""
    for kind, entries in added.items():
        text = stack_file.extended(text, catalogue_name(kind), entries) if entries else text
    file.write_bytes(text.encode())
    stack.forget()
    read = {kind: catalogue_of(stack, kind) for kind in KINDS}
    if misread := [name for kind in KINDS for name, one in added[kind].items() if read[kind].get(name) != one]:
        file.write_bytes(before.encode())
        raise ConfigurationError(f"the engine reads {', '.join(misread[:3])} in another way: use --python")
    return file


def _write_python(plan: Plan, file: Path, about: str) -> None:
    """Write a module with the new declarations. Raise `ConfigurationError` where another file is in the way."""
    beside_us = (file.absolute().parent / __package__.partition(".")[0]).is_dir()
    text = typed_python.module(plan.new, about, beside_us=beside_us, is_native=plan.target.is_native)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{file} is there already: name another file, or move it away")
    file.write_text(text, encoding="utf-8")


def _write_document(document: Any, file: Path) -> None:
    """Write the import file, which nobody else may read."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)
