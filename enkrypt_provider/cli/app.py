"""What a person types, one function for each command.

Imports stay inside the commands: `--help` and shell completion must not wait for those of another one. An
expected error is one line on stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import EnkryptError
from .options import (
    PROGRAM,
    Command,
    DialectOption,
    EndpointOption,
    JsonOption,
    KindArgument,
    ModelArgument,
    PatternOption,
    RegistrationArgument,
    StackOption,
    kinds_typed,
    registration_typed,
    stack_option,
)
from .serve import serve

if TYPE_CHECKING:
    from .sources import Sources

commands = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(commands.command, cls=Command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command, and end the process with its exit code."""
    _take_any_output()
    try:
        # By its own name however it was started: the shell's completion is bound to that.
        commands(arguments, prog_name=PROGRAM)
    except (EnkryptError, OSError) as error:  # such as a full disk, or a folder that is gone
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


def _take_any_output() -> None:
    """Let standard output be closed, or have an encoding without some of the characters."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
    elif isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _version(is_asked: bool) -> None:
    if is_asked:
        from .. import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@commands.callback()
def main_options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Enkrypt AI registrations: models, guardrails policies, deployments; and the API on this machine.

    The API key comes from the configuration of the stack that --stack names (enkrypt:apiKey), otherwise from the
    environment (ENKRYPTAI_API_KEY, ENKRYPT_API_KEY). There is no option for it: everyone on a machine can read the
    arguments of a command.

    \b
    Exit codes:
      0  done; `health`: healthy; `doctor`: no problem
      1  an error, one line on stderr; `health`: not healthy; `doctor`: a problem;
         `import`: something was left out or has to be done first
      2  the command line is wrong
    """


@command("list")
def list_(
    kind: KindArgument = None,
    name: PatternOption = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """List what is registered: models, policies, deployments.

    KIND is one of these three; without one all are listed.

    On a terminal: a table for each kind, with the columns that fit. Otherwise: a line for each registration, without
    a header, its columns separated by tabs. A model begins with its name and version, another with its name; the last
    column is the kind.

    \b
    Examples:
      enkrypt-provider list --stack prod
      enkrypt-provider list policies deployments
      enkrypt-provider list models --name 'gpt-*' --json
      enkrypt-provider list models | cut -f 1,2
    """
    from . import printing, registrations

    kinds = kinds_typed(kind)
    client = _sources(stack, endpoint, dialect).client()
    found = registrations.registrations(client, name or (), printing.watching("Reading"), kinds)
    lives = [one.live for one in found if one.live]
    if as_json:
        printing.print_json([printing.document(live) for live in lives])
    else:
        printing.listed(lives, printing.nothing(kinds, name, client.settings.shown_endpoint))
    problems = [one.problem for one in found if one.problem]
    for problem in problems:
        typer.echo(f"error: {problem}", err=True)
    raise typer.Exit(1 if problems else 0)


@command()
def show(
    registration: RegistrationArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Show everything about one registration, but for its secrets.

    NAME alone is the only version of a model, or v1 of several. KIND is model, policy or deployment; without it a
    model is looked for first, then a policy, then a deployment.

    \b
    Examples:
      enkrypt-provider show gpt-4o-mini --stack prod
      enkrypt-provider show support-copilot:2024-08-06 --json
      enkrypt-provider show deployment support
    """
    from . import printing, registrations

    name, kinds = registration_typed(registration)
    live = registrations.registration(_sources(stack, endpoint, dialect).client(), name, kinds)
    if as_json:
        printing.print_json(printing.document(live))
    else:
        printing.details(live)


@command()
def health(
    model: ModelArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Ask the API whether a model responds.

    NAME alone is its only version, or v1 of several. The exit code is 0 where it does, and 1 where it does not.

    \b
    Examples:
      enkrypt-provider health gpt-4o-mini --stack prod
      enkrypt-provider health support-copilot:2024-08-06 && echo well
    """
    from ..kinds.model import MODEL
    from . import printing, registrations

    client = _sources(stack, endpoint, dialect).client()
    live = registrations.registration(client, model, [MODEL])
    illness = registrations.illness(client, live)
    if as_json:
        printing.print_json({"model": str(live.identity), "healthy": not illness, "reason": illness})
    else:
        typer.echo(f"{live.identity}: {illness or 'healthy'}")
    raise typer.Exit(1 if illness else 0)


@command("import")
def import_(
    kind: KindArgument = None,
    name: PatternOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Take all that match, and ask nothing.")] = False,
    python: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a Python module that declares them instead of catalogue entries."),
    ] = None,
    secret: Annotated[
        str, typer.Option(metavar="NAME", help="The key that the API masks is the secret enkrypt:NAME.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="The import file.")] = Path("enkrypt-import.json"),
    run: Annotated[bool, typer.Option("--run", help="Run `pulumi import` at once, and write no file.")] = False,
    native: Annotated[
        bool | None,
        typer.Option(help="Import for the native plugin, or not. Default: what the stack or its program uses."),
    ] = None,
    stack: Annotated[str | None, stack_option("The stack to import into; without it, the selected one.")] = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Import models, policies and deployments into a stack.

    KIND is one of these three; without one all are imported. The next `pulumi up` then changes nothing.

    Lists those that are not in the stack's state and asks which to take; in a non-interactive run it takes all. Then
    it sets their keys as secrets of the stack, declares them in the catalogue of the stack's file, or in a Python
    module, and writes a file for `pulumi import --file`. Where the API masks a key, it asks for it, or prints the
    command that sets it. Run it in the project's folder.

    The import file holds keys in the clear: only you can read it; delete it after the import. With --run there is
    none.

    \b
    Examples:
      enkrypt-provider import --stack prod
      enkrypt-provider import --stack prod --name 'gpt-*' --secret openaiApiKey --run
      enkrypt-provider import policies deployments --stack prod --all --python imported.py
    """
    from . import import_dialogue, printing
    from .import_plan import Wishes
    from .sources import Sources
    from .stack import Stack

    if python and not python.stem.isidentifier():
        raise typer.BadParameter("a module's name must be an identifier", param_hint="--python")
    target = Stack(stack) if stack else Stack.selected()
    wishes = Wishes(
        kinds=kinds_typed(kind),
        patterns=name or (),
        python=python,
        masked_as=secret,
        file=out,
        at_once=run,
        asks=printing.person() and not everything,
        is_native=native,
    )
    client = Sources(target, {"endpoint": endpoint, "dialect": dialect}).client()
    raise typer.Exit(0 if import_dialogue.hold(target, client, wishes) else 1)


@command()
def doctor(
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Say what is wrong, and what to do.

    Looks at versions, at where each setting comes from and whether the key works; with --stack also at whether the
    state and the account agree. Of a key it shows four digits of a hash, by which two keys can be told apart. The
    exit code is 1 where there is a problem.

    \b
    Examples:
      enkrypt-provider doctor --stack prod
      enkrypt-provider doctor --json
    """
    from .doctor import examine
    from .findings import tell

    is_well = tell(examine(_sources(stack, endpoint, dialect)), as_json=as_json)
    raise typer.Exit(0 if is_well else 1)


@command("plugin")
def plugin_command(action: Annotated[str, typer.Argument(metavar="install", hidden=True)]) -> None:
    """Make the native plugin known to Pulumi.

    Installs a launcher that starts the plugin with this Python, for every project of this user, in any language. A
    project may name the folder of the plugin instead, by `plugins.providers` in its Pulumi.yaml.

    \b
    Examples:
      enkrypt-provider plugin install
    """
    from . import native

    if action != "install":
        raise typer.BadParameter("must be install", param_hint="the action")
    typer.echo(f"{native.PROGRAM} {native.install()} is installed")


command()(serve)


def _sources(stack: str | None, endpoint: str | None, dialect: str | None) -> Sources:
    from .sources import Sources
    from .stack import Stack

    return Sources(Stack(stack) if stack else None, {"endpoint": endpoint, "dialect": dialect})
