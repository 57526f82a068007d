"""Rules that a program's registrations must satisfy: `policy.enforce(…)`. See program/policy.py."""

from .program.policy import (
    SECRET,
    Model,
    NotKnownYet,
    PolicyViolation,
    Registration,
    Rule,
    blocks,
    certified,
    enables,
    enforce,
    guarded,
    https_only,
    in_stacks,
    owned,
)

__all__ = [
    "SECRET",
    "Model",
    "NotKnownYet",
    "PolicyViolation",
    "Registration",
    "Rule",
    "blocks",
    "certified",
    "enables",
    "enforce",
    "guarded",
    "https_only",
    "in_stacks",
    "owned",
]
