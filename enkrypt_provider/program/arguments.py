"""Shared by all argument classes: types for type checkers, and mistakes reported as `check` reports them.

Also shared by the resources of both packages: how they take arguments and expose outputs.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pulumi
from pulumi.output import Unknown
from typing_extensions import dataclass_transform

from ..errors import EnkryptError
from ..kinds.plain import INEXACT, NAMES_RULE, NO_JSON, NOT_FINITE, is_exact

if TYPE_CHECKING:
    from ..kinds.kind import Kind

T = TypeVar("T")


class WrongArguments(EnkryptError, pulumi.RunError, TypeError):
    """A program gives an argument that does not exist, or leaves out a required one."""


WrongArguments.__module__ = "enkrypt_provider"


@contextmanager
def naming(resource: str) -> Iterator[None]:
    """Put the resource's name before the message of a `WrongArguments`, which is shown without a traceback."""
    try:
        yield
    except WrongArguments as error:
        raise WrongArguments(f"{resource}: {error}") from None


_ARGUMENTS: Final[dict[type, dict[str, bool]]] = {}
"""The names of each class's arguments, and whether each is required."""


@dataclass_transform(kw_only_default=True)
def input_type(cls: type[T]) -> type[T]:
    """Like `pulumi.input_type`, but type checkers know the `__init__`, and it reports mistakes in one line."""
    _ARGUMENTS[cls] = {name: not hasattr(cls, name) for name in inspect.get_annotations(cls)}
    made = pulumi.input_type(cls)
    init = made.__init__

    @functools.wraps(init)
    def checked(self: Any, *unnamed: Any, **arguments: Any) -> None:
        if unnamed:
            raise WrongArguments(f"{cls.__name__}: pass each field by name, such as {next(iter(names_of(cls)))}=…")
        check_names(cls.__name__, arguments, made)
        init(self, **arguments)

    setattr(made, "__init__", checked)  # noqa: B010 - mypy knows that it is a method
    return made


def names_of(cls: type) -> Collection[str]:
    """The names of an argument class's arguments; empty for any other class."""
    return _ARGUMENTS.get(cls, {})


def check_names(of: str, arguments: Mapping[str, Any], cls: type) -> None:
    """Raise `WrongArguments` if an argument does not exist (with the nearest name) or a required one is missing."""
    wrong = [f"{name} {_unknown(cls, name)}" for name in arguments if name not in names_of(cls)]
    required = (name for name, is_required in _ARGUMENTS[cls].items() if is_required)
    wrong += [f"{name} is required" for name in required if arguments.get(name) is None]
    if wrong:
        raise WrongArguments(f"{of}: {'; '.join(wrong)}")


def _unknown(cls: type, name: str) -> str:
    from ..kinds.mistakes import no_field  # only a mistake needs pydantic
    from ..kinds.registry import KINDS

    kind, path = next((kind, path) for kind in KINDS for path, of in classes(kind).items() if of == cls.__name__)
    return no_field((*path.split("."), name) if path else (name,), kind)


def classes(kind: Kind) -> dict[str, str]:
    """The name of the argument class at each path of a kind."""
    documents = {path: field.document for path, field in kind.fields.items() if field.document}
    return {"": f"{kind.name}Args", **{path: f"{document.__name__}Args" for path, document in documents.items()}}


def given_arguments(resource: str, cls: type, args: object, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's arguments, given as a `cls` object, a dict or keywords. Raise `WrongArguments`."""
    if args is not None and keywords:
        raise WrongArguments(f"{resource}: give either args or keywords, not both")
    if isinstance(args, cls):
        given: Mapping[str, Any] = vars(args)
    elif isinstance(args, Mapping | None):
        given = args or keywords
        check_names(resource, given, cls)
    else:
        raise WrongArguments(f"{resource}: args must be {cls.__name__}(…) or a dict, not {type(args).__name__}")
    for name, value in given.items():
        if _contains_itself(value):
            raise WrongArguments(f"{resource}: {name}: must not contain itself")
    return {name: value for name, value in given.items() if value is not None}


def _contains_itself(value: Any, parents: frozenset[int] = frozenset()) -> bool:
    parents |= {id(value)}
    if names_of(type(value)):
        value = vars(value)
    if not isinstance(value, Mapping | list | tuple):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return any(id(item) in parents or _contains_itself(item, parents) for item in items)


def warn_of_deleted_with(resource: str, opts: pulumi.ResourceOptions | None, registration: type) -> None:
    """Warn if `deleted_with` is a `registration` or a component: the API does not delete it along with those."""
    if opts and isinstance(opts.deleted_with, (registration, pulumi.ComponentResource)):
        pulumi.log.warn(
            f"{resource}: deleted_with would leave it registered, because the API does not delete it along with "
            "another resource: remove deleted_with, or use depends_on"
        )


def getter(name: str, in_package: str, type_: Any) -> property:
    """Return a property for the output `in_package`, of `type_`; an Output of None if the resource has none."""

    def get(self: pulumi.Resource) -> Any:
        found = pulumi.get(self, name)
        return pulumi.Output.from_input(None) if found is None else found

    get.__annotations__["return"] = pulumi.Output[type_]
    return property(pulumi.getter(name=in_package)(get))


def walked(value: Any, place: str, end: Callable[[Any, str], Any]) -> Any:
    """Return a program's value with `end(VALUE, PATH)` in place of each mapping and each plain value in it.

    Argument objects count as mappings; an Output is walked once it is known. Raise `WrongArguments`.
    """
    if isinstance(value, Awaitable) and not isinstance(value, pulumi.Output):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        return value.apply(lambda known: walked(known, place, end))
    if isinstance(value, list | tuple):
        return [walked(item, place, end) for item in value]
    if names_of(type(value)):
        value = {name: item for name, item in vars(value).items() if item is not None}
    _refuse_unsendable(place, value)
    return end(value, place)


_SENDABLE: Final = (
    str, int, float, NoneType, Mapping, Unknown, pulumi.Resource, pulumi.Asset, pulumi.Archive
)  # fmt: skip


_NO_VALUE: Final = "Calling __str__ on an Output[T] is not supported."
"""The text that an Output becomes in an f-string."""


def _refuse_unsendable(place: str, value: Any) -> None:
    """Raise `WrongArguments` for a value that the SDK cannot send; its own error would print the whole argument."""
    if isinstance(value, Mapping) and not all(isinstance(name, str) for name in value):
        raise WrongArguments(f"{place}: {NAMES_RULE}")
    if isinstance(value, str) and _NO_VALUE in value:
        raise WrongArguments(f"{place}: contains an Output as text: use pulumi.Output.format or pulumi.Output.concat")
    if isinstance(value, int) and not is_exact(value):
        raise WrongArguments(f"{place}: {INEXACT}")
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongArguments(f"{place}: {NOT_FINITE}")
    if not isinstance(value, _SENDABLE) and not hasattr(value, "_pulumi_input_type"):
        raise WrongArguments(f"{place}: {NO_JSON}, not {type(value).__name__}")
