"""The commands, one function each.

Each command does its own imports, so that `--help` and shell completion do not wait for those of the others. An
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
    """Run one command, then exit with its exit code."""
    _prepare_stdout()
    try:
        # Always under this name, however it was started: shell completion is registered for it.
        commands(arguments, prog_name=PROGRAM)
    except EnkryptError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # such as a full disk or a deleted folder
        typer.echo(f"error: {': '.join(map(str, filter(None, (error.filename, error.strerror)))) or error}", err=True)
        sys.exit(1)


def _prepare_stdout() -> None:
    """Cope with a closed standard output, and with an encoding that lacks some characters."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
    elif isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _version(requested: bool) -> None:
    if requested:
        from .. import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@commands.callback()
def main_options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Inspect and import Enkrypt AI models, guardrails policies and deployments, or run an emulator of the API.

    The API key is read from the configuration of the stack given by --stack (enkrypt:apiKey), otherwise from the
    environment (ENKRYPTAI_API_KEY, ENKRYPT_API_KEY). There is no option for it, because everyone on a machine can
    read the arguments of a command.

    \b
    Exit codes:
      0  success; `health`: healthy; `doctor`: no problems
      1  an error, as one line on stderr; `health`: unhealthy; `doctor`: problems found;
         `import`: something was left out or must be done first
      2  invalid command line
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
    """List registrations: models, policies, deployments.

    KIND is models, policies or deployments, or several of these; by default, all are listed.

    On a terminal, prints a table for each kind, with as many columns as fit. Otherwise, prints one line per
    registration, tab-separated and without a header. The first column is the name, followed by the version for
    models; the last column is the kind.

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
    """Show everything about one registration, except its secrets.

    NAME alone means the model's only version, or v1 if it has several. KIND is model, policy or deployment; without
    it, models are searched first, then policies, then deployments.

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

    NAME alone means the model's only version, or v1 if it has several. The exit code is 0 if it responds, 1 if not.

    \b
    Examples:
      enkrypt-provider health gpt-4o-mini --stack prod
      enkrypt-provider health support-copilot:2024-08-06 && echo healthy
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
    everything: Annotated[bool, typer.Option("--all", help="Import all that match, without asking.")] = False,
    python: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a Python module that declares them, instead of catalogue entries."),
    ] = None,
    secret: Annotated[
        str, typer.Option(metavar="NAME", help="Use the secret enkrypt:NAME for the keys that the API masks.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="The import file.")] = Path("enkrypt-import.json"),
    run: Annotated[bool, typer.Option("--run", help="Run `pulumi import` at once, without an import file.")] = False,
    native: Annotated[
        bool | None,
        typer.Option(help="Import for the native plugin or the dynamic provider; by default, the one in use."),
    ] = None,
    stack: Annotated[str | None, stack_option("The stack to import into; by default, the selected one.")] = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Import models, policies and deployments into a stack.

    KIND is models, policies or deployments, or several of these; by default, all are imported. The next `pulumi up`
    then changes nothing.

    Lists the registrations that are not in the stack's state and asks which to import; a non-interactive run imports
    all. Then sets their keys as secrets of the stack, declares them in the catalogue of the stack's file or in a
    Python module, and writes a file for `pulumi import --file`. If the API masks a key, asks for it or prints the
    command that sets it. Run it in the project's folder.

    The import file holds keys in the clear. Only you can read it; delete it after the import. With --run, no
    import file is written.

    \b
    Examples:
      enkrypt-provider import --stack prod
      enkrypt-provider import --stack prod --name 'gpt-*' --secret openaiApiKey --run
      enkrypt-provider import policies deployments --stack prod --all --python imported.py
    """
    from . import import_dialogue, printing
    from .import_plan import ImportOptions
    from .sources import Sources
    from .stack import Stack

    if python and not (python.stem.isidentifier() and python.suffix == ".py"):
        raise typer.BadParameter("must be an identifier and .py, such as imported.py", param_hint="--python")
    target = Stack(stack) if stack else Stack.selected()
    options = ImportOptions(
        kinds=kinds_typed(kind),
        patterns=name or (),
        python=python,
        masked_as=secret,
        file=out,
        at_once=run,
        asks=printing.is_interactive() and not everything,
        is_native=native,
    )
    client = Sources(target, {"endpoint": endpoint, "dialect": dialect}).client()
    raise typer.Exit(0 if import_dialogue.run(target, client, options) else 1)


@command()
def doctor(
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Report problems, and what to do about them.

    Checks versions, where each setting comes from, and whether the key works; with --stack, also whether the state
    and the account agree. A key is shown only as four digits of its hash, enough to tell two keys apart. The exit
    code is 1 if there is a problem.

    \b
    Examples:
      enkrypt-provider doctor --stack prod
      enkrypt-provider doctor --json
    """
    from .doctor import examine
    from .findings import report

    is_well = report(examine(_sources(stack, endpoint, dialect)), as_json=as_json)
    raise typer.Exit(0 if is_well else 1)


@command("plugin")
def plugin_command(action: Annotated[str, typer.Argument(metavar="install", hidden=True)]) -> None:
    """Install the native plugin for Pulumi.

    Installs a launcher that starts the plugin with this Python, for all of this user's projects, in any language. A
    project can instead set the plugin's folder in `plugins.providers` of its Pulumi.yaml.

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
