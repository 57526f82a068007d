"""docs/troubleshooting.md: each message in it is what the code says, and each class of error has its place there.

What the engine itself says is in tests/e2e/test_troubleshooting.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
from core.machines import Api, Machine
from documents import canonical, minimal, without_secrets
from mocked import run

import enkrypt_provider
from enkrypt_provider import EnkryptModel, catalogue, get_model, policy
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.cli.stack import Stack, project_file
from enkrypt_provider.core.controller import Controller, connect
from enkrypt_provider.emulator import Fault, create_app, serve_in_thread
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.frontends.property_values import OWNER
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import DEFAULT_ENDPOINT, Key, Settings
from enkrypt_provider.testing import MockStack

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.md"
REFUSED: Final = "The preview refuses an argument"
TOLD: Final = "What it says without failing"
ENGINE: Final = "The engine says"
CHAT: Final = minimal(model_saved_name="chat", model_config__apikeys=["stand-in-model-key"])


def sections() -> dict[str, list[str]]:
    """The messages on the page, by the heading above them."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {title: re.findall(r"^```text\n(.+)\n```$", text, re.MULTILINE) for title, text in found.items()}


def is_quoted(message: str, line: str) -> bool:
    """Whether a printed line is the page's `message`, where `…` stands for anything and a request id may follow."""
    return bool(re.fullmatch(".+".join(map(re.escape, message.split("…"))) + r"( \(request id \w+\))?", line))


class World(Machine):
    """An emulator out of order, and a machine that uses it."""

    def __init__(self, folder: Path, keys: dict[str, str] | None = None) -> None:
        super().__init__(folder, Api(folder / "api.sqlite", DEFAULT_ENDPOINT, keys=keys))

    def client(self, *faults: Fault, **settings: Any) -> EnkryptClient:
        self.api.turn(*faults)
        return self.run(**settings).controller.registrations.client

    def frontend(self, *faults: Fault, kind: Kind = MODEL, **settings: Any) -> DynamicFrontend:
        """A provider process of a run, by default of one of its own."""
        self.api.turn(*faults)
        return DynamicFrontend(self.run(kind=kind, **settings).controller, self.report, kind)

    def registered(self, **changed: Any) -> dict[str, Any]:
        """The state after a create."""
        return opened(self.frontend().create(declared(**changed)).outs)


def opened(properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """As the engine hands them to a provider."""
    found: dict[str, Any] = without_secrets(dict(properties or {}))
    return found


def declared(**changed: Any) -> dict[str, Any]:
    """The canonical inputs of a model."""
    return canonical({**CHAT, **changed})


Scene = Callable[[World], Any]


def configured(**settings: str) -> Scene:
    return lambda _world: Settings.from_config({f"enkrypt:{k}": v for k, v in settings.items()}.get, {})


def in_the_catalogue(secret_names: tuple[str, ...] = (), **config: str) -> Scene:
    """A stack with a model whose host and key its file gives, or does not."""
    host = {"is_compatible_with": "openai", "endpoint": {"host": {"config": "llmHost"}}}
    models = {"chat": {"model_saved_name": "chat", "model_config": {**host, "apikeys": [{"secret": "llmKey"}]}}}

    def load(_world: World) -> None:
        run(catalogue.load, config={"endpoint": "embedded", "models": models, **config}, secret_names=secret_names)

    return load


def checked(olds: dict[str, Any] | None = None, **changed: Any) -> Scene:
    return lambda world: _failing(world.frontend(), {**CHAT, **changed}, olds or {})


def _failing(frontend: DynamicFrontend, news: dict[str, Any], olds: dict[str, Any] | None = None) -> None:
    failures = frontend.check(olds or {}, news).failures
    if failures:
        raise pulumi.RunError("\n".join(failure.reason for failure in failures))


def declared_twice(world: World) -> None:
    frontend = world.frontend()
    _failing(frontend, {**CHAT, OWNER: "first"})
    _failing(frontend, {**CHAT, OWNER: "second"})


def met_online(world: World) -> None:
    world.api.register("chat/v1")
    _failing(world.frontend(check_online=True), {**CHAT, OWNER: "shop/dev/chat"})


def with_an_open_key(world: World) -> None:
    settings = {"enkrypt:apiKey": "stand-in-key"}
    world.lines += MockStack(lambda: EnkryptModel("chat", **CHAT), config=settings).preview().messages


def guarded(world: World, *, policy_first: bool, **settings: Any) -> None:
    """A deployment, and before or after it a policy that leaves off what it blocks."""
    policy = {"name": "guard", "detectors": {"nsfw": {"enabled": True}}, OWNER: "p"}
    used = {"policy_name": "guard", "enabled": True, "block": ["toxicity"]}
    deployment = {"name": "support", "model_saved_name": "chat", "input_guardrails_policy": used, OWNER: "d"}
    declared: list[tuple[Kind, Any]] = [(GUARDRAILS_POLICY, policy), (DEPLOYMENT, deployment)]
    for kind, news in declared if policy_first else reversed(declared):
        _failing(world.frontend(kind=kind, run="one", **settings), news)


def registered_by_another(world: World) -> None:
    world.api.register("chat/v1", model_config__apikeys=CHAT["model_config"]["apikeys"])
    world.frontend().create(declared())


def adopting(world: World) -> None:
    world.api.register("chat/v1")
    world.frontend().create(declared(adopt_existing=True))


def creating(*faults: Fault, **settings: Any) -> Scene:
    return lambda world: world.frontend(*faults, **settings).create(declared())


def listing(*faults: Fault, **settings: Any) -> Scene:
    return lambda world: world.client(*faults, **settings).list_all(MODEL)


def after_a_create(then: Callable[[World, dict[str, Any]], Any]) -> Scene:
    return lambda world: then(world, world.registered())


def updating(*faults: Fault) -> Callable[[World, dict[str, Any]], Any]:
    return lambda world, state: world.frontend(*faults).update("chat/v1", state, declared(model_name="other"))


def behind_our_back(world: World, state: dict[str, Any]) -> None:
    world.api.delete("chat/v1")
    updating()(world, state)


def looked_up(world: World, _state: dict[str, Any]) -> None:
    run(lambda: get_model("chta") and None, config={"endpoint": f"embedded:{world.file.with_name('api.sqlite')}"})


def protected(world: World, state: dict[str, Any]) -> None:
    world.frontend().delete("chat/v1", {**state, "deletion_protection": True})


def ill(world: World) -> None:
    said = json.dumps({"status": "unhealthy", "message": "no route to host"})
    world.frontend(Fault(call="model_health", status=200, body=said)).create(declared(verify_health=True))


def killed(world: World) -> None:
    """The create was done, and the engine was killed before it heard of it."""
    for _ in range(2):
        owned(world)


def owned(world: World, *faults: Fault, **changed: Any) -> dict[str, Any]:
    """The state after a create by a resource that says who it is."""
    frontend = world.frontend(*faults)
    checked = frontend.check({}, {**CHAT, OWNER: "chat", **changed})
    return opened(frontend.create(opened(checked.inputs)).outs)


def compared(frontend: DynamicFrontend, state: dict[str, Any], **changed: Any) -> None:
    """A resource is checked and compared, as in a preview or an `up`; a refresh compares without a check."""
    inputs = frontend.check(state, {**CHAT, OWNER: "chat", **changed}).inputs
    frontend.diff("chat/v1", state, opened(inputs))


def keys_change(world: World, state: dict[str, Any]) -> None:
    changed = {**CHAT["model_config"], "apikeys": ["another-stand-in"]}
    world.frontend().diff("chat/v1", state, declared(model_config=changed))


def replaced_by_force(world: World, state: dict[str, Any]) -> None:
    frontend = world.frontend()
    frontend.create(declared(adopt_existing=True))
    frontend.delete("chat/v1", state)


def handed_over(world: World, state: dict[str, Any]) -> None:
    frontend = world.frontend()
    compared(frontend, state, model_saved_name="talk")
    frontend.create(declared())


def given_back(world: World, state: dict[str, Any]) -> None:
    frontend = world.frontend()
    compared(frontend, state)
    frontend.delete("chat/v1", {**state, "model_name": "another's"})


def moved(world: World, state: dict[str, Any]) -> None:
    """The stack's endpoint became another's, where nothing is registered."""
    there = Api(world.file.with_name("other.sqlite"), "https://llm.example.com")
    frontend = DynamicFrontend(world.run(there).controller, world.report)
    compared(frontend, state)
    frontend.read("chat/v1", state)
    frontend.delete("chat/v1", state)


def updated_after(world: World, state: dict[str, Any]) -> None:
    world.api.make_anew("chat/v1")
    updating()(world, state)


def deleted_after(world: World, state: dict[str, Any]) -> None:
    world.api.make_anew("chat/v1")
    world.frontend().delete("chat/v1", state)


def not_confirmed(world: World) -> None:
    state = owned(world)
    frontend = world.frontend(Fault(call="modify_model", reset="after"))
    changed = frontend.check(state, {**CHAT, OWNER: "chat", "model_name": "other"}).inputs
    with suppress(EnkryptError):
        frontend.update("chat/v1", state, dict(changed))
    compared(world.frontend(), state)


def deleted_by_others(world: World, state: dict[str, Any]) -> None:
    world.api.delete("chat/v1")
    world.frontend().delete("chat/v1", state)


def held_after_its_deletion(world: World, state: dict[str, Any]) -> None:
    world.frontend().delete("chat/v1", state)
    world.frontend().diff("chat/v1", state, declared())
    world.frontend().read("chat/v1", state)


def interrupted(world: World) -> None:
    owned(world)
    owned(world, model_saved_name="talk")


def not_undone(world: World) -> None:
    owned(world, Fault(call="model_health", status=502), Fault(call="delete_model", status=500), verify_health=True)


def not_ours(world: World) -> None:
    notes = world.file.with_name("notes.txt")
    notes.write_text("buy milk" * 100)
    EnkryptClient(Settings(Key("k"), "", notes))


def without_the_emulator(_world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enkrypt_provider.settings.find_spec", lambda _name: None)
        Settings.from_config({"enkrypt:endpoint": "embedded"}.get, {})


def without_an_engine(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(world.file.parent))
        patch.setenv("XDG_CACHE_HOME", str(world.file.parent))  # the engine that was set up is none here
        Stack.selected()


def breaking_a_rule(_world: World) -> None:
    def program() -> None:
        policy.enforce(policy.https_only)
        endpoint = {"host": "llm.example.com", "scheme": "http"}
        EnkryptModel("chat", model_saved_name="chat", model_config={**CHAT["model_config"], "endpoint": endpoint})

    MockStack(program).preview()


def slow(world: World) -> None:
    late = Fault(call="add_model", delay=1.5, status=503)
    with serve_in_thread(create_app(world.file.with_name("late.sqlite"), faults=[late])) as url:
        settings = Settings(Key("stand-in-key"), url, timeout=0.2)
        client = EnkryptClient(settings, retry=RetryPolicy(2, sleep=lambda _seconds: None))
        DynamicFrontend(Controller(connect(client))).create(declared())


SCENES: Final[dict[str, list[Scene]]] = {
    "ConfigurationError": [
        configured(),
        configured(endpoint="http://api.enkryptai.com"),
        configured(endpoint="embedded", requireHttps="true"),
        configured(endpoint="api.enkryptai.com"),
        without_the_emulator,
        configured(apiKey="two words"),
        configured(apiKey="k", timeout="soon"),
        not_ours,
        without_an_engine,
        lambda world: project_file(world.file.parent),
    ],
    REFUSED: [
        checked(model_config={**CHAT["model_config"], "endpoint": {"host": "https://llm.example.com/v1"}}),
        checked(model_config={**CHAT["model_config"], "endpoint": {"host": "h", "hots": "h"}}),
        checked(model_config={**CHAT["model_config"], "tools": [{"name": "search"}]}),
        declared_twice,
        met_online,
        lambda world: guarded(world, policy_first=False, check_online=True),
        in_the_catalogue(llmHost="llm.example.com"),
        in_the_catalogue(llmKey="stand-in-model-key"),
        in_the_catalogue(("llmHost",), llmHost="stand-in", llmKey="stand-in-model-key"),
    ],
    "AuthenticationFailed": [
        lambda world: World(world.file.parent / "other", keys={"another": "account"}).client().list_all(MODEL),
        creating(Fault(call="add_model", status=403)),
    ],
    "ModelExists": [registered_by_another, creating(Fault(call="add_model", status=409))],
    "ModelNotFound": [after_a_create(behind_our_back), after_a_create(updated_after), after_a_create(looked_up)],
    "DeletionProtected": [after_a_create(protected)],
    "PolicyViolation": [breaking_a_rule],
    "ModelUnhealthy": [
        lambda world: world.frontend(Fault(call="model_health", status=502)).create(declared(verify_health=True)),
        ill,
        not_undone,
    ],
    "RequestRejected": [
        after_a_create(updating(Fault(call="modify_model", status=400))),
        listing(Fault(call="list_models", status=404, body='{"message": "no such page"}')),
        listing(Fault(call="list_models", location="https://login.example.com/")),
    ],
    "ServiceUnavailable": [
        lambda _world: EnkryptClient(Settings(Key("k"), "http://127.0.0.1:9", max_retries=0)).list_all(MODEL),
        creating(Fault(call="add_model", status=503)),
        slow,
        creating(Fault(call="add_model", reset="before")),
    ],
    "UnexpectedResponse": [
        listing(Fault(call="list_models", garbage="html")),
        after_a_create(updating(Fault(call="modify_model", garbage="missing_data"))),
    ],
    TOLD: [
        adopting,
        killed,
        after_a_create(keys_change),
        lambda world: guarded(world, policy_first=True),
        lambda world: guarded(world, policy_first=False),
        creating(Fault(call="add_model", reset="after", nth=1)),
        after_a_create(replaced_by_force),
        after_a_create(handed_over),
        after_a_create(given_back),
        after_a_create(moved),
        after_a_create(deleted_after),
        after_a_create(held_after_its_deletion),
        after_a_create(deleted_by_others),
        not_confirmed,
        interrupted,
        creating(Fault(call="add_model", status=503, nth=1)),
        with_an_open_key,
    ],
}


def lines(title: str, folder: Path) -> Iterator[str]:
    """Everything that the scenes below a heading say; what they raise is of the class that the heading names."""
    expected = getattr(policy, title, getattr(enkrypt_provider, title, pulumi.RunError))
    for number, scene in enumerate(SCENES[title]):
        world = World(folder / str(number))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(folder / str(number)))
            if title == TOLD:
                with suppress(EnkryptError):
                    scene(world)
                yield from world.told()
            else:
                with pytest.raises(expected) as caught:
                    scene(world)
                yield from (line.strip() for line in str(caught.value).splitlines())


@pytest.mark.parametrize("title", [title for title in sections() if title != ENGINE])
def test_each_message_on_the_page_is_what_the_code_says(
    title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person reads in the console is found on the page, letter by letter."""
    said = [*lines(title, tmp_path), *capsys.readouterr().err.splitlines()]
    quoted = sections()[title]
    assert quoted
    assert [message for message in quoted if not any(is_quoted(message, line) for line in said)] == [], said


def test_each_class_of_error_has_a_heading() -> None:
    """Whoever meets an error finds its class on the page."""
    classes = {name for name in enkrypt_provider.__all__ if isinstance(getattr(enkrypt_provider, name), type)}
    errors = {name for name in classes if issubclass(getattr(enkrypt_provider, name), EnkryptError)}
    assert errors - {"EnkryptError"} | {"PolicyViolation"} == set(sections()) - {REFUSED, TOLD, ENGINE}


def test_no_message_on_the_page_is_quoted_twice() -> None:
    """A person who searches for one finds one."""
    quoted = [message for messages in sections().values() for message in messages]
    assert len(quoted) == len(set(quoted))
