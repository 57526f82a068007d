"""Formats values for the page as text, with keys masked. Nothing here reads the database or writes HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from ..history import Change, Registered
from ..masking import masked
from ..model_rules import STANDARD_PORT
from ..store import Document

HIDDEN = "a different value, which is not shown"


@dataclass(frozen=True)
class Difference:
    """One field that a change touched; None if the field was, or became, absent."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Cell:
    """One value of a registration in a table, with a second line."""

    label: str
    text: str
    second: str = ""
    is_long: bool = False


def about(it: Registered) -> str:
    """Return the line below a name in a table."""
    shown = masked(it.document)
    own: str = shown.get("model_name") or shown.get("description") or ""
    return "" if own == it.name else own


def cells(it: Registered) -> list[Cell]:
    """Return the table cells of a registration after its name, depending on its kind."""
    return _CELLS[it.kind](replace(it, document=masked(it.document)))


def _of_model(it: Registered) -> list[Cell]:
    config = it.document["model_config"]
    hosting = ", hosted internally" if config.get("hosting_type") == "Internal" else ""
    return [
        Cell("Version", it.version),
        Cell("Endpoint", endpoint(it.document), f"{config.get('is_compatible_with', '')}{hosting}", is_long=True),
        Cell("Testing for", it.document["testing_for"]),
    ]


def _of_policy(it: Registered) -> list[Cell]:
    on = [name for name, detector in it.document["detectors"].items() if detector["enabled"]]
    return [Cell("Detectors", ", ".join(on), is_long=True)]


def _of_deployment(it: Registered) -> list[Cell]:
    model = f"{it.document['model_saved_name']}/{it.document['model_version']}"
    return [Cell("Model", model), *(_policy_of(it, way) for way in ("input", "output"))]


def _policy_of(it: Registered, way: str) -> Cell:
    used = it.document[f"{way}_guardrails_policy"] or {}
    does = f"blocks {', '.join(used['block'])}" if used.get("block") else "blocks nothing"
    is_named = bool(used.get("policy_name"))
    second = "" if not is_named else does if used["enabled"] else "not enabled"
    return Cell(f"{way.capitalize()} policy", used["policy_name"] if is_named else "", second, is_long=True)


_CELLS = {"model": _of_model, "policy": _of_policy, "deployment": _of_deployment}


def fields(it: Registered) -> dict[str, str]:
    """Return every field by its path, with keys masked."""
    return {path: _text(value) for path, value in _leaves(masked(_document(it)))}


def groups(it: Registered) -> dict[str, dict[str, str]]:
    """Group every field by the object that holds it: the root first, the fields set by the server last."""
    found: dict[str, dict[str, str]] = {"": {}}
    for path, text in fields(it).items():
        parts = path.split(".")
        depth = min(len(parts) - 1, 2)
        found.setdefault(".".join(parts[: min(depth, 1)]), {})  # an object comes before its nested objects
        found.setdefault(".".join(parts[:depth]), {})[".".join(parts[depth:])] = text
    shown = {name: group for name, group in found.items() if group}
    return {**shown, "set by the server": _set_by_the_server(it)}


def _set_by_the_server(it: Registered) -> dict[str, str]:
    return {
        "account": it.account,
        "project_name": it.project_name,
        f"{it.kind}_id": str(it.number),
        "created_at": moment(it.created_at),
        "updated_at": moment(it.updated_at),
    }


def differences(change: Change) -> list[Difference]:
    """Return the fields that a change changed."""
    if not (change.before and change.after):
        return []
    old, new = (dict(_leaves(_document(it))) for it in (change.before, change.after))
    before, after = fields(change.before), fields(change.after)
    return [
        _difference(path, before.get(path), after.get(path))
        for path in {**old, **new}
        if old.get(path, {}) != new.get(path, {})  # an empty object counts as absent: its fields are listed
    ]


def _difference(path: str, old: str | None, new: str | None) -> Difference:
    return Difference(path, old, HIDDEN if old == new else new)


def event(change: Change) -> str:
    """Return what a change did to its registration."""
    if not change.before:
        return "registered"
    return "changed" if change.after else "deleted"


def endpoint(document: Document) -> str:
    """Return the endpoint of the model as one URL."""
    found = document["model_config"]["endpoint"]
    port = "" if found["port"] == STANDARD_PORT.get(found["scheme"]) else f":{found['port']}"
    return f"{found['scheme']}://{found['host']}{port}{found['base_path']}" if found["host"] else ""


def moment(text: str) -> str:
    """Format a time to the second, in UTC."""
    return datetime.fromisoformat(text).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _document(it: Registered) -> Document:
    identity = {"model_saved_name": it.name, "model_version": it.version} if it.version else {}
    return {**identity, **it.document}


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value by its path, except objects that are not empty."""
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
