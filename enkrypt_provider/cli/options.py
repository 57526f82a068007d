"""Options that several commands share, with parsers whose error messages are in plain words."""

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
    """Return a parser for an option that takes a whole number in a range."""

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


def non_empty(value: str) -> str:
    """Parse an option that selects an account or stack: an empty value is usually an unset variable in a script."""
    if not value:
        raise typer.BadParameter("must not be empty")
    return value


def stacks(incomplete: str) -> list[str]:
    """Return the stacks that have a file in this folder or one below it, for shell completion."""
    files = [*Path().glob("Pulumi.*.yaml"), *Path().glob("*/Pulumi.*.yaml")]
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
    return sorted({name for name in names if name.startswith(incomplete)})


def kinds(incomplete: str) -> list[str]:
    """Return the kinds of registration, for shell completion."""
    from ..kinds.registry import SECTIONS

    return [name for name in SECTIONS if name.startswith(incomplete)]


def kinds_typed(words: Sequence[str] | None) -> Sequence[Kind]:
    """Parse the kinds given on the command line; by default, all."""
    from ..kinds.registry import KINDS, kind_named

    try:
        return [kind_named(word) for word in words] if words else KINDS
    except ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="KIND") from error


def registration_typed(words: Sequence[str]) -> tuple[str, Sequence[Kind]]:
    """Parse `[KIND] NAME`. Return the name, and the kinds to search."""
    *before, name = words
    if len(before) > 1:
        raise typer.BadParameter("give one name, optionally with its kind before it", param_hint="NAME")
    return name, kinds_typed(before)


def dialect_option(meaning: str) -> Any:
    """Return the option `--dialect`."""
    return typer.Option(
        help=meaning, metavar="|".join(DIALECTS), parser=dialect_name, autocompletion=lambda: list(DIALECTS)
    )


def stack_option(meaning: str) -> Any:
    """Return the option `--stack`."""
    return typer.Option("--stack", "-s", metavar="STACK", help=meaning, parser=non_empty, autocompletion=stacks)


StackOption = Annotated[
    str | None, stack_option("Read the settings from this stack's configuration; by default, from the environment.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Base URL of the API, or `embedded`; overrides the configuration.", parser=non_empty
    ),
]
DialectOption = Annotated[str | None, dialect_option("Dialect of the API; overrides the configuration.")]
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
    """A command that shows its arguments in the usage line as declared; its help text explains them."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line after the command's name."""
        return ["[OPTIONS]", *(str(one.metavar) for one in self.get_params(ctx) if one.param_type_name == "argument")]
