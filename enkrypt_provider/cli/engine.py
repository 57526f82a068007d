"""The engine's own command line, `pulumi`: where it is, and what it prints.

A secret goes to it through a pipe, never as an argument, which every process of the machine can read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import psutil

from ..errors import ConfigurationError, plain

INSTALLATION: Final = "https://www.pulumi.com/docs/install/"
GRACE: Final = 10.0
"""Seconds that an interrupted engine is given to end, with the processes that it has started."""


def find() -> Path | None:
    """Return the `pulumi` on PATH, or else the newest one that `engine/get.py` has set up."""
    found = shutil.which("pulumi")
    return Path(found) if found else max(_set_up(), key=_version, default=None)


def is_on_path() -> bool:
    """Whether a person can type `pulumi`."""
    return shutil.which("pulumi") is not None


def path_command() -> str:
    """Return the command after which a person can type `pulumi`, or "" where nothing needs to be typed."""
    pulumi = None if is_on_path() else find()
    return f'export PATH="{pulumi.parent}:$PATH"' if pulumi else ""


def cache() -> Path:
    """Return the folder in which `engine/get.py` sets engines up, by the XDG rules."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    home = configured if configured.is_absolute() else Path("~/.cache").expanduser()
    return home / "enkrypt-provider" / "engine"


def _set_up() -> list[Path]:
    with contextlib.suppress(OSError, RuntimeError):  # no home folder, say
        found = cache().glob("[0-9]*/bin/pulumi")
        return [pulumi for pulumi in found if os.access(pulumi, os.X_OK)]
    return []


def _version(pulumi: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", pulumi.parents[1].name)))


# ---- one command


def run(*words: str, folder: Path | None = None, given: str = "", shown: bool = False) -> str:
    """Return what `pulumi` prints; where it is `shown`, its output goes to the console instead.

    Raise `ConfigurationError` with the engine's own error.
    """
    pulumi = find()
    if pulumi is None:
        raise ConfigurationError(f"there is no `pulumi` on PATH: {INSTALLATION}")
    output = None if shown else subprocess.PIPE
    process = subprocess.Popen(  # noqa: S603 - a list of words, by no shell
        [pulumi, *words, "--non-interactive"],
        cwd=folder,
        env=_environment(pulumi),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        encoding="utf-8",
        start_new_session=True,  # a terminal's Ctrl-C comes to us alone, and we pass it on, once
    )
    try:
        out, err = process.communicate(given)
    except KeyboardInterrupt:
        _end(process)
        raise
    if process.returncode:
        reason = "see above" if shown else _reason(err)
        raise ConfigurationError(f"`pulumi {' '.join(words)}` failed: {reason}")
    return out or ""


def read(*words: str, folder: Path | None = None) -> Any:
    """Return the JSON that `pulumi` prints."""
    text = run(*words, folder=folder)
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(f"`pulumi {' '.join(words)}` printed no JSON") from None


def _environment(pulumi: Path) -> dict[str, str]:
    """Return ours, with the engine's folder on PATH: its language hosts are there."""
    if is_on_path():
        return dict(os.environ)
    return {**os.environ, "PATH": os.pathsep.join([str(pulumi.parent), os.environ.get("PATH", os.defpath)])}


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt the engine and wait for its end; then end what it has started, which outlives it for minutes."""
    started: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        started = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.send_signal(signal.SIGINT)
        process.wait(GRACE)
    process.kill()
    process.wait()
    for child in started:
        with contextlib.suppress(psutil.Error):
            child.terminate()


def _reason(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.strip()] or ["it does not say why"]
    line = next((line for line in lines if "error: " in line), lines[-1])
    return plain(line.partition("error: ")[2] or line, 300)
