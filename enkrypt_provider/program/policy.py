"""Policies: rules that every model of a program must keep, judged at preview, before anything is registered.

A rule is a plain function of a `Model`. Here: when rules are judged and what a violation does; a few rules that many
need. For users: docs/policy.md.
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
from ..frontends.package_names import from_package
from ..frontends.package_schema import DYNAMIC, token
from ..frontends.property_values import clear, from_engine, without_unknown
from ..kinds import codec
from ..kinds.model import MODEL
from ..kinds.plain import UNKNOWN
from ..kinds.secrets import replaced_at

TYPES: Final = (f"{DYNAMIC}{MODEL.name}", token(MODEL.name))
"""The dynamic resource and the native one."""
SECRET: Final = "[secret]"  # noqa: S105 - a name, no password
"""What a rule sees in the place of keys."""


class NotKnownYet(Exception):
    """A rule asked for what only another resource will give: it is judged again when that is there."""


class PolicyViolation(EnkryptError, pulumi.RunError):
    """A mandatory rule is broken: the model was not registered. `violations` has a line for each."""

    def __init__(self, name: str, violations: list[str]) -> None:
        super().__init__(f"{plain(name, 60)}: {counted(len(violations), 'policy violation')}: it is not registered")
        self.violations = violations


@dataclass(frozen=True)
class Model:
    """A model as it is declared: `model["model_config.endpoint.scheme"]`.

    Defaults are filled in, what is absent is None, keys are `SECRET`. `name` is the resource's. What a program made
    secret besides is in the clear: no value belongs into what a rule says.
    """

    name: str
    project: str
    stack: str
    inputs: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, path: str) -> Any:
        """The value at a dotted path. Raises `NotKnownYet` at preview, where another resource will give it."""
        found: Any = self.inputs
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else found if found is UNKNOWN else None
        if _any_unknown(found):
            raise NotKnownYet(path)
        return found


Rule = Callable[[Model], str | Iterable[str] | None]
"""Says what is wrong with a model, in lines that name field and rule: one, several, or None where all is well."""


def enforce(*rules: Rule, advisory: Iterable[Rule] = ()) -> None:
    """Judges every `EnkryptModel` that the program declares from now on.

    A violation of one of `rules` is an error line, the model is not registered and the preview fails; of an
    `advisory` one it is a warning. A rule that needs what a preview cannot know is judged at `pulumi up`, before the
    model is registered.
    """
    hints = tuple(advisory)

    def judge(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in TYPES or args.opts.id:
            return None
        props: dict[str, Any] = dict(args.props)
        verdict: pulumi.Output[bool] = pulumi.Output.from_input(_judged(args.name, props, rules, hints))
        # The engine is not asked for the model before there is a verdict.
        gate = pulumi.Output.all(props["model_saved_name"], verdict).apply(lambda both: both[0])
        return pulumi.ResourceTransformationResult({**props, "model_saved_name": gate}, args.opts)

    # Not `register_resource_transform`: what that raises in the engine's callback is shown as a traceback.
    pulumi.runtime.register_stack_transformation(judge)


# ---- rules that many need


def https_only(model: Model) -> str | None:
    """No endpoint is plain http: keys and prompts would travel in the clear."""
    return "model_config.endpoint.scheme must be https" if model["model_config.endpoint.scheme"] == "http" else None


def certified(*names: str) -> Rule:
    """Every model has these certifications."""

    def certified(model: Model) -> list[str]:
        held = model["certifications"] or ()
        return [f'certifications must hold "{name}"' for name in names if name not in held]

    return certified


def owned(model: Model) -> str | None:
    """A model that is hosted internally names its owner."""
    if model["model_config.hosting_type"] != "Internal" or model["model_config.metadata.owner"]:
        return None
    return "model_config.metadata.owner must be set where hosting_type is Internal"


def in_stacks(pattern: str, rule: Rule) -> Rule:
    """`rule`, in the stacks alone whose name matches `pattern` (`*` and `?`)."""

    @wraps(rule)
    def in_stacks(model: Model) -> str | Iterable[str] | None:
        return rule(model) if fnmatchcase(model.stack, pattern) else None

    return in_stacks


# ---- judging


async def _judged(name: str, props: dict[str, Any], rules: Iterable[Rule], advisory: Iterable[Rule]) -> bool:
    declared = {key: value for key, value in props.items() if value is not None and not key.startswith("__")}
    model = _model(name, from_engine(await rpc.serialize_properties(declared, {})))
    for line in _violations(model, advisory):
        pulumi.log.warn(f"{line}, advisory)")
    if found := list(_violations(model, rules)):
        for line in found:
            pulumi.log.error(f"{line}, mandatory)")
        raise PolicyViolation(name, [f"{line}, mandatory)" for line in found])
    return True


def _violations(model: Model, rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        try:
            said = rule(model)
        except NotKnownYet:
            continue
        lines = [said] if isinstance(said, str) else said or ()
        yield from (f"{plain(model.name, 60)}: {plain(line, 300)} (policy {rule.__name__}" for line in lines)


def _model(name: str, declared: dict[str, Any]) -> Model:
    inputs = from_package(MODEL, without_unknown(clear(declared)))
    # In the dialect that takes all fields; what is wrong in them is the provider's to say.
    shown, _problems = codec.parse(MODEL, inputs, "v2")
    hidden = replaced_at(shown, MODEL.secret_paths(shown), lambda value: UNKNOWN if value is UNKNOWN else SECRET)
    return Model(name, pulumi.get_project(), pulumi.get_stack(), hidden)


def _any_unknown(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_any_unknown, value.values() if isinstance(value, dict) else value))
    return value is UNKNOWN
