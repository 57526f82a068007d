"""Which fields of a kind name a registration of another kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .deployment import DEPLOYMENT
from .guardrails_policy import GUARDRAILS_POLICY
from .kind import Identifier, Kind, Properties, at
from .model import MODEL


@dataclass(frozen=True)
class Reference:
    """The paths of the fields that together hold the identity of a registration of `kind`, the name first."""

    kind: Kind
    paths: tuple[str, ...]

    def named(self, inputs: Properties) -> Identifier | None:
        """Return the identity that canonical inputs name; None where they name none, or it is not known yet."""
        parts = [at(inputs, path) for path in self.paths]
        return Identifier(*parts) if all(isinstance(part, str) for part in parts) else None


REFERENCES: Final[Mapping[Kind, tuple[Reference, ...]]] = {
    DEPLOYMENT: (
        Reference(MODEL, ("model_saved_name", "model_version")),
        Reference(GUARDRAILS_POLICY, ("input_guardrails_policy.policy_name",)),
        Reference(GUARDRAILS_POLICY, ("output_guardrails_policy.policy_name",)),
    )
}


def named(kind: Kind, inputs: Properties) -> Iterator[tuple[Reference, Identifier]]:
    """Each registration that canonical inputs name, as far as it is known."""
    for reference in REFERENCES.get(kind, ()):
        if identity := reference.named(inputs):
            yield reference, identity
