"""Secrets of a stack's configuration: which one holds a string of a registration, and its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from ..kinds.kind import Live
from ..kinds.secrets import is_masked

SHARED: Final = "shared"
"""Prefix for the names of secrets that several registrations share."""
DISTINCT: Final = 8
"""Minimum length of a string that is unlikely to be in two registrations by chance."""


@dataclass(frozen=True)
class Secret:
    """A placeholder in arguments for the configuration secret `enkrypt:NAME`."""

    name: str


class Secrets:
    """The secrets of a stack's configuration: those that it already `held`, and those found in the API's responses.

    `masked_as` names the secret to use for every string that the API masks; by default, each has its own. Existing
    catalogue entries may use `others` as secrets, new declarations do not. `repeated` are strings that several
    registrations share.
    """

    def __init__(
        self,
        held: Mapping[str, str],
        masked_as: str = "",
        others: Mapping[str, str] | None = None,
        repeated: Iterable[str] = (),
    ) -> None:
        self._held: Final = {name: value for name, value in held.items() if value and name != "apiKey"}
        self._others: Final = {name: value for name, value in (others or {}).items() if value}
        self._masked_as: Final = masked_as
        self._repeated: Final = frozenset(repeated)
        self.found: Final[dict[str, str]] = {}
        """Secrets to set in the stack's configuration, by name."""

    @property
    def known(self) -> dict[str, str]:
        """Every secret whose value is known, by name."""
        return {**self._others, **self._held, **self.found}

    def place(self, resource: str, label: str, text: str, taken: set[str]) -> Secret:
        """Return a secret for `text` named RESOURCE_LABEL, with a number if `taken` or another secret has that
        name."""
        wanted = f"{SHARED if text in self._repeated else resource}_{label}"
        free = (name for name in numbered(wanted, "_") if name not in taken)
        if is_masked(text):
            name = self._masked_as or next(free)
        else:
            name = self._holding(text, wanted) or self._new(text, free)
        taken.add(name)
        return Secret(name)

    def _new(self, text: str, free: Iterator[str]) -> str:
        name = next(name for name in free if self.known.get(name, text) == text)
        self.found[name] = text
        return name

    def _holding(self, text: str, wanted: str) -> str:
        """Return the secret that already has this value. Short new ones may match by chance and are skipped."""
        known = {**self._held, **(self.found if len(text) >= DISTINCT else {})}
        return next((name for name in (wanted, *known) if known.get(name) == text), "")


def repeated_in(lives: Iterable[Live]) -> set[str]:
    """Return the secret strings that several of the registrations share."""
    users_of = Counter(text for live in lives for text in {*live.kind.secret_texts(live.inputs)})
    return {text for text, users in users_of.items() if users > 1 and len(text) >= DISTINCT and not is_masked(text)}


def numbered(name: str, separator: str) -> Iterator[str]:
    """Yield `name`, then `name` followed by 2, 3 and so on."""
    yield name
    yield from (f"{name}{separator}{number}" for number in count(2))
