"""references.py: warnings about declarations that do not fit together, and problems with dangling references."""

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
DISABLED = (
    "warning: d: input_guardrails_policy.block names toxicity, which blocks nothing: the policy p does not enable "
    "it. Set detectors.toxicity.enabled there, or remove it from block"
)


def as_string(path: str, noun: str, name: str) -> str:
    return (
        f"warning: d: {path} names the {noun} {name} as a plain string, so it may be registered before that {noun}: "
        "pass the output of that resource instead"
    )


@dataclass
class Preview:
    """One run of the engine, with a controller for each kind, that checks a program's declarations."""

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
        ({"nsfw": True}, [DISABLED]),
        ({"toxicity": False}, [DISABLED]),
        ({"toxicity": True}, []),
        ({"toxicity": UNKNOWN}, []),
        ({}, [DISABLED]),
    ],
)
def test_a_blocked_detector_that_is_off_is_a_warning(
    preview: Preview, detectors: dict[str, Json], lines: list[str]
) -> None:
    """It needs no API call, and is no problem."""
    assert preview.policy(**detectors) == preview.deployment("toxicity") == []
    assert preview.machine.new_lines() == lines
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
def test_unused_or_unknown_references_are_not_compared(preview: Preview, used: dict[str, Json]) -> None:
    preview.policy(nsfw=True)
    preview.deployment("toxicity", **used)
    assert preview.machine.new_lines() == []


def test_detectors_that_are_not_known_yet_are_not_compared(preview: Preview) -> None:
    preview.check(GUARDRAILS_POLICY, {"name": "p", "detectors": UNKNOWN})
    preview.deployment("toxicity")
    assert preview.machine.new_lines() == []


def test_a_check_that_only_deployments_have_is_not_compared(preview: Preview) -> None:
    preview.policy(nsfw=True)
    used = {"policy_name": "p", "enabled": True, "block": ["relevancy", "nsfw"]}
    preview.check(DEPLOYMENT, {"name": "d", "model_saved_name": "x", "output_guardrails_policy": used})
    assert preview.machine.new_lines() == []


def test_references_are_compared_whichever_side_comes_first(preview: Preview) -> None:
    """With a name as a plain string, the engine may check the deployment first; each phase warns of that once."""
    preview.model()
    preview.deployment("toxicity", "nsfw")
    preview.policy(nsfw=True)
    lines = [as_string("input_guardrails_policy.policy_name", "policy", "p"), DISABLED]
    assert preview.machine.new_lines() == lines
    update = Preview(preview.machine)  # another process of the same run
    update.model()
    update.deployment("toxicity", "nsfw")
    update.policy(nsfw=True)
    assert update.machine.new_lines() == lines


def test_a_value_that_becomes_known_is_compared(preview: Preview) -> None:
    """A detector that was unknown at preview is compared during the update."""
    preview.policy(toxicity=UNKNOWN)
    preview.deployment("toxicity")
    preview.policy(toxicity=False)
    preview.deployment("toxicity")
    assert preview.machine.new_lines() == [DISABLED]


def test_warns_about_a_model_that_is_referenced_before_it_is_declared(preview: Preview) -> None:
    preview.policy(toxicity=True)
    preview.deployment("toxicity")
    preview.model()
    assert preview.machine.new_lines() == [as_string("model_saved_name", "model", "x/1")]


def test_references_are_not_compared_across_runs(preview: Preview) -> None:
    preview.policy(nsfw=True)
    Preview(preview.machine, run="another").deployment("toxicity")
    assert preview.machine.new_lines() == []


def test_controllers_of_a_process_share_notes_without_a_writable_file(
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
    assert preview.machine.new_lines() == [DISABLED]


# ---- enkrypt:checkOnline


def test_a_dangling_reference_is_a_problem_with_the_nearest_name(online: Preview) -> None:
    online.machine.api.register("x1/1")
    online.policy("guard", nsfw=True)
    problems = online.deployment("nsfw", policy="gaurd")
    assert problems == [
        "model_saved_name: no model x/1 is registered with this account or declared before this deployment; did you "
        'mean "x1/1"?',
        "input_guardrails_policy.policy_name: no policy gaurd is registered with this account or declared before "
        'this deployment; did you mean "guard"?',
    ]


def test_a_dangling_reference_without_a_near_name_says_how_to_fix_it(online: Preview) -> None:
    online.model()
    (problem,) = online.deployment(policy="guard")
    assert problem.endswith("declared before this deployment: declare it, and give this deployment its output")


def test_a_registered_or_declared_reference_is_no_problem(online: Preview) -> None:
    """One list of each kind is requested, and no more."""
    online.machine.api.register()
    online.policy(nsfw=True)
    online.machine.api.calls()
    assert online.deployment("nsfw") == online.deployment("nsfw") == []
    assert sorted(online.machine.api.calls()) == ["consumer_info", "list_deployments", "list_models"]


def test_an_unknown_reference_is_not_looked_up(online: Preview) -> None:
    assert online.deployment(policy=UNKNOWN, to=UNKNOWN) == []


def test_an_api_that_is_down_is_only_a_warning(online: Preview) -> None:
    online.machine.api.turn(spelled_fault("list_policies:status=500"), spelled_fault("list_models:status=500"))
    assert online.deployment() == []
    assert [line.partition(";")[0] for line in online.machine.new_lines() if "checkOnline" in line] == [
        "warning: enkrypt:checkOnline: list the models: 500: Internal Server Error",
        "warning: enkrypt:checkOnline: list the policies: 500: Internal Server Error",
    ]


def test_a_rejected_key_is_one_problem(tmp_path: Path) -> None:
    online = Preview(Machine(tmp_path / "m", Api(tmp_path / "k.sqlite", keys={})), {"check_online": True})
    assert [problem.partition(":")[0] for problem in online.deployment()] == ["list the deployments"]


def test_references_are_not_looked_up_without_check_online(preview: Preview) -> None:
    assert preview.deployment(policy="nowhere") == []
    assert preview.machine.api.calls() == []
