"""Random changes of twenty models with the real engine, while calls fail at random or processes are killed."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from e2e.api import ACCOUNT, Api
from e2e.harness import Story
from emulator.serving import Served, serving

from .conftest import FULL, Count, chance
from .running import EVERYTHING, ROLES, going
from .scenes import model
from .stacks import Frontend, Troubled

MODELS: Final = 20
FRONTENDS: Final[tuple[Frontend, Frontend]] = ("dynamic", "native")
ROUNDS: Final = 5 if FULL else 1
NUMBERS: Final = range(6 if FULL else 1)
VICTIMS: Final = ("engine", *ROLES, "server", EVERYTHING)
FAULTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"status": 429, "retry_after": 0}, {"status": 503, "retry_after": 0}, {"status": 503, "retry_after": 1},
    {"status": 503, "retry_after": 0, "work": True}, {"status": 500}, {"status": 502, "work": True},
    {"reset": "before"}, {"reset": "after"}, {"truncate": True}, {"delay": 0.5}, {"stale": True},
    {"garbage": "html"}, {"garbage": "empty"}, {"garbage": "another_model"}, {"garbage": "missing_data"},
    {"status": 401}, {"status": 404},
)  # fmt: skip
CALLS: Final = ("*", "*", "add_model", "modify_model", "delete_model", "get_model", "list_models")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", NUMBERS)
def test_faults_cost_at_most_one_more_up(story: Story, number: int, count: Count) -> None:
    """Whatever calls fail in an `up`, the documented recovery ends with exactly the declared models."""
    troubled = Troubled(story, story.api(), FRONTENDS[number % 2])
    for round_ in range(ROUNDS):
        dice = chance("schedule", number, round_)
        _change(troubled, dice)
        troubled.api.fault(*_faults(dice))
        run = troubled.type("up", "--yes", "--skip-preview")
        troubled.api.fault()
        count(f"random schedules of a real up of 20 models, {troubled.frontend}", 1)
        count("… of which failed and were repaired by one more up", int(run.code != 0))
        if run.code:
            troubled.recover()
        assert troubled.disagreements() == [], f"{number}.{round_}: {run}"
    count("commands of the real engine whose output was searched for secrets", len(story.printed))


def _faults(dice: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(dice.randint(1, 4)):
        often = {"probability": round(dice.uniform(0.05, 0.4), 2), "seed": dice.randrange(10**6)}
        rare = {"nth": dice.randint(1, 30)}
        fault = dice.choice(FAULTS)
        # 401 and 404 are final; each 429 halves the rate, down to an eighth: many would take many minutes.
        is_rare = fault.get("status") in (401, 404, 429)
        yield {"call": dice.choice(CALLS), **fault, **(rare if is_rare else dice.choice([often, often, rare]))}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_kill_costs_at_most_one_more_up(story: Story, number: int, count: Count) -> None:
    """Whichever process is killed, and when, the documented recovery ends with exactly the declared models."""
    database = story.folder / "api.db"
    with ExitStack() as running:
        server = running.enter_context(serving(database))
        api = Api(database, server.url, {story.key: ACCOUNT})
        troubled = Troubled(story, api, FRONTENDS[1 - number % 2])
        for round_ in range(ROUNDS):
            dice = chance("kill", number, round_)
            _change(troubled, dice)
            victim, moment = dice.choice(VICTIMS), dice.uniform(0, 4)
            with going(troubled.stack, "up", "--yes", "--skip-preview") as command:
                if victim in ROLES:
                    command.wait_for(victim)
                with suppress(subprocess.TimeoutExpired):
                    command.process.wait(moment)
                if victim == "server":
                    server = running.enter_context(_restarted(server, database))
                hit = victim == "server" or command.kill(victim)
                command.end()
            hit_or_not = f"during a real up, {troubled.frontend}: {victim}" if hit else "that came too late"
            count(f"kill -9 {hit_or_not}", 1)
            troubled.recover(refresh=dice.random() < 0.3)
            assert troubled.disagreements() == [], f"{number}.{round_}"
    count("commands of the real engine whose output was searched for secrets", len(story.printed))


def _restarted(server: Served, database: Path) -> AbstractContextManager[Served]:
    """Kills the server and restarts it at the same address."""
    server.process.kill()
    server.process.wait()
    return serving(database, "--port", server.url.rpartition(":")[2])


def _change(troubled: Troubled, dice: random.Random) -> None:
    """Declares a new program of twenty models: most stay, some change, get a new version, are dropped or added."""
    models = dict(troubled.models)
    for name in list(models):
        what = dice.random()
        if what < 0.1:
            del models[name]
        elif what < 0.25:
            models[name] = _arguments(name, dice)
        elif what < 0.5:
            version = models[name]["model_config"]["model_version"]
            models[name] = _arguments(name, dice, version)
    while len(models) < MODELS:
        name = f"m{dice.randrange(10**6)}"
        models[name] = _arguments(name, dice)
    troubled.declare(models)


def _arguments(name: str, dice: random.Random, version: str = "") -> dict[str, Any]:
    version = version or f"v{dice.randrange(10**6)}"
    return model(name, config__model_version=version, config__system_prompt=f"prompt {dice.randrange(10**6)}")
