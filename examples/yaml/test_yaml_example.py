"""examples/yaml: the commands of its README with the engine and the native plugin, up to an ordered destroy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graph import of_dot, svg
from guarded import done, names

from enkrypt_provider.testing import Registry, assert_no_secret

HERE = Path(__file__).parent
KEY = "stand-in-openai-key-4711"


@pytest.mark.timeout(600)
def test_the_engine_does_what_the_readme_says(
    project: Callable[[Path], Any], speaking: Callable[[str], None]
) -> None:
    speaking("yaml")
    guarded = project(HERE)
    database = guarded.folder / ".enkrypt" / "emulator.sqlite"
    guarded.run("stack", "init", "dev")
    guarded.run("config", "set", "--secret", "openaiApiKey", KEY)
    up = done(guarded.run("up", "--yes", "--skip-preview"))
    assert len(up) == 3
    assert up[-1] == ("Deployment", "created")
    assert names(database) == [["support-chat/v1"], ["support"], ["support"]]
    assert Registry(database).models()["support-chat/v1"]["model_config"]["apikeys"] == [KEY]
    outputs = guarded.run("stack", "output", "--json")
    assert json.loads(outputs[outputs.index("{") :]) == {"deployment": "support", "host": "api.openai.com"}
    assert_no_secret(KEY, guarded.run("stack", "export"))
    assert_no_secret(KEY, guarded.run("preview", "--diff", "--expect-no-changes"))

    guarded.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((guarded.folder / "stack.dot").read_text())) == (HERE / "graph.svg").read_text()

    guarded.run("config", "set", "topic", "legal advice")
    assert done(guarded.run("up", "--yes", "--skip-preview")) == [("GuardrailsPolicy", "updated")]
    destroyed = done(guarded.run("destroy", "--yes", "--skip-preview"))
    assert len(destroyed) == 3
    assert destroyed[0] == ("Deployment", "deleted")
    assert names(database) == [[], [], []]
