"""The settings of the native package's provider resource: the stack's `enkrypt:NAME`, or its arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from ...errors import ConfigurationError, near_match
from ...kinds.plain import UNKNOWN
from ...settings import ENDPOINT_VARIABLE, NAMES, Settings
from ..package_names import is_default_provider
from ..property_values import Secret

Config = Mapping[str, Any]
PREFIX: Final = "enkrypt:"
ENGINES: Final = ("version", "pluginDownloadURL")
"""The names that the engine itself adds to the settings."""


def plain_names(config: Config) -> dict[str, Any]:
    """The same settings without the prefix that they have in the dynamic provider's configuration."""
    return {name.removeprefix(PREFIX): value for name, value in config.items()}


def checked(config: Config, urn: str) -> tuple[dict[str, Any], list[str]]:
    """Return the settings as the state keeps them, and the problems with them.

    A stack's configuration may have other values under `enkrypt:`, such as the catalogue; they are not settings.
    """
    given = {name: value for name, value in plain_names(config).items() if value not in (None, "")}
    unknown = [name for name in given if name not in (*NAMES, *ENGINES)]
    hints = {name: near_match(name, NAMES) or f"; the settings are {', '.join(NAMES)}" for name in unknown}
    problems = [] if is_default_provider(urn) else [f"{name} is not a setting{hint}" for name, hint in hints.items()]
    kept = {name: value for name, value in given.items() if name not in unknown}
    if "endpoint" not in kept and os.environ.get(ENDPOINT_VARIABLE):
        kept["endpoint"] = os.environ[ENDPOINT_VARIABLE]  # a state must say which account it belongs to
    if UNKNOWN not in kept.values():
        try:
            settings({"apiKey": "unset", **kept})  # a missing key is reported by the calls that need it
        except ConfigurationError as error:
            problems.append(str(error))
    return {name: Secret(value) if name == "apiKey" else value for name, value in kept.items()}, problems


def settings(config: Config) -> Settings:
    """Parse the settings. Raise `ConfigurationError`."""
    given = plain_names(config)
    return Settings.from_config(lambda name: given.get(name.removeprefix(PREFIX)))


def is_other_account(old: Config, new: Config) -> bool:
    """Whether two configurations belong to different accounts, as far as that is known."""
    endpoints = [config.get("endpoint", "") for config in (old, new)]
    if UNKNOWN in endpoints:
        return False
    try:
        before, after = (settings({"endpoint": endpoint, "apiKey": "unset"}).account for endpoint in endpoints)
    except ConfigurationError:
        return False
    return before != after
