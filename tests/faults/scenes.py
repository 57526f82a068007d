"""Each operation as a short story in which one call of the API can be made to fail. No claim is made here."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .miniature import NOTHING, Program, Properties
from .world import Corner

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


@dataclass
class Scene:
    """`call` fails in the midst of `act`, which is to lead to `program`; `settle` is what a person types next."""

    corner: Corner
    call: str
    program: Program
    act: Callable[[], None]
    settle: Callable[[], None]
    beside: tuple[Fault, ...] = ()
    """What the dial does besides, to reach the call at all."""
    ends_in: str = ""
    """The error that the story ends with where nothing fails."""
    untouched: Mapping[str, Properties | None] = field(default_factory=dict)
    """What must stay registered: as it is, or, for None, with the number that it has."""
    numbers: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = {id_: it["model_id"] for id_, it in self.corner.registered().items()}


Play = Callable[[Corner], Scene]
X: Final = "x/v1"


def _key(corner: Corner) -> str:
    return corner.secrets.make("a model's key")


def _up(corner: Corner, call: str, program: Program, **more: Any) -> Scene:
    def act() -> None:
        corner.engine.up(program)

    return Scene(corner, call, program, act, act, **more)


def _settled(corner: Corner, **changes: Any) -> Properties:
    """A model that is registered, and in the state."""
    arguments = model("x", _key(corner), **changes)
    corner.engine.up({"a": arguments})
    return arguments


def create(corner: Corner) -> Scene:
    """A model is registered."""
    return _up(corner, "add_model", {"a": model("x", _key(corner))})


def look_up(corner: Corner) -> Scene:
    """A create's answer is lost after the work, and the look-up fails."""
    lost = {"call": "add_model", "reset": "after", "first": 1}
    return _up(corner, "get_model", {"a": model("x", _key(corner))}, beside=(lost,))


def look_up_nothing(corner: Corner) -> Scene:
    """A create's answer is lost before the work, and the look-up fails."""
    lost = {"call": "add_model", "reset": "before", "first": 1}
    return _up(corner, "get_model", {"a": model("x", _key(corner))}, beside=(lost,))


def taken(corner: Corner) -> Scene:
    """A create meets somebody else's model, and the look at it fails."""
    corner.world.add(corner.account, model("x", _key(corner), model_name="theirs"))
    kept = corner.registered()
    return _up(corner, "get_model", {"a": model("x", _key(corner))}, ends_in="adopt_existing=True", untouched=kept)


def adopt(corner: Corner) -> Scene:
    """A create adopts somebody else's model, and the change of it fails."""
    corner.world.add(corner.account, model("x", _key(corner), model_name="theirs"))
    return _up(corner, "modify_model", {"a": model("x", _key(corner), adopt_existing=True)})


def update(corner: Corner) -> Scene:
    """A field changes."""
    before = _settled(corner)
    return _up(corner, "modify_model", {"a": {**before, "model_name": "new"}})


def rename(corner: Corner) -> Scene:
    """A new name is registered before the old one goes."""
    before = _settled(corner)
    return _up(corner, "add_model", {"a": {**copy.deepcopy(before), "model_saved_name": "y"}})


def leave_behind(corner: Corner) -> Scene:
    """The old name goes, once the new one is registered."""
    before = _settled(corner)
    return _up(corner, "delete_model", {"a": {**copy.deepcopy(before), "model_saved_name": "y"}})


def _replaced(corner: Corner, call: str, **changes: Any) -> Scene:
    program = {"a": _settled(corner, **changes)}

    def forced() -> None:
        corner.engine.up(program, replace=("a",))

    return Scene(corner, call, program, forced, lambda: corner.engine.up(program), untouched={X: None})


def replace(corner: Corner) -> Scene:
    """A replacement is forced: the create meets the model that it made itself."""
    return _replaced(corner, "add_model")


def replace_look(corner: Corner) -> Scene:
    """A replacement is forced, and the look at what is there fails."""
    return _replaced(corner, "get_model")


def replace_change(corner: Corner) -> Scene:
    """A replacement is forced, and what is there cannot be brought to what is declared."""
    return _replaced(corner, "modify_model")


def replace_adopting(corner: Corner) -> Scene:
    """A replacement of a model that may be adopted is forced."""
    return _replaced(corner, "modify_model", adopt_existing=True)


def refresh(corner: Corner) -> Scene:
    """What is registered is read, by one list."""
    program = {"a": _settled(corner), "b": model("b")}
    corner.engine.up(program)
    return Scene(
        corner, "list_models", program, corner.engine.refresh, lambda: corner.engine.up(program),
        untouched={X: None, "b/v1": None},
    )  # fmt: skip


def refresh_one(corner: Corner) -> Scene:
    """What is registered is read one by one, for the list does not say everything."""
    scene = refresh(corner)
    scene.call, scene.beside = "get_model", ({"call": "list_models", "without_details": True},)
    return scene


def destroy(corner: Corner) -> Scene:
    """A registration goes."""
    _settled(corner)
    return Scene(corner, "delete_model", NOTHING, corner.engine.destroy, corner.engine.destroy)


def destroy_what_is_gone(corner: Corner) -> Scene:
    """A registration goes that somebody deleted already."""
    scene = destroy(corner)
    corner.world.delete(corner.account, X)
    return scene


def health(corner: Corner) -> Scene:
    """A model is registered, and must answer."""
    return _up(corner, "model_health", {"a": model("x", _key(corner), verify_health=True)})


SCENES: Final[tuple[Play, ...]] = (
    create, look_up, look_up_nothing, taken, adopt, update, rename, leave_behind, replace, replace_look,
    replace_change, replace_adopting, refresh, refresh_one, destroy, destroy_what_is_gone, health,
)  # fmt: skip
