"""The user's side of an import: its prompts, its output and the files that it writes.

A non-interactive run asks nothing: it imports everything that matches. If keys are unknown, it stops and prints the
commands that set them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from ..api.client import EnkryptClient
from ..errors import ConfigurationError, counted, plain
from ..kinds.registry import KINDS
from . import engine, import_plan, native, printing, registrations, stack_file, typed_python
from .declarations import missing
from .import_plan import ImportOptions, Plan, Target, catalogue_name, catalogue_of
from .registrations import Registration, totals
from .stack import IMPORT, NAMESPACE, Stack, project_file

HELP: Final = """\
  1 4-7    by number
  gpt-*    by name: * is any text, ? any character
  all      all of them
  none     none of them: change nothing"""
"""What `?` prints."""


def run(stack: Stack, client: EnkryptClient, options: ImportOptions) -> bool:
    """Import registrations into the stack. Return False if any was left out, or something must be done first."""
    with _exclusive(stack.folder):
        return _run(stack, client, options)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Raise `ConfigurationError` during another import into the project: together they would garble its files."""
    with project_file(folder).open() as file:
        with contextlib.suppress(ImportError, OSError):  # Windows has no flock, nor do some network folders
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                line = "another import into this project is running: wait until it has ended"
                raise ConfigurationError(line) from None
        yield


def _run(stack: Stack, client: EnkryptClient, options: ImportOptions) -> bool:
    settings, resources = client.settings, stack.resources()
    is_native = native.is_native(stack, resources) if options.is_native is None else options.is_native
    if is_native:
        native.require_python(stack)
    target = Target(stack, settings.dialect, settings.account, resources, is_native, options)
    held = target.held
    found = registrations.registrations(client, (), printing.watching("Reading"), options.kinds, held.__contains__)
    new = [one for one in found if one.key not in held]
    known = f"{totals(one.kind for one in found)}, {len(found) - len(new)} in its state"
    typer.echo(f"Stack {stack.name}, {settings.shown_endpoint}: {known}.")
    wanted = _matching(new, found, options.patterns)
    if not wanted:
        typer.echo("There is nothing to import.")
        return True
    chosen = _chosen(wanted) if options.asks else wanted
    if not chosen:
        typer.echo("Nothing was imported.")
        return True
    plan = import_plan.planned(target, [one.live for one in chosen if one.live], (one.key for one in found))
    plan.left_out += [(one.key, one.problem) for one in chosen if one.live is None]
    # Without a local path, since the module will be committed.
    return _carry_out(plan, f"Imported from {settings.endpoint or 'the embedded emulator'}.")


# ---- prompts


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
        typed = typer.prompt("Which? Numbers, patterns, all or none (? for help)", default="", show_default=False)
        if typed.strip() == "none":
            return []
        if typed.strip() in ("", "?"):
            typer.echo(HELP)
            continue
        try:
            return [wanted[place] for place in import_plan.chosen(typed, names)]
        except ConfigurationError as error:
            typer.echo(str(error))


def _ensure_keys(plan: Plan) -> bool:
    """Return whether every key is known, after asking for missing ones if possible."""
    needed = missing(plan.declarations, plan.secrets)
    if not needed:
        return True
    if plan.target.options.asks:
        typer.echo("The API masks these keys. Type or paste each one (not shown); Enter repeats the previous one.")
        _ask(plan, needed)
        return True
    typer.echo("The API masks these keys. Set each one (the command prompts for it), then import again:")
    _print_commands(_pulumi(plan, "config", "set", "--secret", NAMESPACE + name) for name in needed)
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


# ---- steps


def _carry_out(plan: Plan, about: str) -> bool:
    stack, options = plan.target.stack, plan.target.options
    known = bool(plan.declarations) and _ensure_keys(plan)
    document = plan.document() if known else None  # before anything is written, since it checks the keys
    for (kind, identity), why in plan.left_out:
        typer.echo(f"left out: {kind.noun} {plain(identity)}: {why}", err=True)
    if not known or not plan.declarations:
        return False
    _set_secrets(stack, plan.to_set())
    _declare(plan, about)
    if options.at_once:
        stack.import_(document)
    else:
        _write_document(document, options.file)
        typer.echo(f"Wrote {options.file}, readable only by you: it holds keys in the clear. Delete it afterwards.")
    _print_next_steps(plan)
    return not plan.left_out


def _set_secrets(stack: Stack, secrets: Mapping[str, str]) -> None:
    for name in printing.watching("Setting secrets")([*secrets]):
        stack.set_secret(name, secrets[name])
    if secrets:
        names = _few([f"enkrypt:{name}" for name in secrets])
        typer.echo(f"Set {counted(len(secrets), 'secret')} of stack {stack.name}: {names}.")


def _declare(plan: Plan, about: str) -> None:
    new, python = totals(declaration.kind for declaration in plan.new), plan.target.options.python
    if python is not None:
        _write_python(plan, python, about)
        typer.echo(f"Declared {new} in {python}.")
    elif plan.new:
        file = _write_catalogue(plan)
        typer.echo(f"Declared {new} in the catalogue of {file.name}.")


def _print_next_steps(plan: Plan) -> None:
    options, drift = plan.target.options, plan.drift()
    for name, fields in drift.items():
        typer.echo(f"{name}: the declaration differs from the registration; the next `up` changes {_few(fields)}.")
    typer.echo("\nNext:")
    if options.python and options.python.stem != "__main__":
        typer.echo(f"  add `import {options.python.stem}` to the program, before anything else")
    file = str(options.file)
    imports = [_pulumi(plan, "import", "--file", file, *IMPORT), shlex.join(["rm", file])]
    up = _pulumi(plan, "up", *([] if drift else ["--expect-no-changes"]))
    _print_commands([up] if options.at_once else [*imports, up])


def _pulumi(plan: Plan, *words: str) -> str:
    return shlex.join(["pulumi", *words, "--stack", plan.target.stack.name])


def _print_commands(commands: Iterable[str]) -> None:
    for command in filter(None, (engine.path_command(), *commands)):
        typer.echo(f"  {command}")


# ---- files


def _write_catalogue(plan: Plan) -> Path:
    """Add the new declarations to the stack's file, and check that the engine reads them back unchanged."""
    stack = plan.target.stack
    added = {kind: stack_file.entries(one for one in plan.new if one.kind is kind) for kind in KINDS}
    file = stack.file
    # As bytes: text mode would change the line endings.
    before = text = file.read_bytes().decode() if file.is_file() else ""
    for kind, entries in added.items():
        text = stack_file.extended(text, catalogue_name(kind), entries) if entries else text
    file.write_bytes(text.encode())
    stack.forget()
    read = {kind: catalogue_of(stack, kind) for kind in KINDS}
    if misread := [name for kind in KINDS for name, one in added[kind].items() if read[kind].get(name) != one]:
        file.write_bytes(before.encode())
        raise ConfigurationError(f"the engine reads {', '.join(misread[:3])} differently: use --python")
    return file


def _write_python(plan: Plan, file: Path, about: str) -> None:
    """Write a module with the new declarations. Raise `ConfigurationError` if a different file is already there."""
    beside_package = (file.absolute().parent / __package__.partition(".")[0]).is_dir()
    text = typed_python.module(plan.new, about, beside_package=beside_package, is_native=plan.target.is_native)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{file} already exists: choose another file, or move it away")
    file.write_text(text, encoding="utf-8")


def _write_document(document: Any, file: Path) -> None:
    """Write the import file, readable only by its owner."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)
