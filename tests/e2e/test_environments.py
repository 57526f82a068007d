"""From dev to staging to prod: one catalogue, three accounts, and a production stack that speaks https alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import trustme

from .api import Look
from .harness import REPOSITORY, Stack, Story, project
from .tls import over_tls

PROGRAM = (REPOSITORY / "__main__.py").read_text()

CATALOGUE: dict[str, Any] = {
    "chat": {
        "model_saved_name": "chat",
        "deletion_protection": {"config": "protected"},
        "model_config": {
            "is_compatible_with": "openai",
            "model_version": "1",
            "endpoint": {"host": {"config": "llmHost"}},
            "apikeys": [{"secret": "llmKey"}],
        },
    },
    "judge": {
        "model_saved_name": "judge",
        "model_config": {"is_compatible_with": "anthropic", "endpoint": {"host": "api.anthropic.com"}},
    },
}
"""What every environment has; the stack's file says where, with which key, and what may be deleted."""


def in_every_stack(catalogue: dict[str, Any]) -> dict[str, Any]:
    """The configuration in Pulumi.yaml."""
    return {"enkrypt:models": {"value": catalogue}, "enkrypt:protected": {"value": "false"}}


def with_prompt(text: str) -> dict[str, Any]:
    """The catalogue with a change to be promoted."""
    chat = CATALOGUE["chat"]
    return {**CATALOGUE, "chat": {**chat, "model_config": {**chat["model_config"], "system_prompt": text}}}


@dataclass(frozen=True)
class Environment:
    """One stack, what its file says besides the catalogue, and the account that it registers with."""

    name: str
    stack: Stack
    settings: dict[str, str]
    account: Look
    key: str = ""

    def set_up(self, secret: str) -> None:
        """Writes the stack's file, as a team does once."""
        values = {"llmHost": f"llm.{self.name}.example.com", **self.settings}
        secrets = {"llmKey": secret, **({"apiKey": self.key} if self.key else {})}
        self.stack.config_set(in_namespace(values), secrets=in_namespace(secrets))

    @property
    def hosts(self) -> dict[str, str]:
        """Where each registration answers."""
        return {name: model["model_config"]["endpoint"]["host"] for name, model in self.account.models().items()}

    @property
    def prompt(self) -> str:
        found: str = self.account.models()["chat/1"]["model_config"]["system_prompt"]
        return found

    @property
    def protected(self) -> bool:
        """Whether the engine itself refuses to delete."""
        return bool(self.stack.export()["chat"].get("protect"))


def in_namespace(values: dict[str, str]) -> dict[str, str]:
    return {f"enkrypt:{name}": value for name, value in values.items()}


@contextmanager
def environments(story: Story) -> Iterator[list[Environment]]:
    """dev on the embedded emulator, staging on a port of this machine, prod on one that speaks https."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(story.folder / "ca.pem"))
    variables = {"PULUMI_STACK": "dev", "SSL_CERT_FILE": str(story.folder / "ca.pem")}
    dev = story.project(PROGRAM, config=in_every_stack(CATALOGUE), environment=variables)
    staging, prod = story.api("staging.db"), story.api("prod.db")
    with over_tls(prod, story.folder / "prod.db", authority) as https:
        of_prod = {"endpoint": https, "requireHttps": "true", "protected": "true"}
        yield [
            Environment("dev", dev, {"endpoint": "embedded"}, Look(dev.folder / ".enkrypt/emulator.sqlite")),
            Environment("staging", dev.beside("staging"), {"endpoint": staging.url}, staging, staging.key),
            Environment("prod", dev.beside("prod"), of_prod, prod, prod.key),
        ]


def test_a_change_is_promoted_from_dev_to_staging_to_prod(story: Story) -> None:
    """One catalogue registers the same models in three accounts; a change reaches each when its stack is brought
    up, not before, and prod over https alone."""
    with environments(story) as every:
        for environment in every:
            environment.set_up(story.secrets.make(f"the model's key in {environment.name}"))
            environment.stack.up()
            assert environment.hosts == {
                "chat/1": f"llm.{environment.name}.example.com",
                "judge/v1": "api.anthropic.com",
            }
            assert environment.stack.outputs()["models"] == {"chat": "chat/1", "judge": "judge/v1"}
        assert [environment.protected for environment in every] == [False, False, True]

        every[0].stack.write("Pulumi.yaml", project(in_every_stack(with_prompt("In one paragraph."))))
        for number, promoted in enumerate(every):
            assert "~ 1 to update" in promoted.stack.preview().lines
            assert "~ 1 updated" in promoted.stack.up().lines
            assert [bool(one.prompt) for one in every] == [True] * (number + 1) + [False] * (2 - number)
        assert all("3 unchanged" in environment.stack.up().lines for environment in every)


def test_prod_refuses_every_endpoint_but_https(story: Story) -> None:
    """Where the stack's file says `requireHttps`, the emulator and plain http fail the preview in one line."""
    api = story.api()
    prod = story.own_project("prod")
    names = ("openaiApiKey", "azureApiKey", "anthropicApiKey", "internalApiKey")
    prod.config_set(secrets={f"enkrypt:{name}": story.secrets.make(name) for name in (*names, "apiKey")})
    for endpoint in ("embedded", api.url):
        prod.config_set({"enkrypt:endpoint": endpoint})
        assert [line for line in prod.preview(fails=True).lines if "requireHttps" in line] == [
            "enkrypt:endpoint must be https here, since enkrypt:requireHttps is true: neither embedded nor http, "
            "but a URL such as https://api.enkryptai.com"
        ]
        assert prod.up(fails=True).errors == ["1 problem in the configuration of stack prod:"]
    assert (api.calls(), api.models()) == ([], {})
    assert not (prod.folder / ".enkrypt").exists()


SHARING = """
import pulumi

config = pulumi.Config()
pulumi.export("llmHost", config.require("llmHost"))
pulumi.export("llmKey", config.require_secret("llmKey"))
"""

REGISTERING = """
import pulumi
from enkrypt_provider import EnkryptModel

platform = pulumi.StackReference(f"organization/platform/{pulumi.get_stack()}")
chat = EnkryptModel(
    "chat",
    model_saved_name="chat",
    model_config={
        "is_compatible_with": "openai",
        "endpoint": {"host": platform.require_output("llmHost")},
        "apikeys": [platform.require_output("llmKey")],
    },
)
pulumi.export("model", chat.id)
"""

USING = """
import pulumi

models = pulumi.StackReference(f"organization/models/{pulumi.get_stack()}")
pulumi.export("guarded", models.require_output("model"))
"""


def test_stacks_pass_on_what_they_share_by_stack_references(story: Story) -> None:
    """A host and a secret key come from a stack below, the registration's id goes to a stack above; what changes
    below is an update here, and the key is in the clear nowhere."""
    api = story.api()
    platform = story.project(SHARING, name="platform")
    platform.config_set({"llmHost": "one.example.com"}, secrets={"llmKey": story.secrets.make("the shared key")})
    platform.up()
    models = story.project(REGISTERING, api, name="models")
    models.up()
    assert api.calls() == ["add_model chat/v1"]
    using = story.project(USING, name="product")
    using.up()
    assert using.outputs() == {"guarded": "chat/v1"}

    platform.config_set({"llmHost": "two.example.com"})
    platform.up()
    assert "~ 1 to update" in models.preview().lines
    models.up()
    assert api.calls() == ["list_models", "modify_model chat/v1"]
    assert api.models()["chat/v1"]["model_config"]["endpoint"]["host"] == "two.example.com"
    assert "1 unchanged" in using.up().lines
