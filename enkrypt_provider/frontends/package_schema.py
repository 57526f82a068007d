"""The native package's schema: schema.json, which `make generate` makes of `kinds/`. The engine makes SDKs of it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

from .. import __version__
from ..kinds.kind import Kind
from ..kinds.model import MODEL

NAME: Final = "enkrypt"
KINDS: Final = (MODEL,)
FILE: Final = "schema.json"


def token(kind: Kind) -> str:
    """`enkrypt:index:EnkryptModel`."""
    return f"{NAME}:index:{kind.name}"


def package() -> dict[str, Any]:
    """The whole schema, of this version."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return {**json.loads(text), "version": __version__}
