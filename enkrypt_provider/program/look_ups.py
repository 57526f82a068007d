"""The implementation of a program's look-ups: one registration, or many, of any kind.

The account is that of `opts.provider`, else of `opts.parent`, else the stack's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pulumi
from pulumi.runtime.rpc import translate_output_properties

from ..api.client import EnkryptClient
from ..errors import ConfigurationError
from ..frontends.package_schema import functions, snake
from ..kinds.kind import Identifier, Kind, Live
from ..settings import Settings
from .account import EnkryptProvider
from .errors import one_line

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class LookUps(Generic[T]):
    """The look-ups of one kind; `found_as` is the class of their results."""

    kind: Kind
    found_as: type[T]

    @one_line
    def get(self, name: str, version: str, opts: pulumi.InvokeOptions | None) -> T:
        """Return one registration now. Raise `ModelNotFound` with the nearest name."""
        return self._get(_client_now(opts, functions(self.kind)[0]), name, version)

    @one_line
    def get_output(
        self, name: pulumi.Input[str], version: pulumi.Input[str], opts: pulumi.InvokeOptions | None
    ) -> pulumi.Output[T]:
        """Return one registration once its identity is known and the look-up's dependencies exist."""
        return _once_known(self._get, opts, name=name, version=version)

    @one_line
    def list_named(self, pattern: str, opts: pulumi.InvokeOptions | None) -> list[T]:
        """Return the registrations whose name matches, sorted by name."""
        return self._list(_client_now(opts, functions(self.kind)[1]), pattern)

    @one_line
    def list_output(self, pattern: pulumi.Input[str], opts: pulumi.InvokeOptions | None) -> pulumi.Output[list[T]]:
        """Return them once the pattern is known and the look-up's dependencies exist."""
        return _once_known(self._list, opts, pattern=pattern)

    def _get(self, client: EnkryptClient, name: str, version: str) -> T:
        if not name or not all(isinstance(part, str) for part in (name, version)):
            more = "; version must be a string" if len(self.kind.identity) > 1 else ""
            rule = f"name must be a non-empty string{more}"
            raise ConfigurationError(f"{snake(functions(self.kind)[0])}: {rule}")
        return self._typed(client.registered(self.kind, Identifier(name, version)))

    def _list(self, client: EnkryptClient, pattern: str) -> list[T]:
        if not isinstance(pattern, str):
            rule = "name must be a string, a pattern with * and ?"
            raise ConfigurationError(f"{snake(functions(self.kind)[1])}: {rule}")
        return [self._typed(live) for live in client.matching(self.kind, pattern)]

    def _typed(self, live: Live) -> T:
        hidden = self.kind.with_secrets({**live.inputs, **live.computed}, pulumi.Output.secret)
        typed: T = translate_output_properties(hidden, lambda name: name, self.found_as)
        return typed


def _once_known(
    look_up: Callable[..., R], opts: pulumi.InvokeOptions | None, **inputs: pulumi.Input[str]
) -> pulumi.Output[R]:
    """Return `look_up(CLIENT, **inputs)`, called once the inputs are known and its dependencies exist."""
    asked = pulumi.Output.all(inputs=inputs, settings=_explicit(opts), waited=_waited(opts))
    return _once_created(asked).apply(
        one_line(lambda given: look_up(_client(_settings(given["settings"])), **given["inputs"]))
    )


def _once_created(asked: pulumi.Output[dict[str, Any]]) -> pulumi.Output[dict[str, Any]]:
    """Return `asked`, unknown until the resources that it depends on exist: a preview does not look them up."""

    async def ids() -> Any:
        found = [r.id for r in await asked.resources() if isinstance(r, pulumi.CustomResource)]
        return pulumi.Output.all(*found)

    created = pulumi.Output.from_input(ids()).apply(lambda known: known)
    return pulumi.Output.unsecret(pulumi.Output.all(asked, created).apply(lambda both: both[0]))


def _explicit(opts: pulumi.InvokeOptions | None) -> dict[str, pulumi.Output[str]] | None:
    """The settings of an explicit provider, or of the parent's; None if there is neither."""
    provider = opts.provider if opts else None
    if opts and provider is None and opts.parent:
        inherited = opts.parent.get_provider("pulumi-python:dynamic:Resource")
        provider = inherited if isinstance(inherited, EnkryptProvider) else None
    if provider is not None and not isinstance(provider, EnkryptProvider):
        raise ConfigurationError("opts.provider must be an EnkryptProvider")
    return provider.settings if provider else None


def _waited(opts: pulumi.InvokeOptions | None) -> pulumi.Output[list[str]]:
    """The ids of the resources in `depends_on`, known once those exist."""
    listed = getattr(opts, "depends_on", None) or []
    resources = listed if isinstance(listed, list | tuple) else [listed]
    return pulumi.Output.all(*(one.id if isinstance(one, pulumi.CustomResource) else one.urn for one in resources))


def _client_now(opts: pulumi.InvokeOptions | None, function: str) -> EnkryptClient:
    if _explicit(opts) is not None:
        raise ConfigurationError(f"an EnkryptProvider's settings are Outputs: use {snake(function)}_output")
    return _client(_settings())


def _settings(explicit: Mapping[str, str] | None = None) -> Settings:
    if explicit is not None:
        return Settings.from_config(explicit.get)
    config = pulumi.Config("enkrypt")
    return Settings.from_config(lambda key: config.get(key.partition(":")[2]))


@functools.lru_cache(maxsize=16)
def _client(settings: Settings) -> EnkryptClient:
    return EnkryptClient(settings)
