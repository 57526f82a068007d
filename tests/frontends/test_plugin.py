"""The plugin, called as the engine calls it, with an emulator for each test."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from enkrypt_provider import __version__
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.emulator import Fault
from enkrypt_provider.frontends.property_values import Secret, clear, from_engine
from enkrypt_provider.testing import Emulator
from enkrypt_provider.testing.emulator import emulator

from .plugin_engine import CallFailed, Engine, Held, running

Diff = provider_pb2.DiffResponse
Kind = provider_pb2.PropertyDiff
KEY = "stand-in-key-0001"


@pytest.fixture
def engine(api: Emulator) -> Iterator[Engine]:
    with running() as found:
        found.configure(endpoint=api.url, apiKey=Secret(api.key), maxRetries="1")
        yield found


def chat(**config: Any) -> dict[str, Any]:
    """What a program declares, in the package's names."""
    reached = {"isCompatibleWith": "openai", "endpoint": {"host": "chat.example.com"}, "apikeys": [KEY]}
    return {"modelSavedName": "chat", "certifications": ["GDPR", "HIPAA"], "modelConfig": {**reached, **config}}


# ---- configuration


def test_the_plugin_describes_itself(engine: Engine) -> None:
    found = engine.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert (found.accept_secrets, found.accept_outputs) == (False, False)
    assert engine.log.addresses == ["127.0.0.1:1"]
    schema = json.loads(engine.call("GetSchema", provider_pb2.GetSchemaRequest()).schema)
    assert schema["version"] == __version__
    assert "enkrypt:index:EnkryptModel" in schema["resources"]


def test_a_stacks_configuration_is_checked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is secret whoever sets it, the catalogue is not a setting, and the state names the account."""
    config, problems = engine.check_config({"enkrypt:apiKey": "k", "models": "[]", "version": "0.1.0"})
    assert (config, problems) == ({"apiKey": Secret("k"), "version": "0.1.0"}, [])
    monkeypatch.setenv("ENKRYPTAI_BASE_URL", "https://eu.example.com")
    assert engine.check_config({})[0] == {"endpoint": "https://eu.example.com"}
    _, (problem,) = engine.check_config({"dialect": "v3"})
    assert problem.startswith("enkrypt:dialect must be one of v1, v2")


def test_an_explicit_provider_accepts_only_settings(engine: Engine) -> None:
    assert engine.check_config({"endpont": "embedded"}, "eu")[1] == [
        'endpont is not a setting; did you mean "endpoint"?'
    ]
    assert engine.check_config({"endpont": "embedded"})[1] == []


@pytest.mark.parametrize(
    ("old", "new", "replaces", "diffs"),
    [
        ({"apiKey": "a"}, {"apiKey": "b"}, [], ["apiKey"]),
        ({"endpoint": "https://a.example"}, {"endpoint": "https://b.example"}, ["endpoint"], ["endpoint"]),
        ({"endpoint": "https://a.example"}, {"endpoint": "https://A.example:443/"}, [], ["endpoint"]),
        ({}, {"endpoint": "https://api.enkryptai.com"}, [], ["endpoint"]),
        ({"endpoint": "https://a.example"}, {"endpoint": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, [], ["endpoint"]),
        ({"enkrypt:endpoint": "https://a.example", "enkrypt:apiKey": "a"},
         {"endpoint": "https://a.example", "apiKey": "a"}, [], []),
        ({"version": "0.0.1", "timeout": "3"}, {"version": "0.1.0", "timeout": "3"}, [], []),
    ],
)  # fmt: skip
def test_another_account_replaces_and_a_rotated_key_does_not(
    engine: Engine, old: Any, new: Any, replaces: list[str], diffs: list[str]
) -> None:
    """Nor does a change from the dynamic provider's names."""
    found = engine.diff_config(old, new)
    assert (list(found.replaces), list(found.diffs)) == (replaces, diffs)
    assert found.changes == (Diff.DIFF_SOME if diffs else Diff.DIFF_NONE)


def test_a_check_reports_a_missing_key() -> None:
    with running() as engine:
        engine.configure(endpoint="https://a.example")
        _, (problem,) = engine.check("chat", chat())
        assert problem.startswith("no API key: run `pulumi config set --secret enkrypt:apiKey`")


# ---- check


def test_check_fills_in_defaults_and_marks_secrets(engine: Engine) -> None:
    inputs, problems = engine.check("chat", chat(metadata={"max_tokens": 5, "modelName": "kept"}))
    assert problems == []
    assert inputs["modelConfig"]["apikeys"] == Secret([KEY])
    assert inputs["modelConfig"]["endpoint"] == {
        "scheme": "https", "host": "chat.example.com", "port": 443.0, "basePath": ""
    }  # fmt: skip
    assert inputs["modelConfig"]["metadata"] == {"max_tokens": 5.0, "modelName": "kept"}


def test_a_value_with_a_secret_name_is_marked_too(engine: Engine) -> None:
    """In an object, each value is: engines forget that an object is secret if the program has it in the clear."""
    inputs, _ = engine.check("chat", chat(defaultRequestOptions={"headers": {"x": "y"}, "n": 1}))
    assert inputs["modelConfig"]["defaultRequestOptions"] == {"headers": {"x": Secret("y")}, "n": 1.0}


def test_a_problem_has_the_packages_names_and_no_value(engine: Engine) -> None:
    declared = chat(isCompatibleWth="openai", apikeys=["with spaces in it"])
    _, problems = engine.check("chat", declared)
    assert any(p.startswith("modelConfig.isCompatibleWth: is not a field here") for p in problems)
    assert 'did you mean "isCompatibleWith"' in "".join(problems)
    assert "with spaces" not in "".join(problems)


@pytest.mark.parametrize("number", [2.0**53, 2.0**53 + 2, -(2.0**60), 1e300])
def test_a_number_that_a_double_may_have_rounded_is_refused(engine: Engine, number: float) -> None:
    """9007199254740993 in a YAML program arrives as 9007199254740992."""
    declared = chat(metadata={"seeds": [1, number]}, defaultRequestOptions={"n": 2.0**53 - 1, "share": 0.5})
    _, problems = engine.check("chat", declared)
    assert problems == [
        "modelConfig.metadata.seeds[1]: must be a whole number that a double can hold exactly, up to 2**53: "
        "give a larger one as a string"
    ]


def test_an_unordered_list_keeps_its_order(engine: Engine) -> None:
    """So a diff shows what was added, not that every item moved."""
    olds = engine.checked("chat", chat())
    news = {**chat(), "certifications": ["CCPA", "HIPAA", "GDPR"]}
    assert engine.checked("chat", news, olds)["certifications"] == ["GDPR", "HIPAA", "CCPA"]


def test_two_resources_cannot_declare_one_model(engine: Engine) -> None:
    engine.checked("one", chat())
    _, (problem,) = engine.check("two", chat())
    assert problem.startswith("chat/v1 is declared twice, here and as 'one'")


# ---- create, diff, update, delete


def test_blocking_a_detector_that_the_policy_leaves_off_is_warned_about_at_the_deployment(engine: Engine) -> None:
    """With the package's names; the controllers of one process know what the others checked."""
    used = {"policyName": "p", "enabled": True, "block": ["toxicity"]}
    for type_, news in (
        ("GuardrailsPolicy", {"name": "p", "detectors": {"nsfw": {"enabled": True}}}),
        ("Deployment", {"name": "d", "modelSavedName": "m", "inputGuardrailsPolicy": used}),
    ):
        engine.of(f"enkrypt:index:{type_}").checked(str(news["name"]), news)
    line = (
        "d: inputGuardrailsPolicy.block names toxicity, which blocks nothing: the policy p does not enable it. Set "
        "detectors.toxicity.enabled there, or remove it from block"
    )
    assert engine.log.lines == [("warning", line, "d")]


def test_outputs_hold_no_secret(engine: Engine, api: Emulator) -> None:
    """So `modelConfig` is plain in a program, and the state has each key once."""
    held = engine.create("chat", chat(defaultRequestOptions={"headers": {"x": KEY}, "n": 1}))
    assert held.id == "chat/v1"
    assert KEY not in json.dumps(held.outputs)
    assert held.outputs["modelConfig"]["defaultRequestOptions"] == {"n": 1.0}
    assert held.outputs["projectName"] == "default"
    assert api.models()["chat/v1"]["model_config"]["apikeys"] == [KEY]


@pytest.mark.parametrize(
    ("before", "after", "path", "kind"),
    [
        ({}, {"systemPrompt": "Be brief."}, "modelConfig.systemPrompt", Kind.UPDATE),
        ({}, {"endpoint": {"host": "b.example.com"}}, "modelConfig.endpoint.host", Kind.UPDATE),
        ({}, {"apikeys": ["stand-in-key-0002"]}, "modelConfig.apikeys", Kind.UPDATE),
        ({}, {"paths": {"vision": "/v"}}, "modelConfig.paths.vision", Kind.ADD),
        ({"paths": {"vision": "/v"}}, {}, "modelConfig.paths.vision", Kind.DELETE),
        ({}, {"modelVersion": "v2"}, "modelConfig.modelVersion", Kind.UPDATE_REPLACE),
        ({"metadata": {"a.b": {"c": 1}}}, {"metadata": {"a.b": {"c": 2}}},
         'modelConfig.metadata["a.b"].c', Kind.UPDATE),
    ],
)  # fmt: skip
def test_a_diff_names_the_property_and_the_kind_of_change(
    engine: Engine, before: Any, after: Any, path: str, kind: Any
) -> None:
    held = engine.create("chat", chat(**before))
    found = engine.diff("chat", held, chat(**after))
    assert found.hasDetailedDiff
    assert {name: entry.kind for name, entry in found.detailedDiff.items()} == {path: kind}
    replaces = kind == Kind.UPDATE_REPLACE
    assert (list(found.replaces), found.deleteBeforeReplace) == (["modelConfig"] * replaces, not replaces)


def test_an_update_sends_the_whole_object_with_the_keys(engine: Engine, api: Emulator) -> None:
    held = engine.create("chat", chat())
    api.calls()
    previewed = engine.update("chat", held, chat(systemPrompt="Be brief."), preview=True)
    assert previewed.outputs["modelConfig"]["systemPrompt"] == "Be brief."
    assert api.calls() == []
    updated = engine.update("chat", held, chat(systemPrompt="Be brief."))
    assert KEY not in json.dumps(updated.outputs)
    live = api.models()["chat/v1"]["model_config"]
    assert (live["system_prompt"], live["apikeys"]) == ("Be brief.", [KEY])


def test_a_deletion_is_done_or_refused(engine: Engine, api: Emulator) -> None:
    held = engine.create("chat", {**chat(), "deletionProtection": True})
    free = engine.update("chat", held, chat())
    with running() as later:
        later.configure(endpoint=api.url, apiKey=Secret(api.key))
        with pytest.raises(CallFailed, match=r"^chat/v1 is protected from deletion.*: set deletionProtection: false"):
            later.delete("chat", held)
        later.delete("chat", free)
    assert api.models() == {}


def test_an_error_is_one_line_in_the_packages_names(
    engine: Engine, api: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = partial(EnkryptClient, retry=RetryPolicy(sleep=lambda _seconds: None))
    monkeypatch.setattr("enkrypt_provider.frontends.plugin.servicer.EnkryptClient", hurried)
    engine.configure(endpoint=api.url, apiKey=Secret(api.key))
    api.add({"model_saved_name": "chat", "model_config": {
        "is_compatible_with": "openai", "endpoint": {"host": "theirs.example.com"}}})  # fmt: skip
    with pytest.raises(CallFailed, match=r"^chat/v1 is registered already") as failed:
        engine.create("chat", chat())
    line = str(failed.value)
    assert "\n" not in line
    for part in (
        "adoptExisting: true; ",
        "another modelVersion",
        "option aliases; ",
        "option deleteBeforeReplace: true",
    ):
        assert part in line


def test_one_api_at_two_addresses_is_not_deleted_at_the_old_one(engine: Engine, api: Emulator) -> None:
    """Another endpoint replaces each model; the one that the new provider adopted is the one in the old state."""
    declared = {**chat(), "adoptExisting": True}
    held = engine.create("chat", declared)
    with running("move") as new, running("move") as old:
        new.configure(endpoint=api.url.replace("127.0.0.1", "localhost"), apiKey=Secret(api.key))
        adopted = new.create("chat", declared)
        assert adopted.outputs["modelId"] == held.outputs["modelId"]
        old.configure(endpoint=api.url, apiKey=Secret(api.key))
        old.delete("chat", held)
    assert list(api.models()) == ["chat/v1"]


# ---- a model that does not respond


def test_a_model_that_does_not_answer_is_kept_with_its_error(engine: Engine, api: Emulator) -> None:
    """The next `up` updates it, even without a difference."""
    declared = {**chat(), "verifyHealth": True}
    api.fault(Fault(call="model_health", status=200, body=json.dumps({"status": "unhealthy", "message": "no route"})))
    with pytest.raises(CallFailed, match="does not respond: unhealthy: no route") as failed:
        engine.create("chat", declared)
    found = failed.value.failed
    assert (found.id, list(found.reasons)) == ("chat/v1", [str(failed.value)])
    assert list(api.models()) == ["chat/v1"]
    held = Held("chat/v1", engine.checked("chat", declared), from_engine(found.properties))
    with pytest.raises(CallFailed, match="does not respond: unhealthy: no route") as failed:
        engine.update("chat", held, declared)
    assert failed.value.failed.id == "chat/v1"
    api.fault()
    assert engine.update("chat", held, declared).outputs["modelSavedName"] == "chat"


def test_a_refresh_asks_again_about_a_model_that_did_not_answer(engine: Engine, api: Emulator) -> None:
    """Otherwise the engine would drop its error; there is no health call for a model that answered."""
    declared = {**chat(), "verifyHealth": True}
    api.fault(Fault(call="model_health", status=200, body=json.dumps({"status": "unhealthy", "message": "no route"})))
    with pytest.raises(CallFailed) as failed:
        engine.create("chat", declared)
    inputs = engine.checked("chat", declared)
    held = Held("chat/v1", inputs, from_engine(failed.value.failed.properties))
    with pytest.raises(CallFailed, match="does not respond: unhealthy: no route") as failed:
        engine.read("chat", "chat/v1", held)
    found = failed.value.failed
    assert (found.id, clear(from_engine(found.inputs))) == ("chat/v1", inputs)
    assert from_engine(found.properties) == held.outputs
    with pytest.raises(CallFailed, match="does not respond"):  # an option is not sent, but the health call is made
        engine.update("chat", held, {**declared, "adoptExisting": True})
    api.fault()
    healthy = engine.read("chat", "chat/v1", held)
    api.calls()
    engine.read("chat", "chat/v1", healthy)
    assert [call for call in api.calls() if call.startswith("model_health")] == []
    assert "__unhealthy" not in healthy.outputs


# ---- another account


@pytest.mark.parametrize("is_protected", [True, False])
def test_a_protected_model_does_not_leave_its_account(engine: Engine, tmp_path: Path, *, is_protected: bool) -> None:
    """The engine asks for no diff when the endpoint changes, so the check refuses, at preview."""
    declared = {**chat(), "deletionProtection": is_protected}
    held = engine.create("chat", declared)
    assert engine.check("chat", declared, held.inputs)[1] == []
    held = engine.read("chat", "chat/v1", held)
    with emulator(tmp_path / "there.db") as there, running() as moved:
        moved.configure(endpoint=there.url, apiKey=Secret(there.key))
        _, problems = moved.check("chat", chat(), clear(held.inputs))
    line = "chat/v1 is protected from deletion and replacement, and enkrypt:endpoint names another account: restore "
    assert [problem[: len(line)] for problem in problems] == [line] * is_protected


# ---- read


def test_a_refresh_shows_drift_and_keeps_the_keys(engine: Engine, api: Emulator) -> None:
    held = engine.create("chat", chat())
    api.change("chat/v1", {"model_config": {"hosting_type": "Internal"}})
    found = engine.read("chat", "chat/v1", held)
    assert found.inputs["modelConfig"]["hostingType"] == "Internal"
    assert found.inputs["modelConfig"]["apikeys"] == Secret([KEY])
    assert KEY not in json.dumps(found.outputs)


def test_a_key_that_the_server_repeats_is_not_an_output(engine: Engine, api: Emulator) -> None:
    held = engine.create("chat", chat())
    api.change("chat/v1", {"model_config": {"system_prompt": f"use {KEY.upper()}"}})
    found = engine.read("chat", "chat/v1", held)
    assert found.inputs["modelConfig"]["systemPrompt"] == Secret(f"use {KEY.upper()}")
    assert "systemPrompt" not in found.outputs["modelConfig"]
    assert "systemPrompt" not in engine.invoke("enkrypt:index:getModel", name="chat")["modelConfig"]


def test_an_import_is_short_and_without_keys(engine: Engine) -> None:
    engine.create("chat", chat(systemPrompt="Be brief."))
    found = engine.read("chat", "chat")
    assert found.id == "chat/v1"
    assert found.inputs == {
        "modelSavedName": "chat",
        "certifications": ["GDPR", "HIPAA"],
        "modelConfig": {
            "isCompatibleWith": "openai",
            "endpoint": {"host": "chat.example.com"},
            "systemPrompt": "Be brief.",
        },
    }
    assert KEY not in json.dumps(found.outputs)


def test_after_an_import_only_the_keys_are_missing(engine: Engine) -> None:
    """Changing something else without them is warned about, because the whole object is sent."""
    engine.create("chat", chat())
    found = engine.read("chat", "chat/v1")
    with_keys = engine.diff("chat", found, chat())
    assert {name: entry.kind for name, entry in with_keys.detailedDiff.items()} == {"modelConfig.apikeys": Kind.ADD}
    assert engine.diff("chat", found, found.inputs).changes == Diff.DIFF_NONE
    engine.log.lines.clear()
    refreshed = engine.read("chat", "chat/v1", found)
    changed = copy.deepcopy(found.inputs)
    changed["modelConfig"]["systemPrompt"] = "Be brief."
    assert engine.diff("chat", refreshed, changed).changes == Diff.DIFF_SOME
    ((severity, line, name),) = engine.log.lines
    assert (severity, name) == ("warning", "chat")
    assert line.startswith("chat/v1: the import left out modelConfig.apikeys")


# ---- functions


def test_functions_and_imports_show_no_secret_text(engine: Engine) -> None:
    """Wherever it is, and whatever the names around it."""
    url, token = "https://user:stand-in-pass@example.com/a", "stand-in-token-of-a-pair"
    pairs = [{"key": "api-key", "value": token}, {"key": "accept", "value": "text/plain"}]
    options = {"mirror": url, "mirrors": [url, "https://example.com/b"], "pairs": pairs}
    config = {**chat()["modelConfig"], "modelSource": url, "defaultRequestOptions": options}
    held = engine.create("chat", {**chat(), "modelConfig": config})
    found = engine.invoke("enkrypt:index:getModel", name="chat")
    assert found["modelConfig"]["defaultRequestOptions"]["mirrors"] == ["https://example.com/b"]
    shown = json.dumps([found, engine.read("chat", held.id).inputs, held.outputs], default=repr)
    assert "stand-in-pass" not in shown
    assert token not in shown
    assert "text/plain" in shown


@pytest.mark.parametrize(
    ("token", "arguments", "line"),
    [
        ("getModel", {"name": "chta"}, 'did you mean "chat/v1"'),
        ("getPolicy", {}, "there is no function enkrypt:index:getPolicy; the functions are"),
    ],
)
def test_a_function_suggests_existing_names(engine: Engine, token: str, arguments: Any, line: str) -> None:
    engine.create("chat", chat())
    with pytest.raises(CallFailed, match=line):
        engine.invoke(f"enkrypt:index:{token}", **arguments)


def test_an_unknown_type_is_an_error_with_the_nearest(engine: Engine) -> None:
    with pytest.raises(CallFailed, match="there is no resource enkrypt:index:EnkryptDeployment; did you mean"):
        engine.of("enkrypt:index:EnkryptDeployment").check("d", {})


# ---- waiting


def test_messages_show_at_the_resource_and_cancel_ends_the_wait(engine: Engine, api: Emulator) -> None:
    """The wait for a server that asks for half a minute is cut short."""
    api.fault(Fault(call="add_model", status=503, retry_after="30"))
    failures: list[str] = []

    def create() -> None:
        with pytest.raises(CallFailed) as failed:
            engine.create("chat", chat())
        failures.append(str(failed.value))

    thread = threading.Thread(target=create)
    thread.start()
    give_up = time.monotonic() + 10
    while not engine.log.lines and time.monotonic() < give_up:
        thread.join(0.02)
    engine.cancel()
    thread.join(10)
    assert len(failures) == 1
    assert failures[0].startswith("interrupted")
    severity, line, name = engine.log.lines[0]
    assert (severity, name) == ("info", "chat")
    assert "trying again in 30 s" in line


def test_a_resources_timeout_ends_the_retries(api: Emulator) -> None:
    """`customTimeouts` of the resource: a wait that would exceed it is not started."""
    api.fault(Fault(call="add_model", status=503, retry_after="5"))
    with running() as engine:
        engine.configure(endpoint=api.url, apiKey=Secret(api.key), maxRetries="9")
        with pytest.raises(CallFailed, match="tried once"):
            engine.create("chat", chat(), timeout=1)
