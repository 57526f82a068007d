"""Scenes: each operation on each kind, as a short sequence in which one API call can be made to fail. Contains no
tests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS

from .miniature import NOTHING, Program, Properties
from .world import Corner, label, number_of

Fault = Mapping[str, Any]


def model(name: str, key: str = "", /, **changes: Any) -> Properties:
    """The arguments of a small model; `config__FIELD` is a field of its `model_config`."""
    config: Properties = {"is_compatible_with": "openai", "endpoint": {"host": f"{name}.example.com"}}
    if key:
        config["apikeys"] = [key]
    arguments: Properties = {"model_saved_name": name, "model_config": config}
    for field_, value in changes.items():
        where, _, inner = field_.rpartition("__")
        (config if where else arguments)[inner] = value
    return arguments


def policy(name: str, description: str = "", **options: Any) -> Properties:
    """The arguments of a small guardrails policy."""
    return {"name": name, "description": description, "detectors": {"toxicity": {"enabled": True}}, **options}


def deployment(name: str, served: str = "served", **options: Any) -> Properties:
    """The arguments of a deployment of the model `served`."""
    return {"name": name, "model_saved_name": served, **options}


@dataclass(frozen=True)
class Sample:
    """A kind's data for the scenes: its arguments, a changed field, a new name."""

    kind: Kind
    arguments: Callable[..., Properties]
    changed: Properties
    renamed: Properties

    def call(self, what: str) -> str:
        """The emulator's name of a call, such as `add_model` or `list_policies`."""
        name: str = getattr(self.kind.calls, what)
        return name.replace("-", "_")

    def label(self, name: str) -> str:
        return label(self.kind, f"{name}/v1" if self.kind is MODEL else name)

    def __str__(self) -> str:
        return self.kind.noun


def _without_key(arguments: Callable[..., Properties]) -> Callable[..., Properties]:
    return lambda name, _key="", /, **options: arguments(name, **options)


SAMPLES: Final = (
    Sample(MODEL, model, {"model_name": "new"}, {"model_saved_name": "y"}),
    Sample(GUARDRAILS_POLICY, _without_key(policy), {"description": "new"}, {"name": "y"}),
    Sample(DEPLOYMENT, _without_key(deployment), {"model_version": "v2"}, {"name": "y"}),
)
assert tuple(sample.kind for sample in SAMPLES) == KINDS


@dataclass
class Scene:
    """`call` fails during `act`, which should lead to `program`; `settle` is the user's next command."""

    corner: Corner
    call: str
    program: Program
    act: Callable[[], None]
    settle: Callable[[], None]
    beside: tuple[Fault, ...] = ()
    """Further faults, needed to reach the call at all."""
    ends_in: str = ""
    """Part of the error in which the scene ends if no call fails."""
    creates: bool = False
    """Whether the failing call is the one that registers something new."""
    refused_elsewhere: str = ""
    """Part of the error in which it may end on a machine without a journal."""
    untouched: Mapping[str, Properties | None] = field(default_factory=dict)
    """Registrations that must stay: unchanged, or for None, with the same number."""
    numbers: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = {id_: number_of(it) for id_, it in self.corner.registered().items()}


Play = Callable[[Corner, Sample], Scene]


def _key(corner: Corner) -> str:
    return corner.secrets.make("a model's key")


def _up(corner: Corner, call: str, program: Program, **more: Any) -> Scene:
    program = {**program, **corner.beside}

    def act() -> None:
        corner.engine.up(program)

    return Scene(corner, call, program, act, act, **more)


def _registered(corner: Corner, of: Sample, **changes: Any) -> Properties:
    """Registers one resource with `up`; returns its arguments."""
    arguments = of.arguments("x", _key(corner), **changes)
    corner.engine.up({"a": arguments, **corner.beside})
    return arguments


def _theirs(corner: Corner, of: Sample) -> Mapping[str, Properties]:
    """Registers the name as somebody else; returns all registrations."""
    corner.world.add(corner.account, {**of.arguments("x", _key(corner)), **of.changed})
    return corner.registered()


def create(corner: Corner, of: Sample) -> Scene:
    """A new registration is created."""
    return _up(corner, of.call("add"), {"a": of.arguments("x", _key(corner))}, creates=True)


def look_up(corner: Corner, of: Sample) -> Scene:
    """A create's response is lost after the work, and the look-up fails."""
    lost = {"call": of.call("add"), "reset": "after", "first": 1}
    return _up(corner, of.call("get"), {"a": of.arguments("x", _key(corner))}, beside=(lost,))


def look_up_nothing(corner: Corner, of: Sample) -> Scene:
    """A create's response is lost before the work, and the look-up fails."""
    lost = {"call": of.call("add"), "reset": "before", "first": 1}
    return _up(corner, of.call("get"), {"a": of.arguments("x", _key(corner))}, beside=(lost,))


def taken(corner: Corner, of: Sample) -> Scene:
    """A create finds somebody else's registration, and the look-up of it fails."""
    kept = _theirs(corner, of)
    arguments = of.arguments("x", _key(corner))
    return _up(corner, of.call("get"), {"a": arguments}, ends_in="adopt_existing=True", untouched=kept)


def adopt(corner: Corner, of: Sample) -> Scene:
    """A create adopts somebody else's registration, and the update of it fails."""
    _theirs(corner, of)
    return _up(corner, of.call("modify"), {"a": of.arguments("x", _key(corner), adopt_existing=True)})


def update(corner: Corner, of: Sample) -> Scene:
    """A field changes."""
    before = _registered(corner, of)
    return _up(corner, of.call("modify"), {"a": {**before, **of.changed}})


def rename(corner: Corner, of: Sample) -> Scene:
    """A new name is registered, then the old one is deleted; a deployment's old name is deleted first."""
    before = _registered(corner, of)
    return _up(corner, of.call("add"), {"a": {**copy.deepcopy(before), **of.renamed}}, creates=True)


def leave_behind(corner: Corner, of: Sample) -> Scene:
    """A rename in which the deletion of the old name fails."""
    before = _registered(corner, of)
    return _up(corner, of.call("delete"), {"a": {**copy.deepcopy(before), **of.renamed}})


def _replaced(corner: Corner, of: Sample, what: str, **changes: Any) -> Scene:
    program = {"a": _registered(corner, of, **changes), **corner.beside}

    def forced() -> None:
        corner.engine.up(program, replace=("a",))

    return Scene(
        corner, of.call(what), program, forced, lambda: corner.engine.up(program), untouched={of.label("x"): None},
        refused_elsewhere="the resource option delete_before_replace=True",
    )  # fmt: skip


def replace(corner: Corner, of: Sample) -> Scene:
    """A replacement is forced: the create finds the resource's own registration."""
    return _replaced(corner, of, "add")


def replace_look(corner: Corner, of: Sample) -> Scene:
    """A replacement is forced, and the look-up of the existing registration fails."""
    return _replaced(corner, of, "get")


def replace_change(corner: Corner, of: Sample) -> Scene:
    """A replacement is forced, and the update of the existing registration fails."""
    return _replaced(corner, of, "modify")


def replace_adopting(corner: Corner, of: Sample) -> Scene:
    """A replacement is forced on a resource that may adopt."""
    return _replaced(corner, of, "modify", adopt_existing=True)


def refresh(corner: Corner, of: Sample) -> Scene:
    """The registrations are read by one list call."""
    program = {"a": _registered(corner, of), "b": of.arguments("b"), **corner.beside}
    corner.engine.up(program)
    kept = {of.label("x"): None, of.label("b"): None}
    return Scene(
        corner, of.call("list"), program, corner.engine.refresh, lambda: corner.engine.up(program), untouched=kept
    )


def refresh_one(corner: Corner, of: Sample) -> Scene:
    """The registrations are read one by one, since the list lacks details."""
    scene = refresh(corner, of)
    scene.call, scene.beside = of.call("get"), ({"call": of.call("list"), "without_details": True},)
    return scene


def destroy(corner: Corner, of: Sample) -> Scene:
    """A registration is deleted."""
    _registered(corner, of)
    return Scene(corner, of.call("delete"), NOTHING, corner.engine.destroy, corner.engine.destroy)


def destroy_what_is_gone(corner: Corner, of: Sample) -> Scene:
    """A registration is deleted that somebody else has deleted already."""
    scene = destroy(corner, of)
    corner.world.delete(corner.account, of.label("x"))
    return scene


def health(corner: Corner, of: Sample) -> Scene:
    """A model is registered and must pass its health check."""
    return _up(corner, "model_health", {"a": of.arguments("x", _key(corner), verify_health=True)})


SCENES: Final[tuple[Play, ...]] = (
    create, look_up, look_up_nothing, taken, adopt, update, rename, leave_behind, replace, replace_look,
    replace_change, replace_adopting, refresh, refresh_one, destroy, destroy_what_is_gone,
)  # fmt: skip
STORIES: Final = (*((sample, play) for sample in SAMPLES for play in SCENES), (SAMPLES[0], health))
"""Each kind in each scene; only models have the health scene."""
