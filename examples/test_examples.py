"""Every example is complete, and its program is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = sorted(path.parent for path in HERE.glob("*/Pulumi.yaml"))
IN_PYTHON = [example for example in EXAMPLES if (example / "__main__.py").exists()]
FILES = {
    "go": {"main.go", "go.mod", "go.sum"},
    "nodejs": {"index.ts", "package.json", "tsconfig.json"},
    "python": {"__main__.py", "requirements.txt"},
    "yaml": set(),
}
"""The files that each runtime needs besides Pulumi.yaml."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_complete(example: Path) -> None:
    """It has a program, requirements, a README with the picture and a test named after it; the index links to it."""
    names = {path.name for path in example.iterdir()}
    test = f"test_{example.name.replace('-', '_')}_example.py"
    (runtime,) = re.findall(r"^runtime: (\w+)$", (example / "Pulumi.yaml").read_text(), re.MULTILINE)
    assert {*FILES[runtime], "README.md", "graph.svg", test} <= names
    assert "](graph.svg)" in (example / "README.md").read_text()
    assert f"({example.name}/README.md)" in (HERE / "README.md").read_text()
    assert re.search(r"^name: enkrypt-", (example / "Pulumi.yaml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("example", IN_PYTHON, ids=lambda path: path.name)
def test_a_program_passes_mypy(example: Path) -> None:
    """Strict mypy passes. All programs are called `__main__`, so they are checked one by one."""
    program = str(example / "__main__.py")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--exclude", "^$", program],
        cwd=HERE.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "Success: no issues found in 1 source file" in run.stdout


def test_there_are_examples() -> None:
    """The parametrized tests above are not empty."""
    assert len(EXAMPLES) >= 8
    assert len(IN_PYTHON) >= 5
