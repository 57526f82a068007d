"""transport.py: how an exchange fails, its limits, and where the key may go; over real sockets too."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import socketserver
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import ANSWER, answer

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.request import LIST_LIMIT, RESPONSE_LIMIT
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.emulator import Fault, create_app, serve_in_thread
from enkrypt_provider.errors import (
    ConfigurationError,
    EnkryptError,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import Key, Settings

from .server import BODY, CALLS, GOOD, HOST, KEY, MODEL, Server, drips, error_of, every_call, says

UNREACHED = f"{HOST} cannot be reached"
CHECK = ": check enkrypt:endpoint, the network and HTTPS_PROXY"

# The failure, whether the request cannot have been sent, and the line.
FAILURES: list[tuple[Exception, bool, str]] = [
    (httpx.ConnectError("refused"), True, f"{UNREACHED} (refused){CHECK}"),
    (httpx.ConnectError(""), True, f"{UNREACHED} (ConnectError){CHECK}"),
    (httpx.ConnectTimeout("timed out"), True, f"{UNREACHED} (timed out){CHECK}"),
    (httpx.PoolTimeout("no connection free"), True, f"{UNREACHED} (no connection free){CHECK}"),
    (httpx.ProxyError("407 me:stand-in-password\nis wrong"), True, f"{UNREACHED} (407 from the proxy){CHECK}"),
    (httpx.UnsupportedProtocol("no http"), True, f"{UNREACHED} (no http){CHECK}"),
    *((kind("timed out"), False, "no response within 30 s") for kind in (httpx.ReadTimeout, httpx.WriteTimeout)),
    *((kind("reset"), False, f"the connection broke ({kind.__name__})") for kind in (
        httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError, ConnectionResetError)),
]  # fmt: skip
failures = pytest.mark.parametrize(("failure", "unsent", "line"), FAILURES, ids=lambda v: type(v).__name__)


@every_call
@failures
def test_each_network_failure_is_one_line_and_retried(name: str, failure: Exception, unsent: bool, line: str) -> None:
    """The line says what broke and how often it was tried. A create is only looked up if it may have been sent."""
    assert str(error_of(name, failure)) == f"{name}: {line}; tried once"
    server, looked_up = Server(failure, says(GOOD[name])), list[str]()
    if name.startswith("create"):
        server.client(retries=1).add(KIND, BODY, MODEL, lambda: looked_up.append(""))
    else:
        CALLS[name](server.client(retries=1))
    assert len(server.sent) == 2
    assert len(looked_up) == (name.startswith("create") and not unsent)


@failures
def test_no_network_failure_shows_the_key(failure: Exception, unsent: bool, line: str) -> None:
    """A library may put a header in its message."""
    error = error_of("read Test_Model/1", type(failure)(f"illegal header value {KEY!r}"))
    assert KEY not in str(error) + "".join(traceback.format_exception(error))
    assert unsent is ("cannot be reached" in str(error)) is ("cannot be reached" in line)


# ---- limits


@pytest.mark.parametrize(
    ("name", "limit"),
    [("read Test_Model/1", RESPONSE_LIMIT), ("delete Test_Model/1", RESPONSE_LIMIT), ("list the models", LIST_LIMIT)],
)
def test_an_endless_response_is_cut_off_at_the_limit(name: str, limit: int) -> None:
    chunks = itertools.repeat(b" " * 2**20, 1000)
    error = error_of(name, drips(chunks))
    assert str(error) == f"{name}: {HOST} answered 200 with more than {limit:,} bytes"
    assert len(list(chunks)) >= 1000 - limit // 2**20 - 2


def test_a_list_may_be_longer_than_one_model() -> None:
    found = {"models": [answer(model_config__system_prompt="x" * 2**20) for _ in range(5)]}
    assert len(Server(says(found)).client().list_all(KIND)) == 5


SWOLLEN = f"answered with a compressed body that is cut short or over {RESPONSE_LIMIT:,} bytes"


@pytest.mark.parametrize(
    ("body", "encoding", "line"),
    [
        (gzip.compress(b" " * 50 * 2**20), "gzip", SWOLLEN),
        (gzip.compress(ANSWER.encode())[:-20], "gzip", SWOLLEN),
        (b"no gzip", "gzip", "answered with a compressed body that is broken"),
        (ANSWER.encode(), "br", "answered in the encoding 'br', which was not asked for"),
        (ANSWER.encode(), "x\x1b" * 20, "answered in the encoding 'x x x x x x x x x x…', which was not asked for"),
    ],
)  # fmt: skip
def test_a_compressed_body_that_swells_or_breaks_is_an_error(body: bytes, encoding: str, line: str) -> None:
    error = error_of("read Test_Model/1", says(body, content_encoding=encoding))
    assert str(error) == f"read Test_Model/1: {HOST} {line}"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(ANSWER.encode()), "gzip"),
        (gzip.compress(ANSWER.encode()), "GZIP"),
        (zlib.compress(ANSWER.encode()), "deflate"),
        (ANSWER.encode(), "identity"),
    ],
)
def test_a_proxy_may_compress_a_response(body: bytes, encoding: str) -> None:
    assert Server(says(body, content_encoding=encoding)).client().get(KIND, MODEL) == codec.read(KIND, answer())


# ---- real sockets


@contextmanager
def listening(
    respond: Callable[[BaseHTTPRequestHandler], None], keeps: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Run a local server, which may keep connections open; yields its URL and each request's head."""
    heads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            heads.append(f"{self.requestline}\n{self.headers}")
            respond(self)
            self.close_connection = not keeps

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heads
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond_with(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def connected(
    url: str, retries: int = 0, timeout: float = 10, clock: Callable[[], float] = time.monotonic
) -> EnkryptClient:
    policy = RetryPolicy(retries, sleep=lambda _seconds: None, clock=clock)
    return EnkryptClient(Settings(Key(KEY), url, timeout=timeout), retry=policy)


HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def dripping(*parts: bytes) -> Iterator[tuple[str, list[int]]]:
    """Run a server that sends all `parts` but the last at once, and the last byte by byte, for ever; yields its
    host and port and, for each connection, how many of these bytes it sent."""
    sent: list[int] = []
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sent.append(0)
            self.request.recv(65_536)
            self.request.sendall(b"".join(parts[:-1]))
            with contextlib.suppress(OSError):
                for byte in itertools.cycle(parts[-1]):
                    self.request.sendall(bytes([byte]))
                    sent[-1] += 1
                    if over.wait(0.01):
                        return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", sent
        finally:
            over.set()
            server.shutdown()


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 " + b"O" * 60_000,),
        (HEAD, b"X-A: 1\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n",),
        (HEAD, b"Content-Length: 60000\r\n\r\n", b" "),
    ],
    ids=["status", "headers", "hints", "body"],
)
def test_a_dripping_response_is_abandoned_after_the_timeout(parts: tuple[bytes, ...]) -> None:
    """Each byte arrives in time, but the whole does not, in any part of the response."""
    with dripping(*parts) as (place, sent):
        with pytest.raises(ServiceUnavailable, match=r"no response within 0\.3 s; tried 2 times"):
            connected(f"http://{place}", retries=1, timeout=0.3).get(KIND, MODEL)
        assert len(sent) == 2
        assert all(0 < bytes_sent < 100 for bytes_sent in sent)


def test_a_dripping_proxy_is_abandoned_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange with the proxy has a timeout too."""
    with dripping(HEAD, b"X-A: 1\r\n") as (place, sent):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{place}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ServiceUnavailable, match=r"no response within 0\.3 s"):
            connected("https://api.enkryptai.invalid", timeout=0.3).get(KIND, MODEL)
        assert len(sent) == 1
        assert 0 < sent[0] < 100


def test_each_exchange_on_a_kept_connection_has_its_own_timeout() -> None:
    """A second exchange does not inherit the first one's deadline."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    ports: list[int] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        respond_with(200, ANSWER.encode())(handler)

    with listening(respond, keeps=True) as (url, _):
        client = connected(url, timeout=20, clock=clock)
        for _ in range(5):
            assert client.get(KIND, MODEL) == codec.read(KIND, answer())
        client.close()
    assert (len(ports), len(set(ports))) == (5, 1)
    assert now > 20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_never_follows_a_redirect(status: int) -> None:
    with (
        listening(respond_with(200, ANSWER.encode())) as (elsewhere, strangers),
        listening(respond_with(status, Location=f"{elsewhere}/models/get-model")) as (url, heads),
        pytest.raises(RequestRejected, match="redirects are not followed"),
    ):
        connected(url).get(KIND, MODEL)
    assert (len(heads), strangers) == (1, [])


@pytest.fixture
def no_exceptions(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without hosts that bypass the proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_proxy_only_tunnels_and_sees_no_key(no_exceptions: pytest.MonkeyPatch) -> None:
    with listening(respond_with(502)) as (url, heads):
        no_exceptions.setenv("HTTPS_PROXY", url)
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            connected("https://api.enkryptai.invalid").get(KIND, MODEL)
    assert heads[0].startswith("CONNECT api.enkryptai.invalid:443 ")
    assert KEY not in heads[0]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_plain_http_never_goes_through_a_proxy(no_exceptions: pytest.MonkeyPatch, variable: str) -> None:
    with (
        listening(respond_with(502)) as (proxy, strangers),
        listening(respond_with(200, ANSWER.encode())) as (url, heads),
    ):
        no_exceptions.setenv(variable, proxy)
        assert connected(url).get(KIND, MODEL) == codec.read(KIND, answer())
    assert (len(heads), strangers) == (1, [])


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SSL_CERT_FILE", "/nowhere.pem", "SSL_CERT_FILE must name a readable file of certificates (PEM)"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1", "a SOCKS proxy needs one more package: pip install 'httpx[socks]'"),
        ("HTTPS_PROXY", "http://me:pass#word@127.0.0.1:port",
         "HTTPS_PROXY or ALL_PROXY is not a proxy URL: percent-encode special characters in its password"),
    ],
)  # fmt: skip
def test_an_unusable_proxy_or_certificate_file_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    """Even by a preview, which calls nothing, and without showing a password."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        EnkryptClient(Settings(Key(KEY), "https://api.enkryptai.invalid"))
    assert str(caught.value) == line
    assert "word" not in "".join(traceback.format_exception(caught.value)).replace("password", "")


def test_a_port_that_nobody_listens_on_is_reported_and_retried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ServiceUnavailable) as caught:
        connected(f"http://127.0.0.1:{port}", retries=1).add(KIND, BODY, MODEL)
    line = str(caught.value)
    assert line.startswith(f"create Test_Model/1: http://127.0.0.1:{port} cannot be reached (")
    assert line.endswith("; tried 2 times")


# ---- the emulator's faults, embedded and over a socket


@contextmanager
def _embedded(database: Path, *faults: Fault) -> Iterator[EnkryptClient]:
    create_app(database, faults=faults)
    yield EnkryptClient(Settings(Key("embedded"), "", database), retry=RetryPolicy(1, sleep=lambda _seconds: None))


@contextmanager
def _served(database: Path, *faults: Fault) -> Iterator[EnkryptClient]:
    with serve_in_thread(create_app(database, faults=faults)) as url:
        yield connected(url, retries=1)


@pytest.mark.parametrize("reach", [_embedded, _served])
@pytest.mark.parametrize(
    ("fault", "kind", "line"),
    [
        (Fault(reset="before"), ServiceUnavailable, "the connection broke"),
        (Fault(reset="after"), ServiceUnavailable, "the connection broke"),
        (Fault(truncate=True), ServiceUnavailable, "the connection broke"),
        (Fault(status=503, retry_after="1"), ServiceUnavailable, "503: Service Unavailable"),
        (Fault(garbage="html"), UnexpectedResponse, "answered 200 with HTML"),
        (Fault(garbage="empty"), UnexpectedResponse, "answered 200 with nothing"),
        (Fault(garbage="deep"), UnexpectedResponse, "answered 200 with a body that is not JSON"),
        (Fault(garbage="missing_data"), UnexpectedResponse, "answered without the model's data"),
        (Fault(garbage="wrong_types"), UnexpectedResponse, "answered with another model, 0"),
        (Fault(garbage="another_model"), UnexpectedResponse, "answered with another model, Another_Model"),
        (Fault(garbage="huge", size=8 * 2**20), UnexpectedResponse, "more than 4,194,304 bytes"),
        (Fault(garbage="gzip_bomb", size=8 * 2**20), UnexpectedResponse, "over 4,194,304 bytes"),
    ],
    ids=lambda value: value.spelled() if isinstance(value, Fault) else "",
)
def test_every_emulator_fault_raises_the_right_error_and_the_next_call_works(
    tmp_path: Path, reach: Any, fault: Fault, kind: type[EnkryptError], line: str
) -> None:
    with reach(tmp_path / "a.sqlite") as client:
        client.add(KIND, BODY, MODEL)
    with reach(tmp_path / "a.sqlite", fault.model_copy(update={"call": "modify_model", "first": 2})) as client:
        with pytest.raises(kind) as caught:
            client.modify(KIND, MODEL, BODY)
        assert line in str(caught.value)
        assert client.modify(KIND, MODEL, BODY).identity == MODEL


def test_the_embedded_database_is_created_if_missing(tmp_path: Path) -> None:
    database = tmp_path / "state" / "deeper" / "emulator.sqlite"
    assert EnkryptClient(Settings(Key("embedded"), "", database)).list_all(KIND) == []
    assert database.exists()


@pytest.mark.parametrize("spoil", ["a folder", "a file in the way", "no database"])
def test_a_file_that_cannot_be_the_embedded_database_is_a_configuration_error(tmp_path: Path, spoil: str) -> None:
    """The line names the setting; reading `account`, which needs the file, raises the same."""
    file = tmp_path / "file"
    file.write_text("this is no database, but long enough to be taken for one" * 20)
    database = {"a folder": tmp_path, "a file in the way": file / "x", "no database": file}[spoil]
    settings = Settings(Key("embedded"), "", database)
    for use in (lambda: EnkryptClient(settings), lambda: settings.account):
        with pytest.raises(ConfigurationError) as caught:
            use()
        line = f"enkrypt:endpoint: {database} cannot be used as the emulator's database: "
        assert str(caught.value).startswith(line)
