"""TLS, proxies and huge bodies over real sockets: which certificates are trusted, what proxies see, memory use."""

from __future__ import annotations

import re
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from e2e.leaks import Secrets
from e2e.tls import certified
from emulator.serving import serving

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.emulator import create_app
from enkrypt_provider.errors import ConfigurationError, EnkryptError, ServiceUnavailable, UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Key, Settings

from .scenes import model
from .ways import MIB
from .world import shown_by

IDENTITY = Identifier("x", "v1")
BODY = codec.body(MODEL, codec.parse(MODEL, model("x", "stand-in-model-key"))[0])
YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)
BOMB = 50 * MIB
ALLOWED = 36 * MIB
"""Memory that refusing a response may use: a list is limited to 16 MiB, and held at most twice."""

Issue = Callable[[trustme.CA], trustme.LeafCert]


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that only this test trusts, through SSL_CERT_FILE."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@contextmanager
def over_tls(folder: Path, leaf: trustme.LeafCert) -> Iterator[tuple[str, list[str]]]:
    """Serves the emulator over TLS; yields its URL, with the host localhost, and the path of each call."""
    app, heard = create_app(folder / "api.sqlite"), list[str]()

    def listen(environ: dict[str, Any], start_response: Any) -> Any:
        heard.append(environ["PATH_INFO"])
        return app(environ, start_response)

    with certified(listen, leaf) as url:
        yield url, heard


@contextmanager
def tunnelling(answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Iterator[tuple[str, list[bytes]]]:
    """A tunnelling proxy; yields its address and all bytes that it receives."""
    received: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                received.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def tunnel(client: socket.socket) -> None:
        with client, suppress(OSError):
            head = client.recv(65_536)
            received.append(head)
            client.sendall(answer)
            host, port = head.split()[1].decode().rsplit(":", 1)
            if b" 200 " in answer:
                with socket.create_connection((host, int(port))) as there:
                    back = threading.Thread(target=pump, args=(there, client), daemon=True)
                    back.start()
                    pump(client, there)
                    back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with server:
        yield f"127.0.0.1:{server.getsockname()[1]}", received
        server.shutdown(socket.SHUT_RDWR)


def connected(url: str, key: str) -> EnkryptClient:
    return EnkryptClient(Settings(Key(key), url, timeout=10), retry=RetryPolicy(1, sleep=lambda _seconds: None))


def test_ssl_cert_file_names_the_trusted_authorities(tmp_path: Path, authority: trustme.CA, secrets: Secrets) -> None:
    """`SSL_CERT_FILE` names the authorities of a company's own gateway; every call works over TLS."""
    with over_tls(tmp_path, authority.issue_cert("localhost")) as (url, _):
        client = connected(url, secrets.make("the API key"))
        assert client.add(MODEL, BODY, IDENTITY).identity == IDENTITY
        assert client.get(MODEL, IDENTITY).computed["model_id"] == client.list_all(MODEL)[0]["model_id"]
        assert client.modify(MODEL, IDENTITY, BODY).identity == IDENTITY
        client.delete(MODEL, IDENTITY)
        assert client.list_all(MODEL) == []


DISTRUSTED: dict[str, tuple[Issue, str]] = {
    "of another authority": (lambda _: trustme.CA().issue_cert("localhost"), "certificate verify failed"),
    "of another host": (lambda own: own.issue_cert("api.example.com"), "Hostname mismatch"),
    "expired": (lambda own: own.issue_cert("localhost", not_after=YESTERDAY), "certificate has expired"),
}


@pytest.mark.parametrize(("issue", "line"), DISTRUSTED.values(), ids=DISTRUSTED)
def test_an_invalid_certificate_is_refused(
    tmp_path: Path, authority: trustme.CA, secrets: Secrets, issue: Issue, line: str
) -> None:
    """Nothing is sent, least of all the key; the error is one line that says the API cannot be reached."""
    key = secrets.make("the API key")
    with over_tls(tmp_path, issue(authority)) as (url, heard), pytest.raises(ServiceUnavailable) as caught:
        connected(url, key).add(MODEL, BODY, IDENTITY)
    assert str(caught.value).startswith(f"create x/v1: {url} cannot be reached (")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert heard == []
    _assert_no_leak(secrets, caught.value)


def test_a_proxy_tunnels_and_sees_neither_key_nor_body(
    tmp_path: Path, authority: trustme.CA, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls work through `HTTPS_PROXY`, which sees only TLS."""
    key = secrets.make("the API key")
    with over_tls(tmp_path, authority.issue_cert("localhost")) as (url, heard), tunnelling() as (proxy, received):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        client = connected(url, key)
        assert client.add(MODEL, BODY, IDENTITY).identity == IDENTITY
        client.close()
    assert heard == ["/models/add-model"]
    assert received[0].startswith(b"CONNECT localhost:")
    passed = b"".join(received)
    assert len(passed) > 2000
    assert secrets.found_in(passed) == []
    assert not any(part in passed for part in (b"stand-in-model-key", b"model_saved_name", b"apikey"))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b""])
def test_a_refusing_proxy_is_reported_without_its_password(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """The password in a proxy's URL is a secret too."""
    key, password = secrets.make("the API key"), secrets.make("the proxy's password")
    quoted = quote(password, safe="")
    with tunnelling(answer) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:{quoted}@{proxy}")
        client = connected("https://localhost:1", key)
        with pytest.raises(EnkryptError) as caught:
            client.get(MODEL, IDENTITY)
    assert str(caught.value).startswith("read x/v1: ")
    assert "\n" not in str(caught.value)
    _assert_no_leak(secrets, caught.value)


UNUSABLE: dict[str, tuple[str, str, str]] = {
    "a proxy's password as it is": ("HTTPS_PROXY", "http://somebody:{}/x@127.0.0.1:1", "percent-encode"),
    "another kind of proxy": ("ALL_PROXY", "gopher://somebody:{}@127.0.0.1:1", "percent-encode"),
    "a SOCKS proxy": ("HTTPS_PROXY", "socks5://somebody:{}@127.0.0.1:1", "pip install 'httpx[socks]'"),
    "no file": ("SSL_CERT_FILE", "/nowhere/{}.pem", "SSL_CERT_FILE must name a readable file"),
    "no certificates": ("SSL_CERT_FILE", __file__, "SSL_CERT_FILE must name a readable file"),
}


@pytest.mark.parametrize(("name", "value", "line"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_httpx_setting_is_reported_without_its_value(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    """httpx itself would repeat part of the password, which is a secret too."""
    monkeypatch.setenv(name, value.format(quote(secrets.make("the proxy's password"), safe="")))
    with pytest.raises(ConfigurationError, match=re.escape(line)) as caught:
        connected("https://localhost:1", secrets.make("the API key")).get(MODEL, IDENTITY)
    _assert_no_leak(secrets, caught.value)


@pytest.mark.parametrize("kind", ["huge", "gzip_bomb"])
@pytest.mark.parametrize("call", ["get_model", "list_models", "modify_model"])
def test_fifty_megabytes_use_bounded_memory(tmp_path: Path, secrets: Secrets, kind: str, call: str) -> None:
    """A body of 50 MiB, plain or compressed to a few bytes, is cut off with an error, and uses little memory."""
    key = secrets.make("the API key")
    calls: dict[str, Callable[[EnkryptClient], object]] = {
        "get_model": lambda client: client.get(MODEL, IDENTITY),
        "list_models": lambda client: client.list_all(MODEL),
        "modify_model": lambda client: client.modify(MODEL, IDENTITY, BODY),
    }
    with serving(tmp_path / "api.sqlite", "--fault", f"{call}:garbage={kind},size={BOMB}") as server:
        client = connected(server.url, key)
        client.add(MODEL, BODY, IDENTITY)
        tracemalloc.start()
        try:
            with pytest.raises(UnexpectedResponse, match=r"\d,\d\d\d bytes"):
                calls[call](client)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < ALLOWED


def _assert_no_leak(secrets: Secrets, error: BaseException) -> None:
    found = {what for text in shown_by(error) for what in secrets.found_in(text.encode(errors="replace"))}
    assert found == set()
