"""Fixtures for all tests of the command line."""

from .typing_commands import begin, project, start, typed

__all__ = ["begin", "project", "start", "typed"]
