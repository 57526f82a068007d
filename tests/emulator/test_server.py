"""The real socket: keep-alive, resets, responses during a delayed one, a clean end."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from enkrypt_provider.emulator import Fault, create_app, serve_in_thread
from enkrypt_provider.emulator.server import Listener

from .conftest import NO_TLS, TIMEOUT
from .document import v1

LIST = b"GET /models/list-models HTTP/1.1\r\nHost: localhost\r\napikey: k\r\n\r\n"


def post(body: object) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST /models/add-model HTTP/1.1\r\nHost: localhost\r\napikey: k\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def connected(url: str) -> closing[socket.socket]:
    address = urlsplit(url)
    return closing(socket.create_connection((address.hostname, address.port or 0), timeout=TIMEOUT))


def response(connection: socket.socket) -> tuple[int, bytes]:
    """Read one response; its head byte by byte, so as not to read into the next one."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, "the connection ended"
        head += byte
    match = re.search(rb"Content-Length: (\d+)", head)
    assert match
    return int(head.split()[1]), connection.recv(int(match[1]), socket.MSG_WAITALL)


@pytest.fixture
def url(database: Path) -> Iterator[str]:
    with serve_in_thread(create_app(database)) as url:
        yield url


def test_a_connection_serves_many_requests(url: str) -> None:
    """After a success and after an error; requests that arrive together are served in order."""
    with connected(url) as connection:
        for body, status in ((v1(), 200), (v1(), 409), ({}, 400), (v1("other"), 200)):
            connection.sendall(post(body))
            assert response(connection)[0] == status
        connection.sendall(post(v1("one")) + post(v1("one")) + LIST)
        assert [response(connection)[0] for _ in range(3)] == [200, 409, 200]


def test_a_reset_resets_the_socket(database: Path) -> None:
    with serve_in_thread(create_app(database, faults=[Fault(reset="after", first=1)])) as url:
        with connected(url) as connection:
            connection.sendall(LIST)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with connected(url) as connection:
            connection.sendall(LIST)
            assert response(connection)[0] == 200


def test_a_truncated_response_closes_the_socket_normally(database: Path) -> None:
    with serve_in_thread(create_app(database, faults=[Fault(truncate=True)])) as url, connected(url) as connection:
        connection.sendall(LIST)
        received = b"".join(iter(lambda: connection.recv(4096), b""))
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"Content-Length: 14" in head
        assert body == b'{"model'


@pytest.mark.parametrize("later", [False, True])
def test_a_delayed_response_does_not_delay_others(database: Path, later: bool) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        waiting.set()
        assert go_on.wait(TIMEOUT)

    faults = [Fault(call="list_models", delay=9, nth=1)]
    app = create_app(database, faults=[] if later else faults, sleep=sleep)
    with serve_in_thread(app) as url, connected(url) as slow, connected(url) as quick:
        if later:
            quick.sendall(LIST)
            assert response(quick)[0] == 200
            create_app(database, faults=faults)
        slow.sendall(LIST)
        assert waiting.wait(TIMEOUT)
        quick.sendall(LIST)
        assert response(quick)[0] == 200
        go_on.set()
        assert response(slow)[0] == 200


def test_many_connections_are_served_at_once(url: str) -> None:
    connections = [connected(url) for _ in range(100)]
    for number, opened in enumerate(connections):
        opened.thing.sendall(post(v1(f"m{number}")))  # type: ignore[attr-defined]  # a part that the stubs do not know
    for opened in connections:
        with opened as connection:
            assert response(connection)[0] == 200
    assert len(httpx.get(f"{url}/models/list-models", headers={"apikey": "k"}, verify=NO_TLS).json()["models"]) == 100


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        *(("Host", host, 200) for host in ("127.0.0.1", "localhost:1", "LocalHost.:1", "[::1]:8787")),
        *(("Host", host, 403) for host in ("rebound.example.com", "127.0.0.1.example.com:80", "10.0.0.7", "[")),
        ("Origin", "http://localhost:3000", 200),
        *(("Origin", origin, 403) for origin in ("https://other.example.com", "null")),
    ],
)
@pytest.mark.parametrize("path", ["/models/list-models", "/_emulator/requests", "/"])
def test_requests_from_other_sites_are_refused(database: Path, name: str, value: str, status: int, path: str) -> None:
    """Every path refuses DNS rebinding, and scripts of other sites."""
    with serve_in_thread(create_app(database, record=True, page=True)) as url:
        headers = {"apikey": "k", name: value}
        response = httpx.get(url + path, headers=headers, verify=NO_TLS, trust_env=False)
        assert response.status_code == status
        assert (f"the {name} header does not name this machine" in response.text) == (status == 403)
        entries = httpx.get(f"{url}/_emulator/requests", verify=NO_TLS, trust_env=False).json()
        assert len(entries) == (path == "/models/list-models" and status == 200)


def test_it_listens_only_on_this_machine_and_frees_its_port_at_the_end(database: Path) -> None:
    app = create_app(database)
    with serve_in_thread(app) as url, serve_in_thread(app) as other:
        assert {urlsplit(each).hostname for each in (url, other)} == {"127.0.0.1"}
        port = urlsplit(url).port or 0
        with pytest.raises(OSError, match="in use"):
            Listener(app, port)
    with pytest.raises(ConnectionRefusedError):
        connected(url)
    with serve_in_thread(app, port) as again, connected(again) as connection:
        connection.sendall(LIST)
        assert response(connection)[0] == 200
