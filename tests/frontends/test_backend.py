"""backend.py: finds the backend in use as the engine itself does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from enkrypt_provider.frontends.backend import current_backend


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project, for a user who is not logged in."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CREDENTIALS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def log_in(project: Path, url: object) -> None:
    (project.parent / "home" / "credentials.json").write_text(json.dumps({"current": url}))


def declare(project: Path, text: str = "name: x\nbackend:\n  url: s3://of-the-project\n", name: str = "yaml") -> None:
    (project / f"Pulumi.{name}").write_text(text)


def hash_of(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("PULUMI_BACKEND_URL", url)
        return current_backend()


def test_the_environment_comes_before_the_project_and_the_project_before_the_login(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert current_backend() == ""
    log_in(project, "s3://of-the-login")
    assert current_backend() == hash_of("s3://of-the-login", monkeypatch)
    declare(project)
    assert current_backend() == hash_of("s3://of-the-project", monkeypatch)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://of-the-environment")
    assert current_backend() not in ("", hash_of("s3://of-the-project", monkeypatch))


def test_the_project_is_found_from_a_folder_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(project, name="yml")
    (project.parent / "Pulumi.yaml").write_text("name: farther\nbackend:\n  url: s3://of-another\n")
    (project / "app").mkdir()
    monkeypatch.chdir(project / "app")
    assert current_backend() == hash_of("s3://of-the-project", monkeypatch)


def test_two_copies_of_a_project_with_a_relative_url_are_two_backends(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(project, "backend:\n  url: file://./state\n")
    here = current_backend()
    assert here == hash_of((project / "state").as_uri(), monkeypatch)
    shutil.copytree(project, project.parent / "copy")
    monkeypatch.chdir(project.parent / "copy")
    assert current_backend() not in ("", here)


def test_a_home_folder_is_the_same_from_everywhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hash_of("file://~", monkeypatch)
    monkeypatch.chdir(project.parent)
    assert hash_of("file://~", monkeypatch) == before


def test_the_login_may_be_in_another_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(project, "s3://of-the-login")
    (project / "credentials.json").write_text(json.dumps({"current": "s3://of-the-folder"}))
    monkeypatch.setenv("PULUMI_CREDENTIALS_PATH", str(project))
    assert current_backend() == hash_of("s3://of-the-folder", monkeypatch)


@pytest.mark.parametrize("text", ["name: x\n", "backend: {}\n", "backend: s3://x\n", "- a\n", "a: [\n", "", "\udce9"])
def test_a_project_without_a_backend_uses_the_login(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (project / "Pulumi.yaml").write_bytes(text.encode(errors="surrogateescape"))
    log_in(project, "s3://of-the-login")
    assert current_backend() == hash_of("s3://of-the-login", monkeypatch)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "{}", '{"current": null}'])
def test_an_unreadable_login_is_ignored(project: Path, text: str) -> None:
    (project.parent / "home" / "credentials.json").write_text(text)
    assert current_backend() == ""


def test_a_password_in_the_url_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = hash_of("postgres://user:stand-in-password@h/states", monkeypatch)
    assert "stand-in" not in found
    assert found != hash_of("postgres://user:another@h/states", monkeypatch)
