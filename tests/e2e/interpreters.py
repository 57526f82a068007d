"""Other Python interpreters of this machine, each in an environment with the project's pinned requirements.

An environment is created once per machine and requirements file, and kept in the cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, int]

REQUIREMENTS: Final = Path(__file__).resolve().parents[2] / "requirements.txt"

SUPPORTED: Final[tuple[Version, ...]] = tuple((3, minor) for minor in range(10, 15))
THIS: Final[Version] = sys.version_info[:2]


def others() -> dict[Version, Path]:
    """One interpreter for each other supported version that is installed on this machine."""
    found: dict[Version, Path] = {}
    for version in SUPPORTED:
        for python in () if version == THIS else _candidates(version):
            if _is(python, version):
                found[version] = python
                break
    return found


def environment(python: Path, version: Version, requirements: Path = REQUIREMENTS) -> Path:
    """The folder `bin` of an environment of `python` with `requirements`, created if necessary."""
    pinned = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = _cache() / f"{spelt(version)}-{pinned}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be creating it
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([str(python), "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--no-deps", "--requirement", str(requirements)], check=True, timeout=600)
            (folder / "ready").touch()
    return folder / "bin"


def user_environment() -> Path:
    """The folder `bin` of an environment of this Python without the test requirements."""
    return environment(Path(sys.executable), THIS)


def spelt(version: Version) -> str:
    """Formats a version as `3.13`."""
    return f"{version[0]}.{version[1]}"


def _candidates(version: Version) -> Iterator[Path]:
    name = f"python{spelt(version)}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/*/bin/{name}"), reverse=True)
    for folder in os.get_exec_path():
        if python := shutil.which(name, path=folder):
            yield Path(python)


def _is(python: Path, version: Version) -> bool:
    """Whether it runs and can create environments: a shim may be dead, a distribution's Python may lack modules."""
    probe = [str(python), "-c", "import ensurepip, sys, venv; print(sys.version_info[:2])"]
    result = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return result.returncode == 0 and result.stdout.strip() == str(version)


def _cache() -> Path:
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    home = configured if configured.is_absolute() else Path.home() / ".cache"
    return home / "enkrypt-provider" / "tests"
