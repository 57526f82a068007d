"""Prints the folder that holds `pulumi` and its Python language host, getting them first if need be.

Here live the ways to get them, in the order of `WAYS`, and the one cache folder that they fill. Standard library
only: it runs before anything is installed. The folder goes to stdout, all else to stderr.
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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from gobuild import build
from parts import ENGINE_VERSION, FILES, MINIMUM, numbers
from steps import TICK, Failed, Interrupted, Steps, Way, first

OFFICIAL = Path(__file__).resolve().with_name("official.py")
SECONDS = {"version": 20, "reach": 10, "install": 900}  # the time limits of what we run


def check(folder: Path, steps: Steps, elsewhere: Sequence[str] = ()) -> None:
    """Raises unless `folder`, helped by the folders `elsewhere`, holds a whole engine, new enough, that runs."""
    pulumi = folder / "pulumi"
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    version = " ".join(steps.run(f"{pulumi} version", [pulumi, "version"], limit=SECONDS["version"], env=env))
    if numbers(version) < numbers(MINIMUM):
        raise Failed(f"{pulumi} is {version}, older than {MINIMUM}")
    search = os.pathsep.join([str(folder), *elsewhere])
    missing = [name for name in FILES if shutil.which(name, path=search) is None]
    if missing:
        raise Failed(f"{pulumi} comes without {', '.join(missing)}")


def on_path(steps: Steps) -> Path:
    """Returns the folder of the `pulumi` on PATH."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise Failed("there is none", expected=True)
    folder = Path(pulumi).absolute().parent
    check(folder, steps, elsewhere=os.get_exec_path())
    return folder


def cache() -> Path:
    """Returns the folder in which engines are set up, by the XDG rules."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        home = configured if configured.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise Failed("there is no home folder; set XDG_CACHE_HOME") from error
    return home / "enkrypt-provider" / "engine"


def set_up_before(steps: Steps) -> Path:
    """Returns the folder of an engine that an earlier run has set up."""
    folder = cache() / ENGINE_VERSION / "bin"
    if not folder.is_dir():
        raise Failed(f"{folder} is not there", expected=True)
    check(folder, steps)
    return folder


# ---- setting one up


def set_up(fill: Callable[[Path, Steps], None], steps: Steps) -> Path:
    """Returns the folder of a new engine: `fill` puts it into work/ready, and a whole one is moved by one rename."""
    home = cache()
    home.mkdir(parents=True, exist_ok=True)
    with alone(home, steps):
        with contextlib.suppress(Failed):
            return set_up_before(steps)  # by the process that we waited for
        for leftover in home.glob("*.partial"):  # of a run that was killed: we are alone
            shutil.rmtree(leftover, ignore_errors=True)
        with workshop(home) as work:
            fill(work, steps)
            check(work / "ready" / "bin", steps)
            replace(home / ENGINE_VERSION, work)
    return home / ENGINE_VERSION / "bin"


@contextlib.contextmanager
def alone(home: Path, steps: Steps) -> Iterator[None]:
    """Lets one process at a time set up; the system takes the lock from one that dies."""
    with (home / "lock").open("w") as lock:
        steps.begin("waiting for another process that is setting up the engine")
        while not taken(lock):
            steps.tick()
            time.sleep(TICK)
        steps.end()
        yield


def taken(lock: IO[str]) -> bool:
    """Takes the lock if it is free, and says whether it was."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def workshop(home: Path) -> Iterator[Path]:
    """Gives a temporary folder beside the final one, so that a rename is enough, and takes it away with all in it."""
    prefix = f"{ENGINE_VERSION}-"
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=".partial", dir=home, ignore_cleanup_errors=True) as work:
        yield Path(work)


def replace(target: Path, work: Path) -> None:
    """Makes `ready` the engine; a damaged one that is in its place goes with the workshop."""
    if target.exists():
        target.rename(work / "damaged")
    (work / "ready").rename(target)


# ---- by the official installation


def install(work: Path, steps: Steps) -> None:
    """Downloads the official binaries, if their host answers within seconds."""
    official = [sys.executable, str(OFFICIAL)]
    env = {**os.environ, "TMPDIR": str(work)}
    steps.run("asking get.pulumi.com", [*official, "reach"], limit=SECONDS["reach"], env=env)
    steps.run(
        f"downloading Pulumi {ENGINE_VERSION}",
        [*official, "install", str(work / "ready"), ENGINE_VERSION],
        limit=SECONDS["install"],
        env=env,
        cwd=work,
    )


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
        "let this machine reach get.pulumi.com, directly or by HTTPS_PROXY",
    ),
    Way(
        "a build from Go modules",
        partial(set_up, build),
        "let Go reach a module proxy (GOPROXY); the build needs 5 GB of disk, for a while",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the folder and returns the exit code: 0, 1 where no way works, 128 + n after signal n."""
    argparse.ArgumentParser(description=__doc__, prog="engine/get.py").parse_args(arguments)
    steps = Steps(sys.stderr)
    steps.stop_on_signals()
    try:
        print(first("The Pulumi engine", WAYS, steps))
    except Failed as reasons:
        steps.say(str(reasons))
        return 1
    except Interrupted as stop:
        steps.say("interrupted; nothing unfinished stays behind")
        return stop.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
