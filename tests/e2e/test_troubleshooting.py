"""docs/troubleshooting.md: the engine's own messages, and whether the fixes on the page work."""

from __future__ import annotations

import json
import venv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from faults.running import EVERYTHING, going, wait_for
from test_troubleshooting import ENGINE, is_quoted, sections

from .harness import Run, Stack, Story, project
from .programs import model

QUOTED = sections()[ENGINE]


def found(run: Run) -> set[str]:
    """The messages of the page that a command printed."""
    lines = [part for line in run.lines for part in (line, line.removeprefix("error: "))]
    return {message for message in QUOTED if any(is_quoted(message, line) for line in lines)}


def without(stack: Stack, name: str) -> Stack:
    """The same stack, used without that environment variable."""
    kept: Mapping[str, str] = {key: value for key, value in stack.environment.items() if key != name}
    return Stack(stack.story, stack.folder, kept)


def test_a_killed_up_is_reported_and_completed(story: Story) -> None:
    """The lock is reported with its fix, then the pending operation; the same `up` completes the create."""
    api = story.api()
    stack = story.declaring(api, chat=model("chat"))
    api.fault({"call": "add_model", "delay": 5, "reset": "after", "nth": 1})
    with going(stack, "up", "--yes", "--skip-preview") as command:
        wait_for(lambda: "chat" in _pending(stack), "the pending create")
        command.kill(EVERYTHING)
        command.end(fails=True)
    api.fault()

    assert found(stack.up(fails=True)) == {message for message in QUOTED if "`pulumi cancel`" in message}
    stack.run("cancel", "--yes")
    assert found(stack.up()) == {message for message in QUOTED if "pending operations" in message}
    assert sorted(api.models()) == ["chat/v1"]
    assert found(stack.refresh("--clear-pending-creates")) == set()
    assert "2 unchanged" in stack.up().lines


def _pending(stack: Stack) -> list[str]:
    """The names of the pending operations in the state."""
    (file,) = (stack.story.folder / "state/.pulumi/stacks").rglob("dev.json")
    with suppress(ValueError):  # partly written
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}
        return [begun["resource"]["urn"].rpartition("::")[2] for begun in latest.get("pending_operations", [])]
    return []


def test_the_other_engine_messages_are_on_the_page(story: Story) -> None:
    """A wrong or missing passphrase, a Python without the package, an unsupported import: each has its message."""
    stack = story.declaring(story.api(), chat=model("chat"))
    bare = story.folder / "bare"
    venv.create(bare, with_pip=True)  # the built language host runs pip
    printed: set[str] = set()
    printed |= found(stack.with_environment({"PULUMI_CONFIG_PASSPHRASE": "another"}).preview(fails=True))
    printed |= found(without(stack, "PULUMI_CONFIG_PASSPHRASE").preview(fails=True))
    printed |= found(without(stack, "PYTHONPATH").preview(fails=True))
    printed |= found(stack.under(bare / "bin").preview(fails=True))
    printed |= found(without(stack, "PULUMI_BACKEND_URL").preview(fails=True))
    printed |= found(stack.preview("--stack", "prod", fails=True))
    other = replace(stack, folder=story.empty("other").folder)
    other.write("Pulumi.yaml", project(name="other"))
    printed |= found(other.preview(fails=True))
    (attributes,) = (story.folder / "state/.pulumi/stacks").rglob("dev.json.attrs")
    attributes.write_bytes(b"")
    printed |= found(stack.preview(fails=True))
    attributes.unlink()
    stack.declare(chat=model("chat", endpoint={"host": "https://llm.example.com"}))
    printed |= found(stack.preview(fails=True))
    one = ("import", "pulumi-python:dynamic/enkrypt:EnkryptModel", "chat", "chat/v1", "--yes", "--skip-preview")
    printed |= found(stack.run(*one, fails=True))
    killed = {message for message in QUOTED if "`pulumi cancel`" in message or "pending operations" in message}
    sometimes = {message for message in QUOTED if "context canceled" in message}
    assert printed - sometimes == set(QUOTED) - killed - sometimes
