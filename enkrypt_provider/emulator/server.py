"""Serves the application on a local socket with waitress, and breaks connections for the fault dial."""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import flask
import waitress.channel
import waitress.server
import waitress.task
from waitress import wasyncore

from .fault_effects import ConnectionReset, ResponseTruncated
from .origin import LocalOnly

HOST = "127.0.0.1"  # never another: anyone who reaches it can read the keys
BACKLOG = 1024
THREADS = 16  # a delayed response occupies one
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns whenever all threads are busy


class _Task(waitress.task.WSGITask):  # type: ignore[misc]  # the base has no types
    """Resets or closes the socket if the fault dial says so."""

    def execute(self) -> None:
        try:
            super().execute()
        except ConnectionReset as error:
            # With this linger option, closing sends RST instead of FIN.
            with suppress(OSError):  # the client may have closed it
                self.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise waitress.channel.ClientDisconnected from error
        except ResponseTruncated:
            self.close_on_finish = True


class _Channel(waitress.channel.HTTPChannel):  # type: ignore[misc]  # the base has no types
    task_class = _Task


class Listener:
    """Listens at `url` once created; responds while `run` runs. Raises OSError if the port is taken."""

    def __init__(self, app: flask.Flask, port: int = 0) -> None:
        self.app = app
        self._is_stopped = False
        self._map: dict[int, Any] = {}
        self._server = waitress.server.create_server(
            LocalOnly(app.wsgi_app), self._map, sockets=[_opened(port)], **_ADJUSTMENTS
        )
        self._server.channel_class = _Channel
        self.url = f"http://{HOST}:{self._server.effective_port}"

    def run(self) -> None:
        """Respond until `stop`; KeyboardInterrupt and SystemExit also end it, and close the server."""
        try:
            while not self._is_stopped:
                wasyncore.loop(timeout=60, use_poll=True, map=self._map, count=1)
        except (KeyboardInterrupt, SystemExit):
            self.close()

    def stop(self) -> None:
        """End `run` from another thread, which must then call `close`."""
        self._is_stopped = True
        self._server.pull_trigger()

    def close(self) -> None:
        """Finish calls in progress and end every connection. Only after `run`, whose wake-up trigger it closes."""
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._map)
        self.app.extensions["emulator"].close()


def _opened(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=BACKLOG)
    except OSError as error:  # without the address, which Python adds to some errors
        raise OSError(error.errno, os.strerror(error.errno or 0)) from error


_ADJUSTMENTS: dict[str, Any] = {
    "ident": "",
    "backlog": BACKLOG,
    "threads": THREADS,
    "connection_limit": 1000,
    "clear_untrusted_proxy_headers": False,
}


@contextmanager
def serve_in_thread(app: flask.Flask, port: int = 0) -> Iterator[str]:
    """Serve an application of `create_app` over HTTP while the block runs; yield the base URL."""
    listener = Listener(app, port)
    thread = threading.Thread(target=listener.run, name="emulator", daemon=True)
    thread.start()
    try:
        yield listener.url
    finally:
        listener.stop()
        thread.join()
        listener.close()
