"""`LocalServer`: a process of this machine as a resource. Create starts server.py, delete asks it to stop."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

HOST = "127.0.0.1"
SERVER = Path(__file__).with_name("server.py")


class LocalServerProvider(ResourceProvider):
    """Each server has a port and a key of its own, so that a new one can run before the old one stops."""

    serialize_as_secret_always = False  # it is a class's name: nothing to encrypt

    def create(self, props: dict[str, Any]) -> CreateResult:
        key = secrets.token_urlsafe(24)
        with socket.create_server((HOST, 0)) as listening:  # a socket that is handed over: nobody can take its port
            # Nothing of our own environment: the passphrase of the stack may be in it.
            process = subprocess.Popen(
                [sys.executable, "-I", str(SERVER), str(listening.fileno()), props["serves"]],
                env={"SERVER_KEY": key},
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            port = listening.getsockname()[1]
        outputs = {"serves": props["serves"], "host": HOST, "port": port, "key": key}
        outputs["url"] = f"http://{HOST}:{port}/v1"
        if _ask(outputs, "/v1/models") is None:
            process.kill()
            raise RuntimeError(f"the server did not start: run `{sys.executable} {SERVER.name}` to see why")
        return CreateResult(f"{HOST}:{port}", outputs)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        changed = _olds["serves"] != _news["serves"]
        return DiffResult(changes=changed, replaces=["serves"] if changed else [], delete_before_replace=False)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        gone = _ask(props, "/v1/models") is None
        return ReadResult("", {}) if gone else ReadResult(id_, dict(props), {"serves": props["serves"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        _ask(_props, "/stop", {})


class LocalServer(Resource, module="local", name="Server"):
    """A server that is called `serves`, on a free port of this machine."""

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    url: pulumi.Output[str]
    key: pulumi.Output[str]
    """Made by create; secret."""

    def __init__(self, name: str, *, serves: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        outputs = dict.fromkeys(("host", "port", "url", "key"))
        super().__init__(
            LocalServerProvider(), name, {"serves": serves, **outputs}, pulumi.ResourceOptions.merge(secret, opts)
        )


def _ask(server: dict[str, Any], path: str, body: Any = None) -> Any:
    """What the server answers; None where nothing of that key is there."""
    request = urllib.request.Request(  # http to this machine
        f"http://{server['host']}:{server['port']:g}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server['key']}"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
