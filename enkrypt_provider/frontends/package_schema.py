"""The native package's schema: schema.json, which `make generate` makes of `kinds/`. The engine makes SDKs of it.

Imports nothing heavy: programs read it too.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from .. import __version__

if TYPE_CHECKING:
    from ..kinds.kind import Kind  # a program needs no pydantic

NAME: Final = "enkrypt"
DYNAMIC: Final = "pulumi-python:dynamic/enkrypt:"
"""What the type of a dynamic resource begins with."""
FILE: Final = "schema.json"


def package() -> dict[str, Any]:
    """The whole schema, of this version."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return {**json.loads(text), "version": __version__}


def token(name: str) -> str:
    """`enkrypt:index:EnkryptModel`."""
    return f"{NAME}:index:{name}"


def short(kind: str) -> str:
    """`GuardrailsPolicy` of the class `EnkryptGuardrailsPolicy`: what types and functions are named by."""
    return kind.removeprefix("Enkrypt")


def resource(kind: str) -> str:
    """`enkrypt:index:GuardrailsPolicy`, the type of a kind's resource; a model's keeps its whole name."""
    return token(kind if kind == "EnkryptModel" else short(kind))


def functions(kind: Kind) -> tuple[str, str]:
    """`getGuardrailsPolicy`, `listGuardrailsPolicies`: its functions."""
    stem = short(kind.name).removesuffix(kind.noun.capitalize())
    return f"get{short(kind.name)}", f"list{stem}{kind.calls.listed.capitalize()}"


def camel(name: str) -> str:
    """`jwt_url` as `jwtUrl`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def snake(name: str) -> str:
    """`jwtUrl` as `jwt_url`."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
