"""The native package's schema: schema.json, written by `make generate` from `kinds/`. The engine makes SDKs from it.

Imports nothing heavy, because programs read it too.
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
"""The prefix of a dynamic resource's type."""
FILE: Final = "schema.json"


def package() -> dict[str, Any]:
    """The whole schema, with this version."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return {**json.loads(text), "version": __version__}


def token(name: str) -> str:
    """`enkrypt:index:EnkryptModel`."""
    return f"{NAME}:index:{name}"


def short(kind: str) -> str:
    """`GuardrailsPolicy` for the class `EnkryptGuardrailsPolicy`: its name in types and functions."""
    return kind.removeprefix("Enkrypt")


def resource(kind: str) -> str:
    """`enkrypt:index:GuardrailsPolicy`, the type of a kind's resource; a model keeps the whole class name."""
    return token(kind if kind == "EnkryptModel" else short(kind))


def functions(kind: Kind) -> tuple[str, str]:
    """The names of a kind's functions: `getGuardrailsPolicy`, `listGuardrailsPolicies`."""
    stem = short(kind.name).removesuffix(kind.noun.capitalize())
    return f"get{short(kind.name)}", f"list{stem}{kind.calls.listed.capitalize()}"


def camel(name: str) -> str:
    """`jwtUrl` for `jwt_url`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def snake(name: str) -> str:
    """`jwt_url` for `jwtUrl`."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
