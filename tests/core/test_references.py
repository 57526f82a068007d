"""references.py: what a preview tells of declarations that do not fit each other, and of what is nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from enkrypt_provider.core.controller import Controller, Request
from enkrypt_provider.emulator import spelled_fault
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import UNKNOWN

from .machines import Api, Machine, model

Json = Any
IDLE = (
    "warning: d: input_guardrails_policy.block names toxicity, which blocks nothing: the policy p does not enable "
    "it. Set detectors.toxicity.enabled there, or take it out of block"
)


def as_text(path: str, noun: str, name: str) -> str:
    return (
        f"warning: d: {path} names the {noun} {name} as a plain string, so it may be registered before that {noun}: "
        "pass the output of that resource instead"
    )


@dataclass
class Preview:
    """One run of the engine, which has a controller for each kind and checks what a program declares."""

    machine: Machine
    settings: dict[str, Json] = field(default_factory=dict)
    run: str = "a run"
    controllers: dict[Kind, Controller] = field(default_factory=dict)

    def check(self, kind: Kind, declared: dict[str, Json]) -> list[str]:
        if kind not in self.controllers:
            self.controllers[kind] = self.machine.run(kind=kind, run=self.run, **self.settings).controller
        urn = f"acme/urn:pulumi:dev::shop::{kind.name}::{declared.get('name', 'm')}"
        return self.controllers[kind].check(Request(urn=urn, inputs=declared, report=self.machine.report)).problems

    def policy(self, name: str = "p", **detectors: Json) -> list[str]:
        enabled = {name: {"enabled": switch} for name, switch in detectors.items()}
        return self.check(GUARDRAILS_POLICY, {"name": name, "detectors": enabled})

    def deployment(self, *block: Json, policy: Json = "p", to: Json = "x", **used: Json) -> list[str]:
        use = {"policy_name": policy, "enabled": True, "block": [*block], **used}
        given = {"name": "d", "model_saved_name": to, "model_version": "1", "input_guardrails_policy": use}
        return self.check(DEPLOYMENT, given)

    def model(self) -> list[str]:
        return self.check(MODEL, model())


@pytest.fixture
def preview(machine: Machine) -> Preview:
    return Preview(machine)


@pytest.fixture
def online(machine: Machine) -> Preview:
    return Preview(machine, {"check_online": True})


# ---- detectors


@pytest.mark.parametrize(
    ("detectors", "lines"),
    [
        ({"nsfw": True}, [IDLE]),
        ({"toxicity": False}, [IDLE]),
        ({"toxicity": True}, []),
        ({"toxicity": UNKNOWN}, []),
        ({}, [IDLE]),
    ],
)
def test_a_blocked_detector_that_is_off_is_a_warning(
    preview: Preview, detectors: dict[str, Json], lines: list[str]
) -> None:
    """Nothing is asked of the API for it, and nothing is refused."""
    assert preview.policy(**detectors) == preview.deployment("toxicity") == []
    assert preview.machine.told() == lines
    assert preview.machine.api.calls() == []


@pytest.mark.parametrize(
    "used",
    [
        {"enabled": False},
        {"policy": UNKNOWN},
        {"policy": "another"},
        {"block": UNKNOWN},
        {"block": [UNKNOWN]},
        {"block": []},
    ],
)
def test_what_is_not_used_or_not_known_is_not_compared(preview: Preview, used: dict[str, Json]) -> None:
    preview.policy(nsfw=True)
    preview.deployment("toxicity", **used)
    assert preview.machine.told() == []


def test_detectors_that_are_not_known_yet_are_not_compared(preview: Preview) -> None:
    preview.check(GUARDRAILS_POLICY, {"name": "p", "detectors": UNKNOWN})
    preview.deployment("toxicity")
    assert preview.machine.told() == []


def test_what_only_a_deployment_can_check_is_no_detector_of_a_policy(preview: Preview) -> None:
    preview.policy(nsfw=True)
    used = {"policy_name": "p", "enabled": True, "block": ["relevancy", "nsfw"]}
    preview.check(DEPLOYMENT, {"name": "d", "model_saved_name": "x", "output_guardrails_policy": used})
    assert preview.machine.told() == []


def test_whichever_comes_first_they_are_compared(preview: Preview) -> None:
    """A name that is a text lets the engine ask for the deployment first: that is told too, once a phase."""
    preview.model()
    preview.deployment("toxicity", "nsfw")
    preview.policy(nsfw=True)
    told = [as_text("input_guardrails_policy.policy_name", "policy", "p"), IDLE]
    assert preview.machine.told() == told
    update = Preview(preview.machine)  # another process of the same run
    update.model()
    update.deployment("toxicity", "nsfw")
    update.policy(nsfw=True)
    assert update.machine.told() == told


def test_what_became_known_counts(preview: Preview) -> None:
    """A detector that a preview did not know is compared by what the update knows."""
    preview.policy(toxicity=UNKNOWN)
    preview.deployment("toxicity")
    preview.policy(toxicity=False)
    preview.deployment("toxicity")
    assert preview.machine.told() == [IDLE]


def test_a_model_that_is_named_before_it_is_declared_is_told(preview: Preview) -> None:
    preview.policy(toxicity=True)
    preview.deployment("toxicity")
    preview.model()
    assert preview.machine.told() == [as_text("model_saved_name", "model", "x/1")]


def test_another_run_knows_nothing_of_it(preview: Preview) -> None:
    preview.policy(nsfw=True)
    Preview(preview.machine, run="another").deployment("toxicity")
    assert preview.machine.told() == []


def test_the_controllers_of_a_process_know_of_each_other_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose home folder is read-only."""
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file"))
    settings = {"enkrypt:endpoint": f"embedded:{tmp_path}/api.sqlite"}
    kinds = (GUARDRAILS_POLICY, DEPLOYMENT)
    preview = Preview(Machine(tmp_path / "here", Api(tmp_path / "unused.sqlite")))
    preview.controllers = {kind: Controller.configured(settings.get, kind=kind) for kind in kinds}
    preview.policy(nsfw=True)
    preview.deployment("toxicity")
    assert preview.machine.told() == [IDLE]


# ---- enkrypt:checkOnline


def test_what_is_nowhere_is_refused_with_the_nearest_name(online: Preview) -> None:
    online.machine.api.register("x1/1")
    online.policy("guard", nsfw=True)
    problems = online.deployment("nsfw", policy="gaurd")
    assert problems == [
        "model_saved_name: no model x/1 is registered with this account or declared before this deployment; did you "
        'mean "x1/1"?',
        "input_guardrails_policy.policy_name: no policy gaurd is registered with this account or declared before "
        'this deployment; did you mean "guard"?',
    ]


def test_without_a_near_name_the_fix_is_told(online: Preview) -> None:
    online.model()
    (problem,) = online.deployment(policy="guard")
    assert problem.endswith("declared before this deployment: declare it, and give this deployment its output")


def test_what_is_registered_or_declared_is_not_refused(online: Preview) -> None:
    """One list of each kind is all that is asked."""
    online.machine.api.register()
    online.policy(nsfw=True)
    online.machine.api.calls()
    assert online.deployment("nsfw") == online.deployment("nsfw") == []
    assert sorted(online.machine.api.calls()) == ["consumer_info", "list_deployments", "list_models"]


def test_what_is_not_known_yet_is_not_asked_for(online: Preview) -> None:
    assert online.deployment(policy=UNKNOWN, to=UNKNOWN) == []


def test_an_api_that_is_down_is_a_warning_alone(online: Preview) -> None:
    online.machine.api.turn(spelled_fault("list_policies:status=500"), spelled_fault("list_models:status=500"))
    assert online.deployment() == []
    assert [line.partition(";")[0] for line in online.machine.told() if "checkOnline" in line] == [
        "warning: enkrypt:checkOnline: list the models: 500: Internal Server Error",
        "warning: enkrypt:checkOnline: list the policies: 500: Internal Server Error",
    ]


def test_a_key_that_is_refused_is_one_problem(tmp_path: Path) -> None:
    online = Preview(Machine(tmp_path / "m", Api(tmp_path / "k.sqlite", keys={})), {"check_online": True})
    assert [problem.partition(":")[0] for problem in online.deployment()] == ["list the deployments"]


def test_without_it_nothing_is_asked(preview: Preview) -> None:
    assert preview.deployment(policy="nowhere") == []
    assert preview.machine.api.calls() == []
