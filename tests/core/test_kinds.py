"""The core on policies and deployments: what holds for a model's life holds for theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import through_engine

from enkrypt_provider.core.controller import Controller, Registered, Request
from enkrypt_provider.emulator import spelled_fault
from enkrypt_provider.errors import DeletionProtected, EnkryptError, ModelExists, ModelNotFound, RequestRejected
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind

from .machines import KEY, Api, Machine

Json = Any
POLICY: dict[str, Json] = {"name": "x", "detectors": {"nsfw": {"enabled": True}}}
USED: dict[str, Json] = {"policy_name": "x", "enabled": True}
DEPLOYED: dict[str, Json] = {"name": "x", "model_saved_name": "m", "input_guardrails_policy": USED}


@dataclass
class Engine:
    """One run of the engine for one kind; a state goes through the engine's own serialisation."""

    kind: Kind
    machine: Machine
    program: dict[str, Json]
    """The least that a program declares."""
    change: dict[str, Json]
    """Another value of one field."""
    path: str
    """The path of that field."""
    controller: Controller = field(init=False)

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> Engine:
        """Start another run."""
        self.controller = self.machine.run(kind=self.kind).controller
        return self

    def request(self, state: Registered | None = None, **program: Json) -> Request:
        """Return what the engine asks, with inputs that were checked."""
        inputs = self.controller.check(self.asked(inputs={**self.program, **program}))
        assert inputs.problems == []
        old = through_engine(state.state) if state else {}
        return self.asked(id=state.id if state else "", state=old, inputs=through_engine(inputs.inputs))

    def asked(self, **given: Json) -> Request:
        return Request(urn=f"acme/urn:pulumi:dev::shop::{self.kind.name}::a", report=self.machine.report, **given)

    def create(self, **program: Json) -> Registered:
        return self.controller.create(self.request(**program))

    def changes(self, state: Registered, **program: Json) -> list[str]:
        return [it.path for it in self.controller.diff(self.request(state, **program)).changes]

    def read(self, state: Registered) -> Registered:
        return self.controller.read(self.asked(id=state.id, state=through_engine(state.state)))

    def update(self, state: Registered, **program: Json) -> Registered:
        return self.controller.update(self.request(state, **program))

    def delete(self, state: Registered) -> None:
        self.controller.delete(self.asked(id=state.id, state=through_engine(state.state)))

    # ---- behind everybody's back

    def ask(self, method: str, call: str, name: str = "x", body: Json = None) -> Json:
        """Ask the API as somebody else does."""
        transport = self.machine.api.transport()
        headers = {"apikey": KEY, next(iter(self.kind.identity.values())): name}
        with httpx.Client(transport=transport, base_url="http://127.0.0.1") as client:
            response = client.request(method, self.kind.calls.path(call), headers=headers, json=body)
        self.machine.api.calls()
        return response.raise_for_status().json()

    def live(self, name: str = "x") -> Json:
        return self.ask("GET", self.kind.calls.get, name)

    def theirs(self, **program: Json) -> Json:
        return self.ask("POST", self.kind.calls.add, body={**self.program, **program})["data"]

    def calls(self) -> list[str]:
        """Return what was asked since the last time, without the kind."""
        return [call.partition("_")[0] for call in self.machine.api.calls()]


@pytest.fixture(params=["policy", "deployment"])
def engine(request: pytest.FixtureRequest, machine: Machine) -> Engine:
    """A run of the engine, for each kind."""
    if request.param == "policy":
        change: Json = {"detectors": {"nsfw": {"enabled": False}}}
        return Engine(GUARDRAILS_POLICY, machine, POLICY, change, "detectors.nsfw.enabled")
    change = {"input_guardrails_policy": {**USED, "enabled": False}}
    return Engine(DEPLOYMENT, machine, DEPLOYED, change, "input_guardrails_policy.enabled")


# ---- a life


def test_it_is_made_once_and_then_unchanged(engine: Engine) -> None:
    made = engine.create()
    assert engine.calls() == ["add"]
    assert (made.id, made.state[engine.kind.number]) == ("x", engine.live()[engine.kind.number])
    assert engine.changes(made) == []
    assert engine.again().changes(made) == []
    refreshed = engine.read(made)
    assert (refreshed.id, refreshed.state) == (made.id, made.state)


def test_drift_is_seen_and_set_back(engine: Engine) -> None:
    """A change by hand shows after a refresh; the update keeps the registration."""
    made = engine.create()
    engine.ask("PATCH", engine.kind.calls.modify, body={**engine.program, **engine.change})
    engine.machine.api.now += timedelta(hours=1)
    drifted = engine.again().read(made)
    assert engine.changes(drifted) == [engine.path]
    updated = engine.update(drifted)
    assert engine.changes(updated) == []
    assert engine.read(updated).state[engine.kind.number] == made.state[engine.kind.number]


def test_it_is_deleted_and_gone(engine: Engine) -> None:
    made = engine.create()
    engine.calls()
    engine.again().delete(made)
    assert engine.calls()[-1] == "delete"
    assert engine.read(made).id == ""
    engine.again().delete(made)


def test_a_rename_replaces(engine: Engine) -> None:
    """The new policy is made first; the old deployment is deleted first."""
    made = engine.create()
    found = engine.controller.diff(engine.request(made, name="y"))
    assert (found.replaces, found.deletes_first) == (["name"], engine.kind is DEPLOYMENT)


def test_a_replacement_deletes_before_it_makes_the_same_name_anew(engine: Engine) -> None:
    """As `pulumi up --replace` does, which asks no diff, and as a name that is unique in the account needs it."""
    made = engine.create()
    engine.calls()
    engine.again().delete(made)
    again = engine.create()
    assert [call for call in engine.calls() if call not in ("get", "list")] == ["delete", "add"]
    assert again.state[engine.kind.number] != made.state[engine.kind.number]
    assert engine.read(again).id == "x"


# ---- whose it is


def test_a_lost_response_is_looked_up_before_a_retry(engine: Engine) -> None:
    """What was made is taken for ours, and made once."""
    noun = engine.kind.noun
    engine.machine.api.turn(spelled_fault(f"add_{noun}:status=503,work,first=1"))
    made = engine.create()
    calls = engine.calls()
    assert (calls.count("add"), calls.count("get") >= 1) == (1, True)
    assert made.state[engine.kind.number] == engine.live()[engine.kind.number]
    assert engine.machine.told()[-1] == "x is registered: its response was lost, the work was done"


def test_a_lost_update_is_sent_again(engine: Engine) -> None:
    """Also by the next run, where this one never learned what became of it."""
    made = engine.create()
    engine.machine.api.turn(spelled_fault(f"modify_{engine.kind.noun}:status=503,work,first=9"))
    with pytest.raises(EnkryptError):
        engine.update(made, **engine.change)
    engine.machine.api.turn()
    assert len(engine.again().changes(made)) == 1
    assert engine.changes(engine.update(made)) == []
    assert engine.read(made).state == engine.update(made).state


def test_what_is_taken_is_told_with_its_number(engine: Engine) -> None:
    theirs = engine.theirs(**engine.change)
    with pytest.raises(ModelExists) as caught:
        engine.create()
    message, number = str(caught.value), engine.kind.number
    assert f"x is registered already ({number} {theirs[number]}, project default, since 20" in message
    assert f"it differs in {engine.path}." in message
    assert "to have both, another name;" in message
    assert "model" not in message
    assert engine.live() == theirs


def test_a_name_that_the_api_keeps_is_told_as_a_name(engine: Engine) -> None:
    """Taken, and nothing there: some servers may keep a deleted name."""
    engine.machine.api.turn(spelled_fault(f"add_{engine.kind.noun}:status=409,first=1"))
    with pytest.raises(ModelExists) as caught:
        engine.create()
    assert str(caught.value).startswith(
        f"x is taken, but no such {engine.kind.noun} is there: the API may keep a deleted name for a while; try "
        "again later or choose another name"
    )


def test_what_is_there_is_adopted_where_it_may_be(engine: Engine) -> None:
    theirs = engine.theirs(**engine.change)
    made = engine.create(adopt_existing=True)
    assert made.state[engine.kind.number] == theirs[engine.kind.number]
    assert engine.changes(engine.read(made), adopt_existing=True) == []


def test_what_somebody_made_anew_is_theirs(engine: Engine) -> None:
    """Neither changed nor deleted: the number says that it is another one."""
    made = engine.create()
    engine.ask("DELETE", engine.kind.calls.delete)
    engine.machine.api.now += timedelta(hours=1)
    theirs = engine.theirs()
    engine.again()
    with pytest.raises(ModelNotFound, match=f"{engine.kind.number} {theirs[engine.kind.number]}"):
        engine.update(made, **engine.change)
    engine.delete(made)
    assert engine.live() == theirs
    assert f"{engine.kind.number} {made.state[engine.kind.number]}" in engine.machine.told()[-1]


# ---- what a person is told


def test_what_is_not_there_is_told_with_its_kind_and_the_nearest_name(engine: Engine) -> None:
    engine.theirs(name="guarded")
    with pytest.raises(ModelNotFound) as caught:
        engine.controller.read(engine.asked(id="gaurded"))
    noun = engine.kind.noun
    assert str(caught.value) == f'no {noun} gaurded is registered with this account; did you mean "guarded"?'


def test_one_name_is_declared_once(engine: Engine) -> None:
    engine.request()
    other = Request(urn="acme/urn:pulumi:dev::shop::t::b", inputs=engine.program)
    assert engine.controller.check(other).problems == [
        "x is declared twice, here and as 'a': give one of them another name"
    ]


def test_what_is_protected_is_not_deleted(engine: Engine) -> None:
    made = engine.create(deletion_protection=True)
    with pytest.raises(DeletionProtected):
        engine.delete(made)
    assert engine.live()["name"] == "x"


def test_what_may_be_left_behind_is_named_with_its_own_call(engine: Engine) -> None:
    """A create whose response and look-up are lost; the next run, under another name, says what to delete."""
    noun, (header,) = engine.kind.noun, engine.kind.identity.values()
    engine.machine.api.turn(
        spelled_fault(f"add_{noun}:status=503,work"), spelled_fault(f"get_{noun}:status=503,first=99")
    )
    with pytest.raises(EnkryptError) as caught:
        engine.create()
    call = engine.kind.calls.path(engine.kind.calls.delete)
    command = f"curl -X DELETE http://127.0.0.1{call} -H \"apikey: $ENKRYPTAI_API_KEY\" -H '{header}: x'"
    assert str(caught.value).endswith(command)
    engine.machine.api.turn()
    engine.machine.told()
    engine.again().create(name="y")
    assert engine.machine.told()[0].endswith(command)
    assert engine.live()["name"] == "x"


def test_a_refusal_gives_no_advice_about_dialects(engine: Engine) -> None:
    """These kinds have none."""
    engine.machine.api.turn(spelled_fault(f"add_{engine.kind.noun}:status=422,first=1"))
    with pytest.raises(RequestRejected) as caught:
        engine.create()
    assert "dialect" not in str(caught.value)


# ---- kinds side by side


def test_kinds_share_names_but_nothing_else(machine: Machine) -> None:
    """A policy x and a deployment x of one machine, in one database."""
    policy = Engine(GUARDRAILS_POLICY, machine, POLICY, {}, "")
    deployment = Engine(DEPLOYMENT, machine, DEPLOYED, {}, "")
    made = [policy.create(), deployment.create()]
    assert policy.again().changes(made[0]) == deployment.again().changes(made[1]) == []
    policy.delete(made[0])
    assert deployment.read(made[1]).id == "x"


@pytest.mark.parametrize("quirks", ["echo", "merge", "echo,merge,revive"])
@pytest.mark.parametrize("turn_off", [lambda it: it.pop("bias"), lambda it: it.update(bias={"enabled": False})])
def test_a_detector_that_is_no_longer_declared_is_switched_off(
    tmp_path: Path, quirks: str, turn_off: Callable[[Json], object]
) -> None:
    """Whatever a server makes of what a PATCH leaves out."""
    machine = Machine(tmp_path / "here", Api(tmp_path / "api.sqlite", quirks=quirks))
    engine = Engine(GUARDRAILS_POLICY, machine, POLICY, {}, "")
    detectors: Json = {"nsfw": {"enabled": True}, "bias": {"enabled": True}}
    made = engine.create(detectors=detectors)
    assert engine.live()["detectors"]["bias"] == {"enabled": True}
    turn_off(detectors)
    updated = engine.update(made, detectors=detectors)
    assert engine.live()["detectors"]["bias"] == {"enabled": False}
    assert engine.changes(engine.read(updated), detectors=detectors) == []
