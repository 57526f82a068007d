"""Registrations as the commands read them, made from a program's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from documents import canonical

from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Kind, Live
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL


def live(props: Mapping[str, Any], dialect: Dialect = "v1", kind: Kind = MODEL) -> Live:
    """What the API would have of a program's arguments."""
    declared = {name: value for name, value in props.items() if name not in kind.options}
    return Live(kind, canonical(declared, kind, dialect), {})


def read_back(props: Mapping[str, Any], dialect: Dialect) -> Live:
    """What is read of such a registration after its way to the API and back: v2 returns its defaults too."""
    body = codec.body(MODEL, live(props, dialect).inputs, dialect)
    config = {name: value for name, value in body["model_config"].items() if value is not None}
    return codec.read(MODEL, {**body, "model_config": config})
