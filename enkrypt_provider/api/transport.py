"""HTTP exchanges, bounded in size and time. The only module that imports the HTTP client."""

from __future__ import annotations

import contextlib
import json
import math
import re
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from ..errors import ConfigurationError, UnexpectedResponse, plain
from ..kinds.kind import Json
from ..settings import Settings
from .redaction import redacted
from .request import NOT_FOLLOWED, Request, Response, timestamp
from .retry import Failed, Failure

_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Transport:
    """Kept-alive connections to one API. Thread-safe.

    Raise `ConfigurationError` if the environment's proxy or certificates, or the embedded database, cannot be used.
    """

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock_offset = 0.0
        """Seconds by which the API's clock is ahead of this machine's, measured on the quickest response."""
        self._quickest = math.inf
        self._clock = clock
        self._exchange = threading.local()  # the deadline of this thread's exchange
        self._http = _connect(settings, transport or _embedded(settings))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request) -> Response:
        """Return the response, whatever its status. Raise `Failed`, or `UnexpectedResponse` if it is too large."""
        try:
            return self._send(request)
        except _NOT_SENT as error:
            raise Failed(Failure.NOT_SENT, f"{self._reach(error)}") from None
        except httpx.TimeoutException:
            raise Failed(Failure.LOST, f"no response within {self.settings.timeout:g} s") from None
        except (httpx.TransportError, ConnectionError) as error:
            raise Failed(Failure.LOST, f"the connection broke ({type(error).__name__})") from None

    def _send(self, request: Request) -> Response:
        content = None if request.body is None else _encode(request.body)
        headers = request.headers | ({"Content-Type": "application/json"} if content is not None else {})
        self._exchange.until = self._clock() + self.settings.timeout
        traced, sent = {"trace": self._bound}, time.time()
        with self._http.stream(
            request.method, request.path, content=content, headers=headers, extensions=traced
        ) as response:
            self._note_clock(response.headers.get("date", ""), sent)
            body = self._receive(response, request.limit)
            return Response(response.status_code, response.headers, body)

    def _receive(self, response: httpx.Response, limit: int) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > limit:
                raise UnexpectedResponse(f"answered {response.status_code} with more than {limit:,} bytes")
        return _decompressed(bytes(body), response.headers.get("content-encoding", ""), limit)

    def _bound(self, event: str, info: Mapping[str, Any]) -> None:
        """Bound the reads and writes of a new connection by the deadline of the whole exchange, not one by one."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        stream = info["return_value"]
        read, write = stream.read, stream.write
        stream.read = lambda max_bytes, timeout=None: read(max_bytes, self._left(timeout))
        stream.write = lambda buffer, timeout=None: write(buffer, self._left(timeout))

    def _left(self, timeout: float | None) -> float:
        left: float = self._exchange.until - self._clock()
        if left <= 0:
            raise httpx.ReadTimeout("the exchange as a whole")
        return left if timeout is None else min(left, timeout)

    def _note_clock(self, date: str, sent: float) -> None:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            read, received = timestamp(date) + 0.5, time.time()  # the header is truncated to the second
            if received - sent <= self._quickest:
                self._quickest = received - sent
                self.clock_offset = read - (sent + received) / 2

    def _reach(self, error: Exception) -> str:
        # Only the status from a proxy's message, which may repeat its password.
        message = re.sub(r"\A(\d{3}) .*", r"\1 from the proxy", str(error), flags=re.DOTALL)
        reason = plain(redacted(message, [self.settings.api_key.reveal()]), 160)
        where = f"{self.settings.shown_endpoint} cannot be reached ({reason or type(error).__name__})"
        return f"{where}: check enkrypt:endpoint, the network and HTTPS_PROXY"


def _connect(settings: Settings, transport: httpx.BaseTransport | None) -> httpx.Client:
    is_https = settings.endpoint.casefold().startswith("https:")
    try:
        return httpx.Client(
            base_url=settings.endpoint or "http://embedded.invalid",
            headers={
                "apikey": settings.api_key.reveal(),
                "Accept": "application/json",
                # A compressed response could be a bomb.
                "Accept-Encoding": "identity",
                "User-Agent": "enkrypt-provider (Pulumi)",
            },
            timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, 10.0)),
            transport=transport,
            # Plain http needs no certificates, and loading them takes as long as a few calls, so trust nobody.
            verify=True if is_https else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            follow_redirects=False,  # the key must never follow one
            event_hooks={"response": [_hide_location]},
            # A proxy only tunnels https; plain http is for this machine and must not leave it.
            trust_env=is_https,
        )
    except OSError:
        wrong = "SSL_CERT_FILE must name a readable file of certificates (PEM)"
    except ImportError:
        wrong = "a SOCKS proxy needs one more package: pip install 'httpx[socks]'"
    except (httpx.InvalidURL, ValueError):
        wrong = "HTTPS_PROXY or ALL_PROXY is not a proxy URL: percent-encode special characters in its password"
    # Outside `except`: httpx's error repeats parts of the URL, perhaps a password, and must not be chained.
    raise ConfigurationError(wrong)


def _embedded(settings: Settings) -> httpx.BaseTransport | None:
    if settings.database is None:
        return None
    from ..emulator import create_app
    from ..emulator.database import NotOurs

    try:
        return httpx.WSGITransport(app=create_app(settings.database, dialect=settings.dialect))
    except NotOurs as error:
        raise ConfigurationError(f"enkrypt:endpoint: {plain(error, 400)}") from None


def _encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() not in ("gzip", "deflate"):
        raise UnexpectedResponse(f"answered in the encoding {plain(encoding, 20)!r}, which was not asked for")
    try:
        unzip = zlib.decompressobj(wbits=47)  # 47: gzip or zlib, by its header
        whole = unzip.decompress(body, limit + 1)
    except zlib.error:
        raise UnexpectedResponse("answered with a compressed body that is broken") from None
    if len(whole) > limit or not unzip.eof:
        raise UnexpectedResponse(f"answered with a compressed body that is cut short or over {limit:,} bytes")
    return whole


def _hide_location(response: httpx.Response) -> None:
    """Keep httpx from preparing to follow a redirect, which fails if its location is invalid."""
    if place := response.headers.pop("location", None):
        response.headers[NOT_FOLLOWED] = place
