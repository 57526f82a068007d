"""A server in place of the network, and the client's calls by the names that messages give them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from documents import answer, canonical, document

from enkrypt_provider.api import operation
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import Key, Settings

KEY = "stand-in-key+/=of-the-account"
MODEL = Identifier("Test_Model", "1")
HOST = "https://api.enkryptai.com"
BODY = canonical(document())

Handler = Callable[[httpx.Request], httpx.Response]
Reply = httpx.Response | Exception | Handler

CALLS: dict[str, Callable[[EnkryptClient], Any]] = {
    "create Test_Model/1": lambda c: c.add(KIND, BODY, MODEL),
    "read Test_Model/1": lambda c: c.get(KIND, MODEL),
    "list the models": lambda c: c.list_all(KIND),
    "update Test_Model/1": lambda c: c.modify(KIND, MODEL, BODY),
    "delete Test_Model/1": lambda c: c.delete(KIND, MODEL),
    "check the health of Test_Model/1": lambda c: c.model_health(MODEL),
}
"""Each call, by the name that messages give it."""

GOOD: dict[str, Any] = {
    "create Test_Model/1": {"message": "Model details added successfully", "data": answer()},
    "read Test_Model/1": answer(),
    "list the models": {"models": [answer()]},
    "update Test_Model/1": {"message": "Model details updated successfully", "data": answer()},
    "delete Test_Model/1": {"message": "Model details deleted successfully", "data": {}},
    "check the health of Test_Model/1": {"status": "healthy"},
}
"""A working server's reply to each call."""

every_call = pytest.mark.parametrize("name", list(CALLS))


class Server:
    """Records requests and replies with the next of `replies`, repeating the last one."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.sent: list[httpx.Request] = []
        self.slept: list[float] = []
        self.reported: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        found = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, httpx.Response) else found(request)

    def client(
        self, retries: int = 0, now: Callable[[], float] | None = None, timeout: float = 30.0
    ) -> EnkryptClient:
        """Return a client whose clock only advances by waiting, or is `now`."""
        return EnkryptClient(
            Settings(Key(KEY), HOST, timeout=timeout),
            transport=httpx.MockTransport(self),
            retry=RetryPolicy(retries, sleep=self.slept.append, clock=now or (lambda: sum(self.slept))),
        )

    def operation(self) -> AbstractContextManager[Operation]:
        """Collect the lines that calls inside report."""
        return operation.running(Operation(lambda _severity, line: self.reported.append(line), began=0.0))


def says(body: Any = b"", status: int = 200, **headers: str) -> Handler:
    """Reply with `body`: bytes unchanged, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(status, headers=named, stream=httpx.ByteStream(content))


def drips(chunks: Iterator[bytes], **headers: str) -> Handler:
    """Reply chunk by chunk."""

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return chunks

    return lambda _request: httpx.Response(200, headers=headers, stream=Stream())


def error_of(name: str, *replies: Reply, retries: int = 0) -> EnkryptError:
    """Return the error of one call that fails."""
    with pytest.raises(EnkryptError) as caught:
        CALLS[name](Server(*replies).client(retries))
    return caught.value
