"""What every state names: the class that the engine's process unpickles, and how its errors look in the console.

The module path of `EnkryptModelProvider` is a storage format: never move or rename it, and give it no attribute
before `configure()`, which runs in the engine's process, after the pickle is read. The verbs are in verbs.py,
imported there alone: a program that only declares models needs none of what they need.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from .errors import EnkryptError

if TYPE_CHECKING:
    from .verbs import Verbs

Properties = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def _one_line(verb: Callable[P, T]) -> Callable[P, T]:
    """Shows an expected error as one line in the console; a bug keeps its traceback."""

    @functools.wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        # Process-wide, and shared with other dynamic providers: given back at the next call.
        vars(sys).pop("tracebacklimit", None)
        try:
            return verb(*args, **kwargs)
        except EnkryptError as error:
            sys.tracebacklimit = 0
            raise error.with_traceback(None) from None

    return told


class EnkryptModelProvider(ResourceProvider):
    """Registers models with the Enkrypt AI Models API. Each verb is that of `Verbs`."""

    # It is 40 bytes that name a class: nothing to encrypt in every state and every diff.
    serialize_as_secret_always = False

    _verbs: Verbs

    def configure(self, req: ConfigureRequest) -> None:
        """Takes the stack's configuration."""
        from .verbs import Verbs

        self._verbs = Verbs.configured(req.config.get)

    @_one_line
    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        return self._verbs.check(_olds, news)

    @_one_line
    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        return self._verbs.diff(_id, _olds, _news)

    @_one_line
    def create(self, props: Properties) -> CreateResult:
        return self._verbs.create(props)

    @_one_line
    def read(self, id_: str, props: Properties) -> ReadResult:
        return self._verbs.read(id_, props)

    @_one_line
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        return self._verbs.update(_id, _olds, _news)

    @_one_line
    def delete(self, _id: str, _props: Properties) -> None:
        self._verbs.delete(_id, _props)
