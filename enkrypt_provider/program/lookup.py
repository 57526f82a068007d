"""Look-ups for programs: one registration, or many, as they are now; read-only, past the API's cache.

They run in the program, at preview too. What can hold a secret is a secret Output in what they return. The account
is that of `opts.provider`, of `opts.parent`, or the stack's.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pulumi
from pulumi.runtime.rpc import translate_output_properties

from ..api.client import EnkryptClient
from ..errors import ConfigurationError
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Live
from ..kinds.model import DEFAULT_VERSION, MODEL
from ..kinds.secrets import replaced_at
from ..settings import Settings
from . import outputs
from .errors import one_line
from .resource import EnkryptProvider


@one_line
def get_model(
    name: str, version: str = DEFAULT_VERSION, *, opts: pulumi.InvokeOptions | None = None
) -> outputs.Model:
    """The registration NAME/VERSION of the account.

    `opts.provider` names an `EnkryptProvider` whose settings are known when the program runs; with one whose
    key is an Output use `get_model_output`. Raises `ModelNotFound`, naming what comes near.
    """
    return _get(_client(_settings()), name, version) if _explicit(opts) is None else _refuse_outputs("get_model")


@one_line
def get_model_output(
    name: pulumi.Input[str],
    version: pulumi.Input[str] = DEFAULT_VERSION,
    *,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[outputs.Model]:
    """`get_model` with Inputs: at preview, where one is not known yet, so is the result.

    With `InvokeOutputOptions` it waits for the resources that it `depends_on`.
    """
    asked = pulumi.Output.all(name=name, version=version, settings=_explicit(opts), waited=_waited(opts))
    look_up = one_line(lambda given: _get(_client(_settings(given["settings"])), given["name"], given["version"]))
    return _once_made(asked).apply(look_up)


@one_line
def list_models(name: str = "*", *, opts: pulumi.InvokeOptions | None = None) -> list[outputs.Model]:
    """The registrations whose name matches the pattern (`*` and `?`), in the order of their names."""
    return _list(_client(_settings()), name) if _explicit(opts) is None else _refuse_outputs("list_models")


@one_line
def list_models_output(
    name: pulumi.Input[str] = "*", *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[list[outputs.Model]]:
    """`list_models` with Inputs."""
    asked = pulumi.Output.all(name=name, settings=_explicit(opts), waited=_waited(opts))
    look_up = one_line(lambda given: _list(_client(_settings(given["settings"])), given["name"]))
    return _once_made(asked).apply(look_up)


def _once_made(asked: pulumi.Output[dict[str, Any]]) -> pulumi.Output[dict[str, Any]]:
    """`asked`, not known before the resources that it depends on exist: a preview does not look for them."""

    async def ids() -> Any:
        found = [r.id for r in await asked.resources() if isinstance(r, pulumi.CustomResource)]
        return pulumi.Output.all(*found)

    made = pulumi.Output.from_input(ids()).apply(lambda known: known)
    return pulumi.Output.unsecret(pulumi.Output.all(asked, made).apply(lambda both: both[0]))


def _get(client: EnkryptClient, name: str, version: str) -> outputs.Model:
    return _model(client.registered(MODEL, Identifier(name, version)))


def _list(client: EnkryptClient, pattern: str) -> list[outputs.Model]:
    found = [live for live in _all(client) if fnmatchcase(live.identity.name, pattern)]
    return [_model(live) for live in sorted(found, key=lambda live: str(live.identity))]


def _all(client: EnkryptClient) -> list[Live]:
    return [_read(client, item) for item in client.list_all(MODEL)]


def _read(client: EnkryptClient, item: Json) -> Live:
    is_whole = codec.is_whole(MODEL, item)
    return codec.read(MODEL, item) if is_whole else client.get(MODEL, MODEL.identity_in(item))


def _model(live: Live) -> outputs.Model:
    hidden = replaced_at(live.inputs, MODEL.secret_paths(live.inputs), pulumi.Output.secret)
    values = {**hidden, **live.computed}
    typed: outputs.Model = translate_output_properties(values, lambda name: name, outputs.Model)
    return typed


def _explicit(opts: pulumi.InvokeOptions | None) -> dict[str, pulumi.Output[str]] | None:
    """The settings of an explicit provider, or of the parent's; None where there is no such provider."""
    provider = opts.provider if opts else None
    if opts and provider is None and opts.parent:
        inherited = opts.parent.get_provider("pulumi-python:dynamic:Resource")
        provider = inherited if isinstance(inherited, EnkryptProvider) else None
    if provider is not None and not isinstance(provider, EnkryptProvider):
        raise ConfigurationError("opts.provider must be an EnkryptProvider")
    return provider.settings if provider else None


def _waited(opts: pulumi.InvokeOptions | None) -> pulumi.Output[list[str]]:
    """The ids of what the look-up depends on, which are known once it is there."""
    listed = getattr(opts, "depends_on", None) or []
    resources = listed if isinstance(listed, list | tuple) else [listed]
    return pulumi.Output.all(*(one.id if isinstance(one, pulumi.CustomResource) else one.urn for one in resources))


def _refuse_outputs(name: str) -> Any:
    raise ConfigurationError(f"an EnkryptProvider's settings are Outputs: use {name}_output")


def _settings(explicit: Mapping[str, str] | None = None) -> Settings:
    if explicit is not None:
        return Settings.from_config(explicit.get)
    config = pulumi.Config("enkrypt")
    return Settings.from_config(lambda key: config.get(key.partition(":")[2]))


@functools.lru_cache(maxsize=16)
def _client(settings: Settings) -> EnkryptClient:
    return EnkryptClient(settings)
