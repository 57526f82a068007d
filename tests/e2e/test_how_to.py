"""docs/installation.md and docs/how-to/: writing each file and running each command gives the described result."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import trustme

from .api import Api
from .harness import REPOSITORY, TIME_LIMIT, Run, Stack, Story
from .programs import model
from .tls import over_tls

DOCS: Final = REPOSITORY / "docs"
LIVE: Final = "https://api.enkryptai.com"
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL: Final = """
set -euo pipefail
pulumi() {
  case "$*" in
    up*|refresh*|destroy*) command pulumi "$@" --yes --skip-preview ;;
    "config set --secret "*) command pulumi "$@" <<< "$TYPED" ;;
    *) command pulumi "$@" ;;
  esac
}
"""
"""Confirms commands and answers the prompt for a secret, as a user at a terminal would."""


@dataclass
class Reader:
    """Follows a page in the folder of `stack`. `instead` replaces the API's address, by name of the file that
    contains it; `typed` answers prompts for a secret."""

    stack: Stack
    typed: str
    instead: Mapping[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    def follow(self, text: str) -> None:
        for kind, content in BLOCK.findall(text):
            if kind == "sh":
                self._type(content)
            else:
                first, _, rest = content.partition("\n")
                self._write(first.removeprefix("# "), rest)

    def _write(self, name: str, content: str) -> None:
        file = self.stack.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content.replace(LIVE, self.instead.get(name, LIVE)), encoding="utf-8")

    def _type(self, commands: str) -> None:
        done = subprocess.run(
            ["/bin/bash", "-c", SHELL + commands],
            cwd=self.stack.folder,
            env={**self.stack.environment, "TYPED": self.typed},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT * 4,
            check=False,
        )
        run = Run(commands, done.returncode, done.stdout, done.stderr)
        self.stack.story.printed.append(run)
        self.printed += run.lines
        assert run.code == 0, run


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """The text below one heading."""
    return re.split(r"^## ", text.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]


def test_the_first_program_works_as_the_page_says(story: Story) -> None:
    """From an empty folder to a registration in the emulator, then to one in an account with a key."""
    api = story.api()
    folder = story.empty("first")
    reader = Reader(folder.with_environment({"ENKRYPTAI_BASE_URL": api.url}), api.key)
    reader.follow(section(page("installation.md"), "A first program"))
    assert any(line.startswith("chat v1") for line in reader.printed)
    assert api.models() == {}
    reader.follow(section(page("installation.md"), "The account"))
    assert any(f"it is replaced by one at {api.url}" in line for line in reader.printed)
    assert any("stays registered at another emulator" in line for line in reader.printed)
    assert list(api.models()) == ["chat/v1"]


def test_environments(story: Story) -> None:
    """The page's catalogue is registered in each environment with the values of its file; in prod it is protected."""
    staging, prod = story.api("staging.db"), story.api("prod.db")
    key = staging.key
    prod.rotate(key)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(story.folder / "ca.pem"))
    stack = story.empty("models").with_environment({"SSL_CERT_FILE": str(story.folder / "ca.pem")})
    with over_tls(prod, story.folder / "prod.db", authority) as https:
        addresses = {"Pulumi.staging.yaml": staging.url, "Pulumi.prod.yaml": https}
        reader = Reader(stack, key, instead=addresses)
        reader.follow(page("how-to/environments.md"))
        protected = stack.with_environment({"PULUMI_STACK": "prod"}).export()["chat"]["protect"]
    assert protected
    hosts = [api.models()["chat/1"]["model_config"]["endpoint"]["host"] for api in (staging, prod)]
    assert hosts == ["llm.staging.example.com", "llm.prod.example.com"]
    assert 'guarded: "chat/1"' in reader.printed


def test_many_accounts(story: Story) -> None:
    """A model in each of the page's accounts, and a look-up in each."""
    api = story.api()
    stack = story.project("", environment={"ENKRYPTAI_BASE_URL": api.url})
    Reader(stack, api.key).follow(page("how-to/many-accounts.md"))
    numbers = {name: model["model_id"] for name, model in api.models().items()}
    assert stack.outputs() == {"eu": numbers["chat-eu/v1"], "us": numbers["chat-us/v1"]}


def test_rotate_keys(story: Story) -> None:
    """After the page's commands the new keys are in use, and the preview prints the line that the page quotes."""
    api = story.api()
    program = re.sub("openaiApiKey", "llmKey", _first_program())
    stack = story.project(program, api)
    stack.config_set(secrets={"enkrypt:llmKey": story.secrets.make("the first key")})
    stack.up()
    text = page("how-to/rotate-keys.md")

    Reader(stack, api.rotate(story.secrets.make("the new API key"))).follow(section(text, "The account's API key"))
    reader = Reader(stack, story.secrets.make("the model's new key"))
    reader.follow(section(text, "A model's own keys"))
    (quoted,) = re.findall(r"`(chat/v1: .+?)`", text)
    assert any(quoted in line for line in reader.printed)
    assert api.models()["chat/v1"]["model_config"]["apikeys"] == [reader.typed]


def test_private_endpoint(story: Story) -> None:
    """The page's model is registered with its port, paths and header, and its health is checked."""
    api = story.api()
    stack = story.project("", api)
    Reader(stack, story.secrets.make("the gateway's key")).follow(page("how-to/private-endpoint.md"))
    assert api.calls() == ["add_model chat/v1", "model_health chat/v1"]
    config = api.models()["chat/v1"]["model_config"]
    assert (config["endpoint"]["port"], config["paths"]["completions"], config["auth_data"]["header_name"]) == (
        8443,
        "",
        "X-Gateway-Key",
    )


def test_guard_a_model(story: Story) -> None:
    """The page's program and catalogue create the deployment last and delete it first; a caller looks it up."""
    api = story.api()
    text = page("how-to/guard-a-model.md")
    (language, program) = BLOCK.findall(text)[0]
    stack = story.project(program, api)

    stack.up()
    assert language == "python"
    assert _begin(api, "add_")[2:] == ["add_deployment"]
    assert (list(api.models()), list(api.policies())) == (["support-chat/v1"], ["support"])
    (_, caller) = BLOCK.findall(section(text, "Existing policies and deployments"))[0]
    stack.write("__main__.py", f"{program}\n{caller}")
    stack.up()
    assert stack.outputs() == {
        "model": "support-chat/v1",
        "policies": ["support"],
        "policy": api.policies()["support"]["policy_id"],
    }
    stack.destroy()
    assert (api.models(), api.policies(), api.deployments()) == ({}, {}, {})
    assert _begin(api, "delete_")[0] == "delete_deployment"

    account = {"ENKRYPTAI_BASE_URL": api.url, "ENKRYPTAI_API_KEY": api.key}
    Reader(story.empty("guarded").with_environment(account), "").follow(section(text, "In the catalogue"))
    writes = [call.partition(" ")[0] for call in api.calls() if call.startswith(("add_", "delete_"))]
    assert writes[2:4] == ["add_deployment", "delete_deployment"]
    assert len(writes) == 6


def _begin(api: Api, begin: str) -> list[str]:
    return [call.partition(" ")[0] for call in api.calls() if call.startswith(begin)]


def test_the_lookups_in_the_guides(story: Story) -> None:
    """The guides' program finds the registered models, with secret keys; preview works before they all exist."""
    api = story.api()
    key = story.secrets.make("the model's key")
    for name in ("chat", "prod-a", "prod-b", "dev-a"):
        api.add(model(name, apikeys=[key]))
    stack = story.project("", api)
    Reader(stack, "").follow(section(page("guides.md"), "Look-ups"))
    stack.preview()
    stack.up()
    numbers = {name: found["model_id"] for name, found in api.models().items()}
    assert stack.outputs() == {
        "host": "chat.example.com",
        "key": "[secret]",
        "prod": ["prod-a", "prod-b"],
        "shared": numbers["chat/v1"],
        "judge": numbers["judge/v1"],
    }


def test_resource_options_work_as_the_guides_say(story: Story) -> None:
    """Property paths are snake_case, like the arguments; `replace_on_changes` and `custom_timeouts` are ignored."""
    stack = story.project("", story.api())
    program = """
import pulumi
from enkrypt_provider import EnkryptModel

config = {{"is_compatible_with": "openai", "endpoint": {{"host": "chat.example.com"}}}}
opts = pulumi.ResourceOptions({})
EnkryptModel("chat", model_saved_name="chat", model_name="{}", model_config=config, opts=opts)
"""

    def declare(options: str, model_name: str) -> None:
        stack.write("__main__.py", program.format(options, model_name))

    declare("", "one")
    stack.up()
    seen = {}
    for option in ("ignore_changes=['model_name']", "ignore_changes=['modelName']", "replace_on_changes=['*']"):
        declare(option, "two")
        seen[option.partition("=")[2]] = stack.preview().lines
    declare("custom_timeouts=pulumi.CustomTimeouts(update='1ms')", "two")

    assert "2 unchanged" in seen["['model_name']"]
    assert all("~ 1 to update" in seen[paths] for paths in ("['modelName']", "['*']"))
    assert "~ 1 updated" in stack.up().lines
    quoted = section(page("guides.md"), "Pulumi's resource options")
    assert all(f"| `{name}` |" in quoted for name in ("ignore_changes", "replace_on_changes", "custom_timeouts"))


def _first_program() -> str:
    text = section(page("installation.md"), "A first program")
    return next(str(content) for kind, content in BLOCK.findall(text) if kind == "python")


TESTS: Final[dict[str, Callable[[Story], None]]] = {
    "guard-a-model.md": test_guard_a_model,
    "environments.md": test_environments,
    "many-accounts.md": test_many_accounts,
    "rotate-keys.md": test_rotate_keys,
    "private-endpoint.md": test_private_endpoint,
}


@pytest.mark.parametrize("path", sorted(DOCS.glob("how-to/*.md")), ids=lambda path: path.name)
def test_each_page_with_a_snippet_has_a_test(path: Path) -> None:
    """No page has commands that no test runs."""
    assert not BLOCK.search(path.read_text(encoding="utf-8")) or path.name in TESTS
