"""The engine, for what only it can say."""

from e2e.conftest import engine

__all__ = ["engine"]
