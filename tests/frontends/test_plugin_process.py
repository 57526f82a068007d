"""`pulumi-resource-enkrypt` as a process: how the engine starts it, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import psutil
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from enkrypt_provider import __version__

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "enkrypt_provider.frontends.plugin"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_it_serves_on_the_port_that_it_prints_and_ends_with_the_engine() -> None:
    """The shell stands in for the engine, and is killed."""
    engine = subprocess.Popen(
        ["/bin/sh", "-c", '"$@" 127.0.0.1:1 & echo $!; wait', "sh", *COMMAND],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    with engine:
        assert engine.stdout is not None
        plugin = psutil.Process(int(engine.stdout.readline()))
        port = int(engine.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            assert stub.GetPluginInfo(empty_pb2.Empty(), timeout=20).version == __version__
        engine.kill()
        plugin.wait(timeout=20)


def test_it_ends_at_once_when_it_is_interrupted() -> None:
    """The engine waits five seconds for a plugin that does not."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as plugin:
        assert plugin.stdout is not None
        assert int(plugin.stdout.readline()) > 0
        plugin.send_signal(signal.SIGINT)
        assert plugin.wait(timeout=4) == 0


def test_it_prints_its_version() -> None:
    ran = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert ran.stdout == f"{__version__}\n"
