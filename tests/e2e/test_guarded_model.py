"""A model, a policy and a deployment in one program, with the real engine: the order of creation and deletion.

The same program, dynamic and native.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from .api import Api
from .harness import REPOSITORY, Stack, Story
from .native.projects import native, project, yaml

EXAMPLE = REPOSITORY / "examples" / "guarded-model"
HEADERS = {"policy": "X-Enkrypt-Policy", "deployment": "X-Enkrypt-Deployment"}
BASES = {"policy": "/guardrails", "deployment": "/deployments"}

TO_OUTPUT = "OutputPolicyArgs(policy_name=guardrails.name"
TO_TEXT = 'OutputPolicyArgs(policy_name="suport"'

NATIVE = "from enkrypt_provider.native import EnkryptDeployment, EnkryptGuardrailsPolicy, EnkryptModel\n"
"""The extra import that turns the example's program into a native one."""


def as_native(program: str) -> str:
    return program.replace("\nconfig = ", f"\n{NATIVE}\nconfig = ", 1)


def ask(api: Api, method: str, call: str, name: str = "support", body: Any = None) -> Any:
    """Call the API as another client."""
    noun = call.partition("-")[2]
    headers = {"apikey": api.key, HEADERS[noun]: name}
    response = httpx.request(method, f"{api.url}{BASES[noun]}/{call}", headers=headers, json=body, trust_env=False)
    api.calls()
    return response.raise_for_status().json()


def writes(api: Api) -> list[str]:
    return [call for call in api.calls() if not call.startswith(("get_", "list_"))]


@pytest.mark.parametrize("front_end", ["dynamic", "native"])
def test_the_three_kinds_are_created_and_deleted_in_order(story: Story, front_end: str) -> None:
    """Created in order of their references, updated one by one, reset after drift, deleted in reverse order."""
    api = story.api()
    program = (EXAMPLE / "__main__.py").read_text()
    if front_end == "native":
        program = as_native(program)
    wrong = program.replace('["injection_attack", "topic_detector"]', '["injection"]')
    stack = native(story, wrong, api) if front_end == "native" else story.project(wrong, api)
    (line,) = [line for line in stack.preview(fails=True).errors if "must be one of" in line]
    assert re.search(r"input_?[gG]uardrails_?[pP]olicy.block\[0\]: must be one of topic_detector, nsfw", line)
    assert 'did you mean "injection_attack"?' in line
    unfit = program.replace('["injection_attack", "topic_detector"]', '["nsfw"]').replace(TO_OUTPUT, TO_TEXT)
    stack.write("__main__.py", unfit)
    stack.run("config", "set", "enkrypt:checkOnline", "true")
    shown = stack.preview(fails=True).text.replace("inputGuardrailsPolicy", "input_guardrails_policy")
    assert "support: input_guardrails_policy.block names nsfw, which blocks nothing: the policy support does" in shown
    assert (
        'no policy suport is registered with this account or declared before this deployment; did you mean "' in shown
    )
    assert set(writes(api)) == {"consumer_info"}
    stack.run("config", "rm", "enkrypt:checkOnline")
    stack.write("__main__.py", program)
    assert "+ 4 to create" in stack.preview().text
    assert api.calls() == []

    stack.up()
    created = writes(api)
    assert sorted(created[:2]) == ["add_model support-chat/v1", "add_policy support"]
    assert created[2:] == ["add_deployment support"]
    deployed = ask(api, "GET", "get-deployment")
    assert (deployed["model_saved_name"], deployed["model_version"]) == ("support-chat", "v1")
    assert deployed["output_guardrails_policy"]["policy_name"] == "support"
    stack.refresh()
    assert "4 unchanged" in stack.up().text
    assert writes(api) == []

    # A changed topic updates only the policy; a detector that somebody switched off is switched on again.
    stack.run("config", "set", "--path", "topics[0]", "legal advice")
    stack.up()
    assert writes(api) == ["modify_policy support"]
    policy = ask(api, "GET", "get-policy")
    assert policy["detectors"]["topic_detector"]["topic"] == ["legal advice"]
    kept = {name: policy[name] for name in ("name", "description")}
    ask(api, "PATCH", "modify-policy", body={**kept, "detectors": {"toxicity": {"enabled": False}}})
    stack.refresh()
    shown = stack.preview("--diff").text
    assert "toxicity" in shown
    assert re.search("topic_?[dD]etector", shown)
    stack.up()
    assert writes(api) == ["modify_policy support"]
    assert ask(api, "GET", "get-policy")["detectors"] == policy["detectors"]

    # A renamed policy is created before the deployment uses it; a renamed deployment is deleted first.
    stack.write("__main__.py", program := renamed(program, "guardrails"))
    stack.up()
    assert writes(api) == ["add_policy second", "modify_deployment support", "delete_policy support"]
    assert ask(api, "GET", "get-deployment")["input_guardrails_policy"]["policy_name"] == "second"
    stack.write("__main__.py", program := renamed(program, "deployment"))
    stack.up()
    assert writes(api) == ["delete_deployment support", "add_deployment second"]
    if front_end == "dynamic":
        becomes_native(story, stack, program)
    else:
        are_imported(story, api)
    assert writes(api) == []
    stack.destroy()
    gone = writes(api)
    assert gone[0] == "delete_deployment second"
    assert sorted(gone[1:]) == ["delete_model support-chat/v1", "delete_policy second"]


def becomes_native(story: Story, stack: Stack, program: str) -> None:
    """With one more import, every registration stays and gets its native type and names in the state."""
    stack.write("__main__.py", as_native(program))
    stack.write("Pulumi.yaml", project(story, "python"))
    assert "~ 3 updated" in stack.up().lines
    resources = stack.export()
    types = {name: resources[name]["type"].rpartition(":")[2] for name in ("chat", "guardrails", "deployment")}
    assert types == {"chat": "EnkryptModel", "guardrails": "GuardrailsPolicy", "deployment": "Deployment"}
    assert "inputGuardrailsPolicy" in resources["deployment"]["outputs"]
    stack.up("--expect-no-changes")


def are_imported(story: Story, api: Api) -> None:
    """The generated code is short: it omits defaults and disabled detectors."""
    other = yaml(story, {}, api, name="other")
    options = ("second", "--yes", "--protect=false")
    policy = other.run("import", "enkrypt:index:GuardrailsPolicy", "guardrails", *options).stdout
    assert "injectionAttack:" in policy
    assert "nsfw:" not in policy
    deployment = other.run("import", "enkrypt:index:Deployment", "deployment", *options).stdout
    assert "policyName: second" in deployment
    assert "piiRedaction: true" in deployment
    assert "hallucination" not in deployment


def renamed(program: str, resource: str) -> str:
    return program.replace(f'"{resource}",\n    name="support"', f'"{resource}",\n    name="second"')
