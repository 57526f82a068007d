"""The API over TLS, for tests that require https."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from werkzeug.serving import make_server

from enkrypt_provider.emulator import create_app

from .api import ACCOUNT, Api

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def over_tls(api: Api, database: Path, authority: trustme.CA) -> Iterator[str]:
    """Serves the registrations in `database` over TLS at localhost, with the key of `api`; yields the URL."""
    app = create_app(database, keys={api.key: ACCOUNT}, record=True)
    with certified(app, authority.issue_cert("localhost")) as url:
        yield url


@contextmanager
def certified(app: WSGIApplication, leaf: trustme.LeafCert) -> Iterator[str]:
    """Serves an application over TLS; yields its URL, with the host localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
