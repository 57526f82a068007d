"""The plugin's description of itself, for calls that involve no resource. Imports nothing heavy."""

from __future__ import annotations

import json
from typing import Any, Protocol

from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2

from ... import __version__
from ...api.operation import Severity
from .. import package_schema


class Log(Protocol):
    """Where messages for the user go: to the engine."""

    def connect(self, address: str) -> None: ...

    def write(self, severity: Severity, line: str, urn: str) -> None: ...


class Description:
    """The part of the protocol that needs no configuration."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def Handshake(self, request: Any, _context: Any) -> Any:
        self._log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()  # secrets arrive in the clear and are marked here

    def Attach(self, request: Any, _context: Any) -> Any:
        self._log.connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=__version__)

    def GetSchema(self, _request: Any, _context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(package_schema.package()))
