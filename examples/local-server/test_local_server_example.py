"""examples/local-server: the real engine, a server that really responds, and the order of deletion."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from graph import of_dot, svg

from enkrypt_provider.testing import Registry, assert_no_secret

HERE = Path(__file__).parent


class World:
    """A copy of the example, its stack, and the registered models."""

    def __init__(self, project: Any) -> None:
        self.project = project
        project.run("stack", "init", "dev")
        self.registry = Registry(project.folder / ".enkrypt/emulator.sqlite")

    def up(self) -> str:
        return str(self.project.run("up", "--yes", "--skip-preview"))

    @property
    def registered(self) -> Any:
        return self.registry.models()["echo/v1"]

    @property
    def client(self) -> httpx.Client:
        """Calls the model as Enkrypt AI would: with registered values only."""
        config = self.registered["model_config"]
        endpoint, auth = config["endpoint"], config["auth_data"]
        return httpx.Client(
            base_url=f"{endpoint['scheme']}://{endpoint['host']}:{endpoint['port']}{endpoint['base_path']}",
            headers={auth["header_name"]: f"{auth['header_prefix']} {config['apikeys'][0]}"},
            trust_env=False,
        )

    def ask(self, text: str) -> Any:
        path = self.registered["model_config"]["paths"]["chat"]
        with self.client as http:
            return http.post(path, json={"messages": [{"role": "user", "content": text}]}).raise_for_status().json()

    def port(self) -> int:
        return int(self.registered["model_config"]["endpoint"]["port"])


@pytest.fixture
def world(project: Callable[[Path], Any]) -> Any:
    """A stack; whatever happens, no server outlives the test."""
    created = World(project(HERE))
    yield created
    created.project.run("destroy", "--yes", "--skip-preview")


def gone(client: httpx.Client) -> bool:
    try:
        client.get("/models")
    except httpx.ConnectError:
        return True
    return False


def test_the_registered_server_responds_until_it_is_destroyed(world: World) -> None:
    """The registration alone is enough to reach the server; destroy deletes the registration, then the server."""
    first = world.up()
    assert world.ask("Hello?")["choices"][0]["message"]["content"] == "Hello?"
    assert "3 unchanged" in world.up()
    world.project.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((world.project.folder / "stack.dot").read_text())) == (HERE / "graph.svg").read_text()
    outputs = json.loads(world.project.run("stack", "output", "--json"))
    assert (outputs["key"], outputs["model"]) == ("[secret]", "echo/v1")
    assert outputs["url"] == f"http://127.0.0.1:{world.port()}/v1"

    client, key = world.client, world.registered["model_config"]["apikeys"][0]
    destroyed = world.project.run("destroy", "--yes", "--skip-preview").splitlines()
    order = [line.split()[1] for line in destroyed if " deleted" in line and line.startswith(" -  ")]
    assert [kind.rpartition(":")[2] for kind in order] == ["EnkryptModel", "Server", "Stack"]
    assert world.registry.models() == {}
    assert gone(client)
    assert_no_secret(key, [first, *destroyed])
    assert_no_secret(key, world.project.folder.parent)  # the state too


def test_the_readmes_curl_command_works(world: World) -> None:
    """The command in the README gets a response."""
    world.up()
    (question,) = re.findall(r"^```sh\n(curl .+?)^```", (HERE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    asked = subprocess.run(["/bin/bash", "-c", question], cwd=world.project.folder, capture_output=True, check=True)
    assert json.loads(asked.stdout)["choices"][0]["message"]["content"] == "Hello?"


def test_a_new_server_takes_over_before_the_old_one_stops(world: World) -> None:
    """A change of `serves` starts a new server, points the same registration at it, then stops the old one."""
    world.up()
    old, model_id = world.client, world.registered["model_id"]
    world.project.run("config", "set", "serves", "echo-2")
    changed = [line.split()[1:4] for line in world.up().splitlines() if line.startswith((" ++ ", " ~  ", " -- "))]
    done = [(kind.rpartition(":")[2], what) for kind, _, what in changed if what in ("created", "updated", "deleted")]
    assert done == [("Server", "created"), ("EnkryptModel", "updated"), ("Server", "deleted")]
    assert (world.registered["model_id"], world.ask("Hello?")["model"]) == (model_id, "echo-2")
    assert gone(old)


def test_a_dead_server_is_replaced(world: World) -> None:
    """Refresh detects that it is gone; the next up starts a new one and points the registration at it."""
    world.up()
    port = world.port()
    key = world.registered["model_config"]["apikeys"][0]
    httpx.post(f"http://127.0.0.1:{port}/stop", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    assert "1 deleted" in world.project.run("refresh", "--yes", "--skip-preview")
    world.up()
    assert world.port() != port
    assert world.ask("Again?")["choices"][0]["message"]["content"] == "Again?"
