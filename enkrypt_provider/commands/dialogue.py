"""The import as a person goes through it: what is shown, asked and told. The steps themselves are importing.py's.

Where nobody is there to answer, nothing is asked: all that match are taken, and keys that nobody knows end it
with the commands that set them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from ..api.client import EnkryptClient
from ..errors import ConfigurationError, counted, plain
from ..settings import Settings
from . import importing, printing, registry
from .importing import Plan, Target
from .registry import Registration
from .stack import Stack


@dataclass(frozen=True)
class Wishes:
    """What the command line says of an import.

    `python` names a module to write instead of the catalogue's entries; `shared` the secret for all masked keys;
    `at_once` imports without a file; `asks` is false where nobody can answer.
    """

    patterns: Sequence[str] = ()
    python: Path | None = None
    shared: str = ""
    file: Path = importing.FILE
    at_once: bool = False
    asks: bool = True


def hold(stack: Stack, settings: Settings, wishes: Wishes) -> bool:
    """Imports what is wished into the stack. False where something of it was left out, or has to be done first."""
    found = registry.registrations(EnkryptClient(settings), (), printing.watching("Reading"))
    target = Target(stack, settings.dialect, stack.resources(), wishes.python is None, wishes.shared)
    new = [one for one in found if str(one.identity) not in target.held]
    known = f"{counted(len(found), 'registration')}, {len(found) - len(new)} in its state"
    typer.echo(f"Stack {stack.name}, {settings.shown_endpoint}: {known}.")
    wanted = _matching(new, found, wishes.patterns)
    if not wanted:
        typer.echo("There is nothing to import.")
        return True
    chosen = _chosen(wanted) if wishes.asks else wanted
    plan = importing.planned(target, list(registry.readable(chosen)), registry.readable(found))
    is_whole = _tell_left_out(plan, chosen)
    return _carried_out(plan, wishes, settings) and is_whole


# ---- what is asked


def _matching(
    new: Sequence[Registration], every: Sequence[Registration], patterns: Sequence[str]
) -> list[Registration]:
    if not any(registry.matches(one.identity.name, patterns) for one in every) and patterns:
        raise ConfigurationError(f"no registration's name matches {plain(' or '.join(patterns))}")
    return [one for one in new if registry.matches(one.identity.name, patterns)]


def _chosen(wanted: Sequence[Registration]) -> list[Registration]:
    header = ("#", *printing.IN_TABLE)
    rows = [(number, *_row(one)) for number, one in enumerate(wanted, start=1)]
    Console().print(printing.table(header, rows))
    names = [one.identity.name for one in wanted]
    while True:
        typed = typer.prompt("Which? Numbers, ranges and patterns, such as 1 4-7 gpt-*", default="all")
        try:
            return [wanted[place] for place in importing.chosen(typed, names)]
        except ConfigurationError as error:
            typer.echo(str(error))


def _row(one: Registration) -> Sequence[object]:
    if one.live is None:
        return (one.identity.name, one.identity.version, "", one.problem)
    return printing.summary(one.live, printing.IN_TABLE)


def _know_keys(plan: Plan, *, asks: bool) -> bool:
    """True where every key is known, if need be by asking."""
    missing = plan.missing()
    if missing and asks:
        typer.echo("The API masks these keys. Type or paste each, it does not show; Enter alone repeats the last.")
        _ask(plan, missing)
    elif missing:
        typer.echo("The API masks these keys. Set each, it asks for the value, then run this again:")
        for name in missing:
            typer.echo(f"  {importing.set_command(name, plan.target.stack)}")
    return asks or not missing


def _ask(plan: Plan, missing: Mapping[str, Sequence[str]]) -> None:
    last = None
    for name, users in missing.items():
        question = f"  enkrypt:{name}, the key of {_few(users)}"
        last = typer.prompt(question, last, hide_input=True, show_default=False).strip()
        plan.secrets.found[name] = last


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# ---- what is told


def _tell_left_out(plan: Plan, chosen: Sequence[Registration]) -> bool:
    reasons = [*plan.left_out, *((one.identity, one.problem) for one in chosen if one.live is None)]
    for identity, why in reasons:
        typer.echo(f"left out: {plain(identity)}: {why}", err=True)
    return not reasons


def _carried_out(plan: Plan, wishes: Wishes, settings: Settings) -> bool:
    if not plan.declarations or not _know_keys(plan, asks=wishes.asks):
        return False
    document = plan.document()  # before anything is written: it finds what is wrong with a key
    _give(plan, plan.to_set())
    _declare(plan, wishes, f"Models imported from {settings.shown_endpoint}.")
    if wishes.at_once:
        plan.target.stack.import_(document)
    else:
        importing.write_document(document, wishes.file)
        typer.echo(
            f"Wrote {wishes.file}, for you alone to read: it holds keys in the clear. Delete it after the import."
        )
    _tell_next(plan, wishes)
    return True


def _give(plan: Plan, secrets: Mapping[str, str]) -> None:
    importing.set_secrets(plan.target.stack, secrets, printing.watching("Setting secrets"))
    if secrets:
        names = _few([f"enkrypt:{name}" for name in secrets])
        typer.echo(f"Set {counted(len(secrets), 'secret')} of stack {plan.target.stack.name}: {names}.")


def _declare(plan: Plan, wishes: Wishes, about: str) -> None:
    if wishes.python is not None:
        importing.write_python(plan, wishes.python, about)
        typer.echo(f"Declared {counted(len(plan.new), 'model')} in {wishes.python}.")
    elif plan.new:
        file = importing.write_catalogue(plan)
        typer.echo(f"Declared {counted(len(plan.new), 'model')} in the catalogue of {file.name}.")


def _tell_next(plan: Plan, wishes: Wishes) -> None:
    stack, drift = plan.target.stack, plan.drift()
    for name, fields in drift.items():
        typer.echo(f"{name} is declared otherwise than it is: the next `up` changes {_few(fields)}.")
    typer.echo("\nNext:")
    if wishes.python and wishes.python.stem != "__main__":
        typer.echo(f"  add `import {wishes.python.stem}` to the program, before anything else")
    if not wishes.at_once:
        typer.echo(f"  {importing.import_command(wishes.file, stack)}")
        typer.echo(f"  {importing.remove_command(wishes.file)}")
    typer.echo(f"  {importing.up_command(stack, changes=bool(drift))}")
