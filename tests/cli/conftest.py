"""What every test of the command line may ask for."""

from .typing_commands import begin, project, start, typed

__all__ = ["begin", "project", "start", "typed"]
