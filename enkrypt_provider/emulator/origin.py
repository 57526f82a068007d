"""Refuses requests that a browser sends for another site.

Another site can point its own host name at this machine (DNS rebinding), and its page could then read every key.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REFUSAL = "the {} header does not name this machine: open the emulator at http://127.0.0.1 or http://localhost"


def refusal(environ: WSGIEnvironment) -> str | None:
    """Return why a request is refused: its Host or Origin is not this machine. Programs send no Origin."""
    if not _is_here(f"//{environ.get('HTTP_HOST', 'localhost')}"):
        return REFUSAL.format("Host")
    if not _is_here(environ.get("HTTP_ORIGIN", "http://localhost")):
        return REFUSAL.format("Origin")
    return None


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _is_here(url: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return host == "localhost" or is_loopback(host)


class LocalOnly:
    """Refuses requests from other sites with 403."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not (reason := refusal(environ)):
            return self._app(environ, start_response)
        body = json.dumps({"message": reason}).encode()
        start_response("403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
