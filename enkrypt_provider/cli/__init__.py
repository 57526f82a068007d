"""The command line: `enkrypt-provider`, or `python -m enkrypt_provider`. The provider never imports it."""

from .app import commands, main

__all__ = ["commands", "main"]
