"""The options that several commands share, and what a command line may say wrong, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, get_args

import typer

from ..errors import near_match
from ..settings import Dialect

PROGRAM = "enkrypt-provider"


DIALECTS: Final = get_args(Dialect)


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return the parser of an option that takes a whole number in a range."""

    def parse(value: Any) -> int:
        if not str(value).isdecimal() or not lowest <= int(value) <= highest:
            raise typer.BadParameter(f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def dialect_name(value: str) -> str:
    """Parse the name of a dialect."""
    if value not in DIALECTS:
        raise typer.BadParameter(f"must be one of {', '.join(DIALECTS)}{near_match(value, DIALECTS)}")
    return value


def stacks(incomplete: str) -> list[str]:
    """Return the stacks that have a file here, for the shell's completion."""
    files = [*Path().glob("Pulumi.*.yaml"), *Path().glob("*/Pulumi.*.yaml")]
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
    return sorted({name for name in names if name.startswith(incomplete)})


def dialect_option(meaning: str) -> Any:
    """Return the option `--dialect`."""
    return typer.Option(
        help=meaning, metavar="|".join(DIALECTS), parser=dialect_name, autocompletion=lambda: list(DIALECTS)
    )


def stack_option(meaning: str) -> Any:
    """Return the option `--stack`."""
    return typer.Option("--stack", "-s", metavar="STACK", help=meaning, autocompletion=stacks)


StackOption = Annotated[
    str | None, stack_option("Take the settings from this stack's configuration; without it, from the environment.")
]
EndpointOption = Annotated[
    str | None, typer.Option(metavar="URL", help="Base URL of the API, or `embedded`, instead of what is configured.")
]
DialectOption = Annotated[str | None, dialect_option("Dialect of the API, instead of what is configured.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PatternOption = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Only names that match (* and ?); may be repeated.")
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME[:VERSION]", help="The model; NAME alone is its only version, or v1 of several.")
]


def fail(message: str) -> NoReturn:
    """End the command with exit code 1 and a message on stderr."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
