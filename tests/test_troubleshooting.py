"""docs/troubleshooting.md: each message in it comes from the code, and each class of error has a section.

Messages of the engine itself are in tests/e2e/test_troubleshooting.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
from core.machines import Api, Machine, Object, Run, model
from documents import canonical
from mocked import run

import enkrypt_provider
from enkrypt_provider import EnkryptModel, catalogue, get_model, policy
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.cli.sources import Sources
from enkrypt_provider.cli.stack import Stack, project_file
from enkrypt_provider.core.controller import Controller, Request, connect
from enkrypt_provider.emulator import Fault, create_app, serve_in_thread
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import DEFAULT_ENDPOINT, Key, Rate, Settings
from enkrypt_provider.testing import MockStack

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.md"
REFUSED: Final = "The preview refuses an argument"
TOLD: Final = "Messages that are not errors"
ENGINE: Final = "Messages from the engine"
ID: Final = "chat/v1"


def sections() -> dict[str, list[str]]:
    """Return the messages on the page, by the heading above them."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {title: re.findall(r"^```text\n(.+)\n```$", text, re.MULTILINE) for title, text in found.items()}


def is_quoted(message: str, line: str) -> bool:
    """Whether a printed line matches the page's `message`: `…` matches anything, and a request id may follow."""
    return bool(re.fullmatch(".+".join(map(re.escape, message.split("…"))) + r"( \(request id \w+\))?", line))


class World(Machine):
    """An emulator with faults, and a machine that uses it."""

    def __init__(self, folder: Path, keys: dict[str, str] | None = None) -> None:
        super().__init__(folder, Api(folder / "api.sqlite", DEFAULT_ENDPOINT, keys=keys))

    def turned(self, *faults: Fault, **settings: Any) -> Run:
        """Return a run with these faults."""
        self.api.turn(*faults)
        return self.run(**settings)


Scene = Callable[[World], Any]


def configured(**settings: str) -> Scene:
    return lambda _world: Settings.from_config({f"enkrypt:{k}": v for k, v in settings.items()}.get, {})


def in_the_catalogue(secret_names: tuple[str, ...] = (), **config: str) -> Scene:
    """A stack with a catalogue model, whose host and key may be missing from its configuration."""
    host = {"is_compatible_with": "openai", "endpoint": {"host": {"config": "llmHost"}}}
    models = {"chat": {"model_saved_name": "chat", "model_config": {**host, "apikeys": [{"secret": "llmKey"}]}}}

    def load(_world: World) -> None:
        run(catalogue.load, config={"endpoint": "embedded", "models": models, **config}, secret_names=secret_names)

    return load


def refusing(run: Run, name: str = "chat", id_: str = ID, **changed: Any) -> None:
    problems = run.check(name, id_, **changed).problems
    if problems:
        raise pulumi.RunError("\n".join(problems))


def checked(**changed: Any) -> Scene:
    return lambda world: refusing(world.run(), **changed)


def declared_twice(world: World) -> None:
    run = world.run()
    for name in ("first", "second"):
        refusing(run, name)


def met_online(world: World) -> None:
    world.api.register(ID)
    refusing(world.run(check_online=True))


def with_an_open_key(world: World) -> None:
    settings = {"enkrypt:apiKey": "stand-in-key"}
    world.lines += MockStack(lambda: EnkryptModel("chat", **model(ID)), config=settings).preview().messages


def guarded(world: World, *, policy_first: bool, **settings: Any) -> None:
    """A deployment, and before or after it a policy that turns off a detector that it blocks."""
    used = {"policy_name": "guard", "enabled": True, "block": ["toxicity"]}
    declared: list[tuple[Kind, str, Any]] = [
        (GUARDRAILS_POLICY, "guard", {"detectors": {"nsfw": {"enabled": True}}}),
        (DEPLOYMENT, "support", {"model_saved_name": "chat", "input_guardrails_policy": used}),
    ]
    for kind, name, changed in declared if policy_first else reversed(declared):
        refusing(world.run(kind=kind, run="one", **settings), name, name, **changed)


def registered_by_another(world: World) -> None:
    world.api.register(ID)
    world.run().create("chat", ID)


def adopting(world: World) -> None:
    world.api.register(ID)
    world.run().create("chat", ID, adopt_existing=True)


def creating(*faults: Fault, **settings: Any) -> Scene:
    """Create with a resource that does not know its URN."""
    return lambda world: made_by(world.turned(*faults, **settings).controller, world)


def made_by(controller: Controller, world: World) -> None:
    controller.create(Request(inputs=canonical(model(ID)), report=world.report))


def listing(*faults: Fault, **settings: Any) -> Scene:
    return lambda world: world.turned(*faults, **settings).controller.registrations.client.list_all(MODEL)


def verifying(*faults: Fault) -> Scene:
    return lambda world: world.turned(*faults).create("chat", ID, verify_health=True)


def after_a_create(then: Callable[[World, Object], Any]) -> Scene:
    return lambda world: then(world, world.run().create("chat", ID))


def updating(*faults: Fault) -> Callable[[World, Object], Any]:
    return lambda world, a: world.turned(*faults).update(a, model_name="other")


def updated_after_deletion(world: World, a: Object) -> None:
    world.api.delete(ID)
    updating()(world, a)


def updated_after(world: World, a: Object) -> None:
    world.api.register_again(ID)
    updating()(world, a)


def deleted_after(world: World, a: Object) -> None:
    world.api.register_again(ID)
    world.run().delete(a)


def deleted_by_others(world: World, a: Object) -> None:
    world.api.delete(ID)
    world.run().delete(a)


def held_after_its_deletion(world: World, a: Object) -> None:
    world.run().delete(a)
    world.run().diff(a)
    world.run().read(a)


def looked_up(world: World, _a: Object) -> None:
    run(lambda: get_model("chta") and None, config={"endpoint": f"embedded:{world.file.with_name('api.sqlite')}"})


def protected(world: World) -> None:
    world.run().delete(world.run().create("chat", ID, deletion_protection=True))


def deleted_after_a_failed_create(world: World, a: Object) -> None:
    run = world.turned(Fault(call="add_model", status=403))
    with suppress(EnkryptError):
        run.create("talk", ID)
    run.delete(a)


def interrupted(world: World, *, becomes: str = "talk/v1") -> None:
    """The create succeeded, but the engine was killed before it received the response."""
    for id_ in (ID, becomes):
        world.run().create("chat", id_)


def no_longer_declared(world: World) -> None:
    """The create succeeded, no response arrived, and the program now declares another resource."""
    run = world.turned(Fault(call="add_model", reset="after"), Fault(call="get_model", status=500))
    with suppress(EnkryptError):
        run.create("chat", ID)
    world.turned().create("talk", "talk/v1")


def waiting_for_a_turn(world: World) -> None:
    client = world.run(rate_limit=(Rate(1, 60.0),)).controller.registrations.client
    for _ in range(2):
        client.list_all(MODEL)


def replaced_by_force(world: World, a: Object) -> None:
    run = world.run()
    run.create("chat", ID, adopt_existing=True)
    run.delete(a)


def handed_over(world: World, a: Object) -> None:
    run = world.run()
    run.diff(a, "talk/v1")
    run.create("talk", ID)


def given_back(world: World, a: Object) -> None:
    run = world.run()
    run.diff(a)
    run.delete(replace(a, state={**a.state, "model_name": "another's"}))


def moved(world: World, a: Object) -> None:
    """The stack's endpoint was changed to an account without registrations."""
    run = world.run(Api(world.file.with_name("other.sqlite"), "https://llm.example.com"))
    run.diff(a)
    run.read(a)
    run.delete(a)


def not_confirmed(world: World, a: Object) -> None:
    with suppress(EnkryptError):
        updating(Fault(call="modify_model", reset="after"))(world, a)
    world.run().diff(a)


def not_a_database(world: World) -> None:
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
        patch.setenv("XDG_CACHE_HOME", str(world.file.parent))  # hides any installed engine
        Stack.selected()


def breaking_a_rule(_world: World) -> None:
    def program() -> None:
        policy.enforce(policy.https_only)
        EnkryptModel("chat", **model(ID, model_config__endpoint={"host": "llm.example.com", "scheme": "http"}))

    MockStack(program).preview()


def slow(world: World) -> None:
    late = Fault(call="add_model", delay=1.5, status=503)
    with serve_in_thread(create_app(world.file.with_name("late.sqlite"), faults=[late])) as url:
        settings = Settings(Key("stand-in-key"), url, timeout=0.2)
        client = EnkryptClient(settings, retry=RetryPolicy(2, sleep=lambda _seconds: None))
        made_by(Controller(connect(client)), world)


ILL: Final = '{"status": "unhealthy", "message": "no route to host"}'
SCENES: Final[dict[str, list[Scene]]] = {
    "ConfigurationError": [
        configured(),
        lambda _world: Sources(environ={}).settings,
        configured(endpoint="http://api.enkryptai.com"),
        configured(endpoint="embedded", requireHttps="true"),
        configured(endpoint="api.enkryptai.com"),
        without_the_emulator,
        configured(apiKey="two words"),
        configured(apiKey="k", timeout="soon"),
        not_a_database,
        without_an_engine,
        lambda world: project_file(world.file.parent),
    ],
    REFUSED: [
        checked(model_config__endpoint={"host": "https://llm.example.com/v1"}),
        checked(model_config__endpoint={"host": "h", "hots": "h"}),
        checked(model_config__tools=[{"name": "search"}]),
        declared_twice,
        met_online,
        lambda world: guarded(world, policy_first=False, check_online=True),
        in_the_catalogue(llmHost="llm.example.com"),
        in_the_catalogue(llmKey="stand-in-model-key"),
        in_the_catalogue(("llmHost",), llmHost="stand-in", llmKey="stand-in-model-key"),
    ],
    "AuthenticationFailed": [
        lambda world: listing()(World(world.file.parent / "other", keys={"another": "account"})),
        creating(Fault(call="add_model", status=403)),
    ],
    "ModelExists": [registered_by_another, creating(Fault(call="add_model", status=409))],
    "ModelNotFound": [
        after_a_create(updated_after_deletion),
        after_a_create(updated_after),
        after_a_create(looked_up),
    ],
    "DeletionProtected": [protected, after_a_create(deleted_after_a_failed_create)],
    "PolicyViolation": [breaking_a_rule],
    "ModelUnhealthy": [
        verifying(Fault(call="model_health", status=502)),
        verifying(Fault(call="model_health", status=200, body=ILL)),
        verifying(Fault(call="model_health", status=502), Fault(call="delete_model", status=500)),
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
        partial(interrupted, becomes=ID),
        after_a_create(lambda world, a: world.run().diff(a, model_config__apikeys=["another-stand-in"])),
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
        after_a_create(not_confirmed),
        interrupted,
        no_longer_declared,
        creating(Fault(call="add_model", status=503, nth=1)),
        creating(Fault(call="add_model", status=429, nth=1)),
        waiting_for_a_turn,
        with_an_open_key,
    ],
}


def lines(title: str, folder: Path) -> Iterator[str]:
    """Yield all lines from the scenes of a heading; their exceptions are of the class in the heading."""
    expected = getattr(policy, title, getattr(enkrypt_provider, title, pulumi.RunError))
    for number, scene in enumerate(SCENES[title]):
        world = World(folder / str(number))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(folder / str(number)))
            if title == TOLD:
                with suppress(EnkryptError):
                    scene(world)
                yield from world.new_lines()
            else:
                with pytest.raises(expected) as caught:
                    scene(world)
                yield from (line.strip() for line in str(caught.value).splitlines())


@pytest.mark.parametrize("title", [title for title in sections() if title != ENGINE])
def test_messages_on_the_page_come_from_the_code(
    title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each message on the page is printed by the code, letter by letter."""
    said = [*lines(title, tmp_path), *capsys.readouterr().err.splitlines()]
    quoted = sections()[title]
    assert quoted
    assert [message for message in quoted if not any(is_quoted(message, line) for line in said)] == [], said


def test_each_class_of_error_has_a_heading() -> None:
    """Every public error class is a heading on the page."""
    classes = {name for name in enkrypt_provider.__all__ if isinstance(getattr(enkrypt_provider, name), type)}
    errors = {name for name in classes if issubclass(getattr(enkrypt_provider, name), EnkryptError)}
    assert errors - {"EnkryptError"} | {"PolicyViolation"} == set(sections()) - {REFUSED, TOLD, ENGINE}


def test_messages_on_the_page_are_unique() -> None:
    """A search for a message finds one section."""
    quoted = [message for messages in sections().values() for message in messages]
    assert len(quoted) == len(set(quoted))
