"""Policies: rules for a program's registrations, checked at preview, before anything is registered.

A rule is a plain function of a `Registration`. This module decides when rules are checked and what a violation does,
and has a few common rules. For users: docs/policy.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any, Final

import pulumi
from pulumi.runtime import rpc

from ..errors import EnkryptError, counted, plain
from ..frontends.package_names import ALL_TYPES, from_package
from ..frontends.property_values import clear, from_engine, without_unknown
from ..kinds import codec
from ..kinds.kind import Kind
from ..kinds.plain import UNKNOWN, leaves
from ..kinds.registry import Section, kind_named
from .errors import one_line

SECRET: Final = "[secret]"  # noqa: S105 - a name, no password
"""What a rule sees instead of keys."""


class NotKnownYet(Exception):
    """A rule read a value that depends on another resource; it is checked again once the value is known."""


class PolicyViolation(EnkryptError, pulumi.RunError):
    """A mandatory rule was broken, so the resource was not registered. `violations` has one line per violation."""

    def __init__(self, name: str, violations: list[str]) -> None:
        super().__init__(f"{plain(name, 60)}: {counted(len(violations), 'policy violation')}: not registered")
        self.violations = violations


@dataclass(frozen=True)
class Registration:
    """A model, a policy or a deployment as declared: `model["model_config.endpoint.scheme"]`.

    Defaults are filled in, absent values are None, and keys are `SECRET`. `name` is the resource's name. Other values
    that the program made secret are in the clear, so a rule's message must not show any value.
    """

    name: str
    project: str
    stack: str
    inputs: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, path: str) -> Any:
        """The value at a dotted path. Raises `NotKnownYet` at preview if it depends on another resource."""
        found: Any = self.inputs
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else found if found is UNKNOWN else None
        if any(leaf is UNKNOWN for _, leaf in leaves(found)):
            raise NotKnownYet(path)
        return found


Model = Registration
Rule = Callable[[Registration], str | Iterable[str] | None]
"""Returns what is wrong with a registration: one line or several that name the field and the rule, or None."""


@one_line
def enforce(*rules: Rule, advisory: Iterable[Rule] = (), on: Section = "models") -> None:
    """Check every model, or every registration of the kind `on`, that the program declares from now on.

    A violation of one of `rules` is an error: the resource is not registered and the preview fails. A violation of
    an `advisory` rule is a warning. A rule that needs a value unknown at preview is checked at `pulumi up`, before
    the resource is registered. Raises `ConfigurationError` if `on` names no kind.
    """
    kind, hints = kind_named(on), tuple(advisory)
    name, *_ = kind.identity

    def judge(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if ALL_TYPES.get(args.type_) is not kind or args.opts.id:
            return None
        props: dict[str, Any] = dict(args.props)
        verdict: pulumi.Output[bool] = pulumi.Output.from_input(_judged(kind, args.name, props, rules, hints))
        # The resource is not sent to the engine before there is a verdict.
        gate = pulumi.Output.all(props[name], verdict).apply(lambda both: both[0])
        return pulumi.ResourceTransformationResult({**props, name: gate}, args.opts)

    # Not `register_resource_transform`: the engine shows an error raised in its callback as a traceback.
    pulumi.runtime.register_stack_transformation(judge)


# ---- common rules


def https_only(model: Registration) -> str | None:
    """No model's endpoint may be plain http, which sends keys and prompts unencrypted."""
    return "model_config.endpoint.scheme must be https" if model["model_config.endpoint.scheme"] == "http" else None


def certified(*names: str) -> Rule:
    """Every model must have these certifications."""

    def certified(model: Registration) -> list[str]:
        held = model["certifications"] or ()
        return [f'certifications must include "{name}"' for name in names if name not in held]

    return certified


def owned(model: Registration) -> str | None:
    """Every model that is hosted internally must name its owner."""
    if model["model_config.hosting_type"] != "Internal" or model["model_config.metadata.owner"]:
        return None
    return "model_config.metadata.owner must be set if hosting_type is Internal"


def enables(*detectors: str) -> Rule:
    """Every policy must enable these detectors."""

    def enables(policy: Registration) -> list[str]:
        return [f"detectors.{it}.enabled must be true" for it in detectors if not policy[f"detectors.{it}.enabled"]]

    return enables


def guarded(deployment: Registration) -> list[str]:
    """Every deployment must use one policy for requests and one for responses."""
    used = ("input_guardrails_policy", "output_guardrails_policy")
    return [f"{it}.enabled must be true" for it in used if not deployment[f"{it}.enabled"]]


def blocks(*detectors: str) -> Rule:
    """Every deployment must block the requests in which these detectors find something."""

    def blocks(deployment: Registration) -> list[str]:
        held = deployment["input_guardrails_policy.block"] or ()
        return [f'input_guardrails_policy.block must include "{it}"' for it in detectors if it not in held]

    return blocks


def in_stacks(pattern: str, rule: Rule) -> Rule:
    """Apply `rule` only in stacks whose name matches `pattern` (`*` and `?`)."""

    @wraps(rule)
    def in_stacks(model: Registration) -> str | Iterable[str] | None:
        return rule(model) if fnmatchcase(model.stack, pattern) else None

    return in_stacks


# ---- checking


async def _judged(
    kind: Kind, name: str, props: dict[str, Any], rules: Iterable[Rule], advisory: Iterable[Rule]
) -> bool:
    declared = {key: value for key, value in props.items() if value is not None and not key.startswith("__")}
    found = _registration(kind, name, from_engine(await rpc.serialize_properties(declared, {})))
    for line in _violations(found, advisory):
        pulumi.log.warn(f"{line}, advisory)")
    if lines := [f"{line}, mandatory)" for line in _violations(found, rules)]:
        for line in lines:
            pulumi.log.error(line)
        raise PolicyViolation(name, lines)
    return True


def _violations(found: Registration, rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        try:
            result = rule(found)
            lines = [result] if isinstance(result, str) else list(result or ())
        except NotKnownYet:
            continue
        name = getattr(rule, "__name__", type(rule).__name__)
        yield from (f"{plain(found.name, 60)}: {plain(line, 300)} (policy {name}" for line in lines)


def _registration(kind: Kind, name: str, declared: dict[str, Any]) -> Registration:
    inputs = from_package(kind, without_unknown(clear(declared)))
    # In the dialect that accepts all fields; mistakes in them are left for the provider to report.
    shown, _problems = codec.parse(kind, inputs, "v2")
    hidden = kind.with_secrets(shown, lambda value: UNKNOWN if value is UNKNOWN else SECRET)
    return Registration(name, pulumi.get_project(), pulumi.get_stack(), hidden)
