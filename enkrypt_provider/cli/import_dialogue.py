"""The import as a person sees it: what is shown, asked and told.

In a non-interactive run nothing is asked: all that match are taken, and keys that nobody knows end it with the
commands that set them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import typer

from ..api.client import EnkryptClient
from ..errors import ConfigurationError, counted, plain
from . import engine, import_plan, import_steps, native, printing, registrations
from .declarations import missing
from .import_plan import Plan, Target, Wishes
from .kind_words import totals
from .registrations import Registration
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
    if not any(registrations.matches(one.identity.name, patterns) for one in every) and patterns:
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


def _ask(plan: Plan, missing: Mapping[str, Sequence[str]]) -> None:
    last = None
    for name, users in missing.items():
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
        import_steps.write_document(document, wishes.file)
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
        import_steps.write_python(plan, python, about)
        typer.echo(f"Declared {new} in {python}.")
    elif plan.new:
        file = import_steps.write_catalogue(plan)
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
