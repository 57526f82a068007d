"""A team that shares a stack's state: concurrent runs, a killed run, and no secrets in the shared state."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import httpx
import pytest
from faults.running import EVERYTHING, WAIT_LIMIT, going, wait_for

from .api import Api
from .backends import Backend, Shared, postgres, s3
from .harness import REPOSITORY, Run, Stack, Story
from .programs import MODEL_KEY

LOCKED = (
    "the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or "
    "delete the lock file with `pulumi cancel`."
)
CANCELED = "The currently running update for 'dev' has been canceled!"
TAKEN = "nothing shows that this resource created it; it looks the same. Fix: to take it over, adopt_existing=True"
MADE = "m2/v1 is registered: this resource had already created it"
UP = ("up", "--yes", "--skip-preview")
PROGRAM = """
import os

import pulumi
from enkrypt_provider import EnkryptModel

before = []
for name in ("m0", "m1", "m2"):
    config = {"is_compatible_with": "openai", "endpoint": {"host": f"{name}.example.com"}}
    config["apikeys"] = [os.environ["MODEL_KEY"]]
    options = pulumi.ResourceOptions(depends_on=before)
    before = [EnkryptModel(name, model_saved_name=name, model_config=config, opts=options)]
"""
"""Registers three models, one after the other."""


@dataclass
class Team:
    """Two people on two machines who share one stack, and an API that can be held up."""

    story: Story
    shared: Shared
    gate: threading.Event = field(default_factory=threading.Event)
    api: Api = field(init=False)
    ann: Stack = field(init=False)
    bob: Stack = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.story.api(sleep=lambda _: self.gate.wait(WAIT_LIMIT))
        key = {MODEL_KEY: self.story.secrets.make("the models' key")}
        shared = {"PULUMI_BACKEND_URL": self.shared.url, **self.shared.environment}
        self.ann = self.story.project(PROGRAM, self.api, environment={**key, **shared})
        self.ann.config_set({"enkrypt:timeout": str(WAIT_LIMIT)})
        self.bob = self._on_another_machine(self.ann)
        self.api.fault({"call": "add_model", "model": "m2", "first": 1, "delay": 1})

    def _on_another_machine(self, stack: Stack) -> Stack:
        """The same project and stack, checked out by somebody else."""
        home = self.story.folder / "bob"
        shutil.copytree(stack.folder, home / "project")
        own = {"HOME": str(home), "PULUMI_HOME": str(home / "pulumi")}
        bob = replace(stack, folder=home / "project", environment={**stack.environment, **own})
        bob.run("stack", "select", "dev")
        return bob

    def wait_for_the_last(self) -> None:
        """Waits until the API holds up the registration of m2."""
        wait_for(self._is_held_up, "the last registration")

    def _is_held_up(self) -> bool:
        with httpx.Client(base_url=self.api.url) as http:
            return bool(http.get("/_emulator/faults").json()[0]["met"])

    def numbers(self) -> dict[str, int]:
        return {identity: found["model_id"] for identity, found in self.api.models().items()}

    def leaks(self) -> list[str]:
        """The secrets that the shared state holds in plain text."""
        stored = self.shared.stored()
        assert any(b"m2.example.com" in content for content in stored.values())
        return [f"{name}: {it}" for name, content in stored.items() for it in self.story.secrets.found_in(content)]


@pytest.fixture(params=[s3, postgres], ids=["s3", "postgres"])
def team(request: pytest.FixtureRequest, story: Story) -> Iterator[Team]:
    backend: Backend = request.param
    with backend(story.secrets) as shared:
        team = Team(story, shared)
        yield team
        team.gate.set()


def is_refused(run: Run) -> bool:
    """Whether the lock refused the run, naming its holder."""
    who = r"\.pulumi/locks/organization/story/dev/[-0-9a-f]+\.json\S*: created by \S+@\S+ \(pid \d+\) at \S+Z$"
    return run.errors == [LOCKED] and any(re.search(who, line) for line in run.lines)


def test_the_lock_spans_machines_and_a_killed_up_loses_nothing(team: Team) -> None:
    """A second up changes nothing and names the first; after `cancel`, only the killed up's machine completes it."""
    with going(team.ann, *UP) as killed:
        team.wait_for_the_last()
        assert is_refused(team.bob.up(fails=True))
        assert "+ 1 to create" in team.bob.preview().lines
        killed.kill(EVERYTHING)
    team.gate.set()
    wait_for(lambda: len(team.numbers()) == 3, "the registration whose response was lost")
    registered = team.numbers()

    assert is_refused(team.ann.up(fails=True))
    assert CANCELED in team.bob.run("cancel", "--yes").lines
    (error,) = team.bob.up(fails=True).errors
    assert "m2/v1 is registered already" in error
    assert TAKEN in error
    team.ann.refresh()
    assert MADE in team.ann.up().lines
    assert team.numbers() == registered
    assert "4 unchanged" in team.bob.up().lines
    assert team.leaks() == []


@pytest.mark.parametrize("message", [LOCKED, CANCELED, "m2/v1 is registered already", TAKEN, MADE])
def test_the_guide_quotes_the_messages(message: str) -> None:
    """docs/teams.md contains the messages verbatim, so that users can search for them."""
    assert message in (REPOSITORY / "docs/teams.md").read_text()
