"""What every test of the command line may ask for."""

from .typing_commands import project, start, typed

__all__ = ["project", "start", "typed"]
