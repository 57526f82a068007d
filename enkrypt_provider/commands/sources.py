"""Where the commands take each setting from: the command line, a stack's configuration, the environment.

The rules are those of settings.py; here is what a person is told about them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..settings import ENDPOINT_VARIABLE, KEY_VARIABLES, Settings
from .stack import NAMESPACE, Stack

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {"apiKey": KEY_VARIABLES, "endpoint": (ENDPOINT_VARIABLE,)}
"""The environment variables of a setting, the first before the others."""


@dataclass(frozen=True)
class Sources:
    """A stack, or none, what the command line `overrides`, and the environment."""

    stack: Stack | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings. Raises `ConfigurationError`."""
        return Settings.from_config(lambda name: self._given(name.removeprefix(NAMESPACE)), self.environ)

    def value(self, name: str) -> str:
        """A setting, or "" where nobody has set it."""
        return self._given(name) or self.environ.get(next(iter(self._set_variables(name)), ""), "")

    def origin(self, name: str) -> str:
        """Where a setting comes from, in words by which a person finds it, or ""."""
        if self.overrides.get(name):
            return f"the option --{name}"
        if self.stack and self._given(name):
            return self.stack.origin(NAMESPACE + name)
        return next(iter(self._set_variables(name)), "")

    def unused(self, name: str) -> list[str]:
        """The variables in the environment that something else goes before."""
        found = self._set_variables(name)
        return found if self._given(name) else found[1:]

    def _given(self, name: str) -> str:
        return self.overrides.get(name) or (self.stack.get(NAMESPACE + name) if self.stack else "")

    def _set_variables(self, name: str) -> list[str]:
        return [variable for variable in VARIABLES.get(name, ()) if self.environ.get(variable)]
