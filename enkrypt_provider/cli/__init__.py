"""The command line: `enkrypt-provider`, or `python -m enkrypt_provider`. Nothing of the provider imports it."""

from .app import commands, main

__all__ = ["commands", "main"]
