"""The dynamic provider classes. Every state names one, and the engine's process unpickles it.

The module path of each class is a storage format: never move or rename one, and set no attribute before
`configure()`, which runs in the engine's process after unpickling. Imports that only the operations need belong
there too: a program that only declares models needs none of them.
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
    from .frontends.dynamic import DynamicFrontend

Properties = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def _one_line(operation: Callable[P, T]) -> Callable[P, T]:
    """Show an expected error as one line in the console; a bug keeps its traceback."""

    @functools.wraps(operation)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        # Process-wide, and shared with other dynamic providers: reset at the next call.
        vars(sys).pop("tracebacklimit", None)
        try:
            return operation(*args, **kwargs)
        except EnkryptError as error:
            sys.tracebacklimit = 0
            raise error.with_traceback(None) from None

    return wrapped


class _Provider(ResourceProvider):
    """Registers the kind that the class is named after. Each operation delegates to `DynamicFrontend`."""

    # The pickle is 40 bytes that name a class: it need not be encrypted in every state and every diff.
    serialize_as_secret_always = False

    _frontend: DynamicFrontend

    def configure(self, req: ConfigureRequest) -> None:
        """Read the stack's configuration."""
        from .frontends.dynamic import DynamicFrontend
        from .kinds.registry import KINDS

        kind = next(kind for kind in KINDS if f"{kind.name}Provider" == type(self).__name__)
        self._frontend = DynamicFrontend.configured(req.config.get, kind)

    @_one_line
    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        return self._frontend.check(_olds, news)

    @_one_line
    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        return self._frontend.diff(_id, _olds, _news)

    @_one_line
    def create(self, props: Properties) -> CreateResult:
        return self._frontend.create(props)

    @_one_line
    def read(self, id_: str, props: Properties) -> ReadResult:
        return self._frontend.read(id_, props)

    @_one_line
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        return self._frontend.update(_id, _olds, _news)

    @_one_line
    def delete(self, _id: str, _props: Properties) -> None:
        self._frontend.delete(_id, _props)


class EnkryptModelProvider(_Provider):
    """Registers models."""


class EnkryptGuardrailsPolicyProvider(_Provider):
    """Registers guardrails policies."""


class EnkryptDeploymentProvider(_Provider):
    """Registers deployments."""
