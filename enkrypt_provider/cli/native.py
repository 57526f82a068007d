"""The native plugin: its installation, whether a stack uses it, and whether the engine finds it."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from .. import __version__
from ..errors import ConfigurationError, plain
from ..frontends.package_names import PROVIDER_TYPES
from ..frontends.package_schema import NAME
from ..kinds.registry import KINDS
from . import engine
from .findings import Finding
from .registrations import joined
from .stack import Resource, Stack, project_file, read_yaml, type_of

PROGRAM: Final = "pulumi-resource-enkrypt"
START: Final = "import sys; del sys.path[0]; from enkrypt_provider.frontends.plugin.__main__ import main; main()"
"""Not `-m`, which would import modules from the folder of the project that uses the plugin."""
INSTALL: Final = "run `enkrypt-provider plugin install`"
_IMPORTS: Final = re.compile(r"^\s*(from enkrypt_provider\.native |import enkrypt_provider\.native\b|"
                             r"from enkrypt_provider import .*\bnative\b)", re.MULTILINE)  # fmt: skip


def install() -> str:
    """Install a launcher with this Python as the plugin, for all of this user's projects. Return its version.

    Raise `ConfigurationError` if the engine fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / PROGRAM
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(START)} "$@"\n')
        script.chmod(0o755)
        engine.run("plugin", "install", "resource", NAME, __version__, "--file", str(script), "--reinstall")
    return __version__


def is_native(stack: Stack, resources: Iterable[Resource]) -> bool:
    """Whether the native plugin manages the stack: by its state or, if that is empty, its language or its program."""
    managed = [resource for resource in resources if resource.kind]
    if managed:
        return any(resource.is_native for resource in managed)
    file = project_file(stack.folder)
    program = file.parent / str(read_yaml(file).get("main") or ".")
    is_imported = (_IMPORTS.search(module.read_text("utf-8", "replace")) for module in program.glob("*.py"))
    return _language(file) != "python" or any(is_imported)


def require_python(stack: Stack) -> None:
    """Raise `ConfigurationError` if the stack's program is not in Python."""
    language = _language(project_file(stack.folder))
    if language != "python":
        types = joined([type_of(kind, is_native=True) for kind in KINDS], "or")
        raise ConfigurationError(
            f"this project's program is in {plain(language, 60)}, not in Python: run `pulumi import TYPE NAME ID`"
            f", which also generates the code; TYPE is {types}"
        )


def _language(file: Path) -> str:
    runtime = read_yaml(file).get("runtime")
    return str(runtime.get("name") if isinstance(runtime, dict) else runtime)


def plugin(stack: Stack, resources: Iterable[Resource]) -> Iterator[Finding]:
    """If the stack uses the plugin, yield whether the engine finds it."""
    if any(one.is_native or one.type == PROVIDER_TYPES[1] for one in resources):
        yield _named(project_file(stack.folder)) or _installed(stack)


def _named(file: Path) -> Finding | None:
    """Check the plugin that Pulumi.yaml sets, if any."""
    for one in (read_yaml(file).get("plugins") or {}).get("providers") or []:
        if one.get("name") == NAME:
            folder = file.parent / str(one.get("path"))
            says = f"{plain(one.get('path'))}, from {file.name}"
            if (folder / PROGRAM).exists():
                return Finding("plugin", says)
            return Finding("plugin", f"{says}: contains no {PROGRAM}", ok=False, do=f"correct the path, or {INSTALL}")
    return None


def _installed(stack: Stack) -> Finding:
    try:
        known = engine.read("plugin", "ls", "--json", folder=stack.folder)
    except ConfigurationError as error:
        return Finding("plugin", str(error), ok=False)
    versions = [
        str(one.get("version")) for one in known or [] if (one.get("kind"), one.get("name")) == ("resource", NAME)
    ]
    if __version__ in versions or (not versions and shutil.which(PROGRAM)):
        return Finding("plugin", f"{__version__}, {'installed' if versions else 'on PATH'}")
    there = f"version {' and '.join(versions)} is installed, but this package is {__version__}"
    found = there if versions else "not found"
    return Finding("plugin", f"{found}: the state's registrations need it", ok=False, do=INSTALL)
