"""Ctrl-C while the native plugin waits: the run ends, and nothing that it started is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

from enkrypt_provider.emulator import Fault

from ..harness import Story
from ..programs import MODEL_KEY, model
from .projects import native

LIMIT = 60.0
"""Time limit for the interrupted run to end, in seconds. It normally takes a few."""


def test_an_interrupt_cuts_a_wait_short(story: Story) -> None:
    """The API does the work but asks for a retry in 30 s; the next `up` finds the registration."""
    api = story.api()
    stack = native(story, api=api, environment={MODEL_KEY: story.secrets.make("the models' key")})
    stack.write("models.json", json.dumps({"chat": model("chat")}))
    api.fault(Fault(call="add_model", status=503, retry_after="30", work=True))
    command = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
    with subprocess.Popen(
        command, cwd=stack.folder, env=dict(stack.environment), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as up:  # fmt: skip
        assert up.stdout is not None
        printed = ""
        while "trying again in 30 s" not in printed:
            line = up.stdout.readline()
            assert line, printed
            printed += line
        began = time.monotonic()
        os.killpg(up.pid, signal.SIGINT)  # to the whole group, as a terminal does
        printed += up.stdout.read()
        up.wait(LIMIT)
    assert time.monotonic() - began < 25, printed
    assert up.returncode != 0
    assert "interrupted while waiting" in printed
    api.fault()
    stack.up()
    assert list(api.models()) == ["chat/v1"]
    stack.up("--expect-no-changes")
