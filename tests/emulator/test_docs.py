"""docs/emulator.md is correct: its programs run, its faults can be set, its tables are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from enkrypt_provider.emulator import Fault, spelled_fault
from enkrypt_provider.emulator.fault_effects import GARBAGE
from enkrypt_provider.emulator.faults import faults_in
from enkrypt_provider.emulator.quirks import NAMES

TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("program", blocks("python"))
def test_every_program_runs(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "docs/emulator.md", "exec"), {})  # noqa: S102 - a program of our own docs or tests


def test_every_fault_can_be_set() -> None:
    commands = "\n".join(blocks("sh"))
    typed = re.findall(r"--fault '(.*?)'", commands)
    assert len(typed) > 7
    assert all(spelled_fault(fault) for fault in typed)
    (sent,) = re.findall(r"/_emulator/faults -d '(.*?)'", commands)
    assert faults_in(json.loads(sent))


def test_every_field_and_kind_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", TEXT))
    assert set(Fault.model_fields) | set(GARBAGE) | set(NAMES) <= documented
