"""The life of a stack of the native plugin, whatever language its program is in. No test lives here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graph import of_dot, svg

from enkrypt_provider.testing import Registry, assert_no_secret

KEY = "stand-in-openai-key-4711"


def lives(project: Any, example: Path) -> None:
    """Registers a model and its judge, again without a change, without a key in sight, and deletes them."""
    project.run("stack", "init", "dev")
    project.run("config", "set", "--secret", "openaiApiKey", KEY)
    project.run("up", "--yes", "--skip-preview")
    registry = Registry(project.folder / ".enkrypt" / "emulator.sqlite")
    models = registry.models()
    assert sorted(models) == ["judge/v1", "support/v1"]
    assert models["judge/v1"]["model_config"]["system_prompt"] == "You judge what support/v1 answers."
    for model in models.values():
        assert model["model_config"]["apikeys"] == [KEY]
        assert model["model_config"]["endpoint"]["base_path"] == "/v1"
    outputs = project.run("stack", "output", "--json")
    assert json.loads(outputs[outputs.index("{") :]) == {"judge": "judge/v1", "host": "api.openai.com"}
    assert_no_secret(KEY, project.run("stack", "export"))
    assert_no_secret(KEY, project.run("preview", "--diff", "--expect-no-changes"))
    project.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    drawn = svg(of_dot((project.folder / "stack.dot").read_text()))
    assert (example / "graph.svg").read_text() == drawn
    project.run("destroy", "--yes", "--skip-preview")
    assert registry.models() == {}
