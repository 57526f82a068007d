"""`EnkryptProvider`: one account of the API in a program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec

import pulumi

from ..errors import near_match
from .arguments import WrongArguments

P = ParamSpec("P")


def _with_known_names(init: Callable[P, None]) -> Callable[P, None]:
    """Wrap `init` so that it reports an unknown keyword in one line."""

    @functools.wraps(init)
    def checked(*args: P.args, **keywords: P.kwargs) -> None:
        known = tuple(getattr(init, "__kwdefaults__"))  # noqa: B009 - unknown to mypy
        if wrong := [name for name in keywords if name not in (*known, "resource_name")]:
            hint = near_match(wrong[0], known) or f"; the settings are {', '.join(known)}"
            raise WrongArguments(f"{type(args[0]).__name__}: {wrong[0]} is not a setting{hint}")
        init(*args, **keywords)

    return checked


class Account(pulumi.ProviderResource):
    """The settings of an account as a provider resource, of the dynamic or the native package."""

    _PACKAGE: ClassVar[str]
    _PREFIX: ClassVar[str] = ""

    @_with_known_names
    def __init__(
        self,
        resource_name: str,
        *,
        api_key: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        dialect: pulumi.Input[str] | None = None,
        timeout: pulumi.Input[float] | None = None,
        max_retries: pulumi.Input[int] | None = None,
        check_online: pulumi.Input[bool] | None = None,
        require_https: pulumi.Input[bool] | None = None,
        rate_limit: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Each argument is the setting of the same name, see settings.py; `api_key` is always secret."""
        given: dict[str, Any] = {
            "apiKey": None if api_key is None else pulumi.Output.secret(api_key),
            "endpoint": endpoint,
            "dialect": dialect,
            "timeout": timeout,
            "maxRetries": max_retries,
            "checkOnline": check_online,
            "requireHttps": require_https,
            "rateLimit": rate_limit,
        }
        self.settings = {
            f"{self._PREFIX}{name}": pulumi.Output.from_input(value).apply(_as_text)
            for name, value in given.items()
            if value is not None
        }
        super().__init__(self._PACKAGE, resource_name, dict(self.settings), opts)


def _as_text(value: Any) -> str:
    # The engine accepts only strings as settings.
    return str(value).lower() if isinstance(value, bool) else str(value)


class EnkryptProvider(Account):
    """One account of the API, for `ResourceOptions(provider=…)` and look-ups.

    A setting that is not given comes from the environment or has its default; the stack's configuration is not used.
    A changed key shows as an update of the provider. To Pulumi the provider is part of a model's identity, so moving
    a model to another account replaces it.
    """

    _PACKAGE = "pulumi-python"
    _PREFIX = "enkrypt:"
