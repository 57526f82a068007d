"""Ctrl-C, a kill while the engine writes no checkpoints, and a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.harness import REPOSITORY, Story

from .running import EVERYTHING, going, wait_for
from .scenes import model
from .stacks import Frontend, Troubled

BOTH = pytest.mark.parametrize("frontend", ["dynamic", "native"])

FILL = """
import json, resource, sys
from pathlib import Path
sys.path[:0] = [str(Path(sys.argv[1])), str(Path(sys.argv[1]) / "tests")]
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.settings import EMBEDDED, Key, Settings
from faults.miniature import Engine, Machine, in_json, out_of_json
from faults.scenes import model

folder, state, limit = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
machine = Machine(Settings(Key(EMBEDDED), "", folder / "full.sqlite", max_retries=1), lambda: None, folder)
engine = Engine(machine, state=out_of_json(state.read_text()) if state.exists() else [])
program = {f"m{n}": model(f"m{n}", config__system_prompt="x" * 4000) for n in range(120)}
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
message = ""
try:
    engine.up(program)
except EnkryptError as error:
    message = f"{type(error).__name__}: {error}"
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
state.write_text(in_json(engine.state))
engine.refresh()
print(json.dumps([message, len(engine.state), machine.shown]))
"""
"""One `up` of 120 models with the embedded emulator, under a limit on file size."""


@BOTH
def test_ctrl_c_during_an_up_loses_nothing(story: Story, frontend: Frontend) -> None:
    """The engine finishes pending calls and stops; the next up completes, without `cancel` or duplicates."""
    troubled = Troubled(story, story.api(), frontend)
    troubled.declare({f"m{number}": model(f"m{number}") for number in range(8)}, after={"m7": ["m0"]})
    troubled.api.fault({"call": "add_model", "delay": 1.5})
    with going(troubled.stack, "up", "--yes", "--skip-preview", "--parallel", "2") as command:
        wait_for(troubled.numbers, "the first registration")
        command.interrupt()
        command.end(fails=True)
    troubled.api.fault()
    done = troubled.numbers()
    assert 0 < len(done) < 8

    troubled.stack.up()

    assert done.items() <= troubled.numbers().items()
    assert troubled.disagreements() == []


@BOTH
def test_a_kill_without_checkpoints_loses_nothing_on_the_same_machine(story: Story, frontend: Frontend) -> None:
    """With PULUMI_SKIP_CHECKPOINTS the engine forgets what a killed `up` created. On the same machine the provider
    recognizes its registrations, and the next up adds them to the state unchanged."""
    troubled = Troubled(story, story.api(), frontend, {"PULUMI_SKIP_CHECKPOINTS": "true"})
    troubled.declare({f"m{number}": model(f"m{number}") for number in range(12)})
    troubled.api.fault({"call": "add_model", "delay": 0.5})
    with going(troubled.stack, "up", "--yes", "--skip-preview", "--parallel", "2") as command:
        wait_for(lambda: len(troubled.numbers()) > 3, "some registrations")
        command.kill(EVERYTHING)
        command.end(fails=True)
    troubled.api.fault()
    done = troubled.numbers()
    assert 3 < len(done) < 12
    assert troubled.state() == []

    troubled.recover()

    assert done.items() <= troubled.numbers().items()
    assert troubled.disagreements() == []


def test_a_full_disk_under_the_embedded_database_loses_nothing(tmp_path: Path) -> None:
    """A full disk is a one-line error; completed registrations stay, and a later up finishes the rest."""
    state = tmp_path / "state.json"

    error, before, _ = _filled(tmp_path, state, limit=500_000)
    assert error.startswith("ServiceUnavailable: create m")
    assert "database" in error
    assert 0 < before < 120

    assert _filled(tmp_path, state, limit=0)[:2] == ["", 120]


def _filled(folder: Path, state: Path, limit: int) -> list[Any]:
    command = [sys.executable, "-c", FILL, str(REPOSITORY), str(folder), str(state), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found
