"""The stacks of this repository, as they are."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from .api import Look
from .harness import REPOSITORY, Run, Stack, Story


def test_dev_works_without_an_account(story: Story) -> None:
    """The dev stack registers its catalogue in the embedded emulator, does nothing the second time, and goes.

    What it registered is on the page of the command that it tells.
    """
    stack = story.own_project("dev", environment={"PULUMI_CONFIG_PASSPHRASE": ""})
    config = json.loads(stack.reveal("config", "--json", "--show-secrets"))
    for name, entry in config.items():
        if entry["secret"] and entry["value"]:
            story.secrets.learn(name, entry["value"])
    declared = {
        f"{model['model_saved_name']}/{model['model_config'].get('model_version', 'v1')}"
        for model in config["enkrypt:models"]["objectValue"].values()
    }
    look = Look(stack.folder / ".enkrypt/emulator.sqlite")

    first = stack.up()
    registered = look.models()
    second = stack.up()

    assert f"+ {len(declared) + 1} created" in first.lines
    assert set(registered) == declared
    assert f"{len(declared) + 1} unchanged" in second.lines
    assert look.models() == registered  # the times of change too
    page = looked_at(stack, first)
    assert all(model["model_saved_name"] in page for model in registered.values())
    stack.destroy()
    assert look.models() == {}


def looked_at(stack: Stack, run: Run) -> str:
    """The page of the command that a run told, typed where it ran."""
    (told,) = {line.partition("in a browser: ")[2] for line in run.lines if "in a browser: " in line}
    command = [*told.split(), "--port", "0"]
    with subprocess.Popen(
        command, cwd=stack.folder, env=dict(stack.environment), stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout
            (url,) = re.findall(r"on (http://\S+),", serving.stdout.readline())
            return httpx.get(url, timeout=60, trust_env=False).text
        finally:
            serving.kill()


def test_prod_names_every_missing_secret_and_speaks_to_the_api_alone(story: Story) -> None:
    """Nothing is sent at a preview; on another endpoint than https, or without a secret, there is no up."""
    name = "prod"
    stack_file = (REPOSITORY / f"stacks/Pulumi.{name}.yaml").read_text()
    secrets = {"apiKey", *re.findall(r"^ .*{secret: (\w+)}", stack_file, re.MULTILINE)}
    assert len(secrets) > 1

    with recording_proxy() as (url, received):
        stack = story.own_project(name, environment={"HTTPS_PROXY": url})
        preview = stack.preview(fails=True)

        assert preview.errors == [f"{len(secrets)} problems in the configuration of stack {name}:"]
        for secret in secrets:
            command = rf"`pulumi config set --secret enkrypt:{secret}( --stack {name})?`"
            assert len([line for line in set(preview.lines) if re.search(command, line)]) == 1
        assert received == []

        values = {f"enkrypt:{secret}": story.secrets.make(secret) for secret in secrets}
        stack.config_set({"enkrypt:maxRetries": "0"}, secrets=values)
        stack.preview()
        assert received == []
        up = stack.up(fails=True)
        assert all("ServiceUnavailable: create " in line for line in up.errors), up
        assert all("https://api.enkryptai.com cannot be reached (502" in line for line in up.errors), up
        assert set(received) == {"CONNECT api.enkryptai.com:443 HTTP/1.1"}

        embedded = stack.preview("--config", "enkrypt:endpoint=embedded", fails=True)
        assert [line for line in embedded.lines if "requireHttps" in line] == [
            "enkrypt:endpoint must be https here, since enkrypt:requireHttps is true: neither embedded nor http, "
            "but a URL such as https://api.enkryptai.com"
        ]
        assert not (stack.folder / ".enkrypt").exists()


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that passes nothing on: its URL, and the first line of whatever reaches it."""
    received: list[str] = []

    def record() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                received.append(connection.recv(4096).decode(errors="replace").partition("\r\n")[0])
                connection.sendall(b"HTTP/1.1 502 Nowhere\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=record, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
