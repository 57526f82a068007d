"""engine.py: finds, runs and interrupts `pulumi`."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from enkrypt_provider.cli import engine
from enkrypt_provider.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def put(folder: Path, script: str) -> Path:
    """Install a `pulumi` script in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\n{script}\n")
    pulumi.chmod(0o755)
    return pulumi


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without `pulumi` on PATH; returns the folder of installed engines."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "enkrypt-provider" / "engine"


@pytest.mark.usefixtures("nowhere")
def test_missing_engine_is_an_error() -> None:
    """The error says where to get one."""
    with pytest.raises(ConfigurationError, match=r"no `pulumi` on PATH: https://www\.pulumi\.com"):
        engine.run("version")
    assert engine.path_command() == ""


def test_newest_installed_engine_is_used(nowhere: Path) -> None:
    """Its child processes have its folder on PATH, and `path_command` does the same for the user's shell."""
    put(nowhere / "3.99.0" / "bin", "echo old")
    newest = put(nowhere / "3.274.1" / "bin", "echo $PATH")
    put(nowhere / "language-go-3.66.0" / "bin", "echo no engine")
    (nowhere / "4.0.0" / "bin").mkdir(parents=True)
    assert engine.run("version").startswith(f"{newest.parent}:")
    assert engine.path_command() == f'export PATH="{newest.parent}:$PATH"'


def test_engine_on_path_is_preferred(nowhere: Path, tmp_path: Path) -> None:
    """It is the one that the user's shell would run."""
    put(nowhere / "3.274.1" / "bin", "echo set up")
    put(tmp_path / "bin", "echo on path")
    assert engine.run("version") == "on path\n"
    assert engine.path_command() == ""


def test_cache_folder_matches_the_installer(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """engine/get.py and the command line use the same folder, with and without XDG_CACHE_HOME."""
    monkeypatch.syspath_prepend(str(ROOT / "engine"))
    get = importlib.import_module("get")
    assert engine.cache() == get.cache() == nowhere
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert engine.cache() == get.cache()


def test_command_gets_its_folder_and_input(nowhere: Path, tmp_path: Path) -> None:
    """Input through the pipe arrives unchanged, including line breaks."""
    put(nowhere / "3.274.1" / "bin", 'pwd; echo "$@"; cat')
    assert engine.run("a", folder=tmp_path, given="sk\n\n") == f"{tmp_path}\na --non-interactive\nsk\n\n"


def test_failure_reports_the_reason_unless_output_was_shown(nowhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """If the output was shown, the error refers to it."""
    put(nowhere / "3.274.1" / "bin", "echo out; echo 'error: no such stack' >&2; exit 1")
    with pytest.raises(ConfigurationError, match=r"^`pulumi up` failed: no such stack$"):
        engine.run("up")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ConfigurationError, match=r"^`pulumi up` failed: see above$"):
        engine.run("up", shown=True)
    assert capfd.readouterr() == ("out\n", "error: no such stack\n")


def test_invalid_json_is_an_error(nowhere: Path) -> None:
    """The error contains the command, not its output."""
    put(nowhere / "3.274.1" / "bin", "echo nonsense")
    with pytest.raises(ConfigurationError, match=r"^`pulumi about --json` printed no JSON$"):
        engine.read("about", "--json")


def test_interrupt_leaves_no_process_behind(nowhere: Path, tmp_path: Path) -> None:
    """After Ctrl-C the engine has exited, and so has its child in another process group."""
    note = tmp_path / "started"
    put(nowhere / "3.274.1" / "bin", f"setsid sleep 60 & echo $! > {note}.part; mv {note}.part {note}; wait")
    command = [sys.executable, "-m", "enkrypt_provider", "doctor", "--endpoint", "http://127.0.0.1:1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ENKRYPTAI_API_KEY": "k"}
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not note.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    started = psutil.Process(int(note.read_text()))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in said
    started.wait(10)
    assert not started.is_running()


def test_interrupt_while_the_engine_starts_ends_it_too(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(nowhere / "3.274.1" / "bin", "exec sleep 60")
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def interrupted(*words: Any, **options: Any) -> subprocess.Popen[str]:
        started.append(real(*words, **options))
        os.kill(os.getpid(), signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.run("version")
    assert started[0].returncode is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
