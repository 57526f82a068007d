"""dynamic.py: the requests of `pulumi.dynamic` and their results."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from core.machines import KEY, SAMPLES, Api, Machine, model, urn
from documents import canonical, document, put, through_engine, without_secrets
from pulumi.output import UNKNOWN, Unknown
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT

from enkrypt_provider.core.controller import ACCOUNT
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.frontends.property_values import OWNER
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.settings import NO_KEY


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path / "api.sqlite")


@pytest.fixture
def machine(tmp_path: Path, api: Api) -> Machine:
    return Machine(tmp_path / "here", api)


@pytest.fixture
def frontend(machine: Machine) -> DynamicFrontend:
    """A provider process as the engine's host talks to it."""
    return DynamicFrontend(machine.run().controller, machine.report)


def news(name: str = "a", id_: str = "x/1", **changes: Any) -> dict[str, Any]:
    """The inputs that a program passes to `check`."""
    return {**model(id_, **changes), OWNER: urn(name)}


def reasons(frontend: DynamicFrontend, given: dict[str, Any]) -> list[str]:
    """The failures of `check`; none may name a property, or the engine would print its value."""
    failures = frontend.check({}, given).failures
    assert {failure.property for failure in failures} <= {""}
    return [failure.reason for failure in failures]


def secret(value: Any) -> dict[str, Any]:
    """A value as the engine encrypts it."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def test_the_life_of_a_registration(frontend: DynamicFrontend, machine: Machine, api: Api) -> None:
    """Each operation gets the previous result as the engine passes it on; a later run deletes."""
    inputs = frontend.check({}, {**document(), OWNER: urn("a")}).inputs
    assert inputs["model_config"]["apikeys"] == secret(canonical(document())["model_config"]["apikeys"])
    assert without_secrets(inputs) == canonical(document())
    created = frontend.create(through_engine(inputs))
    outs = through_engine(created.outs or {})
    assert (created.id, outs[ACCOUNT]) == ("Test_Model/1", "http://127.0.0.1")
    found = frontend.read(created.id, outs)
    assert (found.id, found.outs, found.inputs) == (created.id, created.outs, inputs)
    changed = canonical(document(model_name="new"))
    assert frontend.diff(created.id, outs, through_engine(inputs)).changes is False
    assert frontend.diff(created.id, outs, through_engine(changed)).changes is True
    updated = frontend.update(created.id, outs, through_engine(changed)).outs or {}
    assert updated["model_name"] == api.registered()["Test_Model/1"]["model_name"] == "new"
    frontend = DynamicFrontend(machine.run().controller, machine.report)
    frontend.delete(created.id, through_engine(updated))
    gone = frontend.read(created.id, outs)
    assert (gone.id, gone.outs) == ("", {})


@pytest.mark.parametrize(
    "path",
    ["created_at", "project_name", "model_name", "certifications", "model_config.system_prompt",
     "model_config.endpoint.base_path", "model_config.auth_data.header_prefix"],
)  # fmt: skip
def test_a_key_that_the_server_repeats_is_secret(machine: Machine, api: Api, path: str) -> None:
    """A model's key is encrypted, in fields that the server sets and in drift; the account's key is not even kept."""
    key, account = "stand-in-4f7a1b-of-a-model", "stand-in-key-of-the-account"
    frontend = DynamicFrontend(machine.run(key=account).controller, machine.report)
    echoed = f"/{key}{base64.b64encode(key.encode()).decode()}"

    def repeat(found: Any) -> None:
        repeated = [echoed, account] if path == "certifications" else f"{echoed}/{account}"
        found |= put(found, tuple(path.split(".")), repeated)

    api.edit = repeat
    inputs = frontend.check({}, news(model_config__apikeys=[key])).inputs
    created = frontend.create(through_engine(inputs))
    frontend = DynamicFrontend(machine.run(key=account).controller, machine.report)
    found = frontend.read(created.id, through_engine(created.outs or {}))
    shown = json.dumps([shown_of(it) for it in (created.outs, found.outs, found.inputs)])
    assert "4f7a1b" not in shown
    assert base64.b64encode(key.encode()).decode()[:16] not in shown
    assert account not in json.dumps([created.outs, found.outs, found.inputs])
    assert "***" in json.dumps(found.outs)  # the repetition is there


def shown_of(value: Any) -> Any:
    """A value as the engine shows it."""
    if isinstance(value, dict):
        is_hidden = secret("").items() - {("value", "")} <= value.items()
        return "[secret]" if is_hidden else {name: shown_of(item) for name, item in value.items()}
    return [shown_of(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_a_replacement_follows_the_kinds_order(machine: Machine, kind: Kind) -> None:
    """Deployments' names are unique in the account: the old one is deleted before the new one is created."""
    frontend = DynamicFrontend(machine.run(kind=kind).controller, machine.report, kind)
    inputs = frontend.check({}, {**SAMPLES[kind].arguments(SAMPLES[kind].id), OWNER: urn("a")}).inputs
    created = frontend.create(through_engine(inputs))
    name = next(iter(kind.identity))
    found = frontend.diff(created.id, through_engine(created.outs or {}), {**inputs, name: "y"})
    assert (found.changes, found.replaces, found.delete_before_replace) == (True, [name], kind.deletes_first)


def test_the_resource_is_known_from_its_check(frontend: DynamicFrontend, machine: Machine) -> None:
    """No other request names it, and still only the same resource can resume a killed create."""
    frontend.create(through_engine(frontend.check({}, news("a")).inputs))
    again, other = (DynamicFrontend(machine.run().controller, machine.report) for _ in range(2))
    with pytest.raises(EnkryptError, match="is registered already"):
        other.create(through_engine(other.check({}, news("b")).inputs))
    assert again.create(through_engine(again.check({}, news("a")).inputs)).id == "x/1"


@pytest.mark.parametrize("owner", [None, ""])
def test_resources_without_an_owner_are_not_compared(frontend: DynamicFrontend, owner: str | None) -> None:
    assert [reasons(frontend, {**model(), OWNER: owner}) for _ in range(2)] == [[], []]


def test_unknown_values_come_back_in_the_engines_form(frontend: DynamicFrontend) -> None:
    """At preview an identity may be unknown, and so may anything else."""
    found = frontend.check({}, news(model_saved_name=UNKNOWN, model_config__endpoint=UNKNOWN))
    assert found.failures == []
    assert isinstance(found.inputs["model_saved_name"], Unknown)
    assert isinstance(found.inputs["model_config"]["endpoint"], Unknown)
    outs = through_engine(frontend.create(canonical(model())).outs or {})
    assert frontend.diff("x/1", outs, found.inputs).replaces == ["model_saved_name"]


def test_each_broken_rule_is_a_failure(frontend: DynamicFrontend) -> None:
    given = news(testing_for="llm", model_config__endpoint__port=0)
    assert [line.partition(":")[0] for line in reasons(frontend, given)] == [
        "testing_for",
        "model_config.endpoint.port",
    ]


@pytest.mark.parametrize("unknown", [UNKNOWN, UNKNOWN_TEXT])
def test_unknown_settings_count_as_not_given(monkeypatch: pytest.MonkeyPatch, unknown: Any) -> None:
    """A provider's key may be another resource's output: a preview uses the environment's key, if any."""
    settings = {"enkrypt:apiKey": unknown, "enkrypt:timeout": unknown}
    assert reasons(DynamicFrontend.configured(settings.get), news()) == [NO_KEY]
    monkeypatch.setenv("ENKRYPTAI_API_KEY", KEY)
    assert reasons(DynamicFrontend.configured(settings.get), news()) == []


def test_the_host_may_change_the_dicts_it_gets(frontend: DynamicFrontend) -> None:
    """It adds `__provider` to each dict, so none may be shared."""
    given = news()
    inputs = frontend.check({}, given).inputs
    inputs["__provider"] = "of the host"
    created = frontend.create(through_engine(inputs))
    assert "__provider" not in (created.outs or {})
    assert "__provider" not in given
