"""The two dialects over one stored document: what each writes, and what each shows of the other's fields.

The stored document is neutral: v1's names, plus the fields that only v2 has. Validation is in model_rules.py, storage
in store.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from .model_rules import ONLY_V1, ONLY_V2
from .store import Document, Identity, Model
from .validation import DEFAULT_VERSION, Dialect

Body = dict[str, Any]

BOXAI = "boxai"
"""Where the Box AI part of `auth_data` is stored. It is not shown: the official client's reader breaks on it [P]."""
ROOT_ONLY_V1 = ("model_type",)
CONFIG_ONLY_V2 = (*ONLY_V2, BOXAI)
ABSENT_FROM_V2: Mapping[str, Any] = {
    "model_type": "text_2_text", **{name: field.default for name, field in ONLY_V1.items()}
}  # fmt: skip


def identity_of(dialect: Dialect, body: Body) -> Identity:
    """Return the identity in a validated body."""
    holder = body["model_config"] if dialect == "v1" else body
    return Identity(body["model_saved_name"], holder["model_version"])


def to_document(dialect: Dialect, body: Body, before: Document | None = None) -> Document:
    """Convert a body to its stored form; fields that this dialect lacks are kept from `before`."""
    document = {**body, "model_config": dict(body["model_config"])}
    config = document["model_config"]
    del document["model_saved_name"]
    (config if dialect == "v1" else document).pop("model_version", DEFAULT_VERSION)
    if dialect == "v2":
        config["is_compatible_with"] = config.pop("model_provider")
        hidden = {name: value for name, value in config["auth_data"].items() if name.startswith(BOXAI)}
        shown = {name: value for name, value in config["auth_data"].items() if name not in hidden}
        config.update({"auth_data": shown, BOXAI: hidden} if hidden else {})
    return _with_kept_fields(dialect, document, before)


def _with_kept_fields(dialect: Dialect, document: Document, before: Document | None) -> Document:
    root = ROOT_ONLY_V1 if dialect == "v2" else ()
    in_config: Iterable[str] = ONLY_V1 if dialect == "v2" else CONFIG_ONLY_V2
    old: Document = before or {**ABSENT_FROM_V2, "model_config": ABSENT_FROM_V2}
    document.update({name: old[name] for name in root if name in old})
    kept = {name: old["model_config"][name] for name in in_config if name in old["model_config"]}
    document["model_config"] = as_jsonb({**document["model_config"], **kept})
    return document


def to_body(dialect: Dialect, model: Model, *, mask_apikeys: bool) -> Body:
    """Convert a model to the form that this dialect shows, with its keys in the document's order."""
    document, config = model.document, dict(model.document["model_config"])
    if mask_apikeys:
        config["apikeys"] = ["xxxxx"] * len(config["apikeys"])
    seen = _seen_by_v1 if dialect == "v1" else _seen_by_v2
    return {**seen(model, document, config), **_set_by_the_server(model)}


def _seen_by_v1(model: Model, document: Document, config: Document) -> Body:
    seen = {name: value for name, value in config.items() if name not in CONFIG_ONLY_V2}
    return {
        "model_saved_name": model.model_saved_name,
        "testing_for": document["testing_for"],
        "model_name": document["model_name"],
        "model_type": document["model_type"],
        "certifications": document["certifications"],
        "model_config": _ordered({**seen, "model_version": model.model_version}),
    }


def _seen_by_v2(model: Model, document: Document, config: Document) -> Body:
    seen = {name: value for name, value in config.items() if name not in (*ONLY_V1, BOXAI)}
    seen["model_provider"] = seen.pop("is_compatible_with")
    return {
        "model_saved_name": model.model_saved_name,
        "model_version": model.model_version,
        "testing_for": document["testing_for"],
        "model_name": document["model_name"],
        "certifications": document["certifications"],
        "model_config": _ordered(seen),
    }


def to_summary(model: Model) -> Body:
    """Build an item of a list without details; its choice of fields is a guess [G]."""
    return {
        "model_saved_name": model.model_saved_name,
        "model_version": model.model_version,
        "model_name": model.document["model_name"],
        **_set_by_the_server(model),
    }


def _set_by_the_server(model: Model) -> Body:
    return {
        "created_at": model.created_at,
        "project_name": model.project_name,
        "updated_at": model.updated_at,
        "model_id": model.model_id,
    }


def as_jsonb(value: Any) -> Any:
    """Order the keys of all objects as PostgreSQL's jsonb does: the document's response shows that order."""
    if isinstance(value, dict):
        return {name: as_jsonb(value[name]) for name in _order(tuple(value))}
    if isinstance(value, list):
        return [as_jsonb(item) for item in value]
    return value


def _ordered(value: Mapping[str, Any]) -> Body:
    return {name: value[name] for name in _order(tuple(value))}


@lru_cache(maxsize=1024)
def _order(names: tuple[str, ...]) -> list[str]:
    return sorted(sorted(names), key=len)
