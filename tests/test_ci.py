"""Workflows: this repository's own, and those to copy from docs/ci/, which must match docs/how-to/ci.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from enkrypt_provider.cli.doctor import ENGINE

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / "docs/ci").glob("*.yml"))
OWN = sorted((ROOT / ".github/workflows").glob("*.yml"))
each = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
each_of_all = pytest.mark.parametrize("file", [*WORKFLOWS, *OWN], ids=lambda file: file.stem)


def jobs(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())["jobs"]
    return found


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", [*WORKFLOWS, *OWN]),
        ("github-issue-forms", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))),
        ("dependabot", [ROOT / ".github/dependabot.yml"]),
    ],
)
def test_github_files_match_their_schemas(schema: str, files: list[Path]) -> None:
    """GitHub would accept them as they are."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert files
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_are_safe() -> None:
    """zizmor finds ways in which a workflow leaks its permissions or secrets."""
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", *WORKFLOWS, *OWN, ROOT / ".github/dependabot.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings" in done.stdout + done.stderr


@each
def test_jobs_have_minimal_permissions(file: Path) -> None:
    """None by default; each job reads code and requests a token, and only the preview may write a comment."""
    assert yaml.safe_load(file.read_text())["permissions"] == {}
    least = {"contents": "read", "id-token": "write"}
    assert {name: job["permissions"] for name, job in jobs(file).items()} == {
        "preview": {**least, "pull-requests": "write"},
        "staging": least,
        "prod": least,
    }


@each_of_all
def test_actions_are_pinned_to_commits(file: Path) -> None:
    """Tags can be moved. The version is in a comment, for readers and for bots that update it."""
    uses = re.findall(r"uses: (.+)", file.read_text())
    assert len(uses) >= 4
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in uses)


@each
def test_ups_are_serialised_and_never_cancelled(file: Path) -> None:
    """Changes to each stack have their own concurrency group; prod waits for staging and for its reviewers."""
    found = jobs(file)
    for stack in ("staging", "prod"):
        assert found[stack]["concurrency"] == {"group": f"pulumi-{stack}", "cancel-in-progress": False}
        assert found[stack]["if"] == "github.event_name == 'push'"
    assert found["prod"]["needs"] == "staging"
    assert found["preview"]["concurrency"]["group"].startswith("preview-")


@each
def test_each_stack_has_its_own_environment(file: Path) -> None:
    """A job has only the variables and secrets of its own stack."""
    environments = {name: job["environment"] for name, job in jobs(file).items()}
    assert environments == {"preview": "${{ matrix.stack }}-preview", "staging": "staging", "prod": "prod"}


@each
def test_engine_version_is_supported(file: Path) -> None:
    """Every job runs the same version, which is not too old."""
    version = str(yaml.safe_load(file.read_text())["env"]["PULUMI_VERSION"])
    assert tuple(map(int, version.split("."))) >= tuple(map(int, ENGINE.split(".")))
    steps = [job["steps"][-1]["with"] for job in jobs(file).values()]
    assert [step["command"] for step in steps] == ["preview", "up", "up"]
    assert {step["pulumi-version"] for step in steps} == {"${{ env.PULUMI_VERSION }}"}


@each
def test_guide_lists_each_variable_and_secret(file: Path) -> None:
    """The guide's row for a workflow lists exactly the variables and secrets that it uses."""
    guide = (ROOT / "docs/how-to/ci.md").read_text()
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| [{file.name}]")]
    wanted = set(re.findall(r"\{\{ (?:vars|secrets)\.(\w+) \}\}", file.read_text()))
    assert set(re.findall(r"`([A-Z_]+)`", row)) == wanted


# ---- this repository's workflows


def test_ci_runs_every_supported_python_with_the_pinned_engine() -> None:
    """The Python versions are those of the classifiers; the engine is the one that engine/get.py installs."""
    project = (ROOT / "pyproject.toml").read_text()
    (test,) = [job for job in jobs(ROOT / ".github/workflows/ci.yml").values() if "strategy" in job]
    assert test["strategy"]["matrix"]["python"] == re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"', project
    )
    (engine,) = [step["with"] for step in test["steps"] if "pulumi/actions" in step.get("uses", "")]
    assert f'ENGINE_VERSION = "{engine["pulumi-version"]}"' in (ROOT / "engine/parts.py").read_text()
    assert test["steps"][-1]["run"] == "bash .ci/run"


@pytest.mark.parametrize(("tag", "code"), [("v1.2.0", 0), ("v1.3.0", 1), ("v1.1.0", 1)])
def test_release_needs_a_package_and_a_changelog_section_for_its_tag(tmp_path: Path, tag: str, code: int) -> None:
    """A tag without a matching package, or without a changelog section, publishes nothing."""
    (tmp_path / "dist").mkdir()
    for version in ("1.2.0", "1.3.0"):
        (tmp_path / f"dist/enkrypt_provider-{version}.tar.gz").touch()
    changelog = "# Changelog\n\n## [1.2.0] - 2026-11-26\n\n- This.\n\n## [1.1.0] - 2026-10-01\n\n- That.\n"
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    (script,) = [
        step["run"] for step in jobs(ROOT / ".github/workflows/release.yml")["build"]["steps"] if "name" in step
    ]

    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env={"GITHUB_REF_NAME": tag, "PATH": os.defpath}, check=False
    )

    assert done.returncode == code
    if not code:
        assert (tmp_path / "notes.md").read_text().strip() == "- This."


def test_source_distribution_contains_the_package_and_little_else(tmp_path: Path) -> None:
    """Benchmarks, tests and the engine are not shipped to everyone who builds a wheel."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        top = {Path(name).parts[1] for name in files.getnames()}
    assert top == {
        *("enkrypt_provider", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
        *(".gitignore", "PKG-INFO"),  # added by the build backend
    }
