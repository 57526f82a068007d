"""Errors in a program: the engine shows a `pulumi.RunError` as one line, any other error with its traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pulumi

from ..errors import EnkryptError

P = ParamSpec("P")
T = TypeVar("T")


def one_line(function: Callable[P, T]) -> Callable[P, T]:
    """Make each `EnkryptError` of `function` a `pulumi.RunError` as well. It can still be caught by its own class."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except EnkryptError as error:
            raise _for_programs(error) from None

    return wrapped


def _for_programs(error: EnkryptError) -> EnkryptError:
    kind = type(error)
    both: type[EnkryptError] = type(kind.__name__, (kind, pulumi.RunError), {"__module__": kind.__module__})
    same = both.__new__(both, *error.args)
    vars(same).update(vars(error))
    return same
