"""Creates registrations as the commands read them, from a program's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from documents import canonical

from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Kind, Live
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL


def live(props: Mapping[str, Any], dialect: Dialect = "v1", kind: Kind = MODEL) -> Live:
    """Return the registration of a program's arguments."""
    declared = {name: value for name, value in props.items() if name not in kind.options}
    return Live(kind, canonical(declared, kind, dialect), {})


def read_back(props: Mapping[str, Any], dialect: Dialect) -> Live:
    """Return such a registration as read back from the API; v2 returns its defaults too."""
    body = codec.body(MODEL, live(props, dialect).inputs, dialect)
    config = {name: value for name, value in body["model_config"].items() if value is not None}
    return codec.read(MODEL, {**body, "model_config": config})
