"""Every operation on every kind, with every fault of the emulator, before and after the work, in every setting."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from enkrypt_provider.emulator import LIKE_VENDOR
from enkrypt_provider.errors import EnkryptError, ModelExists

from . import scenes
from .conftest import FULL, Count
from .miniature import PROVIDER
from .scenes import SAMPLES, SCENES, STORIES, Play, Sample, Scene
from .ways import WAYS, Kind, Way
from .world import AWAY, Corner, World, number_of, world_of

OFTEN: dict[str, dict[str, Any]] = {"once": {"first": 1}, "always": {}}
MOVABLE = (scenes.update, scenes.rename, scenes.refresh, scenes.destroy)
"""The scenes in which the endpoint may change."""
ON_A_WIRE = ("reset", "truncate", "delay", "garbage")
"""Faults that differ between a socket and an in-process call."""
CELLS = "cells of the matrix"


@dataclass(frozen=True)
class Setting:
    """The circumstances of the scenes: options of the world, and hooks that change the corner and the scene."""

    name: str
    world: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Corner, Sample], None] = lambda _corner, _sample: None
    after: Callable[[Scene, Sample], None] = lambda _scene, _sample: None
    plays: tuple[Play, ...] = (*SCENES, scenes.health)

    def __str__(self) -> str:
        return self.name


def _beside(corner: Corner, sample: Sample) -> None:
    """Adds a registration of the same name in another account of the stack."""
    corner.beside = {"twin": {**sample.arguments("x", corner.secrets.make("the twin's key")), PROVIDER: AWAY}}


def _new_machines(corner: Corner, _sample: Sample) -> None:
    corner.machine.is_new = True


def _move(scene: Scene, sample: Sample) -> None:
    """Moves to a new endpoint, where all is registered again; nothing may change at the old one."""
    scene.corner.move()
    scene.untouched, scene.numbers = {}, {}
    if scene.call == sample.call("modify"):
        scene.call, scene.creates = sample.call("add"), True


PLAIN: Final = Setting("one account")
SETTINGS: Final = (
    PLAIN,
    Setting("equal names in two accounts", before=_beside),
    Setting("a changed endpoint", after=_move, plays=MOVABLE),
    Setting("another machine for each command", before=_new_machines),
    Setting("rate limits", {"limits": LIKE_VENDOR}),
    Setting("lock-outs", {"limits": LIKE_VENDOR, "paced": False}),
    Setting("the native plugin", {"is_native": True}, plays=SCENES),
    Setting("a server that normalises", {"quirks": "host,slash,order,mask,extra,echo"}),
)


def _step(sample: Sample, setting: Setting) -> int:
    """Tries one in how many faults: all of them for models in one account, fewer for the rest."""
    is_model = sample is SAMPLES[0]
    if FULL:
        return (1 if is_model else 3) if setting is PLAIN else (4 if is_model else 8)
    return (3 if is_model else 24) if setting is PLAIN else 48


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize(("sample", "play"), STORIES, ids=lambda it: getattr(it, "__name__", str(it)))
def test_no_fault_loses_a_registration(
    memory: Path, setting: Setting, sample: Sample, play: Play, count: Count
) -> None:
    """Whatever fails, once or always, before or after the work: nothing is duplicated, lost or leaked, transient
    faults go unnoticed, and one more command makes the API, the state and the program agree."""
    step, number = _step(sample, setting), STORIES.index((sample, play)) + SETTINGS.index(setting)
    if play in setting.plays:
        with world_of(memory, **setting.world) as world:
            assert not _problems(world, (setting, sample, play), WAYS[number % step :: step], count)
            assert setting.name != "rate limits" or world.refused() == 0
            count(f"{CELLS}: lock-outs waited out", world.refused())


@pytest.mark.parametrize("play", SCENES if FULL else (scenes.create, scenes.destroy), ids=lambda play: play.__name__)
def test_no_network_fault_loses_a_registration(tmp_path: Path, play: Play, count: Count) -> None:
    """The same over a real socket, where the work can be done after the client has timed out."""
    names = ON_A_WIRE if FULL else ON_A_WIRE[:3]
    with world_of(tmp_path, transport="http") as world:
        ways = [way for way in WAYS if way.fault.keys() & set(names)]
        assert not _problems(world, (PLAIN, SAMPLES[0], play), ways, count)


Case = tuple[Setting, Sample, Play]


def _problems(world: World, case: Case, ways: Iterable[Way], count: Count) -> list[str]:
    setting, sample, play = case
    cells = list(product(ways, OFTEN))
    count(f"{CELLS}: {setting}, {sample}", len(cells))
    return [
        f"{setting}, {sample}, {play.__name__}, {way}, {often}: {problem}"
        for way, often in cells
        for problem in _cell(world, case, way, often)
    ]


def _cell(world: World, case: Case, way: Way, often: str) -> Iterator[str]:
    setting, sample, play = case
    world.turn()
    corner = world.corner()
    setting.before(corner, sample)
    scene = play(corner, sample)
    setting.after(scene, sample)
    world.turn(*scene.beside, {"call": scene.call, **way.fault, **OFTEN[often]})
    error = corner.failure(scene.act)
    world.turn()
    yield from _error_problems(scene, way, often, error)
    yield from _still_there(scene)
    if scene.ends_in:
        yield from _refused_again(scene)
    elif error is not None and scene.creates and way.is_after and way.kind is Kind.BELIEVED:
        yield from _adopted(scene)
    else:
        yield from _recovered(scene)
    yield from corner.leaks()
    for account, before in corner.left.items():
        if world.registered(account) != before:
            yield "registrations left in the old account were changed"


def _error_problems(scene: Scene, way: Way, often: str, error: BaseException | None) -> Iterator[str]:
    """Problems with the reported error."""
    is_noticed = way.kind is Kind.BELIEVED or (often == "always" and way.kind is Kind.PASSING)
    if scene.ends_in and not is_noticed and scene.ends_in not in str(error):
        yield f"should have been refused, not {error!r}"
    is_refused = scene.corner.machine.is_new and scene.refused_elsewhere and scene.refused_elsewhere in str(error)
    if not scene.ends_in and not is_noticed and not is_refused and error is not None:
        yield f"should not have failed: {error!r}"
    if error is not None and not isinstance(error, EnkryptError):
        yield f"a bug: {error!r}"
    if len(str(error).splitlines()) > 1:
        yield f"more than one line: {error}"


def _still_there(scene: Scene) -> Iterator[str]:
    found = scene.corner.registered()
    for id_, registration in scene.untouched.items():
        if id_ not in found:
            yield f"{id_} was lost"
        elif number_of(found[id_]) != scene.numbers[id_]:
            yield f"{id_} was registered again"
        elif registration and found[id_] != registration:
            yield f"{id_} was changed"


# ---- recovery, without faults


def _recovered(scene: Scene) -> Iterator[str]:
    last = scene.corner.failure(scene.settle)
    if isinstance(last, ModelExists) and scene.corner.machine.is_new:
        # Another machine cannot know whose registration it is.
        yield from _adopted_after(scene, last)
        return
    if last is not None:
        yield f"one more command did not repair it: {last!r}"
    yield from scene.corner.disagreements(scene.program)


def _refused_again(scene: Scene) -> Iterator[str]:
    last = scene.corner.failure(scene.settle)
    if scene.ends_in not in str(last):
        yield f"should have been refused again, not {last!r}"
    yield from _still_there(scene)


def _adopted(scene: Scene) -> Iterator[str]:
    """If the API did the work but claimed otherwise, the next command's error says how to adopt the registration."""
    last = scene.corner.failure(scene.settle)
    if last is None and scene.corner.world.refused():
        # If a lock-out came before the false claim, the machine knows that it is in doubt and finds its own.
        yield from scene.corner.disagreements(scene.program)
    else:
        yield from _adopted_after(scene, last)


def _adopted_after(scene: Scene, last: BaseException | None) -> Iterator[str]:
    if not isinstance(last, ModelExists) or "adopt_existing=True" not in str(last):
        yield f"the error does not contain the fix: {last!r}"
    program = {name: {**copy.deepcopy(it), "adopt_existing": True} for name, it in scene.program.items()}
    adopt: Callable[[], None] = lambda: scene.corner.engine.up(program)  # noqa: E731 - shorter than a function
    if (last := scene.corner.failure(adopt)) is not None:
        yield f"could not be adopted: {last!r}"
    yield from scene.corner.disagreements(program)
