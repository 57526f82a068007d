"""Importing undeclared registrations, from the first list to an `up` that changes nothing."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from .api import Api
from .harness import REPOSITORY, TIME_LIMIT, Run, Stack, Story
from .native.projects import native

KEYS = 2
"""Number of model keys. Encrypting each takes a second."""
PROMPT = 'You are "kind".\nIt\'s said once.\n'


def odd_models(story: Story, dialect: Dialect) -> list[dict[str, Any]]:
    """Arguments of varied models, as somebody may have registered by hand."""
    keys = [story.secrets.make(f"the key of model {number}") for number in range(KEYS)]
    shared = story.secrets.make("the shared key of the ordinary models")
    free = {**FREE, "aws_secret_access_key": story.secrets.make("the key of a cloud")}
    models = [
        {"model_saved_name": "internal", "model_config": reached("http", "llm.internal", port=8000, base_path="/v2")},
        {"model_saved_name": "Two Words: 4.1", "model_config": {**reached(), "model_version": "1e3"}},
        {"model_saved_name": "again", "model_config": {**reached(), "model_version": "2024-08-06"}},
        {"model_saved_name": "again", "model_config": {**reached(), "system_prompt": PROMPT}},
        {"model_saved_name": "free", "model_config": {**reached(), "metadata": free, "apikeys": keys}},
        {"model_saved_name": "list", "testing_for": "Chatbot", "certifications": ["SOC 3", "GDPR"],
         "model_config": {**reached(), "default_request_options": {"stop": ["END", "."], "temperature": 0.0}}},
    ]  # fmt: skip
    if dialect == "v2":
        secret = story.secrets.make("a header's value")
        curl = f"curl https://h -H 'Authorization: {story.secrets.make('the key of a curl command')}'"
        headers = [{"key": "X-Team", "value": secret}, {"key": "Accept", "value": "*/*"}]
        only = {
            "tools": [{"name": "search"}],
            "input_modalities": ["text"],
            "rate_per_min": 5,
            "custom_headers": headers,
        }
        models += [
            {"model_saved_name": "headers", "testing_for": "agents", "model_config": {**reached(), **only}},
            {
                "model_saved_name": "curl",
                "model_config": {"is_compatible_with": "vg-curl", "custom_curl_command": curl},
            },
        ]
    ordinary = {"model_config": {**reached(), "apikeys": [shared]}}
    return [*models, *({"model_saved_name": f"model-{number}", **ordinary} for number in range(len(models), 25))]


FREE: Mapping[str, Any] = {
    "max_tokens": 2048,
    "owner": {"team": ["ml", 1.5, True], "since": "2024-01-01"},
    "on": "yes",
}


def reached(scheme: str = "https", host: str = "api.example.com", **endpoint: Any) -> dict[str, Any]:
    return {"is_compatible_with": "openai", "endpoint": {"scheme": scheme, "host": host, **endpoint}}


@dataclass(frozen=True)
class Account:
    """The API with undeclared registrations, and the project that will declare them."""

    stack: Stack
    api: Api
    dialect: Dialect

    def type(self, script: str, *, given: str = "") -> Run:
        """Runs shell commands in the project's folder, with `given` as their stdin."""
        ran = subprocess.run(
            ["sh", "-ec", script],
            cwd=self.stack.folder,
            env=dict(self.stack.environment),
            input=given,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT * 4,
            check=False,
        )
        run = Run(script, ran.returncode, ran.stdout, ran.stderr)
        self.stack.story.printed.append(run)
        assert run.code == 0, run
        return run

    def add(self, *registrations: Mapping[str, Any], kind: Kind = MODEL) -> None:
        """Registers models, or another kind, from their arguments."""
        with httpx.Client(base_url=self.api.url, headers={"apikey": self.api.key}) as http:
            for arguments in registrations:
                inputs, problems = codec.parse(kind, arguments, self.dialect)
                assert problems == []
                path = kind.calls.path(kind.calls.add)
                http.post(path, json=codec.body(kind, inputs, self.dialect)).raise_for_status()


def account(story: Story, stack: Stack, models: list[dict[str, Any]], dialect: Dialect = "v1") -> Account:
    """Registers `models` from their arguments, and configures the stack for their account."""
    api = story.api("account.db", dialect=dialect)
    stack.config_set({"enkrypt:endpoint": api.url, "enkrypt:dialect": dialect}, secrets={"enkrypt:apiKey": api.key})
    here = Account(stack, api, dialect)
    here.add(*models)
    api.calls()
    return here


def next_commands(run: Run) -> list[str]:
    """The commands that an import prints as next steps."""
    return [line.strip() for line in run.stdout.partition("\nNext:\n")[2].splitlines()]


def test_25_models_become_a_catalogue(story: Story) -> None:
    """One command declares 25 varied models, and the commands that it prints find nothing to change."""
    stack = story.own_project("dev", {})
    here = account(story, stack, odd_models(story, "v1"))
    done = here.type("enkrypt-provider import --stack dev")
    assert done.stderr == ""
    assert "Set 4 secrets of stack dev: " in done.stdout  # one for all ordinary models
    assert stat.S_IMODE((stack.folder / "enkrypt-import.json").stat().st_mode) == 0o600
    imported, removed, up = next_commands(done)
    assert "= 25 imported" in here.type(imported).lines
    here.type(removed)
    here.api.calls()

    assert "26 unchanged" in here.type(f"{up} --yes").lines
    assert here.api.calls() == []  # neither a read nor a write
    assert "26 unchanged" in stack.refresh("--diff").lines
    assert here.api.calls() == ["list_models"]
    doctor = here.type("enkrypt-provider doctor --stack dev")
    assert [line for line in doctor.lines if not line.startswith("ok ")] == []


def test_25_models_become_a_module(story: Story) -> None:
    """The same with dialect v2 and typed Python, without a key file; an `up` that comes too early deletes none."""
    stack = story.project("")
    here = account(story, stack, odd_models(story, "v2"), dialect="v2")
    done = here.type("enkrypt-provider import --stack dev --python imported.py --run")
    assert "= 25 imported" in done.lines
    add, up = next_commands(done)
    assert add == "add `import imported` to the program, before anything else"
    here.api.calls()

    early = stack.up(fails=True)
    assert any("cannot be deleted" in line for line in early.errors)
    stack.write("__main__.py", "import imported\n")
    assert "26 unchanged" in here.type(f"{up} --yes").lines
    assert here.api.calls() == []

    # Now the program controls the models, including their deletion.
    changed = (stack.folder / "imported.py").read_text().replace("2048", "1024")
    stack.write("imported.py", changed)
    assert "~ 1 updated" in stack.up().lines
    assert here.api.calls() == ["list_models", "modify_model free/v1"]
    stack.destroy()
    # The list lacks details of the model with a curl command.
    assert Counter(call.split()[0] for call in here.api.calls()) == {
        "list_models": 1,
        "get_model": 1,
        "delete_model": 25,
    }


POLICY = {"name": "strict", "detectors": {"pii": {"enabled": True, "entities": ["email"]}}}
GUARDED = {
    "name": "support",
    "model_saved_name": "chat",
    "input_guardrails_policy": {"policy_name": "strict", "enabled": True, "block": ["pii"]},
}


@pytest.mark.parametrize("is_native", [False, True], ids=["dynamic", "native"])
def test_every_kind_is_imported_by_either_provider(story: Story, is_native: bool) -> None:
    """Keys are included and `up` makes no call; the deployment is deleted before the model and the policy."""
    stack = native(story, "import enkrypt_provider.native\n") if is_native else story.project("")
    chat = {"model_saved_name": "chat", "model_config": {**reached(), "apikeys": [story.secrets.make("a key")]}}
    here = account(story, stack, [chat])
    here.add(POLICY, kind=GUARDRAILS_POLICY)
    here.add(GUARDED, kind=DEPLOYMENT)
    done = here.type("enkrypt-provider import --stack dev --python imported.py --run")
    assert "Declared 1 model, 1 policy and 1 deployment in imported.py." in done.lines
    *_, up = next_commands(done)
    here.api.calls()
    stack.write("__main__.py", "import imported\n")
    assert "4 unchanged" in here.type(f"{up} --yes").lines
    assert here.api.calls() == []
    doctor = here.type("enkrypt-provider doctor --stack dev")
    assert [line for line in doctor.lines if not line.startswith("ok ")] == []
    here.api.calls()
    stack.destroy()
    deleted = [call.split()[0] for call in here.api.calls() if call.startswith("delete")]
    assert (deleted[0], sorted(deleted[1:])) == ("delete_deployment", ["delete_model", "delete_policy"])


# ---- docs/import.md


TITLE = re.compile(r"^## (.*)$", re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENT = (REPOSITORY / "docs" / "import.md").read_text()


LISTS = ["list_models", "list_policies", "list_deployments"]
"""The calls of an import."""


def blocks(title: str) -> list[str]:
    """The commands of one section."""
    sections = dict(zip(TITLE.findall(DOCUMENT), TITLE.split(DOCUMENT)[2::2], strict=True))
    return BLOCK.findall(sections[title])


def small(name: str, *keys: str) -> dict[str, Any]:
    return {"model_saved_name": name, "model_config": {**reached(), "apikeys": list(keys)}}


def test_the_documents_commands_work_as_written(story: Story) -> None:
    """Both imports into a catalogue in docs/import.md end with an `up` that changes nothing."""
    stack = story.own_project("dev", {})
    here = account(story, stack, [])
    for number, title in ((2, "Import in one step"), (3, "Review the import file first")):
        here.add(small(f"model-{number}", story.secrets.make("the key of a model")))
        (block,) = blocks(title)
        here.api.calls()
        assert f"{number} unchanged" in here.type(block).lines
        assert here.api.calls() == LISTS


def test_the_documents_commands_for_masked_keys_work_as_written(story: Story) -> None:
    """The command to set a key is printed; one secret can serve exactly the models that the user lists."""
    stack = story.own_project("dev", {})
    key = story.secrets.make("the key that the person knows")
    here = account(story, stack, [small("gpt-4o", key)])
    here.api.fault({"mask_apikeys": True})
    masked, shared = (
        block.replace("< key.txt", "")  # a key file would count as a leak here
        for block in blocks("When the API masks the keys")
    )
    done = here.type(masked, given=key)
    assert "  pulumi config set --secret enkrypt:gpt-4o_apikey --stack dev" in done.stdout.splitlines()
    assert "2 unchanged" in done.lines
    here.add(small("gpt-4", key), small("gpt-5", key), small("claude", key))
    assert "4 unchanged" in here.type(shared, given=key).lines
    assert {"gpt-4", "gpt-5"} < set(stack.export())
    assert "claude" not in stack.export()


def test_the_documents_commands_for_a_program_work_as_written(story: Story) -> None:
    stack = story.project("")
    here = account(story, stack, [small("gpt-4o", story.secrets.make("the key of a model"))])
    (block,) = blocks("Import into a program instead of the catalogue")
    assert "2 unchanged" in here.type(block).lines
    assert here.api.calls() == LISTS


def test_a_document_for_a_parent_and_a_provider_works_as_written(story: Story) -> None:
    """The names and the table in docs/import.md put a model under a component and a provider."""
    program = "\n".join(
        (
            "import os",
            "import pulumi",
            "from enkrypt_provider import EnkryptModel, EnkryptProvider",
            "config = pulumi.Config('enkrypt')",
            "account = {'endpoint': config.require('endpoint'), 'api_key': config.require_secret('apiKey')}",
            "eu = EnkryptProvider('eu', **account)",
            "class Models(pulumi.ComponentResource):",
            "    def __init__(self): super().__init__('shop:index:Models', 'models')",
            "options = pulumi.ResourceOptions(parent=Models(), provider=eu)",
            "if os.path.exists('imported'):",
            "    reached = {'is_compatible_with': 'openai', 'endpoint': {'host': 'api.example.com'}}",
            "    EnkryptModel('gpt-4o', model_saved_name='gpt-4o', model_config=reached, opts=options)",
        )
    )
    stack = story.project(program)
    here = account(story, stack, [small("gpt-4o")])
    stack.up()
    here.type("enkrypt-provider import --stack dev --python unused.py")
    shown = json.loads(re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[0])
    document = json.loads((stack.folder / "enkrypt-import.json").read_text())
    added = {name: shown["resources"][0][name] for name in ("parent", "provider")}
    document["resources"] = [{**entry, **added} for entry in document["resources"]]
    urns = {name: urn.replace("::shop::", "::story::") for name, urn in shown["nameTable"].items()}
    stack.write("enkrypt-import.json", json.dumps({**document, "nameTable": urns}))
    here.type("pulumi import --file enkrypt-import.json --generate-code=false --yes --stack dev")
    stack.write("imported", "")
    here.api.calls()
    assert "4 unchanged" in stack.up("--expect-no-changes").lines
    assert here.api.calls() == []
