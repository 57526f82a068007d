"""The stacks of this repository, unchanged."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from .api import Registry
from .harness import REPOSITORY, Run, Stack, Story


def test_dev_works_without_an_account(story: Story) -> None:
    """The dev stack registers its catalogue in the embedded emulator, then is unchanged, then is destroyed.

    The page of the command that it prints shows its registrations.
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
    registry = Registry(stack.folder / ".enkrypt/emulator.sqlite")

    first = stack.up()
    registered = registry.models()
    second = stack.up()

    assert f"+ {len(declared) + 1} created" in first.lines
    assert set(registered) == declared
    assert f"{len(declared) + 1} unchanged" in second.lines
    assert registry.models() == registered  # including the times of change
    page = page_of(stack, first)
    assert all(model["model_saved_name"] in page for model in registered.values())
    stack.destroy()
    assert registry.models() == {}


def page_of(stack: Stack, run: Run) -> str:
    """Runs the command that a run printed, in the stack's folder, and returns its page."""
    (printed,) = {line.partition("in a browser: ")[2] for line in run.lines if "in a browser: " in line}
    command = [*printed.split(), "--port", "0"]
    with subprocess.Popen(
        command, cwd=stack.folder, env=dict(stack.environment), stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout
            (url,) = re.findall(r"on (http://\S+),", serving.stdout.readline())
            return httpx.get(url, timeout=60, trust_env=False).text
        finally:
            serving.kill()


def test_prod_lists_every_missing_secret_and_calls_only_the_api(story: Story) -> None:
    """A preview sends nothing; without https or with a missing secret it fails."""
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
            "enkrypt:endpoint must be https, because enkrypt:requireHttps is true: set a URL such as "
            "https://api.enkryptai.com"
        ]
        assert not (stack.folder / ".enkrypt").exists()


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that forwards nothing; yields its URL and the first line of each request."""
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
