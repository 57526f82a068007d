"""`pulumi-resource-enkrypt`: serves the plugin to the engine that started it, until that engine exits."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from ... import __version__
from ...api.operation import Severity
from .description import Description, Log

THREADS: Final = 32
"""By default the engine makes up to four calls at once per core."""
MESSAGE_LIMIT: Final = 400 * 1024 * 1024
"""Maximum size of one message in bytes, the same as the engine's."""
ENGINE_CHECK_INTERVAL: Final = 0.5
"""Seconds between checks that the engine is still running."""
GRACE: Final = 600.0
"""Seconds that calls in progress have to finish."""
_SEVERITIES: Final = {"info": engine_pb2.INFO, "warning": engine_pb2.WARNING}


class EngineLog:
    """The engine's log, which shows each message at once, next to its resource."""

    def __init__(self, address: str = "") -> None:
        self._engine: Any = None
        self.connect(address)

    def connect(self, address: str) -> None:
        if address:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def write(self, severity: Severity, line: str, urn: str) -> None:
        if self._engine is None:
            return
        try:
            self._engine.Log(engine_pb2.LogRequest(severity=_SEVERITIES[severity], message=line, urn=urn), timeout=5)
        except grpc.RpcError:
            return  # the engine is exiting: a lost line is no reason to fail


class Deferred(Description):
    """The plugin, loaded by the first call that needs it: YAML starts a process only for the schema."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self._lock = threading.Lock()

    @functools.cached_property
    def _plugin(self) -> Any:
        from .servicer import Plugin

        return Plugin(self._log)

    def __getattr__(self, operation: str) -> Callable[[Any, Any], Any]:
        def call(request: Any, context: Any) -> Any:
            with self._lock:
                plugin = self._plugin
            return getattr(plugin, operation)(request, context)

        return call


def serve(plugin: Any) -> tuple[grpc.Server, int]:
    """Start serving on this machine, and return the server and its port."""
    limits = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> None:
    """Serve until the engine exits. `--version` only prints the version."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return
    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):  # the engine asks the plugin to exit, and waits
        signal.signal(ending, lambda *_: ended.set())
    addresses = [word for word in sys.argv[1:] if not word.startswith("-")]
    engine = os.getppid()
    server, port = serve(Deferred(EngineLog(*addresses[:1])))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not ended.wait(ENGINE_CHECK_INTERVAL) and os.getppid() == engine:
        pass
    server.stop(GRACE).wait()  # calls in progress finish


if __name__ == "__main__":
    main()
