"""Every kind, for what works on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from ..errors import ConfigurationError, near_match, plain
from .deployment import DEPLOYMENT
from .guardrails_policy import GUARDRAILS_POLICY
from .kind import Kind
from .model import MODEL

KINDS: Final[tuple[Kind, ...]] = (MODEL, GUARDRAILS_POLICY, DEPLOYMENT)
"""What is named stands before what names it."""
Section: TypeAlias = Literal["models", "policies", "deployments"]
SECTIONS: Final[Mapping[str, Kind]] = {kind.calls.listed: kind for kind in KINDS}
"""The kinds by the plural of their noun."""


def kind_named(word: str) -> Kind:
    """Return the kind that a person calls `policies` or `policy`. Raise `ConfigurationError`."""
    names = {name: kind for section, kind in SECTIONS.items() for name in (section, kind.noun)}
    if kind := names.get(str(word).casefold()):
        return kind
    hint = near_match(str(word), tuple(names))
    raise ConfigurationError(f"{plain(word, 60)}: must be one of {', '.join(SECTIONS)}{hint}")
