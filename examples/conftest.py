"""What every example's test may rely on: no key and no state of the person who runs it, and the engine.

The programs are tested as a user would: with `enkrypt_provider.testing`, and, by the fixture `engine`, for real.
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
from e2e.interpreters import as_users_have_it

REPOSITORY = Path(__file__).parent.parent
PATH = environ["PATH"]
TOOLS = {"yaml": (), "nodejs": ("node", "npm"), "go": ("go",)}
"""What the programs of a language need beside its host."""


@pytest.fixture(scope="session")
def engine_folder() -> Path:
    """The folder with the engine, which is got once. There is no skipping: without it nothing is proven."""
    get = subprocess.run(
        [sys.executable, str(REPOSITORY / "engine" / "get.py")], stdout=subprocess.PIPE, text=True, check=False
    )
    if get.returncode:
        pytest.fail(f"engine/get.py found no engine (exit code {get.returncode}): see above", pytrace=False)
    return Path(get.stdout.strip())


@pytest.fixture(autouse=True)
def _nobodys_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for name in ("ENKRYPTAI_API_KEY", "ENKRYPT_API_KEY", "ENKRYPTAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine(engine_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real engine on PATH, with a home and a backend of this test's own: for `pulumi` and the Automation API.

    It gives the folder of the state.
    """
    state = tmp_path / "state"
    state.mkdir()
    for name, value in {
        "PATH": pathsep.join([str(as_users_have_it()), str(engine_folder), *defpath.split(pathsep)]),
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
    """A copy of an example, with which `pulumi` is typed."""

    folder: Path

    def run(self, *words: str, fails: bool = False) -> str:
        """What `pulumi WORDS` prints; it must succeed, or fail where `fails`."""
        command = ["pulumi", *words, "--non-interactive", "--color", "never"]
        typed = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert (typed.returncode != 0) is fails, f"$ {' '.join(command)}\n{typed.stdout}"
        return typed.stdout


@pytest.fixture
def project(engine: Path, tmp_path: Path) -> Callable[[Path], Project]:
    """A copy of an example's folder, so that nothing of a run stays in it."""
    assert engine.is_dir()

    def copied(example: Path) -> Project:
        folder = tmp_path / example.name
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__", ".enkrypt", ".venv"))
        return Project(folder)

    return copied


@pytest.fixture
def speaking(engine: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts the host of a language on PATH and installs the native plugin. There is no skipping here either."""
    assert engine.is_dir()

    def speak(language: str) -> None:
        command = [sys.executable, str(REPOSITORY / "engine" / "get.py"), "--with", language]
        get = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if get.returncode:
            pytest.fail(
                f"engine/get.py found no host of {language} (exit code {get.returncode}): see above", pytrace=False
            )
        tools = [
            str(Path(tool).parent) for tool in (shutil.which(name, path=PATH) for name in TOOLS[language]) if tool
        ]
        if len(tools) < len(TOOLS[language]):
            pytest.fail(f"programs in {language} need {' and '.join(TOOLS[language])} on PATH", pytrace=False)
        monkeypatch.setenv("PATH", pathsep.join([get.stdout.strip(), environ["PATH"], *tools]))
        subprocess.run([as_users_have_it() / "python", "-m", "enkrypt_provider", "plugin", "install"], check=True)

    return speak
