"""Every operation, every fault of the dial, before and after the work."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from enkrypt_provider.errors import EnkryptError, ModelExists

from . import scenes
from .conftest import FULL, Count
from .scenes import SCENES, Play, Scene
from .ways import WAYS, Kind, Way
from .world import World, world_of

OFTEN: dict[str, dict[str, Any]] = {"once": {"first": 1}, "always": {}}
MAKES_ANEW = (scenes.create, scenes.rename)
"""The stories in which the spoilt call is the one that registers something new."""
ON_A_WIRE = ("reset", "truncate", "delay", "garbage")
"""What is not the same over a socket as inside a process."""
CELLS = "cells of the matrix: an operation, a fault, before or after the work, once or for ever"


@pytest.mark.parametrize("play", SCENES, ids=lambda play: play.__name__)
def test_no_fault_costs_a_registration(world: World, play: Play, count: Count) -> None:
    """Whatever fails, once or for ever, before or after the work: nothing is doubled, lost or leaked, what passes
    is not noticed, and one more command makes the API, the state and the program agree."""
    # A third of the ways, another one for each scene.
    ways = WAYS if FULL else WAYS[SCENES.index(play) % 3 :: 3]
    assert not _problems(world, play, ways, count)


@pytest.mark.parametrize("play", SCENES if FULL else (scenes.create, scenes.destroy), ids=lambda play: play.__name__)
def test_no_fault_of_the_wire_costs_a_registration(tmp_path: Path, play: Play, count: Count) -> None:
    """The same over a real socket, where an answer can be late: the work is done when nobody waits any more."""
    names = ON_A_WIRE if FULL else ON_A_WIRE[:3]
    with world_of(tmp_path, transport="http") as world:
        assert not _problems(world, play, [way for way in WAYS if way.fault.keys() & set(names)], count)


def _problems(world: World, play: Play, ways: Iterable[Way], count: Count) -> list[str]:
    cells = list(product(ways, OFTEN))
    count(CELLS, len(cells))
    return [
        f"{play.__name__}, {way}, {often}: {problem}"
        for way, often in cells
        for problem in _cell(world, play, way, often)
    ]


def _cell(world: World, play: Play, way: Way, often: str) -> Iterator[str]:
    world.turn()
    scene = play(world.corner())
    world.turn(*scene.beside, {"call": scene.call, **way.fault, **OFTEN[often]})
    error = scene.corner.failure(scene.act)
    world.turn()
    yield from _told(scene, way, often, error)
    yield from _still_there(scene)
    lied = play in MAKES_ANEW and way.is_after and way.kind is Kind.BELIEVED
    yield from (_refused_again if scene.ends_in else _adopted if lied else _made_up_for)(scene)
    yield from scene.corner.leaks()


def _told(scene: Scene, way: Way, often: str, error: BaseException | None) -> Iterator[str]:
    """What is wrong with what a person was told."""
    is_noticed = way.kind is Kind.BELIEVED or (often == "always" and way.kind is Kind.PASSING)
    if scene.ends_in and not is_noticed and scene.ends_in not in str(error):
        yield f"should have been refused, not {error!r}"
    if not scene.ends_in and not is_noticed and error is not None:
        yield f"was noticed: {error!r}"
    if error is not None and not isinstance(error, EnkryptError):
        yield f"a bug: {error!r}"
    if len(str(error).splitlines()) > 1:
        yield f"more than one line: {error}"


def _still_there(scene: Scene) -> Iterator[str]:
    found = scene.corner.registered()
    for id_, model in scene.untouched.items():
        if id_ not in found:
            yield f"{id_} was lost"
        elif found[id_]["model_id"] != scene.numbers[id_]:
            yield f"{id_} was made again"
        elif model and found[id_] != model:
            yield f"{id_} was changed"


# ---- what follows, with the dial at rest


def _made_up_for(scene: Scene) -> Iterator[str]:
    last = scene.corner.failure(scene.settle)
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
    if not isinstance(last, ModelExists) or "adopt_existing=True" not in str(last):
        yield f"what to do was not told: {last!r}"
    program = {name: {**copy.deepcopy(it), "adopt_existing": True} for name, it in scene.program.items()}
    adopt: Callable[[], None] = lambda: scene.corner.engine.up(program)  # noqa: E731 - shorter than a function of its own
    if (last := scene.corner.failure(adopt)) is not None:
        yield f"could not be adopted: {last!r}"
    yield from scene.corner.wrong(program)
