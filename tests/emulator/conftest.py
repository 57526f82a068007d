"""Clients of a fresh emulator, over a real socket and inside the process."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from enkrypt_provider.emulator import create_app, serve_in_thread

TIMEOUT = 60.0  # seconds; only a test that fails waits so long
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx would load all root certificates for each client


CALLS = {
    "add-model": ("POST", "/models/add-model"),
    "get-model": ("GET", "/models/get-model"),
    "list-models": ("GET", "/models/list-models"),
    "modify-model": ("PATCH", "/models/modify-model"),
    "delete-model": ("DELETE", "/models/delete-model"),
    "model-health": ("POST", "/rt/model/model-health"),
    "consumer-info": ("GET", "/consumer-info"),
}


def ask(client: httpx.Client, call: str, **more: Any) -> httpx.Response:
    method, path = CALLS[call]
    return client.request(method, path, **more)


class Connect(Protocol):
    def __call__(self, *, apikey: str = "key-of-a-test", **options: Any) -> httpx.Client:
        """Return a client of an emulator on the test's database; `options` are those of `create_app`."""


class Clock:
    """A clock that advances one second at each call."""

    def __init__(self) -> None:
        self.now = datetime(2024, 10, 15, 17, 22, 47, 872389, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "models.db"


@pytest.fixture
def embedded(database: Path) -> Iterator[Connect]:
    yield from _connector(database, over_http=False)


@pytest.fixture(params=["http", "embedded"])
def connect(database: Path, request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Run each test over both transports."""
    yield from _connector(database, over_http=request.param == "http")


def _connector(database: Path, *, over_http: bool) -> Iterator[Connect]:
    with ExitStack() as stack:

        def connect(*, apikey: str = "key-of-a-test", **options: Any) -> httpx.Client:
            app = create_app(database, **options)
            if over_http:
                url, transport = stack.enter_context(serve_in_thread(app)), None
            else:
                url, transport = "http://embedded", httpx.WSGITransport(app=app)
            headers = {"apikey": apikey} if apikey else {}
            client = httpx.Client(
                base_url=url, transport=transport, headers=headers, timeout=TIMEOUT, verify=NO_TLS, trust_env=False
            )
            return stack.enter_context(client)

        yield connect
