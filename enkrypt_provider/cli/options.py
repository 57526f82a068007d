"""The options that several commands share, and what a command line may say wrong, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer
from typer.core import TyperCommand

from ..errors import ConfigurationError, near_match
from ..settings import Dialect

if TYPE_CHECKING:
    from ..kinds.kind import Kind

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


def given(value: str) -> str:
    """Parse a text that says which account or stack: an empty one is a script's variable that is not set."""
    if not value:
        raise typer.BadParameter("must not be empty")
    return value


def stacks(incomplete: str) -> list[str]:
    """Return the stacks that have a file here, for the shell's completion."""
    files = [*Path().glob("Pulumi.*.yaml"), *Path().glob("*/Pulumi.*.yaml")]
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
    return sorted({name for name in names if name.startswith(incomplete)})


def kinds(incomplete: str) -> list[str]:
    """Return the kinds of registration, for the shell's completion."""
    from ..kinds.registry import SECTIONS

    return [name for name in SECTIONS if name.startswith(incomplete)]


def kinds_typed(words: Sequence[str] | None) -> Sequence[Kind]:
    """Parse the kinds that a person typed, every one where they are none."""
    from ..kinds.registry import KINDS, kind_named

    try:
        return [kind_named(word) for word in words] if words else KINDS
    except ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="KIND") from error


def registration_typed(words: Sequence[str]) -> tuple[str, Sequence[Kind]]:
    """Parse the name that a person typed, and the kinds that it may be of."""
    *before, name = words
    if len(before) > 1:
        raise typer.BadParameter("one name is shown, with its kind before it", param_hint="NAME")
    return name, kinds_typed(before)


def dialect_option(meaning: str) -> Any:
    """Return the option `--dialect`."""
    return typer.Option(
        help=meaning, metavar="|".join(DIALECTS), parser=dialect_name, autocompletion=lambda: list(DIALECTS)
    )


def stack_option(meaning: str) -> Any:
    """Return the option `--stack`."""
    return typer.Option("--stack", "-s", metavar="STACK", help=meaning, parser=given, autocompletion=stacks)


StackOption = Annotated[
    str | None, stack_option("Take the settings from this stack's configuration; without it, from the environment.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Base URL of the API, or `embedded`, instead of what is configured.", parser=given
    ),
]
DialectOption = Annotated[str | None, dialect_option("Dialect of the API, instead of what is configured.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PatternOption = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Only names that match (* and ?); may be repeated.")
]
KindArgument = Annotated[list[str] | None, typer.Argument(metavar="[KIND]...", hidden=True, autocompletion=kinds)]
RegistrationArgument = Annotated[
    list[str], typer.Argument(metavar="[KIND] NAME[:VERSION]", hidden=True, autocompletion=kinds)
]
ModelArgument = Annotated[str, typer.Argument(metavar="NAME[:VERSION]", hidden=True)]


class Command(TyperCommand):
    """A command whose arguments stand in its usage as they are written, and are explained in its text."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name."""
        return ["[OPTIONS]", *(str(one.metavar) for one in self.get_params(ctx) if one.param_type_name == "argument")]
