"""examples/guarded-model: with the real engine, what its README says, up to destroy in the right order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from graph import of_dot, svg

from enkrypt_provider.emulator import create_app

HERE = Path(__file__).parent


def names(database: Path) -> dict[str, list[str]]:
    """What is registered, by its kind."""
    transport = httpx.WSGITransport(create_app(database))
    with httpx.Client(transport=transport, base_url="http://look", headers={"apikey": "look"}) as http:
        lists = {
            "models": "/models/list-models",
            "policies": "/guardrails/list-policies",
            "deployments": "/deployments/list-deployments",
        }
        found = {kind: http.get(path).raise_for_status().json()[kind] for kind, path in lists.items()}
    return {kind: [it.get("name") or it["model_saved_name"] for it in items] for kind, items in found.items()}


def done(text: str) -> list[tuple[str, str]]:
    """What the engine did to which kind, in order."""
    lines = [line.split() for line in text.splitlines() if "pulumi-python:dynamic" in line]
    return [
        (words[1].rpartition(":")[2], words[3]) for words in lines if words[3] in ("created", "updated", "deleted")
    ]


def test_the_engine_does_what_the_readme_says(project: Callable[[Path], Any]) -> None:
    guarded = project(HERE)
    database = guarded.folder / ".enkrypt" / "emulator.sqlite"
    guarded.run("stack", "init", "dev")
    up = done(guarded.run("up", "--yes", "--skip-preview"))
    assert up[-1] == ("EnkryptDeployment", "created")
    assert len(up) == 3
    assert names(database) == {"models": ["support-chat"], "policies": ["support"], "deployments": ["support"]}
    assert guarded.run("stack", "output", "deployment").strip() == "support"

    guarded.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((guarded.folder / "stack.dot").read_text())) == (HERE / "graph.svg").read_text()

    guarded.run("config", "set", "--path", "topics[0]", "legal advice")
    assert done(guarded.run("up", "--yes", "--skip-preview")) == [("EnkryptGuardrailsPolicy", "updated")]
    destroyed = done(guarded.run("destroy", "--yes", "--skip-preview"))
    assert destroyed[0] == ("EnkryptDeployment", "deleted")
    assert len(destroyed) == 3
    assert names(database) == {"models": [], "policies": [], "deployments": []}
