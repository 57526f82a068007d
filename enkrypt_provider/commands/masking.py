"""Registrations without their secrets: for a person, and as arguments that take them from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..kinds.kind import Properties
from ..kinds.markers import Secret
from ..kinds.model import MODEL
from ..kinds.secrets import Path, place_of

STARS: Final = "***"


def replaced(inputs: Properties, place: Callable[[str, str], Any]) -> Properties:
    """Canonical `inputs` with `place(LABEL, TEXT)` for each text that may be a secret.

    The label is that of the field, such as `apikey`, or the name by which a free map calls the secret.
    """
    found: Properties = MODEL.with_secret_texts(inputs, lambda path, text: place(label(path), text))
    return found


def label(path: Path) -> str:
    """What the secret at `path` is called."""
    labels = {field.path: secret.label for field, secret in MODEL.having(Secret)}
    own = next((name for place, name in labels.items() if f"{place_of(path)}.".startswith(f"{place}.")), "")
    return own or str(next(part for part in reversed(path) if isinstance(part, str)))


def shown(inputs: Properties) -> Properties:
    """Canonical `inputs` for a person: `***` for each text that may be a secret."""
    return replaced(inputs, lambda _label, _text: STARS)
