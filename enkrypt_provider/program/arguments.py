"""What the classes of arguments have in common: types for type checkers, and mistakes told as `check` tells them.

And what the resources of both packages have in common: how they take arguments and give outputs.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
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


_ARGUMENTS: Final[dict[type, dict[str, bool]]] = {}
"""Whether it is required, by the name of each argument of a class."""


@dataclass_transform(kw_only_default=True)
def input_type(cls: type[T]) -> type[T]:
    """`pulumi.input_type`, whose `__init__` type checkers know, and which tells mistakes in one line."""
    _ARGUMENTS[cls] = {name: not hasattr(cls, name) for name in inspect.get_annotations(cls)}
    made = pulumi.input_type(cls)
    take = made.__init__

    @functools.wraps(take)
    def checked(self: Any, *unnamed: Any, **arguments: Any) -> None:
        if unnamed:
            raise WrongArguments(
                f"{cls.__name__}: give each field by its name, such as {next(iter(names_of(cls)))}=…"
            )
        check_names(cls.__name__, arguments, made)
        take(self, **arguments)

    setattr(made, "__init__", checked)  # noqa: B010 - mypy knows that it is a method
    return made


def names_of(cls: type) -> Collection[str]:
    """The arguments of a class of arguments; none for any other."""
    return _ARGUMENTS.get(cls, {})


def check_names(of: str, arguments: Mapping[str, Any], cls: type) -> None:
    """Raises `WrongArguments`, with the nearest name, where one is no argument of the class, or is missing."""
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
    """The name of the class of arguments at each path of a kind."""
    documents = {path: field.document for path, field in kind.fields.items() if field.document}
    return {"": f"{kind.name}Args", **{path: f"{document.__name__}Args" for path, document in documents.items()}}


def given_arguments(resource: str, cls: type, args: object, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a resource, as an object of `cls`, a dict or keywords. Raise `WrongArguments`."""
    if args is not None and keywords:
        raise WrongArguments(f"{resource}: give either args or keywords, not both")
    if not isinstance(args, cls):
        if not isinstance(args, Mapping | None):
            raise WrongArguments(f"{resource}: args must be {cls.__name__}(…) or a dict, not {type(args).__name__}")
        args = args or keywords
        check_names(resource, args, cls)
    given = args if isinstance(args, Mapping) else vars(args)
    for name, value in given.items():
        if _holds_itself(value):
            raise WrongArguments(f"{resource}: {name}: must not hold itself")
    return {name: value for name, value in given.items() if value is not None}


def _holds_itself(value: Any, holders: frozenset[int] = frozenset()) -> bool:
    holders |= {id(value)}
    if names_of(type(value)):
        value = vars(value)
    if not isinstance(value, Mapping | list | tuple):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return any(id(item) in holders or _holds_itself(item, holders) for item in items)


def warn_of_deleted_with(resource: str, opts: pulumi.ResourceOptions | None, ours: type) -> None:
    """Warn where a resource is to go with one of `ours` or a component: the API deletes each by itself alone."""
    if opts and isinstance(opts.deleted_with, (ours, pulumi.ComponentResource)):
        pulumi.log.warn(
            f"{resource}: deleted_with leaves it registered, since the API deletes nothing with another resource: "
            "use depends_on, or nothing"
        )


def getter(name: str, in_package: str, type_: Any) -> property:
    """The property of a resource that is the output `in_package`, of `type_`, or of None where it has none."""

    def get(self: pulumi.Resource) -> Any:
        found = pulumi.get(self, name)
        return pulumi.Output.from_input(None) if found is None else found

    get.__annotations__["return"] = pulumi.Output[type_]
    return property(pulumi.getter(name=in_package)(get))


def walked(value: Any, place: str, end: Callable[[Any, str], Any]) -> Any:
    """A program's value at a dotted path, with `end(VALUE, PATH)` for each mapping and each plain value in it.

    Objects of arguments are mappings; an output is walked once it is known. Raise `WrongArguments`.
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
"""What an f-string makes of an Output."""


def _refuse_unsendable(place: str, value: Any) -> None:
    """Raise `WrongArguments` for a value that the SDK cannot send: it would print the whole argument."""
    if isinstance(value, Mapping) and not all(isinstance(name, str) for name in value):
        raise WrongArguments(f"{place}: {NAMES_RULE}")
    if isinstance(value, str) and _NO_VALUE in value:
        raise WrongArguments(f"{place}: holds an Output as text: use pulumi.Output.format or pulumi.Output.concat")
    if isinstance(value, int) and not is_exact(value):
        raise WrongArguments(f"{place}: {INEXACT}")
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongArguments(f"{place}: {NOT_FINITE}")
    if not isinstance(value, _SENDABLE) and not hasattr(value, "_pulumi_input_type"):
        raise WrongArguments(f"{place}: {NO_JSON}, not {type(value).__name__}")
