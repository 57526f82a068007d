"""Functions that tests run in subprocesses. Imports little, because each subprocess imports it again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from enkrypt_provider.emulator import Fault, create_app, database_id

from .document import IDENTITY, v1


def together(work: Callable[..., list[int]], *arguments: Iterable[Any]) -> list[list[int]]:
    """Run `work` in fresh processes, one for each set of arguments, and return the results."""
    sets = list(zip(*arguments, strict=True))
    with ProcessPoolExecutor(len(sets), multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(work, *each) for each in sets]
        return [future.result() for future in futures]


def _client(path: Path, **options: Any) -> httpx.Client:
    transport = httpx.WSGITransport(app=create_app(path, **options))
    return httpx.Client(transport=transport, base_url="http://embedded", headers={"apikey": "k"})


def register(path: Path, names: list[str]) -> list[int]:
    """Open the file and add the models; return the statuses."""
    with _client(path, record=True) as client:
        return [client.post("/models/add-model", json=v1(name)).status_code for name in names]


def get_with_failures(path: Path, failures: int, calls: int) -> list[int]:
    """Open the file with a fault for the first `failures` calls, and make `calls`; return the statuses."""
    with _client(path, faults=[Fault(call="get_model", status=503, first=failures)]) as client:
        return [client.get("/models/get-model", headers=IDENTITY).status_code for _ in range(calls)]


def read_id(path: Path) -> list[int]:
    """Return the id of the database as a number."""
    return [int(database_id(path), 16)]
