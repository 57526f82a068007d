"""Temporary: the old names of what kinds/model.py declares, for modules that are being rewritten."""

from __future__ import annotations

from typing import Final

from .kinds.markers import Dialect
from .kinds.model import DEFAULT_VERSION, MODEL

__all__ = ["COMPUTED", "DEFAULT_VERSION", "OPTIONS", "OWNER", "SECRETS", "TOKEN", "Dialect"]

COMPUTED: Final = MODEL.computed
OPTIONS: Final = MODEL.options
SECRETS: Final = MODEL.secrets
OWNER: Final = "__owner"
TOKEN: Final = "__token"  # noqa: S105 - a name, no password
