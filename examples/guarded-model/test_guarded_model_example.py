"""examples/guarded-model: the commands of its README with the real engine, including destroy in the right order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph import of_dot, svg
from guarded import done, names

HERE = Path(__file__).parent
FOUND = {
    "model": "support-chat/v1",
    "header": {"X-Enkrypt-Deployment": "support"},
    "blocks": ["injection_attack", "topic_detector"],
    "detectors": ["injection_attack", "pii", "topic_detector", "toxicity"],
}


def test_the_engine_does_what_the_readme_says(project: Callable[[Path], Any]) -> None:
    guarded = project(HERE)
    database = guarded.folder / ".enkrypt" / "emulator.sqlite"
    guarded.run("stack", "init", "dev")
    up = done(guarded.run("up", "--yes", "--skip-preview"))
    assert up[-1] == ("EnkryptDeployment", "created")
    assert len(up) == 3
    assert names(database) == [["support-chat/v1"], ["support"], ["support"]]
    assert guarded.run("stack", "output", "deployment").strip() == "support"

    caller = ("--cwd", "caller")
    guarded.run("stack", "init", "dev", *caller)
    guarded.run("up", "--yes", "--skip-preview", *caller)
    assert json.loads(guarded.run("stack", "output", "--json", *caller)) == FOUND

    guarded.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((guarded.folder / "stack.dot").read_text())) == (HERE / "graph.svg").read_text()

    guarded.run("config", "set", "--path", "topics[0]", "legal advice")
    assert done(guarded.run("up", "--yes", "--skip-preview")) == [("EnkryptGuardrailsPolicy", "updated")]
    destroyed = done(guarded.run("destroy", "--yes", "--skip-preview"))
    assert destroyed[0] == ("EnkryptDeployment", "deleted")
    assert len(destroyed) == 3
    assert names(database) == [[], [], []]
