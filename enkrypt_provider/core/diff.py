"""What a difference means, as a table, and the short interpreter of that table.

Compares canonical documents only (schema.py); asks nobody, sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ..fields import COMPUTED, ONLY_IN, OPTIONS, SECRETS
from ..schema import V2_EMPTY, Live, Properties


class Rule(Enum):
    """What a difference in a field means."""

    UPDATE = "changed in place, by PATCH with the whole object"
    REPLACE = "part of the identity: a new registration, made before the old one is deleted"
    SECRET = "compared with what was declared, never with what the server answers"  # noqa: S105 - a name, no password
    UNORDERED = "a set: its order is no difference"
    OPTIONAL = "has no default: where it is not declared, the server's value is no drift"
    OPTION = "said to this provider: the API is not told"
    SERVER = "set by the server: an output"


TABLE: Final[Mapping[str, Rule]] = {
    "model_saved_name": Rule.REPLACE,
    "certifications": Rule.UNORDERED,
    "model_config.model_version": Rule.REPLACE,
    "model_config.paths.vision": Rule.OPTIONAL,
    "model_config.paths.embeddings": Rule.OPTIONAL,
    **{path: Rule.OPTIONAL for path, dialect in ONLY_IN.items() if dialect == "v2"},
    "model_config.context.system_description": Rule.OPTIONAL,
    "model_config.context.policy_description": Rule.OPTIONAL,
    **dict.fromkeys(SECRETS, Rule.SECRET),
    **dict.fromkeys(OPTIONS, Rule.OPTION),
    **dict.fromkeys(COMPUTED, Rule.SERVER),
}
"""Every field that is not simply updated in place, by its path. All others are `Rule.UPDATE`."""

SENT: Final[Mapping[str, Any]] = {f"model_config.{name}": value for name, value in V2_EMPTY.items()}
"""What is sent in v2 for a field that is absent: to say it is no difference."""

UNSENT: Final[Mapping[str, Any]] = {**SENT, "model_config.rate_per_min": 20}
"""What the API makes of an absent field [P: the official client's default]: to leave that out is no difference."""


@dataclass(frozen=True)
class Change:
    """One field that differs. It holds no value: any value may be a secret."""

    path: str
    rule: Rule


_ABSENT: Final = object()


def rule_of(path: str) -> Rule:
    """The rule of a field, given as a dotted path."""
    return TABLE.get(path, Rule.UPDATE)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The fields in which two canonical documents differ; a value that is not known yet always does."""
    return list(_walk(old, new, ""))


def differing(declared: Properties, live: Live) -> list[str]:
    """The paths in which a live registration differs from a declared one, secrets aside (they may be masked)."""
    return [change.path for change in changes(declared, settle(declared, live))]


def without_secrets(declared: Properties) -> Properties:
    """`declared` as if it had no secrets: what nobody can compare is then a difference from what has some."""
    config = declared.get("model_config")
    if not isinstance(config, Mapping):
        return declared
    kept = {name: value for name, value in config.items() if rule_of(f"model_config.{name}") is not Rule.SECRET}
    return {**declared, "model_config": kept}


def settle(declared: Properties, live: Live) -> Properties:
    """The live registration as the program would have written it: only real drift is left as a difference.

    Where nothing is declared (`get`, `import`) it is the live registration as it is.
    """
    if not declared:
        return live.inputs
    options = {name: value for name, value in declared.items() if rule_of(name) is Rule.OPTION}
    found = {
        name: _settled(name, declared.get(name, _ABSENT), value, live.quiet)
        for name, value in _both(declared, live.inputs, live.quiet)
    }
    return found | options


def _both(
    declared: Mapping[str, Any], live: Mapping[str, Any], quiet: frozenset[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in live.items():
        if name in declared or rule_of(prefix + name) not in (Rule.OPTIONAL, Rule.SECRET):
            yield name, value
    for name, value in declared.items():
        path = prefix + name
        if name not in live and (rule_of(path) is Rule.SECRET or path in quiet or value == SENT.get(path, _ABSENT)):
            yield name, value


def _settled(path: str, declared: Any, live: Any, quiet: frozenset[str]) -> Any:
    rule = rule_of(path)
    if declared is not _ABSENT and (rule is Rule.SECRET or path in quiet):
        return declared
    if rule is Rule.UNORDERED and _same_set(declared, live):
        return declared
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return {
            name: _settled(f"{path}.{name}", declared.get(name, _ABSENT), value, quiet)
            for name, value in _both(declared, live, quiet, f"{path}.")
        }
    return live


def _same_set(one: Any, other: Any) -> bool:
    return isinstance(one, list) and isinstance(other, list) and _sorted(one) == _sorted(other)


def _sorted(items: list[Any]) -> list[str]:
    return sorted(map(repr, items))


def _walk(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[Change]:
    for name in {**old, **new}:
        path = f"{prefix}{name}"
        before = old.get(name, SENT.get(path, _ABSENT))
        after = new.get(name, UNSENT.get(path, _ABSENT))
        rule = rule_of(path)
        if rule is Rule.SERVER:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _walk(before, after, f"{path}.")
        elif not _equal(before, after) and not (rule is Rule.UNORDERED and _same_set(before, after)):
            yield Change(path, rule)


def _equal(one: Any, other: Any) -> bool:
    # 443.0 is 443, but True is not 1.
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
