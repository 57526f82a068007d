"""The native plugin made known to the engine of this machine: a launcher of this Python, installed as a plugin."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final

from .. import __version__
from . import engine

NAME: Final = "pulumi-resource-enkrypt"


_START: Final = "import sys; del sys.path[0]; from enkrypt_provider.frontends.plugin.__main__ import main; main()"
"""Not by `-m`, which would find modules in the folder of whichever project uses the plugin."""


def launcher() -> str:
    """A script that starts the plugin with this Python, whatever the environment of who runs it."""
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(_START)} "$@"\n'


def install() -> str:
    """Install the launcher for every project of this user. Return its version. Raise `ConfigurationError`."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / NAME
        script.write_text(launcher(), encoding="utf-8")
        script.chmod(0o755)
        engine.run("plugin", "install", "resource", "enkrypt", __version__, "--file", str(script), "--reinstall")
    return __version__
