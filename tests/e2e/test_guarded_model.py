"""A model, a policy and a deployment in one program, with the real engine: the order in which they come and go.

The same program, dynamic and native.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from .api import Api
from .harness import REPOSITORY, Stack, Story
from .native.projects import native, project

EXAMPLE = REPOSITORY / "examples" / "guarded-model"
HEADERS = {"policy": "X-Enkrypt-Policy", "deployment": "X-Enkrypt-Deployment"}
BASES = {"policy": "/guardrails", "deployment": "/deployments"}


@pytest.fixture
def api(story: Story) -> Api:
    return story.api()


NATIVE = "from enkrypt_provider.native import EnkryptDeployment, EnkryptGuardrailsPolicy, EnkryptModel\n"
"""The line more with which the example's program is one of the native plugin."""


@pytest.fixture(params=["dynamic", "native"])
def stack(request: pytest.FixtureRequest, story: Story, api: Api) -> Stack:
    """A stack of the example's own program at the emulator over HTTP."""
    program = (EXAMPLE / "__main__.py").read_text()
    return story.project(program, api) if request.param == "dynamic" else native(story, as_native(program), api)


def as_native(program: str) -> str:
    return program.replace("\nconfig = ", f"\n{NATIVE}\nconfig = ", 1)


def ask(api: Api, method: str, call: str, name: str = "support", body: Any = None) -> Any:
    """Ask the API as somebody else does."""
    noun = call.partition("-")[2]
    headers = {"apikey": api.key, HEADERS[noun]: name}
    response = httpx.request(method, f"{api.url}{BASES[noun]}/{call}", headers=headers, json=body, trust_env=False)
    api.calls()
    return response.raise_for_status().json()


def writes(api: Api) -> list[str]:
    return [call for call in api.calls() if not call.startswith(("get_", "list_"))]


def test_the_three_live_and_go_in_order(stack: Stack, api: Api) -> None:
    """Made in the order of their references, unchanged after that, taken down the other way round."""
    previewed = stack.preview()
    assert "+ 4 to create" in previewed.text
    assert writes(api) == []

    stack.up()
    made = writes(api)
    assert sorted(made[:2]) == ["add_model support-chat/v1", "add_policy"]
    assert made[2:] == ["add_deployment"]
    deployed = ask(api, "GET", "get-deployment")
    assert (deployed["model_saved_name"], deployed["model_version"]) == ("support-chat", "v1")
    assert deployed["output_guardrails_policy"]["policy_name"] == "support"

    assert "4 unchanged" in stack.up().text
    stack.refresh()
    assert "4 unchanged" in stack.up().text
    assert writes(api) == []

    stack.destroy()
    gone = writes(api)
    assert gone[0] == "delete_deployment"
    assert sorted(gone[1:]) == ["delete_model support-chat/v1", "delete_policy"]


def test_each_changes_alone_and_drift_is_set_back(stack: Stack, api: Api) -> None:
    """A topic more is an update of the policy; a detector that somebody switched off is switched on again."""
    stack.up()
    stack.run("config", "set", "--path", "topics[0]", "legal advice")
    writes(api)
    stack.up()
    assert writes(api) == ["modify_policy"]
    policy = ask(api, "GET", "get-policy")
    assert policy["detectors"]["topic_detector"]["topic"] == ["legal advice"]

    kept = {name: policy[name] for name in ("name", "description")}
    ask(api, "PATCH", "modify-policy", body={**kept, "detectors": {"toxicity": {"enabled": False}}})
    stack.refresh()
    shown = stack.preview("--diff").text
    assert "toxicity" in shown
    assert "topic_detector" in shown
    stack.up()
    assert writes(api) == ["modify_policy"]
    assert ask(api, "GET", "get-policy")["detectors"] == policy["detectors"]


def test_a_renamed_policy_is_there_before_the_deployment_names_it(stack: Stack, api: Api) -> None:
    """The new policy is made, the deployment pointed to it, and only then the old one deleted."""
    stack.up()
    writes(api)
    program = (stack.folder / "__main__.py").read_text()
    stack.write(
        "__main__.py", program.replace('"guardrails",\n    name="support"', '"guardrails",\n    name="second"')
    )
    stack.up()
    assert writes(api) == ["add_policy", "modify_deployment", "delete_policy"]
    assert ask(api, "GET", "get-deployment")["input_guardrails_policy"]["policy_name"] == "second"


def test_a_renamed_deployment_goes_before_it_comes(stack: Stack, api: Api) -> None:
    """Its name is unique in the account, so that the old one is deleted first."""
    stack.up()
    writes(api)
    program = (stack.folder / "__main__.py").read_text()
    stack.write(
        "__main__.py", program.replace('"deployment",\n    name="support"', '"deployment",\n    name="second"')
    )
    stack.up()
    assert writes(api) == ["delete_deployment", "add_deployment"]


def test_what_is_wrong_is_told_at_the_preview(stack: Stack, api: Api) -> None:
    """One line for each mistake, with its path; nothing is sent."""
    program = (stack.folder / "__main__.py").read_text()
    stack.write("__main__.py", program.replace('["injection_attack", "topic_detector"]', '["injection"]'))
    failed = stack.preview(fails=True)
    (line,) = [line for line in failed.errors if "must be one of" in line]
    assert re.search(r"input_?[gG]uardrails_?[pP]olicy.block\[0\]: must be one of topic_detector, nsfw", line)
    assert 'did you mean "injection_attack"?' in line

    stack.write("__main__.py", program.replace('["injection_attack", "topic_detector"]', '["nsfw"]'))
    told = stack.preview().text.replace("inputGuardrailsPolicy", "input_guardrails_policy")
    assert "support: input_guardrails_policy.block names nsfw, which blocks nothing: the policy support does" in told
    assert api.calls() == []

    stack.run("config", "set", "enkrypt:checkOnline", "true")
    stack.write("__main__.py", program.replace("policy_name=guardrails.name", 'policy_name="suport"', 1))
    failed = stack.preview(fails=True)
    (line,) = [line for line in failed.errors if "suport" in line]
    assert line.endswith(
        ": no policy suport is registered with this account or declared before this deployment; did you mean "
        '"support"?'
    )
    assert set(writes(api)) == {"consumer_info"}


@pytest.mark.parametrize("stack", ["dynamic"], indirect=True)
def test_a_dynamic_stack_becomes_native_without_a_call(stack: Stack, api: Api, story: Story) -> None:
    """One import more: every registration stays, under its native type and in its names."""
    stack.up()
    api.calls()
    stack.write("__main__.py", as_native((stack.folder / "__main__.py").read_text()))
    stack.write("Pulumi.yaml", project(story, "python"))
    assert "~ 3 updated" in stack.up().lines
    assert api.calls() == []
    resources = stack.export()
    types = {name: resources[name]["type"].rpartition(":")[2] for name in ("chat", "guardrails", "deployment")}
    assert types == {"chat": "EnkryptModel", "guardrails": "GuardrailsPolicy", "deployment": "Deployment"}
    assert "inputGuardrailsPolicy" in resources["deployment"]["outputs"]
    stack.up("--expect-no-changes")
    stack.destroy()
    assert writes(api)[0] == "delete_deployment"
