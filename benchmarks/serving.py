"""The emulator as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent


class Api:
    """The emulator as a process of its own, each call of the API delayed by `latency` milliseconds."""

    def __init__(self, folder: Path, latency: int) -> None:
        delay = ["--fault", f"*:delay={latency / 1000}"] if latency else []
        command = [
            sys.executable,
            "-m",
            "enkrypt_provider",
            "serve",
            "--port",
            "0",
            "--db",
            str(folder / "api.sqlite"),
        ]
        self.process = subprocess.Popen([*command, *delay], stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
        line = self.process.stdout.readline() if self.process.stdout else ""
        self.url = line.split(" on ")[1].split(",")[0].strip()

    def calls(self) -> int:
        """How many calls came since the last time."""
        found = httpx.get(f"{self.url}/_emulator/requests", timeout=60).json()
        httpx.delete(f"{self.url}/_emulator/requests", timeout=60)
        return len(found["requests"] if isinstance(found, dict) else found)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
