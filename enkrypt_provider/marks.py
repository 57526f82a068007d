"""Temporary: the old name of frontends/property_values.py, for modules that are being rewritten."""

from .frontends.property_values import (
    Json,
    Secret,
    clear,
    from_engine,
    hidden_as,
    is_unknown,
    to_engine,
)

__all__ = ["Json", "Secret", "clear", "from_engine", "hidden_as", "is_unknown", "to_engine"]
