"""Fixtures for the tests of the examples: the engine, and isolation from the keys and state of whoever runs them.

Programs are tested as a user would: with `enkrypt_provider.testing`, or with the real engine (fixture `engine`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from os import defpath, environ, pathsep
from pathlib import Path

import pytest
from e2e.interpreters import user_environment

REPOSITORY = Path(__file__).parent.parent
PATH = environ["PATH"]
TOOLS = {"yaml": (), "nodejs": ("node", "npm"), "go": ("go",)}
"""The commands that programs of a language need besides the language host."""


@pytest.fixture(scope="session")
def engine_folder() -> Path:
    """The folder with the engine, obtained once. Without an engine the tests fail rather than skip."""
    get = subprocess.run(
        [sys.executable, str(REPOSITORY / "engine" / "get.py")], stdout=subprocess.PIPE, text=True, check=False
    )
    if get.returncode:
        pytest.fail(f"engine/get.py found no engine (exit code {get.returncode}): see above", pytrace=False)
    return Path(get.stdout.strip())


@pytest.fixture(autouse=True)
def _isolated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for name in ("ENKRYPTAI_API_KEY", "ENKRYPT_API_KEY", "ENKRYPTAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine(engine_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the real engine on PATH, with a separate home and backend for this test.

    Returns the folder of the state.
    """
    state = tmp_path / "state"
    state.mkdir()
    for name, value in {
        "PATH": pathsep.join([str(user_environment()), str(engine_folder), *defpath.split(pathsep)]),
        "PYTHONPATH": str(REPOSITORY),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return state


@dataclass(frozen=True)
class Project:
    """A copy of an example in which to run `pulumi`."""

    folder: Path

    def run(self, *words: str, fails: bool = False) -> str:
        """Returns the output of `pulumi WORDS`, which must succeed, or fail if `fails`."""
        command = ["pulumi", *words, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert (done.returncode != 0) is fails, f"$ {' '.join(command)}\n{done.stdout}"
        return done.stdout


@pytest.fixture
def project(engine: Path, tmp_path: Path) -> Callable[[Path], Project]:
    """Copies an example's folder, so that runs leave nothing in the original."""
    assert engine.is_dir()

    def copied(example: Path) -> Project:
        folder = tmp_path / example.name
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__", ".enkrypt", ".venv"))
        return Project(folder)

    return copied


@pytest.fixture
def speaking(engine: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts the host of a language on PATH and installs the native plugin. Fails, never skips."""
    assert engine.is_dir()

    def speak(language: str) -> None:
        command = [sys.executable, str(REPOSITORY / "engine" / "get.py"), "--with", language]
        get = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if get.returncode:
            pytest.fail(
                f"engine/get.py found no host for {language} (exit code {get.returncode}): see above", pytrace=False
            )
        tools = [
            str(Path(tool).parent) for tool in (shutil.which(name, path=PATH) for name in TOOLS[language]) if tool
        ]
        if len(tools) < len(TOOLS[language]):
            pytest.fail(f"programs in {language} need {' and '.join(TOOLS[language])} on PATH", pytrace=False)
        monkeypatch.setenv("PATH", pathsep.join([get.stdout.strip(), environ["PATH"], *tools]))
        subprocess.run([user_environment() / "python", "-m", "enkrypt_provider", "plugin", "install"], check=True)

    return speak
