"""The API that every system is measured with: the emulator, in a separate process.

A path such as `/models/get-model/NAME` is translated into the call with its headers, since the generic REST provider
cannot put the model's name into a header. The cost is negligible.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from enkrypt_provider.emulator import LIKE_VENDOR, Fault, create_app
from enkrypt_provider.emulator.limits import Limits
from enkrypt_provider.emulator.server import Listener

ROOT = Path(__file__).resolve().parent.parent
WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Api:
    """Serves the API from `folder` until `close`, each response after `latency` milliseconds."""

    def __init__(self, folder: Path, latency: int) -> None:
        command = [sys.executable, __file__, str(folder / "api.sqlite"), str(latency)]
        with (folder / "api.log").open("ab") as log:
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        self.url = self._process.stdout.readline().strip() if self._process.stdout else ""
        self._client = httpx.Client(base_url=self.url, timeout=60)

    def close(self) -> None:
        self._client.close()
        self._process.terminate()
        self._process.wait()

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests since the last call."""
        found: list[dict[str, Any]] = self._client.get("/_emulator/requests").raise_for_status().json()
        self._client.delete("/_emulator/requests").raise_for_status()
        return found

    def limit(self) -> None:
        """Set the vendor's rate limits. This ends a lock-out and resets all counts, as if a minute had passed."""
        self.requests()
        self._client.post("/_emulator/limits", json=LIKE_VENDOR.model_dump()).raise_for_status()

    def registered(self) -> int:
        """Return how many models are registered."""
        response = self._client.get("/models/list-models", headers={"apikey": "not-measured"})
        return len(response.raise_for_status().json()["models"])

    def violations(self) -> int:
        """Return how many times a rate was exceeded since the limits were set."""
        return int(self._client.get("/_emulator/limits").raise_for_status().json()["violations"])


def least_seconds(calls: int, limits: Limits = LIKE_VENDOR) -> float:
    """Return the seconds from the first to the last call, if each is sent as soon as the limits allow."""
    times: list[float] = []
    for number in range(calls):
        free = [times[-rate.count] + rate.seconds for rate in limits.rates[False] if number >= rate.count]
        times.append(max(free, default=0.0))
    return times[-1] if times else 0.0


def with_names_in_paths(api: WSGI) -> WSGI:
    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"]).split("/")
        if len(path) == 4 and path[1] == "models":
            named = {"HTTP_X_ENKRYPT_MODEL": path.pop(), "HTTP_X_ENKRYPT_MODEL_VERSION": "1"}
            environ = {**environ, **named, "PATH_INFO": "/".join(path)}
        return api(environ, start_response)

    return respond


def main(database: str, latency: str) -> None:
    faults = [Fault(delay=int(latency) / 1000)] if int(latency) else None
    app = create_app(database, record=True, faults=faults)
    app.wsgi_app = with_names_in_paths(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as WSGI middleware is set
    listener = Listener(app)
    print(listener.url, flush=True)
    listener.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
