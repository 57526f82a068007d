"""The engine's side of the plugin's protocol, over gRPC. No tests here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import pytest
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from enkrypt_provider.api.operation import Severity
from enkrypt_provider.frontends.plugin.__main__ import serve
from enkrypt_provider.frontends.plugin.servicer import Plugin
from enkrypt_provider.frontends.property_values import clear, from_engine, to_engine

Json = Any
TYPE: Final = "enkrypt:index:EnkryptModel"
PROVIDER: Final = "urn:pulumi:dev::shop::pulumi:providers:enkrypt"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass
class KeptLog:
    """The messages that a user would see, each with its severity and the resource's name."""

    lines: list[tuple[Severity, str, str]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def connect(self, address: str) -> None:
        self.addresses.append(address)

    def write(self, severity: Severity, line: str, urn: str) -> None:
        self.lines.append((severity, line, urn.rpartition("::")[2]))


class CallFailed(Exception):
    """The text that the engine prints after `error: `, and the partial failure that came with it."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.failed: Json = None
        for name, value in error.trailing_metadata():
            if name == "grpc-status-details-bin":
                status = status_pb2.Status()
                status.ParseFromString(value)
                self.failed = _unpacked(status.details[0])


def _unpacked(detail: any_pb2.Any) -> provider_pb2.ErrorResourceInitFailed:
    failed = provider_pb2.ErrorResourceInitFailed()
    assert detail.Unpack(failed)
    return failed


@dataclass
class Held:
    """A resource as it is in the engine's state."""

    id: str
    inputs: dict[str, Json]
    outputs: dict[str, Json]


class Engine:
    """One run of the engine with one provider. Values are plain; those marked as secret are `Secret`."""

    def __init__(self, stub: Any, log: KeptLog, type_: str = TYPE) -> None:
        self.stub = stub
        self.log = log
        self.type = type_

    def of(self, type_: str) -> Engine:
        """The same run, for resources of another type."""
        return Engine(self.stub, self.log, type_)

    def named(self, name: str) -> dict[str, Any]:
        """The fields that name a resource in a request."""
        return {"urn": f"urn:pulumi:dev::shop::{self.type}::{name}", "type": self.type}

    def call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=20)
        except grpc.RpcError as error:
            raise CallFailed(error) from None

    # ---- the provider

    def check_config(
        self, config: Mapping[str, Json], name: str = "default_0_1_0"
    ) -> tuple[dict[str, Json], list[str]]:
        found = self.call(
            "CheckConfig", provider_pb2.CheckRequest(urn=f"{PROVIDER}::{name}", news=to_engine({**config}))
        )
        assert [failure.property for failure in found.failures] == [""] * len(found.failures)
        return from_engine(found.inputs), [failure.reason for failure in found.failures]

    def diff_config(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> Any:
        request = provider_pb2.DiffRequest(
            urn=f"{PROVIDER}::default",
            olds=to_engine({**old}),
            old_inputs=to_engine({**old}),
            news=to_engine({**new}),
        )
        return self.call("DiffConfig", request)

    def configure(self, **config: Json) -> None:
        found = self.call("Configure", provider_pb2.ConfigureRequest(args=to_engine(config), acceptSecrets=True))
        assert (found.supportsPreview, found.acceptSecrets) == (True, False)

    # ---- a resource

    def check(self, name: str, news: Json, olds: Json = None) -> tuple[dict[str, Json], list[str]]:
        request = provider_pb2.CheckRequest(**self.named(name), news=to_engine(news), olds=to_engine(olds or {}))
        found = self.call("Check", request)
        assert [failure.property for failure in found.failures] == [""] * len(found.failures)
        return from_engine(found.inputs), [failure.reason for failure in found.failures]

    def checked(self, name: str, news: Json, olds: Json = None) -> dict[str, Json]:
        inputs, problems = self.check(name, news, olds)
        assert problems == []
        found: dict[str, Json] = clear(inputs)
        return found

    def create(self, name: str, news: Json, *, timeout: float = 0) -> Held:
        inputs = self.checked(name, news)
        request = provider_pb2.CreateRequest(**self.named(name), properties=to_engine(inputs), timeout=timeout)
        found = self.call("Create", request)
        return Held(found.id, inputs, from_engine(found.properties))

    def previewed(self, name: str, news: Json) -> dict[str, Json]:
        inputs = self.checked(name, news)
        request = provider_pb2.CreateRequest(**self.named(name), properties=to_engine(inputs), preview=True)
        found = self.call("Create", request)
        assert found.id == ""  # a known id would let functions be called before the model exists
        return from_engine(found.properties)

    def diff(self, name: str, held: Held, news: Json) -> Any:
        return self.call("Diff", provider_pb2.DiffRequest(**self._olds(name, held, news)))

    def update(self, name: str, held: Held, news: Json, *, preview: bool = False) -> Held:
        request = provider_pb2.UpdateRequest(**self._olds(name, held, news), preview=preview)
        found = self.call("Update", request)
        return Held(held.id, self.checked(name, news, held.inputs), from_engine(found.properties))

    def read(self, name: str, id_: str, held: Held | None = None) -> Held:
        request = provider_pb2.ReadRequest(
            **self.named(name),
            id=id_,
            properties=to_engine(held.outputs if held else {}),
            inputs=to_engine(held.inputs if held else {}),
        )
        found = self.call("Read", request)
        return Held(found.id, from_engine(found.inputs), from_engine(found.properties))

    def delete(self, name: str, held: Held) -> None:
        request = provider_pb2.DeleteRequest(
            **self.named(name),
            id=held.id,
            properties=to_engine(held.outputs),
            old_inputs=to_engine(held.inputs),
        )
        self.call("Delete", request)

    def invoke(self, token: str, *, preview: bool = False, **arguments: Json) -> dict[str, Json]:
        request = provider_pb2.InvokeRequest(tok=token, args=to_engine(arguments), preview=preview)
        return from_engine(getattr(self.call("Invoke", request), "return"))

    def cancel(self) -> None:
        self.call("Cancel", empty_pb2.Empty())

    def _olds(self, name: str, held: Held, news: Json) -> dict[str, Any]:
        return {
            **self.named(name),
            "id": held.id,
            "olds": to_engine(held.outputs),
            "old_inputs": to_engine(held.inputs),
            "news": to_engine(self.checked(name, news, held.inputs)),
        }


@contextmanager
def running(run: str = "") -> Iterator[Engine]:
    """A new run of the engine with a plugin, or one more plugin in the run of that name."""
    log = KeptLog()
    run = run or uuid.uuid4().hex
    server, port = serve(Plugin(log))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.MonkeyPatch.context() as patch:
        patch.setattr("enkrypt_provider.core.database.this_run", lambda: run)
        yield Engine(provider_pb2_grpc.ResourceProviderStub(channel), log)
    server.stop(None).wait(5)
