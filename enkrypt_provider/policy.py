"""Rules that every model of a program must keep: `policy.enforce(…)`. It is program/policy.py."""

from .program.policy import (
    SECRET,
    Model,
    NotKnownYet,
    PolicyViolation,
    Rule,
    certified,
    enforce,
    https_only,
    in_stacks,
    owned,
)

__all__ = [
    "SECRET",
    "Model",
    "NotKnownYet",
    "PolicyViolation",
    "Rule",
    "certified",
    "enforce",
    "https_only",
    "in_stacks",
    "owned",
]
