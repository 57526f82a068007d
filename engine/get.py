"""Prints the folder that holds `pulumi` and its language hosts, installing them first if necessary.

If a host is not beside `pulumi`, its folder is printed too, separated by `:`. Everything else goes to stderr.
Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

from gobuild import build
from parts import ENGINE_VERSION, FILES, HOSTS, MINIMUM, TOOLS, numbers
from steps import TICK, Failed, Interrupted, Steps, Way, first

INSTALLER = "https://get.pulumi.com/install.sh"
SECONDS = {"version": 20, "reach": 5, "install": 900}  # time limits of the commands

Check: TypeAlias = Callable[[Path, Steps], None]
"""Raises `Failed` unless a folder holds what it should."""


def check(folder: Path, steps: Steps, elsewhere: Sequence[str] = ()) -> None:
    """Raises unless `folder`, together with `elsewhere`, holds a complete engine that runs and is new enough."""
    pulumi = folder / "pulumi"
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    version = steps.run(f"{pulumi} version", [pulumi, "version"], limit=SECONDS["version"], env=env).strip()
    if numbers(version) < numbers(MINIMUM):
        raise Failed(f"{pulumi} is {version}, older than {MINIMUM}")
    has(FILES, folder, steps, elsewhere)


def has(names: Sequence[str], folder: Path, _steps: Steps, elsewhere: Sequence[str] = ()) -> None:
    """Raises unless the programs `names` are in `folder` or in the folders `elsewhere`."""
    search = os.pathsep.join([str(folder), *elsewhere])
    missing = [name for name in names if shutil.which(name, path=search) is None]
    if missing:
        raise Failed(f"{folder} lacks {', '.join(missing)}")


def on_path(steps: Steps) -> Path:
    """Returns the folder of the `pulumi` on PATH."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise Failed("not found", expected=True)
    folder = Path(pulumi).absolute().parent
    check(folder, steps, elsewhere=os.get_exec_path())
    return folder


def cache() -> Path:
    """Returns the folder in which engines are set up, as the XDG specification defines it."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        home = configured if configured.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise Failed("there is no home folder; set XDG_CACHE_HOME") from error
    return home / "enkrypt-provider" / "engine"


def set_up_before(steps: Steps, name: str = ENGINE_VERSION, checks: Check = check) -> Path:
    """Returns `name`/bin in the cache, if an earlier run set it up."""
    folder = cache() / name / "bin"
    if not folder.is_dir():
        raise Failed(f"{folder} does not exist", expected=True)
    checks(folder, steps)
    return folder


# ---- setting one up


def set_up(
    fill: Callable[[Path, Steps], None], steps: Steps, name: str = ENGINE_VERSION, checks: Check = check
) -> Path:
    """Returns the new `name`/bin in the cache: `fill` writes work/ready, which one rename moves into place."""
    home = cache()
    home.mkdir(parents=True, exist_ok=True)
    with alone(home, steps):
        with contextlib.suppress(Failed):
            return set_up_before(steps, name, checks)  # another process did it while we waited
        for leftover in home.glob("*.partial"):  # of a killed run: we hold the lock
            shutil.rmtree(leftover, ignore_errors=True)
        with workshop(home, name) as work:
            fill(work, steps)
            checks(work / "ready" / "bin", steps)
            replace(home / name, work)
    return home / name / "bin"


@contextlib.contextmanager
def alone(home: Path, steps: Steps) -> Iterator[None]:
    """Lets one process at a time set up; the system releases the lock of a process that dies."""
    with (home / "lock").open("w") as lock:
        steps.begin("waiting for another process that is setting up the engine")
        while not taken(lock):
            steps.tick()
            time.sleep(TICK)
        yield


def taken(lock: IO[str]) -> bool:
    """Takes the lock if it is free; returns whether it did."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def workshop(home: Path, name: str) -> Iterator[Path]:
    """Yields a temporary folder on the same file system as the final one, and removes it afterwards."""
    options = {"prefix": f"{name}-", "suffix": ".partial", "dir": str(home)}
    with tempfile.TemporaryDirectory(**options, ignore_cleanup_errors=True) as work:
        yield Path(work)


def replace(target: Path, work: Path) -> None:
    """Moves `ready` to `target`; a damaged folder there moves into `work`, to be removed with it."""
    if target.exists():
        target.rename(work / "damaged")
    (work / "ready").rename(target)


def install(work: Path, steps: Steps) -> None:
    """Runs the official installer, if its host responds within seconds."""
    script = work / "install.sh"
    steps.begin("asking get.pulumi.com")
    with urllib.request.urlopen(INSTALLER, timeout=SECONDS["reach"]) as response:
        script.write_bytes(response.read())
    options = ("--no-edit-path", "--install-root", work / "ready", "--version", ENGINE_VERSION)
    env = {**os.environ, "TMPDIR": str(work)}
    step = f"downloading Pulumi {ENGINE_VERSION}"
    steps.run(step, ["sh", script, *options], limit=SECONDS["install"], env=env, cwd=work)


WAYS = (
    Way(
        "pulumi on PATH",
        on_path,
        f"put Pulumi {MINIMUM} or later on PATH, with its Python language host: https://www.pulumi.com/docs/install/",
    ),
    Way(
        "an engine that was set up before",
        set_up_before,
        "copy that folder from a machine of the same kind that has it",
    ),
    Way(
        "the official installation",
        partial(set_up, install),
        "let this machine reach get.pulumi.com, directly or through HTTPS_PROXY",
    ),
    Way(
        "a build from Go modules",
        partial(set_up, partial(build, TOOLS)),
        "let Go reach a module proxy (GOPROXY); the build temporarily needs 5 GB of disk",
    ),
)


def host(language: str, engine: Path, steps: Steps) -> Path:
    """Returns the folder of the host of `language`: the engine's, one on PATH, or one that is built."""
    tool = HOSTS[language]
    found = shutil.which(tool.binary, path=os.pathsep.join([str(engine), *os.get_exec_path()]))
    if found:
        return Path(found).parent
    name, checks = f"{tool.folder}-{tool.version}", partial(has, [tool.binary])
    try:
        folder = set_up_before(steps, name, checks)
    except Failed:
        folder = set_up(partial(build, [tool]), steps, name, checks)
    if engine.is_relative_to(cache()):  # the engine warns about a host that is not beside `pulumi`
        with contextlib.suppress(FileExistsError):
            os.link(folder / tool.binary, engine / tool.binary)
        return engine
    return folder


def languages(text: str) -> list[str]:
    """Parses a comma-separated list of languages."""
    wanted = text.split(",")
    if unknown := set(wanted) - set(HOSTS):
        raise argparse.ArgumentTypeError(f"no host for {', '.join(sorted(unknown))}; choose from {', '.join(HOSTS)}")
    return wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the folder and returns the exit code: 0, 1 if no way works, 128 + n after signal n."""
    parser = argparse.ArgumentParser(description=__doc__, prog="engine/get.py")
    hosts = "also get the hosts of these languages, such as yaml,nodejs,go"
    parser.add_argument("--with", dest="hosts", type=languages, default=[], metavar="LANGUAGES", help=hosts)
    wanted = parser.parse_args(arguments)
    steps = Steps(sys.stderr)
    steps.stop_on_signals()
    try:
        engine = first("The Pulumi engine", WAYS, steps)
        folders = [engine, *(host(language, engine, steps) for language in wanted.hosts)]
    except (Failed, OSError) as reasons:
        steps.say(str(reasons))
        return 1
    except Interrupted as stop:
        steps.say("interrupted; unfinished files were removed")
        return stop.code
    print(os.pathsep.join(map(str, dict.fromkeys(folders))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
