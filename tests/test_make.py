"""The Makefile, with fakes for the commands that it runs, and the requirements that it installs."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("awk", "bash", "cp", "make", "mkdir", "rm", "sh", "touch")
PYTHON = """#!/bin/sh
echo "python $*" >> {log}
case "$*" in
"-m venv .venv") mkdir -p .venv/bin; cp {python} .venv/bin/python ;;
engine/get.py) echo /an/engine ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A clone of this project in a folder with a space, and a PATH with fake commands that write to a log."""

    folder: Path
    bin: Path
    env: dict[str, str]

    @property
    def log(self) -> Path:
        return self.bin / "log"

    def has(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def make(self, *words: str) -> str:
        """Return what `make WORDS` prints on stdout."""
        done = subprocess.run(
            ["make", *words], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ran(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "a clone", tmp_path / "bin", {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)})
    clone.folder.mkdir()
    clone.bin.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, clone.folder)
    for tool in TOOLS:
        (clone.bin / tool).symlink_to(shutil.which(tool) or pytest.fail(f"this test needs {tool}"))
    clone.has("python3", PYTHON.format(log=f"'{clone.log}'", python=f"'{clone.bin / 'python3'}'"))
    clone.has("pulumi", f"#!/bin/sh\necho pulumi \"$*\" >> '{clone.log}'\n")
    return clone


def test_bare_make_lists_every_command_and_does_nothing(clone: Clone) -> None:
    """Running `make` to see the commands deploys nothing."""
    listed = re.findall(r"^  make (\w+) +\S", clone.make(), re.M)

    assert {"up", "preview", "destroy", "list", "doctor", "shell", "env", "test", "lock"} < set(listed)
    assert not clone.log.exists()
    assert not (clone.folder / ".venv").exists()


def test_setup_uses_pip_and_runs_once(clone: Clone) -> None:
    """It installs requirements.txt by hash, and this project without downloading a build backend."""
    for _ in "set up", "there":
        clone.make(".venv/ready")

    check, venv, install, project = clone.ran()
    assert "3, 10" in check
    assert venv == "python -m venv .venv"
    assert install.endswith("--require-hashes -r requirements.txt")
    assert re.search("--no-deps .*--no-build-isolation -e .$", project)


def test_setup_uses_uv_if_on_path(clone: Clone) -> None:
    """The environment still gets pip: the engine's language host uses it to list packages."""
    clone.has("uv", f"#!/bin/sh\necho uv \"$*\" >> '{clone.log}'\nmkdir -p .venv/bin\n")
    clone.make(".venv/dev-ready")

    assert [line.partition(" --python ")[0] for line in clone.ran()[1:]] == ["uv venv --quiet"] + 3 * [
        "uv pip install"
    ]
    assert "-r requirements-dev.txt" in clone.ran()[-1]
    assert re.search("^pip==", (clone.folder / "requirements.txt").read_text(), re.M)


def test_failed_setup_leaves_no_environment_behind(clone: Clone) -> None:
    """Debian's Python creates one without pip and fails; once python3-venv is installed, setup starts over."""
    python = (clone.bin / "python3").read_text()
    clone.has("python3", python.replace(".venv/bin/python ;;", ".venv/bin/python; exit 1 ;;"))

    done = subprocess.run(["make", ".venv/ready"], cwd=clone.folder, env=clone.env, capture_output=True, check=False)

    assert done.returncode == 2
    assert clone.ran()[-1] == "python -m venv .venv"
    assert not (clone.folder / ".venv").exists()


def test_env_prints_the_environment_of_make(clone: Clone) -> None:
    """It works in a folder with a space. Existing variables, such as a passphrase, are not printed."""
    printed = clone.make("env")

    shell = 'eval "$ENV"; echo "$PULUMI_BACKEND_URL $PULUMI_CONFIG_PASSPHRASE. $PATH"'
    env = {"ENV": printed, "PATH": "/bin"}
    said = subprocess.run(["/bin/sh", "-c", shell], env=env, capture_output=True, text=True, check=True).stdout
    assert said == f"file://{clone.folder}/.pulumi-state . {clone.folder}/.venv/bin:/an/engine:/bin\n"

    clone.env.update(PULUMI_CONFIG_PASSPHRASE="the-passphrase", PULUMI_BACKEND_URL="postgres://user:word@db/state")
    printed = clone.make("env")
    assert "the-passphrase" not in printed
    assert "postgres" not in printed


def test_shell_has_the_environment_of_the_project(clone: Clone) -> None:
    """It works even if the user's startup file puts another Python first on PATH."""
    clone.env["SHELL"] = shutil.which("bash") or pytest.fail("this test needs bash")
    (clone.folder.parent / ".bashrc").write_text("export PATH=/another/python:$PATH\n")
    typed = 'echo "PATH is $PATH"\n'
    done = subprocess.run(
        ["make", "shell"], cwd=clone.folder, env=clone.env, input=typed, capture_output=True, text=True, check=True,
        start_new_session=True,  # or it would take over the terminal of the tests
    )  # fmt: skip
    assert f"PATH is {clone.folder}/.venv/bin:/an/engine:/another/python:" in done.stdout


def test_other_stacks_get_no_passphrase(clone: Clone) -> None:
    """Only dev has the empty passphrase."""
    assert "PULUMI_CONFIG_PASSPHRASE" in clone.make("env")
    assert "PULUMI_CONFIG_PASSPHRASE" not in clone.make("env", "STACK=staging")
    assert clone.ran()[-1] == "pulumi stack select --create staging"


# ---- the requirements


def pins(name: str) -> dict[str, list[str]]:
    """Return the hashes of each pinned requirement in the file `name`, for all platforms."""
    entries = re.split(r"^(?=\w)", (ROOT / name).read_text(), flags=re.M)[1:]
    return {entry.split()[0]: re.findall(r"--hash=(sha256:\w+)", entry) for entry in entries}


def test_requirements_are_pinned_by_hash() -> None:
    """The tests use the same versions as programs."""
    programs, everything = pins("requirements.txt"), pins("requirements-dev.txt")

    assert len(programs) > 40
    assert all("==" in name and hashes for name, hashes in everything.items())
    assert {name for name in programs if everything.get(name) != programs[name]} == set()


def test_programs_do_not_install_test_dependencies() -> None:
    """`make up` must be fast: no other provider's package, no browser driver, no type checker."""
    names = {name.partition("==")[0] for name in pins("requirements.txt")}

    assert {"pulumi", "httpx", "pydantic", "tenacity", "flask", "waitress", "typer", "rich", "pyyaml"} <= names
    assert not names & {"pulumi-aws", "pulumi-kubernetes", "moto", "selenium", "mypy", "pytest", "hypothesis"}
