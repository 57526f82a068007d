"""Finds and runs the engine's command line, `pulumi`.

Secrets are passed through a pipe, never as arguments, which every process on the machine can read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from ..errors import ConfigurationError, plain

INSTALLATION: Final = "https://www.pulumi.com/docs/install/"
GRACE: Final = 10.0
"""Seconds that an interrupted engine has to exit before it is killed."""


def find() -> Path | None:
    """Return the `pulumi` on PATH, or else the newest one that `engine/get.py` has installed."""
    found = shutil.which("pulumi")
    return Path(found) if found else max(_set_up(), key=_version, default=None)


def is_on_path() -> bool:
    """Whether `pulumi` is on PATH."""
    return shutil.which("pulumi") is not None


def path_command() -> str:
    """Return the shell command that puts `pulumi` on PATH, or "" if it is there already or not installed."""
    pulumi = None if is_on_path() else find()
    return f'export PATH="{pulumi.parent}:$PATH"' if pulumi else ""


def cache() -> Path:
    """Return the folder where `engine/get.py` installs engines, following the XDG rules."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    home = configured if configured.is_absolute() else Path("~/.cache").expanduser()
    return home / "enkrypt-provider" / "engine"


def _set_up() -> list[Path]:
    with contextlib.suppress(OSError, RuntimeError):  # such as no home folder
        found = cache().glob("[0-9]*/bin/pulumi")
        return [pulumi for pulumi in found if os.access(pulumi, os.X_OK)]
    return []


def _version(pulumi: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", pulumi.parents[1].name)))


# ---- one command


def run(*words: str, folder: Path | None = None, given: str = "", shown: bool = False) -> str:
    """Run `pulumi` and return what it prints; if `shown`, its output goes to the console instead.

    Raise `ConfigurationError` with the engine's own error if it fails.
    """
    pulumi = find()
    if pulumi is None:
        raise ConfigurationError(f"there is no `pulumi` on PATH: {INSTALLATION}")
    output = None if shown else subprocess.PIPE
    process = None
    try:
        with _no_interrupt():
            process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
                [pulumi, *words, "--non-interactive"],
                cwd=folder,
                env=_environment(pulumi),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C reaches only this process, which passes it on once
            )
        out, err = process.communicate(given)
    except KeyboardInterrupt:
        if process:
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
    """Return this process's environment, with the engine's folder on PATH for its language hosts."""
    if is_on_path():
        return dict(os.environ)
    return {**os.environ, "PATH": os.pathsep.join([str(pulumi.parent), os.environ.get("PATH", os.defpath)])}


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block: during `Popen` it would lose track of the new process."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupts:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt the engine and wait for it, then terminate its child processes, which can outlive it for minutes."""
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
    lines = [line for line in printed.splitlines() if line.strip()] or ["no reason given"]
    line = next((line for line in lines if "error: " in line), lines[-1])
    return plain(line.partition("error: ")[2] or line, 300)
