"""testing/: the kit refuses what a preview refuses, knows what a provider would know, and finds secrets."""

from __future__ import annotations

import base64
import gc
import json
import re
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pulumi
import pytest
from documents import document, minimal
from mocked import SERVER, Server
from pulumi.automation import OutputValue

import enkrypt_provider.native
from enkrypt_provider import (
    DeletionProtected,
    EnkryptModel,
    EnkryptProvider,
    ModelExists,
    get_model_output,
)
from enkrypt_provider.emulator import Fault
from enkrypt_provider.testing import (
    UNKNOWN,
    CheckFailed,
    Emulator,
    MockStack,
    Registry,
    Secret,
    assert_no_secret,
    emulator,
)

pytest_plugins = ["enkrypt_provider.testing"]

ROOT = Path(__file__).parent.parent
KEY = "stand-in-key/+of a model"


def declaring(*, server: bool = False, **changes: Any) -> Callable[[], None]:
    """Return a program with one model, `m`, whose host may come from a server resource."""

    def program() -> None:
        host = Server("s").address if server else "h"
        given = minimal(model_config__endpoint={"host": host}, **changes)
        model = EnkryptModel("m", **given)
        pulumi.export("id", model.id)
        pulumi.export("number", model.model_id)

    return program


def stack(program: Callable[[], Any] | Path | None = None, **options: Any) -> MockStack:
    return MockStack(program or declaring(), resources={SERVER: {"address": "llm.example.com"}}, **options)


EACH_KIND: list[tuple[str, dict[str, Any], str]] = [
    ("EnkryptModel", minimal(), "small/v1"),
    ("EnkryptGuardrailsPolicy", {"name": "p", "detectors": {"nsfw": {"enabled": True}}}, "p"),
    ("EnkryptDeployment", {"name": "d", "model_saved_name": "m"}, "d"),
]


# ---- errors


def test_invalid_argument_fails_like_a_preview() -> None:
    """Each problem is the line that the engine would print."""
    wrong = declaring(testing_for="LMM", model_config__hosting_type="internal")
    with pytest.raises(CheckFailed) as failed:
        stack(wrong).preview()
    begin = "pulumi-python:dynamic/enkrypt:EnkryptModel resource 'm' has a problem: "
    assert failed.value.problems == [
        f'{begin}testing_for: must be one of Copilot, LLM, Chatbot; did you mean "LLM"?',
        f'{begin}model_config.hosting_type: must be one of External, Internal; did you mean "Internal"?',
    ]


def test_up_refuses_before_anything_is_registered() -> None:
    """An `up` previews first: every invalid model is reported, and not even the valid one is registered."""

    def three() -> None:
        for name in ("right", "a/b", "c/d"):
            EnkryptModel(name.replace("/", "-"), **minimal(model_saved_name=name))

    broken = stack(three)
    with pytest.raises(CheckFailed, match="model_saved_name: must be printable ASCII") as failed:
        broken.up()
    assert len(failed.value.problems) == 2
    assert broken.registry.models() == {}


def test_two_resources_with_the_same_name_are_refused() -> None:
    """The engine refuses them too, even with different identities."""

    def twice() -> None:
        for name in ("a", "b"):
            EnkryptModel("m", **minimal(model_saved_name=name))

    with pytest.raises(CheckFailed, match=r"^Duplicate resource URN 'urn:.*::m'; try giving it a unique name$"):
        stack(twice).preview()


@pytest.mark.parametrize("wrong", [{"custom_headers": {"Authorization": KEY}}, {"apikeys": {"a": KEY}}], ids=str)
def test_invalid_values_are_not_shown(wrong: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    """A key in a value of the wrong type is not in the error, its chain, or the SDK's output."""
    arguments = minimal()
    arguments["model_config"] |= wrong
    with pytest.raises(CheckFailed, match="must be a list") as failed:
        MockStack(lambda: EnkryptModel("m", **arguments)).preview()
    assert_no_secret(KEY, "".join([*traceback.format_exception(failed.value), *capfd.readouterr()]))


@pytest.mark.parametrize("second", [enkrypt_provider, enkrypt_provider.native], ids=["dynamic", "native"])
@pytest.mark.parametrize("first", [enkrypt_provider, enkrypt_provider.native], ids=["dynamic", "native"])
@pytest.mark.parametrize(("kind", "arguments", "id_"), EACH_KIND)
def test_two_resources_with_the_same_identity_are_refused(
    first: Any, second: Any, kind: str, arguments: dict[str, Any], id_: str
) -> None:
    """As in `check`, this covers the whole program, whichever package declares a resource."""

    def twice() -> None:
        for name, package in (("a", first), ("b", second)):
            getattr(package, kind)(name, **arguments)

    with pytest.raises(CheckFailed, match=f"{id_} is declared twice, here and as '[ab]'"):
        stack(twice).preview()


@pytest.mark.parametrize("package", [enkrypt_provider, enkrypt_provider.native], ids=["dynamic", "native"])
@pytest.mark.parametrize(("kind", "arguments", "id_"), EACH_KIND)
def test_args_must_be_a_dict_or_args_object(package: Any, kind: str, arguments: dict[str, Any], id_: str) -> None:
    made = getattr(package, kind)
    assert stack(lambda: made("a", arguments)).up().resources["a"].id == id_
    with pytest.raises(TypeError, match=rf"^a: args must be {kind}Args\(…\) or a dict, not str$"):
        stack(lambda: made("a", "text")).preview()
    with pytest.raises(TypeError, match=r"^a: nmae is not a field here"):
        stack(lambda: made("a", {**arguments, "nmae": 1})).preview()


def test_invalid_setting_is_refused() -> None:
    """The stack's configuration is validated as by the provider."""
    with pytest.raises(CheckFailed, match="enkrypt:endpoint must be https"):
        stack(config={"enkrypt:endpoint": "http://api.example.com"}).preview()


def test_configured_dialect_is_used() -> None:
    """A field of dialect v2 is refused in v1 and accepted in v2."""
    program = declaring(model_config__rate_per_min=5)
    with pytest.raises(CheckFailed, match="exists only in dialect v2"):
        stack(program).preview()
    made = stack(program, config={"enkrypt:dialect": "v2"}).up()
    assert made.resources["m"].outputs["model_config"]["rate_per_min"] == 5


def test_exceptions_of_the_program_are_raised() -> None:
    """They are not wrapped."""

    def program() -> None:
        raise pulumi.RunError("no")

    with pytest.raises(pulumi.RunError, match=r"^no$"):
        stack(program).preview()


def test_resources_created_before_a_failure_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `up` fails like the provider, here because a name is taken. The next one continues, like a real one.

    The provider would wait for seconds; the test does not.
    """
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)

    def two() -> None:
        first = EnkryptModel("first", **minimal())
        second = minimal(model_saved_name="second", model_config__model_version="v1")
        EnkryptModel("second", opts=pulumi.ResourceOptions(depends_on=[first]), **second)

    one = stack(two)
    one.registry.add(minimal(model_saved_name="second", model_config__model_version="v1"))
    with pytest.raises(ModelExists, match="is registered already"):
        one.up()
    assert 0 < sum(waited) < 0.1
    one.registry.delete("second/v1")
    assert one.up().changes == {"first": "same", "second": "create"}


# ---- outputs


def test_preview_knows_defaults_but_no_server_fields() -> None:
    """Fields that a server sets are unknown, and so is a host from another resource."""
    one = stack(declaring(server=True))
    seen = one.preview()
    model = seen.resources["m"]
    assert model.inputs["model_config"]["endpoint"]["host"] is UNKNOWN
    assert model.outputs["model_config"]["endpoint"]["port"] == 443
    assert seen.outputs == {"id": UNKNOWN, "number": UNKNOWN}
    assert "address" not in seen.resources["s"].outputs
    assert (one.registry.models(), one.state) == ({}, {})


def test_up_has_the_outputs_of_the_provider() -> None:
    """The program sees the registered values: identity, model_id, defaults."""
    one = stack(declaring(server=True))
    made = one.up()
    (registered,) = one.registry.models().values()
    assert made.outputs == {"id": "small/v1", "number": registered["model_id"]}
    assert registered["model_config"]["endpoint"]["host"] == "llm.example.com"
    assert made.resources["m"].outputs["created_at"] == registered["created_at"]


def test_dependencies_are_recorded() -> None:
    """They are recorded for the resource, and for each argument."""
    made = stack(declaring(server=True)).preview()
    server = made.resources["s"].urn
    assert made.resources["m"].dependencies == (server,)
    assert made.resources["m"].reasons["model_config"] == (server,)
    assert server == f"urn:pulumi:dev::project::{SERVER}::s"


def test_secrets_are_marked() -> None:
    """Keys are secrets in inputs, outputs and exports."""

    def program() -> None:
        model = EnkryptModel("m", **minimal(model_config__apikeys=["stand-in-key"]))
        pulumi.export("config", model.model_config)
        pulumi.export("mine", pulumi.Output.secret("mine"))

    for made in (stack(program).preview(), stack(program).up()):
        model = made.resources["m"]
        assert model.inputs["model_config"]["apikeys"] == Secret(["stand-in-key"])
        assert model.outputs["model_config"]["apikeys"] == Secret(["stand-in-key"])
        assert made.outputs["mine"] == Secret("mine")
        assert isinstance(made.outputs["config"], Secret)
        assert "stand-in-key" not in repr(made)


def test_configuration_secrets_are_secret() -> None:
    """Programs read the configuration with `pulumi.Config`; the project's own keys need no namespace."""

    def program() -> None:
        pulumi.export("own", pulumi.Config().require_object("sizes"))
        pulumi.export("other", pulumi.Config("aws").require("region"))
        pulumi.export("key", pulumi.Config().require_secret("key"))

    config = {"sizes": [1, 2], "aws:region": "eu-central-1", "key": Secret("k")}
    assert stack(program, config=config).up().outputs == {"own": [1, 2], "other": "eu-central-1", "key": Secret("k")}


def test_log_messages_are_recorded() -> None:
    """Messages look like those in the console."""

    def program() -> None:
        pulumi.log.warn("careful")
        pulumi.log.info("by the way")

    assert stack(program).preview().messages == ["warning: careful", "info: by the way"]


# ---- changes


def test_second_run_changes_nothing() -> None:
    """The same program has no changes, and a preview knows its exports."""
    one = stack(declaring(server=True))
    made = one.up()
    again = one.preview()
    assert again.changes == {"m": "same", "s": "same"}
    assert again.outputs == made.outputs


@pytest.mark.parametrize(
    ("changes", "change", "fields"),
    [
        ({"model_name": "x"}, "update", ("model_name",)),
        ({"model_config__apikeys": ["k"]}, "update", ("model_config.apikeys",)),
        ({"model_config__model_version": "2"}, "replace", ("model_config.model_version",)),
        ({"certifications": []}, "same", ()),
    ],
)
def test_changes_are_those_of_the_providers_diff(
    changes: dict[str, Any], change: str, fields: tuple[str, ...]
) -> None:
    """A preview reports the change and the fields that cause it; `up` applies it."""
    one = stack()
    one.up()
    one.program = declaring(**changes)
    for seen in (one.preview(), one.up()):
        assert seen.changes == {"m": change}
        assert seen.resources["m"].changed == fields
    assert list(one.registry.models()) == ["small/2" if change == "replace" else "small/v1"]


def test_undeclared_resources_are_deleted() -> None:
    """An empty program deletes them, and so does `destroy`."""
    one = stack()
    one.up()
    one.program = lambda: None
    assert one.preview().changes == {"m": "delete"}
    assert list(one.registry.models()) == ["small/v1"]
    assert one.destroy().changes == {"m": "delete"}
    assert (one.registry.models(), one.state) == ({}, {})


def test_protected_resources_are_not_deleted() -> None:
    """The engine refuses, and if the program turns that off, the provider does."""
    one = stack(declaring(deletion_protection=True))
    one.up()
    with pytest.raises(CheckFailed, match="::m cannot be deleted because it is protected"):
        one.destroy()
    one.program = declaring(deletion_protection=True, opts=pulumi.ResourceOptions(protect=False))
    one.up()
    with pytest.raises(DeletionProtected):
        one.destroy()


def test_changed_resource_of_another_provider_is_an_update() -> None:
    """A preview knows its id and inputs, but not its outputs."""
    one = stack(lambda: pulumi.export("address", Server("s").address))
    one.up()
    one.program = lambda: pulumi.export("address", Server("s", size=2).address)
    seen = one.preview()
    assert seen.changes == {"s": "update"}
    assert (seen.resources["s"].id, seen.outputs) == ("s-id", {"address": UNKNOWN})
    assert one.up().outputs == {"address": "llm.example.com"}


# ---- other resources


def test_output_without_a_mock_is_no_change() -> None:
    """It is None after an `up`, and the next preview has no change; a value that disappears is a change."""

    def program() -> None:
        first = Server("first")
        Server("second", addresses=[{"of": first.address}, 1])

    one = MockStack(program)
    one.up()
    assert one.preview().changes == {"first": "same", "second": "same"}
    two = stack(program)
    two.up()
    two.program = lambda: Server("second", addresses=[{"of": Server("another").address}, 1])
    assert two.preview().changes == {"another": "create", "second": "update", "first": "delete"}


def test_mocks_of_other_resources_are_dicts_or_functions() -> None:
    """A function receives the resource's name and inputs; `id` sets the resource's id."""
    one = stack(lambda: pulumi.export("s", Server("s", size=3).address))
    one.resources[SERVER] = lambda args: {"id": "i-1", "address": f"{args.name}-{args.inputs['size']:g}"}
    made = one.up()
    assert (made.outputs, made.resources["s"].id) == ({"s": "s-3"}, "i-1")


def test_components_have_children() -> None:
    """Components register their own outputs; a child's URN contains its parent's type. Resources with the same name
    are keyed by TYPE::NAME."""

    class Llm(pulumi.ComponentResource):
        def __init__(self, name: str) -> None:
            super().__init__("test:index:Llm", name)
            self.model = EnkryptModel(name, opts=pulumi.ResourceOptions(parent=self), **minimal())
            self.register_outputs({"id": self.model.id})

    made = stack(lambda: pulumi.export("id", Llm("m").model.id)).up()
    assert made.resources["test:index:Llm::m"].outputs == {"id": "small/v1"}
    model = made.resources["pulumi-python:dynamic/enkrypt:EnkryptModel::m"]
    assert "::test:index:Llm$pulumi-python:dynamic/enkrypt:EnkryptModel::m" in model.urn


def test_provider_function_returns_the_given_result() -> None:
    """A call without a given result is an error with its token."""

    def program() -> None:
        pulumi.export("zone", pulumi.runtime.invoke("test:index:zone", {"n": 1}).value["zone"])

    with pytest.raises(LookupError, match="test:index:zone"):
        stack(program).preview()
    assert stack(program, calls={"test:index:zone": {"zone": "a"}}).up().outputs == {"zone": "a"}
    answer = stack(program, calls={"test:index:zone": lambda args: {"zone": args.args["n"]}})
    assert answer.up().outputs == {"zone": 1}


def test_each_explicit_provider_has_its_own_account() -> None:
    """Two accounts can hold the same identity, and the second uses its own dialect."""

    def program() -> None:
        eu = EnkryptProvider("eu", api_key="stand-in-key", dialect="v2")
        EnkryptModel("here", **minimal())
        EnkryptModel("there", opts=pulumi.ResourceOptions(provider=eu), **minimal(model_config__rate_per_min=5))

    one = stack(program)
    assert one.up().changes == {"eu": "create", "here": "create", "there": "create"}
    assert one.preview().changes == {"eu": "same", "here": "same", "there": "same"}
    assert list(one.registry.models()) == ["small/v1"]
    one.destroy()


def test_get_reads_an_existing_registration() -> None:
    """A registration managed elsewhere is read, even in a preview; a missing one is refused."""

    def program() -> None:
        found = EnkryptModel.get("m", "small/v1")
        pulumi.export("number", found.model_id)
        pulumi.export("config", found.model_config)

    one = stack(program)
    with pytest.raises(CheckFailed, match="no model small/v1 is registered with this account"):
        one.preview()
    one.registry.add(minimal(model_config__model_version="v1"))
    number = one.registry.models()["small/v1"]["model_id"]
    assert one.preview().outputs["number"] == number
    made = one.up()
    assert made.changes == {"m": "read"}
    assert isinstance(made.outputs["config"], Secret)
    one.destroy()
    assert list(one.registry.models()) == ["small/v1"]


def test_get_hides_values_that_look_secret() -> None:
    text = "https://h/?api_key=stand-in-secret-key"

    def program() -> None:
        enkrypt_provider.EnkryptGuardrailsPolicy.get("p", "p")

    one = stack(program)
    rule = {"policy_violation": {"enabled": True, "policy_text": text}}
    one.registry.add({"name": "p", "detectors": rule}, "policies")
    found = one.preview().resources["p"].outputs
    assert isinstance(found["detectors"]["policy_violation"]["policy_text"], Secret)
    assert found["detectors"]["policy_violation"]["enabled"] is True


# ---- policies and deployments


def guarded(
    package: Any = enkrypt_provider,
    *,
    topics: tuple[str, ...] = ("science",),
    name: str = "d",
    block: tuple[str, ...] = ("nsfw",),
) -> None:
    """Declare a model, a policy and a deployment."""
    detectors = {"nsfw": {"enabled": True}, "topic_detector": {"enabled": True, "topic": [*topics]}}
    model = package.EnkryptModel("m", **minimal())
    policy = package.EnkryptGuardrailsPolicy("p", name="guard", detectors=detectors)
    used = {"policy_name": policy.name, "enabled": True, "block": [*block]}
    package.EnkryptDeployment("d", name=name, model_saved_name=model.model_saved_name, input_guardrails_policy=used)


@pytest.mark.parametrize("package", [enkrypt_provider, enkrypt_provider.native], ids=["dynamic", "native"])
def test_policies_and_deployments_have_the_same_life_cycle_as_models(package: Any) -> None:
    """The provider itself creates, updates, replaces and deletes them."""
    one = stack(lambda: guarded(package))
    assert one.preview().changes == {"m": "create", "p": "create", "d": "create"}
    made = one.up()
    registered = one.registry.policies()["guard"]
    assert registered["policy_id"] in made.resources["p"].outputs.values()
    assert one.registry.deployments()["d"]["input_guardrails_policy"]["policy_name"] == "guard"
    assert set(one.preview().changes.values()) == {"same"}

    one.program = lambda: guarded(package, topics=("law", "science"))
    changed = one.up().resources["p"]
    assert (changed.change, changed.changed) == ("update", ("detectors.topic_detector.topic",))

    one.program = lambda: guarded(package, topics=("law", "science"), name="e")
    assert one.up().changes == {"m": "same", "p": "same", "d": "replace"}
    assert list(one.registry.deployments()) == ["e"]

    one.destroy()
    registry = one.registry
    assert (registry.models(), registry.policies(), registry.deployments()) == ({}, {}, {})


def test_policies_can_be_changed_behind_the_programs_back() -> None:
    """This is like a change in the dashboard: an existing registration is not adopted."""
    detectors = {"nsfw": {"enabled": True}}

    def program() -> None:
        policy = enkrypt_provider.EnkryptGuardrailsPolicy("p", name="guard", detectors=detectors)
        pulumi.export("id", policy.id)

    one = stack(program)
    one.registry.add({"name": "guard", "detectors": {"bias": {"enabled": True}}}, to="policies")
    one.registry.change("guard", {"description": "mine"}, of="policies")
    assert one.registry.policies()["guard"]["description"] == "mine"
    with pytest.raises(ModelExists, match="guard is registered already"):
        one.up()
    one.registry.delete("guard", of="policies")
    assert one.up().changes == {"p": "create"}


def test_provider_warnings_are_messages() -> None:
    """Here a deployment blocks a detector that its policy turns off."""
    seen = stack(lambda: guarded(block=("toxicity",))).preview()
    assert [line.partition(", which")[0] for line in seen.messages] == [
        "warning: d: input_guardrails_policy.block names toxicity"
    ]


# ---- programs and settings


def project(folder: Path) -> Path:
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "hosts.py").write_text(f"HOST = {folder.name!r}\n")
    (folder / "name.txt").write_text("from-a-file")
    (folder / "__main__.py").write_text(
        textwrap.dedent("""
            from pathlib import Path
            import pulumi, hosts
            from enkrypt_provider import EnkryptModel

            name = Path("name.txt").read_text()
            config = {"is_compatible_with": "openai", "endpoint": {"host": hosts.HOST}}
            EnkryptModel(name, model_saved_name=name, model_config=config)
            pulumi.export("project", pulumi.get_project())
        """)
    )
    return folder


def test_project_folder_is_a_program(tmp_path: Path) -> None:
    """It runs in its folder, with its own modules and project name, and leaves nothing behind in the process."""
    before = (Path.cwd(), list(sys.path))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = stack(project(tmp_path / name)).preview()
        assert made.outputs == {"project": "shop"}
        assert made.resources["from-a-file"].inputs["model_config"]["endpoint"]["host"] == name
    assert (Path.cwd(), sys.path, "hosts" in sys.modules) == (*before, False)


def test_neither_a_key_nor_the_environment_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the configuration or the environment sets a real endpoint, a stack registers on its own emulator."""
    monkeypatch.setenv("ENKRYPTAI_BASE_URL", "http://api.example.com")
    one = stack(config={"enkrypt:endpoint": "https://api.enkryptai.com"})
    one.up()
    assert list(one.registry.models()) == ["small/v1"]


def test_no_state_is_left_on_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's journal of creates is kept with the emulator, which is removed with the stack."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    one = stack()
    one.up()
    folder = one.registry.database.parent
    assert folder.exists()
    assert not (tmp_path / "state").exists()
    del one
    gc.collect()
    assert not folder.exists()


def test_two_stacks_share_nothing() -> None:
    """Each stack has its own configuration, registrations and root resource."""
    one, other = stack(config={"a": "1"}), stack(lambda: pulumi.export("a", pulumi.Config().get("a") or "none"))
    one.up()
    assert other.up().outputs == {"a": "none"}
    assert other.registry.models() == {}


def test_mocks_work_with_pulumis_own_set_mocks() -> None:
    """`EnkryptMocks` works with `pulumi.runtime.set_mocks`, as in Pulumi's documentation."""
    code = """
        import pulumi
        from enkrypt_provider import EnkryptModel
        from enkrypt_provider.testing import CheckFailed, EnkryptMocks

        pulumi.runtime.set_mocks(EnkryptMocks())
        config = {"is_compatible_with": "openai", "endpoint": {"host": "h"}, "apikeys": ["stand-in-key"]}
        seen = []

        @pulumi.runtime.test
        def right():
            model = EnkryptModel("m", model_saved_name="m", model_config=config)
            return [model.id.apply(seen.append), model.model_config.apply(lambda c: seen.append(c.endpoint.port))]

        @pulumi.runtime.test
        def wrong():
            EnkryptModel("n", model_saved_name="a/b", model_config=config)

        right()
        assert sorted(map(str, seen)) == ["443", "m/v1"], seen
        try:
            wrong()
        except CheckFailed as failed:
            print(failed)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(
        "pulumi-python:dynamic/enkrypt:EnkryptModel resource 'n' has a problem: model_saved_name"
    )


# ---- the emulator


def test_emulator_serves_http(enkrypt_emulator: Emulator) -> None:
    """It accepts only its own key, and shows its registrations and requests."""
    api = enkrypt_emulator
    with httpx.Client(base_url=api.url) as http:
        refused = http.get("/models/list-models", headers={"apikey": "another"})
        added = http.post("/models/add-model", headers={"apikey": api.key}, json=document())
    assert (refused.status_code, added.status_code) == (401, 200)
    assert list(api.models()) == ["Test_Model/1"]
    assert api.calls() == ["list_models", "add_model Test_Model/1"]
    assert api.calls() == []


def test_calls_include_policies_and_deployments(enkrypt_emulator: Emulator) -> None:
    with httpx.Client(base_url=enkrypt_emulator.url, headers={"apikey": enkrypt_emulator.key}) as http:
        http.post("/guardrails/add-policy", json={"name": "p", "detectors": {}})
        http.get("/deployments/get-deployment", headers={"X-Enkrypt-Deployment": "d"})
        http.delete("/models/delete-model", headers={"X-Enkrypt-Model": "m", "X-Enkrypt-Model-Version": "2"})
        http.get("/nothing")
    assert enkrypt_emulator.calls() == ["add_policy p", "get_deployment d", "delete_model m/2", "GET /nothing"]


def test_fault_accepts_faults_and_dicts(enkrypt_emulator: Emulator) -> None:
    """A fault is a `Fault` or a dict of its fields; `fault()` without arguments clears them."""
    api = enkrypt_emulator
    with httpx.Client(base_url=api.url, headers={"apikey": api.key}) as http:
        for fault in (Fault(call="list_models", status=503), {"call": "list_models", "status": 503}):
            api.fault(fault)
            assert http.get("/models/list-models").status_code == 503
        api.fault()
        assert http.get("/models/list-models").status_code == 200


def test_stack_can_use_the_emulator_of_the_test(enkrypt_emulator: Emulator) -> None:
    """A stack uses the registrations and faults of its `registry`: a lost response creates no duplicate."""
    enkrypt_emulator.fault({"call": "add_model", "reset": "after", "nth": 1})
    stack(registry=enkrypt_emulator).up()
    assert list(enkrypt_emulator.models()) == ["small/v1"]


def test_program_can_look_up_on_the_emulator(enkrypt_emulator: Emulator) -> None:
    """Look-ups use `enkrypt:endpoint`: over HTTP, or to the same registrations without a socket."""
    enkrypt_emulator.add(document())

    def program() -> None:
        pulumi.export("number", get_model_output("Test_Model", "1").model_id)

    number = enkrypt_emulator.models()["Test_Model/1"]["model_id"]
    over_http = {"enkrypt:endpoint": enkrypt_emulator.url, "enkrypt:apiKey": Secret(enkrypt_emulator.key)}
    for config in (over_http, {"enkrypt:endpoint": enkrypt_emulator.endpoint}):
        assert stack(program, config=config).up().outputs == {"number": number}


def test_emulator_accepts_the_options_of_create_app(tmp_path: Path) -> None:
    """Outside pytest fixtures it is a context manager."""
    with emulator(tmp_path / "m.db", keys={"stand-in-other-key": "team"}, mask_apikeys=True) as api:
        assert api.key == "stand-in-other-key"
        assert Registry(api.database).models() == {}


def test_additions_use_the_configured_dialect(tmp_path: Path) -> None:
    model = {"model_provider": "openai", "endpoint": {"host": "api.example.com"}, "rate_per_min": 20}
    added = {"model_saved_name": "chat", "model_config": model}
    in_stack = stack(lambda: None, config={"enkrypt:dialect": "v2"}).registry
    with emulator(tmp_path / "m.db", dialect="v2") as api:
        for registry in (api, in_stack):
            registry.add(added)
            registry.change("chat/v1", {"model_config": {"rate_per_min": 5}})
            assert registry.models()["chat/v1"]["model_config"]["rate_per_min"] == 5


# ---- the search for secrets


ENCODED = {
    "plain": f"a {KEY} b",
    "bytes": KEY.encode(),
    "base64": base64.b64encode(f"xy{KEY}z".encode()).decode(),
    "URL": f"https://h/?key={quote(KEY, safe='')}",
    "JSON": json.dumps({"plaintext": json.dumps(KEY)}),
    "a state": {"deployment": {"resources": [{"outputs": {"keys": [KEY]}}]}},
    "a name": {KEY: 1},
}


@pytest.mark.parametrize("where", ENCODED.values(), ids=ENCODED)
def test_secret_is_found_in_every_encoding_and_never_shown(where: Any) -> None:
    """The error says which secret was found, not its value."""
    with pytest.raises(AssertionError, match="secrets are exposed:\n") as found:
        assert_no_secret({"the model's key": KEY}, where)
    assert "the model's key" in str(found.value)
    assert KEY not in str(found.value)


def test_location_of_a_secret_is_reported() -> None:
    """In a state the location is a path."""
    with pytest.raises(AssertionError) as found:
        assert_no_secret(["another-secret", KEY], ENCODED["a state"])
    assert str(found.value).splitlines()[1:] == ["  deployment.resources[0].outputs.keys[0]: secret 2, in the clear"]


def test_files_and_folders_are_searched(tmp_path: Path) -> None:
    """All files under a folder are searched except the emulator's databases: a server must know the keys."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/stack.json").write_text(json.dumps({"key": KEY}))
    (tmp_path / "api.sqlite").write_text(KEY)
    for where, message in ((tmp_path, "in/stack.json: the secret"), (tmp_path / "in/stack.json", "the secret")):
        with pytest.raises(AssertionError, match=message):
            assert_no_secret(KEY, where)
    (tmp_path / "in/stack.json").unlink()
    assert_no_secret(KEY, tmp_path)


def test_values_marked_as_secret_are_not_searched() -> None:
    """Only the readable parts of a result are searched: outputs, resources, messages."""

    def program(shown: str) -> None:
        EnkryptModel("m", **minimal(model_config__apikeys=[KEY.replace(" ", "")], model_name=shown))
        pulumi.log.info(shown)
        pulumi.export("key", pulumi.Output.secret(KEY))

    assert_no_secret(KEY.replace(" ", ""), stack(lambda: program("nothing")).up())
    with pytest.raises(AssertionError) as found:
        assert_no_secret(KEY, stack(lambda: program(KEY)).up())
    places = {line.split(": ")[0].strip() for line in str(found.value).splitlines()[1:]}
    assert {"resources.m.inputs.model_name", "resources.m.outputs.model_name", "messages[0]"} <= places


def test_outputs_of_the_automation_api_are_searched() -> None:
    """Outputs that it marks as secret may contain one, others may not."""
    assert_no_secret(KEY, {"key": OutputValue(KEY, secret=True)})
    with pytest.raises(AssertionError, match="key: the secret, in the clear"):
        assert_no_secret(KEY, {"key": OutputValue(KEY, secret=False)})


def test_short_secret_is_refused() -> None:
    """A search for it would find too much, or nothing."""
    for secret in ("", "xxxxx"):
        with pytest.raises(ValueError, match="is shorter than 8 characters"):
            assert_no_secret(secret, "text")


# ---- the plugin


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_fixture_is_available_through_the_plugin(tmp_path: Path, installed: bool, named: bool) -> None:
    """The plugin loads by its entry point if the package is installed, by `pytest_plugins`, or by both."""
    test = "def test(enkrypt_emulator):\n    assert enkrypt_emulator.models() == {}\n"
    (tmp_path / "test_it.py").write_text('pytest_plugins = ["enkrypt_provider.testing"]\n' * named + test)
    path, options = [str(ROOT)], [] if installed else ["--disable-plugin-autoload"]  # it may be installed here
    if installed:
        info = tmp_path / "site" / "enkrypt_provider-0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: enkrypt-provider\nVersion: 0\n")
        (info / "entry_points.txt").write_text(_entry_points())
        path.append(str(info.parent))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(tmp_path)],
        cwd=tmp_path, env={"PYTHONPATH": ":".join(path), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode == 0) is (installed or named), run.stdout + run.stderr


def _entry_points() -> str:
    """Return the plugin's entry point from pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    _, _, found = text.partition("[project.entry-points.pytest11]\n")
    lines = [line.replace('"', "") for line in found.partition("\n\n")[0].splitlines() if not line.startswith("#")]
    return "\n".join(["[pytest11]", *lines, ""])


# ---- the page

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)


def test_examples_of_the_page_pass(tmp_path: Path) -> None:
    """docs/testing.md contains five test files, which pytest runs unchanged."""
    assert len(BLOCKS) == 5
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"test_block_{number}.py").write_text(block)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "7 passed" in run.stdout
