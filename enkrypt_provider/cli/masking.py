"""Replaces the secrets of registrations: with `***` to show them, with `Secret`s to declare them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..kinds.kind import Kind, Properties
from ..kinds.markers import Secret
from ..kinds.plain import changed, dotted, leaves
from ..kinds.secrets import Path, place_of

STARS: Final = "***"


def replaced(kind: Kind, inputs: Properties, place: Callable[[str, str], Any]) -> Properties:
    """Return canonical `inputs` with each string that may be a secret replaced by `place(LABEL, TEXT)`.

    The label is that of the field, such as `apikey`, or the secret's own key in a free-form map.
    """
    found: Properties = kind.with_secret_texts(inputs, lambda path, text: place(label(kind, path), text))
    return found


def label(kind: Kind, path: Path) -> str:
    """Return the label of the secret at `path`."""
    labels = {field.path: secret.label for field, secret in kind.having(Secret)}
    own = next((name for place, name in labels.items() if f"{place_of(path)}.".startswith(f"{place}.")), "")
    return own or str(next(part for part in reversed(path) if isinstance(part, str)))


def shown(kind: Kind, inputs: Properties) -> Properties:
    """Return canonical `inputs` for display, with `***` for each string or number that may be a secret."""
    masked = replaced(kind, inputs, lambda _label, _text: STARS)
    found: Properties = kind.with_secrets(
        masked, lambda secret: changed(secret, lambda leaf: STARS if _is_number(leaf) else leaf)
    )
    return found


def secret_numbers(kind: Kind, inputs: Properties) -> list[str]:
    """Return the path of each number that may be a secret: secrets in a configuration must be strings."""
    secret = kind.secret_paths(inputs)
    numbers = [path for path, leaf in leaves(inputs) if _is_number(leaf)]
    return [dotted(path) for path in numbers if any(path[: len(place)] == place for place in secret)]


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, int | float) and not isinstance(leaf, bool)
