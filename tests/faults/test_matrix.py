"""Every operation on every kind, every fault of the dial, before and after the work, in every setting."""

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
"""The stories in which the endpoint may have changed."""
ON_A_WIRE = ("reset", "truncate", "delay", "garbage")
"""What is not the same over a socket as inside a process."""
CELLS = "cells of the matrix"


@dataclass(frozen=True)
class Setting:
    """Where the stories happen: in which world, and what is done to a corner of it before and to its scene."""

    name: str
    world: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Corner, Sample], None] = lambda _corner, _sample: None
    after: Callable[[Scene, Sample], None] = lambda _scene, _sample: None
    plays: tuple[Play, ...] = (*SCENES, scenes.health)

    def __str__(self) -> str:
        return self.name


def _beside(corner: Corner, sample: Sample) -> None:
    """Another account of the stack has a registration of the same name."""
    corner.beside = {"twin": {**sample.arguments("x", corner.secrets.make("the twin's key")), PROVIDER: AWAY}}


def _new_machines(corner: Corner, _sample: Sample) -> None:
    corner.machine.is_new = True


def _move(scene: Scene, sample: Sample) -> None:
    """All is registered anew at the new endpoint, and nothing is touched at the old one."""
    scene.corner.move()
    scene.untouched, scene.numbers = {}, {}
    if scene.call == sample.call("modify"):
        scene.call, scene.makes_anew = sample.call("add"), True


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
    """One of how many faults is tried: all of one account's models, fewer of the rest."""
    is_model = sample is SAMPLES[0]
    if FULL:
        return (1 if is_model else 3) if setting is PLAIN else (4 if is_model else 8)
    return (3 if is_model else 24) if setting is PLAIN else 48


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize(("sample", "play"), STORIES, ids=lambda it: getattr(it, "__name__", str(it)))
def test_no_fault_costs_a_registration(
    memory: Path, setting: Setting, sample: Sample, play: Play, count: Count
) -> None:
    """Whatever fails, once or for ever, before or after the work: nothing is doubled, lost or leaked, what passes
    is not noticed, and one more command makes the API, the state and the program agree."""
    step, number = _step(sample, setting), STORIES.index((sample, play)) + SETTINGS.index(setting)
    if play in setting.plays:
        with world_of(memory, **setting.world) as world:
            assert not _problems(world, (setting, sample, play), WAYS[number % step :: step], count)
            assert setting.name != "rate limits" or world.refused() == 0
            count(f"{CELLS}: lock-outs that were waited out", world.refused())


@pytest.mark.parametrize("play", SCENES if FULL else (scenes.create, scenes.destroy), ids=lambda play: play.__name__)
def test_no_fault_of_the_wire_costs_a_registration(tmp_path: Path, play: Play, count: Count) -> None:
    """The same over a real socket, where a response can be late: the work is done when nobody waits any more."""
    names = ON_A_WIRE if FULL else ON_A_WIRE[:3]
    with world_of(tmp_path, transport="http") as world:
        ways = [way for way in WAYS if way.fault.keys() & set(names)]
        assert not _problems(world, (PLAIN, SAMPLES[0], play), ways, count)


Story = tuple[Setting, Sample, Play]


def _problems(world: World, story: Story, ways: Iterable[Way], count: Count) -> list[str]:
    setting, sample, play = story
    cells = list(product(ways, OFTEN))
    count(f"{CELLS}: {setting}, {sample}", len(cells))
    return [
        f"{setting}, {sample}, {play.__name__}, {way}, {often}: {problem}"
        for way, often in cells
        for problem in _cell(world, story, way, often)
    ]


def _cell(world: World, story: Story, way: Way, often: str) -> Iterator[str]:
    setting, sample, play = story
    world.turn()
    corner = world.corner()
    setting.before(corner, sample)
    scene = play(corner, sample)
    setting.after(scene, sample)
    world.turn(*scene.beside, {"call": scene.call, **way.fault, **OFTEN[often]})
    error = corner.failure(scene.act)
    world.turn()
    yield from _told(scene, way, often, error)
    yield from _still_there(scene)
    if scene.ends_in:
        yield from _refused_again(scene)
    elif error is not None and scene.makes_anew and way.is_after and way.kind is Kind.BELIEVED:
        yield from _adopted(scene)
    else:
        yield from _made_up_for(scene)
    yield from corner.leaks()
    for account, before in corner.left.items():
        if world.registered(account) != before:
            yield "what was left at the old account was touched"


def _told(scene: Scene, way: Way, often: str, error: BaseException | None) -> Iterator[str]:
    """What is wrong with what a person was told."""
    is_noticed = way.kind is Kind.BELIEVED or (often == "always" and way.kind is Kind.PASSING)
    if scene.ends_in and not is_noticed and scene.ends_in not in str(error):
        yield f"should have been refused, not {error!r}"
    is_refused = scene.corner.machine.is_new and scene.refused_elsewhere and scene.refused_elsewhere in str(error)
    if not scene.ends_in and not is_noticed and not is_refused and error is not None:
        yield f"was noticed: {error!r}"
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
            yield f"{id_} was made again"
        elif registration and found[id_] != registration:
            yield f"{id_} was changed"


# ---- what follows, with the dial at rest


def _made_up_for(scene: Scene) -> Iterator[str]:
    last = scene.corner.failure(scene.settle)
    if isinstance(last, ModelExists) and scene.corner.machine.is_new:
        # Nobody can know on another machine whose the registration is.
        yield from _adopted_after(scene, last)
        return
    if last is not None:
        yield f"one more command did not make up for it: {last!r}"
    yield from scene.corner.wrong(scene.program)


def _refused_again(scene: Scene) -> Iterator[str]:
    last = scene.corner.failure(scene.settle)
    if scene.ends_in not in str(last):
        yield f"should have been refused again, not {last!r}"
    yield from _still_there(scene)


def _adopted(scene: Scene) -> Iterator[str]:
    """Where the other side said that it did nothing, and did it, the next command says how to take what is there."""
    last = scene.corner.failure(scene.settle)
    if last is None and scene.corner.world.refused():
        # Where a lock-out came before the lie, the machine is in doubt, and finds its own.
        yield from scene.corner.wrong(scene.program)
    else:
        yield from _adopted_after(scene, last)


def _adopted_after(scene: Scene, last: BaseException | None) -> Iterator[str]:
    if not isinstance(last, ModelExists) or "adopt_existing=True" not in str(last):
        yield f"the fix was not told: {last!r}"
    program = {name: {**copy.deepcopy(it), "adopt_existing": True} for name, it in scene.program.items()}
    adopt: Callable[[], None] = lambda: scene.corner.engine.up(program)  # noqa: E731 - shorter than a function of its own
    if (last := scene.corner.failure(adopt)) is not None:
        yield f"could not be adopted: {last!r}"
    yield from scene.corner.wrong(program)
