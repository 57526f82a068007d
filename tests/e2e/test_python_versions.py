"""A stack keeps working when its Python changes."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

from .harness import REPOSITORY, Story
from .interpreters import THIS, Version, environment, others, spelt
from .programs import model

WITNESS = """
import os
import sys

with open(os.environ["WITNESS"], "a") as witness:
    print("%d.%d" % sys.version_info[:2], *sys.orig_argv, file=witness)
"""
"""A sitecustomize in which every interpreter that starts logs its version."""


@pytest.fixture(scope="session")
def later() -> list[tuple[Version, Path]]:
    """The newest and the oldest other Python, or this one in another environment if there is no other."""
    found = others()
    if not found:
        warnings.warn(
            f"no second Python on this machine: this tests only another environment of {spelt(THIS)}",
            stacklevel=2,
        )
        found = {THIS: Path(sys.executable)}
    return [(version, environment(found[version], version)) for version in (max(found), min(found))]


def test_a_stack_works_under_another_python(story: Story, later: list[tuple[Version, Path]]) -> None:
    """A stack created under one Python is refreshed, changed and destroyed under others, without false diffs."""
    api = story.api()
    witness = story.folder / "witness"
    (story.folder / "sitecustomize.py").write_text(WITNESS)
    stack = story.declaring(api, chat=model("chat")).with_environment(
        {"PYTHONPATH": os.pathsep.join([str(story.folder), str(REPOSITORY)]), "WITNESS": str(witness)}
    )
    stack.up()
    assert _provider_ran_under(witness) == {spelt(THIS)}

    (newer, new_python), (older, old_python) = later
    successor = stack.under(new_python)
    refresh = successor.refresh("--expect-no-changes")
    assert "2 unchanged" in refresh.lines
    assert "2 unchanged" in successor.up().lines
    assert api.calls() == ["add_model chat/v1", "list_models"]
    assert _provider_ran_under(witness) == {spelt(newer)}

    last = stack.under(old_python)
    stack.declare(chat=model("chat", system_prompt="Be brief."))
    last.up()
    last.destroy()
    assert api.calls() == ["list_models", "modify_model chat/v1", "list_models", "delete_model chat/v1"]
    assert _provider_ran_under(witness) == {spelt(older)}
    assert api.models() == {}


def _provider_ran_under(witness: Path) -> set[str]:
    """The interpreter versions of the provider processes since the last call."""
    lines = witness.read_text().splitlines()
    witness.unlink()
    return {line.split()[0] for line in lines if "pulumi.dynamic" in line}


def test_the_environment_in_pulumi_yaml_runs_the_program(story: Story) -> None:
    """Even if the program is in a subfolder, and whichever Python is first on PATH."""
    stack = story.empty("project")
    environment = stack.folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "these.pth").write_text(sysconfig.get_path("purelib"))
    (stack.folder / "program").mkdir()
    stack.write("program/__main__.py", "import pulumi, sys\npulumi.export('prefix', sys.prefix)\n")
    stack.write("Pulumi.yaml", "name: it\nmain: program\nruntime:\n  name: python\n  options:\n    virtualenv: env\n")
    stack.run("stack", "init", "dev")
    stack.up()
    assert stack.outputs() == {"prefix": str(environment)}
