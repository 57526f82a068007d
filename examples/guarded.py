"""What a stack of a guarded model did, and what it left behind. No test lives here."""

from __future__ import annotations

from pathlib import Path

import httpx

from enkrypt_provider.emulator import create_app


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
    lines = [line.split() for line in text.splitlines() if "enkrypt:" in line]
    return [
        (words[1].rpartition(":")[2], words[3]) for words in lines if words[3] in ("created", "updated", "deleted")
    ]
