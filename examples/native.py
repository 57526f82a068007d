"""The life cycle of a stack that uses the native plugin, in any language. Contains no tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graph import of_dot, svg

from enkrypt_provider.testing import Registry, assert_no_secret

KEY = "stand-in-openai-key-4711"


def run_life_cycle(project: Any, example: Path) -> None:
    """Registers a model and its judge, previews without changes, deletes both; no key may be shown."""
    project.run("stack", "init", "dev")
    project.run("config", "set", "--secret", "openaiApiKey", KEY)
    project.run("up", "--yes", "--skip-preview")
    registry = Registry(project.folder / ".enkrypt" / "emulator.sqlite")
    models = registry.models()
    assert sorted(models) == ["judge/v1", "support/v1"]
    assert models["judge/v1"]["model_config"]["system_prompt"] == "You judge the answers of support/v1."
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
