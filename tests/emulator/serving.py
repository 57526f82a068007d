"""An emulator in its own process, started by `python -m enkrypt_provider serve`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    process: subprocess.Popen[str]
    announced: str
    page: str

    @property
    def url(self) -> str:
        return self.announced.split(" on ")[1].split(",")[0]


@contextmanager
def serving(database: Path, *options: str) -> Iterator[Served]:
    """Run `serve` on a free port until the block ends; kill it if it is still running."""
    command = [sys.executable, "-m", "enkrypt_provider", "serve", "--port", "0", "--db", str(database), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            yield Served(process, process.stdout.readline(), process.stdout.readline())
        finally:
            process.kill()
