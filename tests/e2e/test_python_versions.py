"""A stack outlives the Python that made it."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import pytest

from .harness import REPOSITORY, Stack, Story
from .interpreters import THIS, Version, environment, others, spelt
from .programs import DECLARED, MODEL_KEY, model

WITNESS = """
import os
import sys

with open(os.environ["WITNESS"], "a") as witness:
    print("%d.%d" % sys.version_info[:2], *sys.orig_argv, file=witness)
"""
"""A sitecustomize: every interpreter that starts leaves a line which says of what version it is."""


@pytest.fixture(scope="session")
def later() -> list[tuple[Version, Path]]:
    """Who comes after: the newest and the oldest other Python, or this one again in an environment of its own."""
    found = others()
    if not found:
        warnings.warn(
            f"no second Python on this machine: only that another environment of {spelt(THIS)} takes over is tested",
            stacklevel=2,
        )
        found = {THIS: Path(sys.executable)}
    return [(version, environment(found[version], version)) for version in (max(found), min(found))]


def test_another_python_takes_over(story: Story, later: list[tuple[Version, Path]]) -> None:
    """A stack made under one Python is refreshed, changed and destroyed under others, without a false difference."""
    api = story.api()
    witness = story.folder / "witness"
    (story.folder / "sitecustomize.py").write_text(WITNESS)
    variables = {
        MODEL_KEY: story.secrets.make("the models' key"),
        "PYTHONPATH": os.pathsep.join([str(story.folder), str(REPOSITORY)]),
        "WITNESS": str(witness),
    }
    stack = story.project(DECLARED, api, environment=variables)
    _declare(stack, "")
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
    _declare(stack, "Be brief.")
    last.up()
    last.destroy()
    assert api.calls() == ["list_models", "modify_model chat/v1", "list_models", "delete_model chat/v1"]
    assert _provider_ran_under(witness) == {spelt(older)}
    assert api.models() == {}


def _declare(stack: Stack, system_prompt: str) -> None:
    stack.write("models.json", json.dumps({"chat": model("chat", system_prompt=system_prompt)}))


def _provider_ran_under(witness: Path) -> set[str]:
    """The versions of the interpreters that have been the provider's process since the last time."""
    lines = witness.read_text().splitlines()
    witness.unlink()
    return {line.split()[0] for line in lines if "pulumi.dynamic" in line}
