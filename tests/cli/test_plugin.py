"""`plugin install`: the engine of this machine learns of the native plugin."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from enkrypt_provider import __version__

from .fake_engine import Project
from .typing_commands import Type

ROOT = Path(__file__).resolve().parents[2]


def test_a_launcher_of_this_python_is_installed(typed: Type, project: Project) -> None:
    ran = typed("plugin", "install")
    assert (ran.code, ran.out) == (0, f"pulumi-resource-enkrypt {__version__} is installed\n")
    launcher = project.folder / f"enkrypt-{__version__}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([launcher], stdout=subprocess.PIPE, text=True, env=environment) as plugin:
        assert plugin.stdout is not None
        port = int(plugin.stdout.readline())
        plugin.terminate()
    assert 0 < port < 65536
