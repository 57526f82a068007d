"""The source of each setting of a command: its options, a stack's configuration, or the environment.

The rules are in settings.py; this module describes the sources to the user.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..api.client import EnkryptClient
from ..errors import ConfigurationError
from ..settings import EMBEDDED, EMBEDDED_DATABASE, ENDPOINT_VARIABLE, KEY_VARIABLES, NO_KEY, Settings
from .stack import NAMESPACE, Stack, project_file

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {"apiKey": KEY_VARIABLES, "endpoint": (ENDPOINT_VARIABLE,)}
"""The environment variables of a setting, in order of precedence."""


@dataclass(frozen=True)
class Sources:
    """An optional stack, the `overrides` from the command line, and the environment."""

    stack: Stack | None = None
    overrides: Mapping[str, str | None] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings. Raises `ConfigurationError` if they are invalid."""
        try:
            return Settings.from_config(lambda name: self._given(name.removeprefix(NAMESPACE)), self.environ)
        except ConfigurationError as error:
            if str(error) != NO_KEY:
                raise
            raise ConfigurationError(self._no_key()) from None

    def _no_key(self) -> str:
        if self.stack is None:
            return f"no API key: add --stack NAME to use a stack's key, or set {KEY_VARIABLES[0]} in the environment"
        command = "--secret enkrypt:apiKey"
        return NO_KEY.replace(command, f"{command} --stack {shlex.quote(self.stack.name)}")

    def client(self) -> EnkryptClient:
        """Return a client of the account. Raise `ConfigurationError` if the settings are invalid, or if the embedded
        emulator has no database: it is not created, since this may be the wrong folder."""
        settings = self.settings
        if settings.database and not settings.database.is_file():
            raise ConfigurationError(f"{no_database(settings)}; run this in the project's folder, or with --stack")
        return EnkryptClient(settings)

    def value(self, name: str) -> str:
        """Return a setting, or "" if it is not set."""
        return self._given(name) or self.environ.get(next(iter(self._set_variables(name)), ""), "")

    def origin(self, name: str) -> str:
        """Return where a setting comes from, in the user's terms, or "" if it is not set."""
        if self.overrides.get(name):
            return f"the option --{name}"
        if self.stack and self._given(name):
            return self.stack.origin(NAMESPACE + name)
        return next(iter(self._set_variables(name)), "")

    def unused(self, name: str) -> list[str]:
        """Return the environment variables that are set but overridden."""
        found = self._set_variables(name)
        return found if self._given(name) else found[1:]

    def _given(self, name: str) -> str:
        if (given := self.overrides.get(name)) or self.stack is None:
            return given or ""
        value = self.stack.get(NAMESPACE + name)
        scheme, _, file = value.partition(":")
        if name != "endpoint" or scheme != EMBEDDED:
            return value
        # Relative to the project's folder, as for the engine.
        project = project_file(self.stack.folder).parent
        return f"{EMBEDDED}:{os.path.normpath(project / (file or EMBEDDED_DATABASE))}"

    def _set_variables(self, name: str) -> list[str]:
        return [variable for variable in VARIABLES.get(name, ()) if self.environ.get(variable)]


def no_database(settings: Settings) -> str:
    """Return the message for an embedded emulator that has not been used yet."""
    return f"the embedded emulator has no database at {settings.database} yet: `pulumi up` creates it"
