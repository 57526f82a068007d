"""Every kind, for what works on all of them."""

from __future__ import annotations

from typing import Final

from .deployment import DEPLOYMENT
from .guardrails_policy import GUARDRAILS_POLICY
from .kind import Kind
from .model import MODEL

KINDS: Final[tuple[Kind, ...]] = (MODEL, GUARDRAILS_POLICY, DEPLOYMENT)
