"""The native package's functions: they read registrations as they are now, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from ...api.client import EnkryptClient
from ...errors import ConfigurationError, ModelNotFound
from ...kinds.kind import Kind, Live, Properties
from ...kinds.registry import KINDS
from ..package_schema import camel, functions, token
from ..package_values import open_outputs

IN_PREVIEW: Final = "; if this stack registers it, make the call depend on an output that the API sets, such as "

Function = Callable[..., Properties]


def get(kind: Kind, client: EnkryptClient, arguments: Properties, *, preview: bool = False) -> Properties:
    """Return one registration, by `name` and, if the kind has versions, `version`.

    Raise `ModelNotFound` with the nearest name.
    """
    parts = [arguments.get(name) for name in ("name", "version")[: len(kind.identity)]]
    name, *version = parts
    if not isinstance(name, str) or not name or not all(isinstance(part, str | None) for part in version):
        rule = "name must be a non-empty string" + ("; version must be a string" if version else "")
        raise ConfigurationError(f"{functions(kind)[0]}: {rule}")
    try:
        return _shown(kind, client.registered(kind, kind.identity_from("/".join(filter(None, parts)))))
    except ModelNotFound as error:
        hint = f"{IN_PREVIEW}{camel(kind.number)}" if preview else ""
        raise ModelNotFound(f"{error}{hint}", status=404) from None


def list_all(
    kind: Kind,
    client: EnkryptClient,
    arguments: Properties,
    *,
    preview: bool = False,  # noqa: ARG001 - called as `get` is
) -> Properties:
    """Return the registrations whose name matches the pattern `name`, sorted by name."""
    pattern = arguments.get("name") or "*"
    if not isinstance(pattern, str):
        raise ConfigurationError(f"{functions(kind)[1]}: name must be a string, a pattern with * and ?")
    return {kind.calls.listed: [_shown(kind, live) for live in client.matching(kind, pattern)]}


def _functions() -> Iterator[tuple[str, Function]]:
    for kind in KINDS:
        for name, function in zip(functions(kind), (get, list_all), strict=True):
            yield token(name), partial(function, kind)


FUNCTIONS: Final[Mapping[str, Function]] = dict(_functions())


def _shown(kind: Kind, live: Live) -> Properties:
    return open_outputs(kind, {**live.inputs, **live.computed})
