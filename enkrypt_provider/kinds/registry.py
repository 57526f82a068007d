"""All kinds of registration, and how configuration and commands name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeAlias

from ..errors import ConfigurationError, near_match, plain
from ..settings import NAMES
from .deployment import DEPLOYMENT
from .guardrails_policy import GUARDRAILS_POLICY
from .kind import Kind
from .model import MODEL

KINDS: Final[tuple[Kind, ...]] = (MODEL, GUARDRAILS_POLICY, DEPLOYMENT)
"""A kind comes before the kinds that refer to it."""
Section: TypeAlias = Literal["models", "policies", "deployments"]
SECTIONS: Final[Mapping[str, Kind]] = {kind.calls.listed: kind for kind in KINDS}
"""The kinds by the plural of their noun."""


def kind_named(word: str) -> Kind:
    """Return the kind for a section name or noun, such as `policies` or `policy`. Raise `ConfigurationError`."""
    names = {name: kind for section, kind in SECTIONS.items() for name in (section, kind.noun)}
    if kind := names.get(str(word).casefold()):
        return kind
    hint = near_match(str(word), tuple(names))
    raise ConfigurationError(
        f"{plain(word, 60)} is not a kind of registration: use one of {', '.join(SECTIONS)}{hint}"
    )


def misspelt(names: Iterable[str]) -> Iterator[str]:
    """Yield a line for each unknown configuration name that is close to a known one."""
    known = (*NAMES, *SECTIONS)
    for name in names:
        if name not in known and (hint := near_match(name, known, cutoff=0.8)):
            yield f"enkrypt:{plain(name, 60)} is neither a setting nor a section of the catalogue{hint}"
