"""The application on a real socket of this machine: waitress, keep-alive, resets, a clean end.

Here: listening, which thread answers, how a connection is broken, stopping. Not here: what is answered (app).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flask
import waitress.channel
import waitress.server
import waitress.task
from waitress import wasyncore

from .origin import LocalOnly
from .spoil import AnswerTruncated, ConnectionReset

HOST = "127.0.0.1"  # never another: who reaches it may read the keys
BACKLOG = 1024
THREADS = 16  # a delayed answer occupies one


class _Task(waitress.task.WSGITask):  # type: ignore[misc]  # the base has no types
    """Does to the socket what the fault dial wants."""

    def execute(self) -> None:
        try:
            super().execute()
        except ConnectionReset as error:
            # Closed with this linger, the kernel sends RST in place of FIN.
            self.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise waitress.channel.ClientDisconnected from error
        except AnswerTruncated:
            self.close_on_finish = True


class _Channel(waitress.channel.HTTPChannel):  # type: ignore[misc]  # the base has no types
    task_class = _Task


class _Dispatcher(waitress.task.ThreadedTaskDispatcher):  # type: ignore[misc]  # the base has no types
    """Answers in the loop's own thread, which is thrice as fast; in others while an answer may be delayed."""

    queue_logger = logging.Logger("a full queue is no news", logging.CRITICAL)

    def __init__(self, may_wait: Callable[[], bool]) -> None:
        super().__init__()
        self._may_wait = may_wait
        self._soon: deque[Any] = deque()

    def add_task(self, task: Any) -> None:
        if self._may_wait():
            self.set_thread_count(THREADS)
            super().add_task(task)
        else:
            self._soon.append(task)

    def work(self) -> None:
        while self._soon:
            channel = self._soon.popleft()
            channel.service()
            channel.handle_write()


class Listener:
    """Listens from its making on, `url` says where; answers while `run` runs. A taken port is an OSError."""

    def __init__(self, app: flask.Flask, port: int = 0) -> None:
        self.app = app
        opened = _opened(port)
        self._map: dict[int, Any] = {}
        self._dispatcher = _Dispatcher(app.extensions["emulator"].dial.is_set)
        self._server = waitress.server.create_server(
            LocalOnly(app.wsgi_app), self._map, _dispatcher=self._dispatcher, sockets=[opened], **_ADJUSTMENTS
        )
        self._server.adj.send_bytes = 2**16  # header and body in one packet
        self._server.channel_class = _Channel
        self._server.pull_trigger = self._pull_trigger
        self._loop_thread = 0
        self.url = f"http://{HOST}:{self._server.effective_port}"

    def run(self) -> None:
        """Answers until `stop`, a KeyboardInterrupt or a SystemExit, which it swallows."""
        self._loop_thread = threading.get_ident()
        try:
            while self._map:
                wasyncore.loop(timeout=60, use_poll=True, map=self._map, count=1)
                self._dispatcher.work()
        except (KeyboardInterrupt, SystemExit):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Ends every connection, and lets answers that are being given finish."""
        self._dispatcher.shutdown()
        wasyncore.close_all(self._map)
        self.app.extensions["emulator"].close()

    def stop(self) -> None:
        """Ends `run` from another thread."""
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._map))

    def _pull_trigger(self) -> None:
        """Wakes the loop where it may sleep: not from its own thread."""
        if threading.get_ident() != self._loop_thread:
            self._server.trigger.pull_trigger()


def _opened(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=BACKLOG)
    except OSError as error:  # without the address, which Python adds to some
        raise OSError(error.errno, os.strerror(error.errno or 0)) from error


_ADJUSTMENTS: dict[str, Any] = {
    "ident": "",
    "backlog": BACKLOG,
    "connection_limit": 1000,
    "clear_untrusted_proxy_headers": False,
    "outbuf_high_watermark": 2**40,  # above it a writer waits for the loop, which may be the writer itself
}


@contextmanager
def serve_in_thread(app: flask.Flask, port: int = 0) -> Iterator[str]:
    """An application of `create_app` over HTTP while the block runs; gives the base URL."""
    listener = Listener(app, port)
    thread = threading.Thread(target=listener.run, name="emulator", daemon=True)
    thread.start()
    try:
        yield listener.url
    finally:
        listener.stop()
        thread.join()
