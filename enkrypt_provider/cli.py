"""`python -m enkrypt_provider …`: what a person types, one function for each command.

Imports stay inside the commands: `--help` and shell completion must not wait for those of another one. An
expected error is one line on stderr.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .errors import EnkryptError

if TYPE_CHECKING:
    from .commands.sources import Sources

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


class DialectName(str, Enum):
    v1 = "v1"
    v2 = "v2"


def _stacks(incomplete: str) -> list[str]:
    """For shell completion: the stacks that have a file here."""
    files = [*Path().glob("Pulumi.*.yaml"), *Path().glob("*/Pulumi.*.yaml")]
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
    return sorted({name for name in names if name.startswith(incomplete)})


StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        "-s",
        metavar="STACK",
        help="Take the settings from this stack's configuration; without it, from the environment.",
        autocompletion=_stacks,
    ),
]
EndpointOption = Annotated[
    str | None, typer.Option(metavar="URL", help="Base URL of the API, or `embedded`, before what is configured.")
]
DialectOption = Annotated[DialectName | None, typer.Option(help="Dialect of the API, before what is configured.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME[:VERSION]", help="The model; without a version, its version v1.")
]


@commands.callback()
def main_options() -> None:
    """Enkrypt AI model registrations, and the Models API on this machine.

    The API key comes from the configuration of the stack that --stack names (enkrypt:apiKey), otherwise from the
    environment (ENKRYPTAI_API_KEY, ENKRYPT_API_KEY). It is no option: everyone on a machine can read the arguments of
    a command.

    \b
    Exit codes:
      0  done; `health`: healthy; `doctor`: no problem
      1  an error, one line on stderr; `health`: not healthy; `doctor`: a problem;
         `import`: something was left out or has to be done first
      2  the command line is wrong
    """


@commands.command("list")
def list_(
    name: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only names that match (* and ?); may be repeated.")
    ] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """List the registrations of the account.

    A table on a terminal. Otherwise a line for each, without a header: name, version, model, protocol, endpoint,
    hosting, testing for and model id, with tabs between them.

    \b
    Examples:
      python -m enkrypt_provider list --stack prod
      python -m enkrypt_provider list --name 'gpt-*' --json
      python -m enkrypt_provider list | cut -f 1,2
    """
    from .commands import printing, registry

    found = registry.registrations(_client(stack, endpoint, dialect), name or (), printing.watching("Reading"))
    lives = list(registry.readable(found))
    if as_json:
        printing.print_json([printing.document(live) for live in lives])
    else:
        printing.listed(lives)
    problems = [registration.problem for registration in found if registration.problem]
    if problems:
        _fail("\n".join(f"error: {problem}" for problem in problems))


@commands.command()
def show(
    model: ModelArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Show everything about one registration, but for its keys.

    \b
    Examples:
      python -m enkrypt_provider show gpt-4o-mini --stack prod
      python -m enkrypt_provider show support-copilot:2024-08-06 --json
    """
    from .commands import printing, registry

    live = registry.registration(_client(stack, endpoint, dialect), model)
    if as_json:
        printing.print_json(printing.document(live))
    else:
        printing.details(live)


@commands.command()
def health(
    model: ModelArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Ask the API whether a model answers.

    The exit code is 0 where it does, and 1 where it does not.

    \b
    Examples:
      python -m enkrypt_provider health gpt-4o-mini --stack prod
      python -m enkrypt_provider health support-copilot:2024-08-06 && echo well
    """
    from .commands import printing, registry

    client = _client(stack, endpoint, dialect)
    found = registry.health(client, registry.registration(client, model))
    if as_json:
        printing.print_json({"model": str(found.identity), "healthy": not found.illness, "reason": found.illness})
    else:
        typer.echo(f"{found.identity}: {found.illness or 'healthy'}")
    raise typer.Exit(1 if found.illness else 0)


@commands.command("import")
def import_(
    name: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only names that match (* and ?); may be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Take all that match: ask nothing.")] = False,
    python: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a module that declares them, not entries of the catalogue."),
    ] = None,
    secret: Annotated[
        str, typer.Option(metavar="NAME", help="The secret enkrypt:NAME is the key, where the API masks it.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="The import file.")] = Path("enkrypt-import.json"),
    run: Annotated[bool, typer.Option("--run", help="Import at once: run `pulumi import`, write no file.")] = False,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            "-s",
            metavar="STACK",
            help="The stack to import into; without it, the selected one.",
            autocompletion=_stacks,
        ),
    ] = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Take live registrations into a stack.

    The next `pulumi up` then changes nothing.

    Lists those that are not in the stack's state and asks which; takes all where nobody can answer. Then it sets
    their keys as secrets of the stack, declares them in the catalogue of the stack's file, or in a Python module,
    and writes a file for `pulumi import --file`. Where the API masks a key, it asks for it, or prints the command
    that sets it. Run it in the project's folder.

    The import file holds keys in the clear: it is readable by you alone, and to be deleted after the import. With
    --run there is none.

    \b
    Examples:
      python -m enkrypt_provider import --stack prod
      python -m enkrypt_provider import --stack prod --name 'gpt-*' --secret openaiApiKey --run
      python -m enkrypt_provider import --stack prod --all --python imported.py
    """
    from .commands import dialogue, printing
    from .commands.sources import Sources
    from .commands.stack import Stack

    if python and not python.stem.isidentifier():
        raise typer.BadParameter("a module's name must be an identifier", param_hint="--python")
    target = Stack(stack) if stack else Stack.selected()
    wishes = dialogue.Wishes(
        patterns=name or (),
        python=python,
        shared=secret,
        file=out,
        at_once=run,
        asks=printing.person() and not everything,
    )
    is_complete = dialogue.hold(target, Sources(target, _overrides(endpoint, dialect)).settings, wishes)
    raise typer.Exit(0 if is_complete else 1)


@commands.command()
def doctor(
    as_json: JsonOption = False,
    stack: StackOption = None,
    endpoint: EndpointOption = None,
    dialect: DialectOption = None,
) -> None:
    """Say what is wrong, and what to do.

    Looks at versions, at where each setting comes from, whether the key works, and with --stack whether the state
    holds a key or a provider that is out of date. Of a key it shows four digits of a hash, by which two keys can be
    told apart. The exit code is 1 where there is a problem.

    \b
    Examples:
      python -m enkrypt_provider doctor --stack prod
      python -m enkrypt_provider doctor --json
    """
    from .commands import printing
    from .commands.doctor import examine

    is_well = printing.findings(examine(_sources(stack, endpoint, dialect)), as_json=as_json)
    raise typer.Exit(0 if is_well else 1)


def _sources(stack: str | None, endpoint: str | None, dialect: DialectName | None) -> Sources:
    from .commands.sources import Sources
    from .commands.stack import Stack

    return Sources(Stack(stack) if stack else None, _overrides(endpoint, dialect))


def _overrides(endpoint: str | None, dialect: DialectName | None) -> dict[str, str]:
    return {"endpoint": endpoint or "", "dialect": dialect.value if dialect else ""}


def _client(stack: str | None, endpoint: str | None, dialect: DialectName | None) -> Any:
    from .api.client import EnkryptClient

    return EnkryptClient(_sources(stack, endpoint, dialect).settings)


class PluginAction(str, Enum):
    install = "install"


@commands.command("plugin")
def plugin_(action: Annotated[PluginAction, typer.Argument(help="What to do with it.")]) -> None:  # noqa: ARG001
    """Make the native plugin known to Pulumi, for every project of this user, in any language.

    Installs a launcher that starts the plugin with this Python. A project may name the folder of the plugin instead,
    by `plugins.providers` in its Pulumi.yaml.

    \b
    Examples:
      python -m enkrypt_provider plugin install
    """
    from .commands import plugin

    typer.echo(f"pulumi-resource-enkrypt {plugin.install()} is installed")


@commands.command()
def serve(
    port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65535)] = 8787,
    db: Annotated[Path, typer.Option(help="The SQLite file, made where it is missing.")] = Path(
        ".enkrypt/emulator.sqlite"
    ),
    dialect: Annotated[DialectName, typer.Option(help="v1: the document. v2: the official client.")] = DialectName.v1,
    key: Annotated[
        list[str] | None, typer.Option(metavar="KEY=ACCOUNT", help="Accept this key alone; may be repeated.")
    ] = None,
    mask_apikeys: Annotated[bool, typer.Option(help="Answer xxxxx for every stored API key.")] = False,
    cache_reads: Annotated[
        bool, typer.Option(help="Answer reads from a cache until X-Enkrypt-Refresh-Cache: true.")
    ] = False,
    list_details: Annotated[bool, typer.Option(help="List whole models, or names alone.")] = True,
    quirks: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Normalise responses, as host,slash,order: see docs/emulator.md.")
    ] = "",
    record: Annotated[bool, typer.Option(help="Keep the last requests for GET /_emulator/requests.")] = True,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="CALL:HOW", help="As add_model:status=503,retry_after=2,first=3; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the faults that fall by chance.")] = 0,
    rate: Annotated[
        str, typer.Option(metavar="3/s,100/min", help="Refuse a key that asks faster, and lock it out.")
    ] = "",
    rt_rate: Annotated[str, typer.Option(metavar="5/min", help="The same for /rt/*, the health check.")] = "",
    lockout: Annotated[float, typer.Option(help="Seconds of a lock-out.")] = 60,
    like_vendor: Annotated[
        bool, typer.Option("--like-vendor", help="--rate 3/s,100/min --rt-rate 5/min --lockout 60")
    ] = False,
) -> None:
    """Serve the Models API on 127.0.0.1, with nothing but a file behind it.

    At / it shows a browser on this machine what is registered. The file is that of `enkrypt:endpoint: embedded`.
    """
    from enkrypt_provider.emulator import LIKE_VENDOR, FaultError, LimitError, QuirkError, create_app, spelled_fault
    from enkrypt_provider.emulator.database import NotOurs
    from enkrypt_provider.emulator.limits import limits_in
    from enkrypt_provider.emulator.server import Listener

    asked = {"rate": rate, "rt_rate": rt_rate, "lockout": lockout}
    try:
        app = create_app(
            db,
            dialect=dialect.value,
            keys=_accounts(key),
            mask_apikeys=mask_apikeys,
            cache_reads=cache_reads,
            list_details=list_details,
            quirks=quirks,
            record=record,
            page=True,
            faults=[spelled_fault(text) for text in fault] if fault else None,
            seed=seed,
            limits=LIKE_VENDOR if like_vendor else limits_in(asked),
        )
        listener = Listener(app, port)
    except FaultError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error
    except QuirkError as error:
        raise typer.BadParameter(str(error), param_hint="--quirks") from error
    except LimitError as error:
        raise typer.BadParameter(str(error)) from error
    except NotOurs as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"port {port} cannot be used: {error.strerror}")
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _end)
    typer.echo(f"Models API emulator ({dialect.value}) on {listener.url}, database {db.absolute()}")
    typer.echo(f"To see what is registered, open {listener.url} in a browser on this machine.")
    sys.stdout.flush()
    listener.run()


def _accounts(keys: list[str] | None) -> dict[str, str] | None:
    if not keys:
        return None
    accounts = {}
    for pair in keys:
        key, _, account = pair.rpartition("=")
        if not key or not account:
            raise typer.BadParameter("a key is given as KEY=ACCOUNT", param_hint="--key")
        accounts[key] = account
    return accounts


def _end(*_: Any) -> NoReturn:
    raise SystemExit(0)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command, and ends the process with its exit code."""
    try:
        commands(arguments)
    except EnkryptError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
