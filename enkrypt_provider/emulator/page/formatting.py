"""What a value looks like on the page: as text, and never a key. Nothing here reads the database or writes HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..history import Change
from ..masking import masked
from ..model_rules import STANDARD_PORT
from ..store import Document, Model

HIDDEN = "another value, which is not shown"


@dataclass(frozen=True)
class Difference:
    """One field that a change touched; None where there was, or is, no such field."""

    path: str
    old: str | None
    new: str | None


def fields(model: Model) -> dict[str, str]:
    """Every field by its path, keys masked."""
    return {path: _text(value) for path, value in _leaves(masked(_document(model)))}


def groups(model: Model, account: str) -> dict[str, dict[str, str]]:
    """Every field by its name, in the objects that hold them: the root first, last what the server set."""
    found: dict[str, dict[str, str]] = {"": {}, "model_config": {}}
    for path, text in fields(model).items():
        parts = path.split(".")
        depth = min(len(parts) - 1, 2)
        found.setdefault(".".join(parts[:depth]), {})[".".join(parts[depth:])] = text
    return {**found, "set by the server": _set_by_the_server(model, account)}


def _set_by_the_server(model: Model, account: str) -> dict[str, str]:
    return {
        "account": account,
        "project_name": model.project_name,
        "model_id": str(model.model_id),
        "created_at": moment(model.created_at),
        "updated_at": moment(model.updated_at),
    }


def differences(change: Change) -> list[Difference]:
    """What a change of a model changed."""
    if not (change.before and change.after):
        return []
    old, new = (dict(_leaves(_document(model))) for model in (change.before, change.after))
    before, after = fields(change.before), fields(change.after)
    return [
        _difference(path, before.get(path), after.get(path))
        for path in {**old, **new}
        if old.get(path, {}) != new.get(path, {})  # an empty object is as good as none: its fields are told
    ]


def _difference(path: str, old: str | None, new: str | None) -> Difference:
    return Difference(path, old, HIDDEN if old == new else new)


def kind(change: Change) -> str:
    """What a change did to its model."""
    if not change.before:
        return "registered"
    return "changed" if change.after else "deleted"


def endpoint(document: Document) -> str:
    """The address at which the model is reached, as one URL."""
    found = document["model_config"]["endpoint"]
    port = "" if found["port"] == STANDARD_PORT.get(found["scheme"]) else f":{found['port']}"
    return f"{found['scheme']}://{found['host']}{port}{found['base_path']}" if found["host"] else ""


def moment(text: str) -> str:
    """A time as a person reads it: seconds, UTC."""
    return datetime.fromisoformat(text).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _document(model: Model) -> Document:
    identity = {"model_saved_name": model.model_saved_name, "model_version": model.model_version}
    return {**identity, **model.document}


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no object, or an empty one, by its path."""
    for name, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", item


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return "" if value in ({}, []) else json.dumps(value, ensure_ascii=False)
