"""Servers as processes of their own: the emulator, and what they share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent


class Served:
    """A process of its own, whose first line, `said`, tells where it listens; its complaints are in `folder`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        with (folder / "served.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        self.said = self.process.stdout.readline().strip() if self.process.stdout else ""

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Api(Served):
    """The emulator, each call of the API delayed by `latency` milliseconds; with a `gateway` before it for clients
    that need one."""

    def __init__(self, folder: Path, latency: int, *, gateway: bool = False) -> None:
        database, seconds = str(folder / "api.sqlite"), latency / 1000
        serve = ["-m", "enkrypt_provider", "serve", "--port", "0", "--db", database]
        delay = ["--fault", f"*:delay={seconds}"] if latency else []
        command = ["benchmarks/gateway.py", database, str(seconds)] if gateway else [*serve, *delay]
        super().__init__([sys.executable, *command], folder)
        self.url = self.said.split(" on ")[1].split(",")[0]

    def calls(self) -> int:
        """How many calls came since the last time."""
        found = httpx.get(f"{self.url}/_emulator/requests", timeout=60).json()
        httpx.delete(f"{self.url}/_emulator/requests", timeout=60)
        return len(found["requests"] if isinstance(found, dict) else found)
