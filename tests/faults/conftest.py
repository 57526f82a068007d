"""The extent and the seed of the fault tests, and the figures that they report."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.conftest import engine, story  # noqa: F401 - fixtures

HERE = Path(__file__).parent
SHARED_MEMORY = Path("/dev/shm")
FULL = os.environ.get("FAULTS") == "all"
Count = Callable[[str, int], None]


def pytest_configure() -> None:
    """Sets the seed, which workers inherit; `make test` always uses 0."""
    os.environ.setdefault("FAULTS_SEED", str(int(time.time())) if FULL else "0")


def pytest_report_header() -> str:
    return f"faults: {'all' if FULL else 'a sample'}, seed {os.environ['FAULTS_SEED']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


def chance(*where: object) -> random.Random:
    """A random generator that depends on the seed and on `where`."""
    return random.Random(f"{os.environ['FAULTS_SEED']}:{where}")  # noqa: S311 - it must be reproducible


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory if there is enough: no test here simulates a power failure."""
    if not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free < 2**30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Adds to a figure in the final table of `make faults`; `most:FIGURE` takes the maximum instead."""
    return lambda what, number: record_property(f"figure:{what}", number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            # Setup and teardown repeat the same properties.
            for name, number in report.user_properties if getattr(report, "when", "") == "call" else ():
                kind, _, what = name.partition(":")
                if kind == "figure":
                    is_most = what.startswith("most:")
                    figures[what] = max(figures[what], number) if is_most else figures[what] + number
    if figures:
        terminalreporter.section(f"figures, seed {os.environ['FAULTS_SEED']}")
        for what, number in sorted(figures.items()):
            terminalreporter.line(f"| {what.removeprefix('most:')} | {number:,} |")
