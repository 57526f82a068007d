"""What tests run in processes of their own; it imports little, for each process imports it anew."""

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
    """The results of `work` in fresh processes, one for each set of arguments."""
    sets = list(zip(*arguments, strict=True))
    with ProcessPoolExecutor(len(sets), multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(work, *each) for each in sets]
        return [future.result() for future in futures]


def _client(path: Path, **options: Any) -> httpx.Client:
    transport = httpx.WSGITransport(app=create_app(path, **options))
    return httpx.Client(transport=transport, base_url="http://embedded", headers={"apikey": "k"})


def register(path: Path, names: list[str]) -> list[int]:
    """Opens the file and adds the models; gives the statuses."""
    with _client(path, record=True) as client:
        return [client.post("/models/add-model", json=v1(name)).status_code for name in names]


def meet_the_first(path: Path, failures: int, calls: int) -> list[int]:
    """Opens the file with a fault that falls to so many calls, and makes some; gives the statuses."""
    with _client(path, faults=[Fault(call="get_model", status=503, first=failures)]) as client:
        return [client.get("/models/get-model", headers=IDENTITY).status_code for _ in range(calls)]


def read_id(path: Path) -> list[int]:
    """The id of the database, as a number."""
    return [int(database_id(path), 16)]
