"""docs/ci/: the workflows to copy are GitHub's own language, and keep to what docs/how-to/ci.md says of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from enkrypt_provider.commands.doctor import ENGINE

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / "docs/ci").glob("*.yml"))
each = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def jobs(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())["jobs"]
    return found


@each
def test_a_workflow_keeps_githubs_schema(file: Path) -> None:
    """GitHub would take it as it is."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@each
def test_a_job_may_do_no_more_than_it_must(file: Path) -> None:
    """Nothing by default; then the code to read, a token to ask for, and for the preview alone a comment to write."""
    assert yaml.safe_load(file.read_text())["permissions"] == {}
    least = {"contents": "read", "id-token": "write"}
    assert {name: job["permissions"] for name, job in jobs(file).items()} == {
        "preview": {**least, "pull-requests": "write"},
        "staging": least,
        "prod": least,
    }


@each
def test_every_action_is_pinned_to_a_commit(file: Path) -> None:
    """A tag can be moved; the version stands beside the commit, for people and for bots that update it."""
    uses = re.findall(r"uses: (.+)", file.read_text())
    assert len(uses) == 12
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in uses)


@each
def test_an_up_is_alone_and_never_cancelled(file: Path) -> None:
    """Each stack has a group of its own for what changes it; prod waits for staging and for its reviewers."""
    found = jobs(file)
    for stack in ("staging", "prod"):
        assert found[stack]["concurrency"] == {"group": f"pulumi-{stack}", "cancel-in-progress": False}
        assert found[stack]["if"] == "github.event_name == 'push'"
    assert (found["prod"]["needs"], found["prod"]["environment"]) == ("staging", "prod")
    assert found["preview"]["concurrency"]["group"].startswith("preview-")


@each
def test_the_engine_is_one_that_this_package_works_with(file: Path) -> None:
    """Every job runs one version, which is not too old."""
    version = str(yaml.safe_load(file.read_text())["env"]["PULUMI_VERSION"])
    assert tuple(map(int, version.split("."))) >= tuple(map(int, ENGINE.split(".")))
    steps = [job["steps"][-1]["with"] for job in jobs(file).values()]
    assert [step["command"] for step in steps] == ["preview", "up", "up"]
    assert {step["pulumi-version"] for step in steps} == {"${{ env.PULUMI_VERSION }}"}


@each
def test_the_guide_names_each_variable_and_secret(file: Path) -> None:
    """What the workflow wants is in the guide, beside its name, and nothing else is."""
    guide = (ROOT / "docs/how-to/ci.md").read_text()
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| [{file.name}]")]
    wanted = set(re.findall(r"\{\{ (?:vars|secrets)\.(\w+) \}\}", file.read_text()))
    assert set(re.findall(r"`([A-Z_]+)`", row)) == wanted
