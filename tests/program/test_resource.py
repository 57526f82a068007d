"""resource.py: however a program writes a resource, it means the same, and keys are secret."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pulumi
import pytest
from documents import at, document, everything, minimal
from mocked import Registered, Secret, run, shown

import enkrypt_provider
from enkrypt_provider import (
    AuthDataArgs,
    ContextArgs,
    DetectorArgs,
    EndpointArgs,
    EnkryptDeployment,
    EnkryptGuardrailsPolicy,
    EnkryptModel,
    EnkryptModelArgs,
    EnkryptProvider,
    GeminiArgs,
    HeaderArgs,
    JwtConfigArgs,
    MetadataArgs,
    ModelConfigArgs,
    PathsArgs,
    ToolArgs,
    native,
)
from enkrypt_provider.frontends.property_values import OWNER, clear
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import INEXACT, NO_JSON
from enkrypt_provider.program import args
from enkrypt_provider.program.arguments import WrongArguments
from enkrypt_provider.testing import MockStack
from tools import generate


def test_arguments_and_outputs_are_generated() -> None:
    """The files follow kinds/; if they do not, run `make generate`."""
    for file, text in generate.files().items():
        assert file.read_text(encoding="utf-8") == text


def test_every_args_class_is_public() -> None:
    public = {name for name in enkrypt_provider.__all__ if name.endswith("Args")}
    assert public == {name for name, value in vars(args).items() if inspect.isclass(value) and name.endswith("Args")}


# ---- one registration in every spelling

WHOLE = everything("v2")
PLAIN = WHOLE["model_config"]


def _args(config: dict[str, Any], **changed: Any) -> ModelConfigArgs:
    nested: dict[str, Any] = {
        "endpoint": EndpointArgs(**config["endpoint"]),
        "paths": PathsArgs(**config["paths"]),
        "auth_data": AuthDataArgs(**config["auth_data"]),
        "model_jwt_config": JwtConfigArgs(
            **{
                **config["model_jwt_config"],
                "jwt_headers": [HeaderArgs(**h) for h in config["model_jwt_config"]["jwt_headers"]],
            }
        ),
        "tools": [ToolArgs(**tool) for tool in config["tools"]],
        "custom_headers": [HeaderArgs(**header) for header in config["custom_headers"]],
        "context": ContextArgs(**config["context"]),
    }
    return ModelConfigArgs(**{**config, **nested, **changed})


async def _later(value: Any) -> Any:
    return value


def _output(value: Any) -> Any:
    return pulumi.Output.from_input(value)


SPELLINGS: dict[str, Callable[[], Any]] = {
    "a plain dict": lambda: PLAIN,
    "Args": lambda: _args(PLAIN),
    "an Output of a dict": lambda: _output(PLAIN),
    "an Output of Args": lambda: _output(_args(PLAIN)),
    "an awaitable of a dict": lambda: _later(PLAIN),
    "a dict with an Output of keys": lambda: {**PLAIN, "apikeys": _output(PLAIN["apikeys"])},
    "a dict with Outputs as keys": lambda: {**PLAIN, "apikeys": [_output(key) for key in PLAIN["apikeys"]]},
    "Args with an Output of keys": lambda: _args(PLAIN, apikeys=_output(PLAIN["apikeys"])),
    "Args with secret keys": lambda: _args(PLAIN, apikeys=pulumi.Output.secret(PLAIN["apikeys"])),
    "an Output of a dict with Outputs": lambda: _output({**PLAIN, "endpoint": _output(PLAIN["endpoint"])}),
    "a secret of a dict": lambda: pulumi.Output.secret(PLAIN),
    "Args in a dict": lambda: {**PLAIN, "endpoint": EndpointArgs(**PLAIN["endpoint"])},
}


def registered(program: Callable[[], Any], name: str = "m", *, preview: bool = False) -> Registered:
    """The one resource that a program registers."""
    return run(program, preview=preview).resources[name]


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_declares_the_same(spelling: str) -> None:
    """Dicts, Args, and Outputs or awaitables of either, mean the same registration."""
    given = {**WHOLE, "model_config": None}
    made = registered(lambda: EnkryptModel("m", **{**given, "model_config": SPELLINGS[spelling]()}))
    inputs = {k: v for k, v in clear(made.inputs).items() if not k.startswith("__")}
    assert codec.parse(MODEL, inputs, "v2") == codec.parse(MODEL, WHOLE, "v2")


def test_the_name_beside_a_value_can_make_it_secret() -> None:
    pairs = [{"name": "X-Api-Key", "value": "stand-in"}, {"name": "X-Team", "value": "ml"}]
    made = registered(lambda: EnkryptModel("m", **minimal(model_config__metadata={"relay": pairs})))
    first, second = made.inputs["model_config"]["metadata"]["relay"]
    assert (first["name"], clear(first["value"]), second) == ("X-Api-Key", "stand-in", pairs[1])
    assert isinstance(first["value"], Secret)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_keys_are_secret_in_every_spelling(spelling: str, preview: bool) -> None:
    """Whatever can hold a secret reaches the engine as a secret, without the user asking."""
    made = registered(lambda: EnkryptModel("m", **{**WHOLE, "model_config": SPELLINGS[spelling]()}), preview=preview)
    open_ = shown(made.inputs["model_config"])
    assert "stand-in" not in json.dumps(open_)
    if spelling == "a secret of a dict":
        assert open_ == "[secret]"
    else:
        assert all(isinstance(at(made.inputs, tuple(path.split("."))), Secret) for path in MODEL.secrets)
        assert open_["endpoint"] == PLAIN["endpoint"]


def test_a_list_of_keys_may_be_changed_later() -> None:
    """Changing a list of keys after declaring a model does not change the model."""

    def program() -> None:
        keys = ["stand-in-one"]
        EnkryptModel("m", **minimal(model_config__apikeys=keys))
        keys.append("stand-in-two")

    assert registered(program).inputs["model_config"]["apikeys"] == Secret(["stand-in-one"])


def test_args_and_keywords_declare_the_same() -> None:
    one = registered(lambda: EnkryptModel("m", EnkryptModelArgs(**WHOLE)))
    other = registered(lambda: EnkryptModel("m", **WHOLE))
    assert one == other


def test_the_provider_is_sent_as_a_class_name() -> None:
    """It carries no settings and no key: the engine gets the same few bytes for every resource."""
    made = run(lambda: [EnkryptModel("a", **document()), EnkryptModel("b", **minimal())]).resources
    (one, other) = (made[name].inputs["__provider"] for name in ("a", "b"))
    assert one == other
    assert isinstance(one, str)
    assert len(one) < 100


def _untyped(cls: Any) -> Any:
    """A class whose arguments type checkers ignore."""
    return cls


def _endless() -> Iterator[Any]:
    """Values that contain themselves."""
    members: list[Any] = []
    members.append((members,))
    metadata: dict[str, Any] = {"a": {}}
    metadata["a"]["b"] = metadata
    for endless in (members, metadata):
        config = {**minimal()["model_config"], "metadata": {"a": endless}}
        yield from (config, ModelConfigArgs(**config))


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: EnkryptModel("m", **{**document(), "model_safed_name": "x"}),
            'm: model_safed_name is not a field here; did you mean "model_saved_name"?',
        ),
        (
            lambda: EnkryptModel("m", **{**document(), "model_id": 5}),
            "m: model_id is set by the server: leave it out",
        ),
        (
            lambda: EnkryptModel("m", **{**document(), "model_version": "1"}),
            "m: model_version is not a field here: use model_config.model_version",
        ),
        (
            lambda: _untyped(EndpointArgs)(host="h", hostname="h"),
            'EndpointArgs: hostname is not a field here; did you mean "host"?',
        ),
        (
            lambda: ModelConfigArgs(**{**PLAIN, "api_keys": []}),
            'ModelConfigArgs: api_keys is not a field here; did you mean "apikeys"?',
        ),
        (
            lambda: _untyped(ModelConfigArgs)(model_provider="together", host="h"),
            "ModelConfigArgs: host is not a field here: use model_config.endpoint.host; "
            "is_compatible_with is required",
        ),
        (lambda: _untyped(EnkryptModel)("m", model_saved_name="m"), "m: model_config is required"),
        (
            lambda: _untyped(EndpointArgs)("api.together.xyz"),
            "EndpointArgs: pass each field by name, such as host=…",
        ),
        (
            lambda: EnkryptModel("m", **document(), opts=pulumi.ResourceOptions(import_="chat/v1")),
            "m: the engine cannot import a dynamic resource: leave out import_, and run "
            "`enkrypt-provider import --name chat`",
        ),
        (
            lambda: _untyped(EnkryptGuardrailsPolicy)("a", name="p", detector={}),
            'a: detector is not a field here; did you mean "detectors"?; detectors is required',
        ),
        (
            lambda: _untyped(EnkryptDeployment)("a", name="d", model="m"),
            'a: model is not a field here; did you mean "model_version"?; model_saved_name is required',
        ),
        (
            lambda: _untyped(DetectorArgs)(enabled=True, block_message="x"),
            "DetectorArgs: block_message is not a field here; the fields are enabled",
        ),
        (
            lambda: EnkryptGuardrailsPolicy("a", name="p", detectors={}, opts=pulumi.ResourceOptions(import_="p")),
            "a: the engine cannot import a dynamic resource: leave out import_, and run "
            "`enkrypt-provider import --name p`",
        ),
        *(
            (
                lambda value=value, model=model, name=name: model(
                    "m", **minimal(model_config__metadata={name: [{"b": value}]})
                ),
                f"m: model_config.metadata.{name}.b: {rule}",
            )
            for model in (EnkryptModel, native.EnkryptModel)
            for name in ("a", "access_token")
            for value, rule in (
                *(
                    (it, f"{NO_JSON}, not {type(it).__name__}")
                    for it in (date(2026, 1, 1), Decimal(1), b"x", {1}, UUID(int=1), PurePosixPath("x"), 1j)
                ),
                (float("nan"), "must not be NaN or infinity"),
                (
                    f"a {object.__new__(pulumi.Output)}",
                    "contains an Output as text: use pulumi.Output.format or pulumi.Output.concat",
                ),
                (2**53 + 1, INEXACT),
                ({1: 2}, "must have strings as field names"),
            )
        ),
        *(
            (
                lambda model=model, config=config: model("m", **{**minimal(), "model_config": config}),
                "m: model_config: must not contain itself",
            )
            for model in (EnkryptModel, native.EnkryptModel)
            for config in _endless()
        ),
        (
            lambda: _untyped(EnkryptModel)("m", **minimal(), opts={"protect": True}),
            "m: opts must be pulumi.ResourceOptions(…), not dict",
        ),
        *(
            (
                lambda id_=id_: _untyped(EnkryptModel).get("m", id_),
                "m: give the id of a registration, such as NAME/VERSION or NAME",
            )
            for id_ in ("", None, 5)
        ),
    ],
)
def test_a_wrong_argument_is_reported_in_one_line(call: Callable[[], Any], line: str) -> None:
    """An argument that does not exist, or is missing, is reported as `check` reports it, without a traceback."""
    with pytest.raises(TypeError) as caught:
        run(call)
    assert str(caught.value) == line
    assert isinstance(caught.value, pulumi.RunError)


def test_a_subclass_declares_the_same_type() -> None:
    """A subclass is the same resource to the engine, to `doctor` and to policies."""

    class House(EnkryptModel, module="house", name="House"):
        def __init__(self, name: str) -> None:
            super().__init__(name, **document())

    assert registered(lambda: House("m")) == registered(lambda: EnkryptModel("m", **document()))


def test_values_with_secret_names_are_secret_too() -> None:
    """A value with a secret name in a free map, and every header, is sent as a secret; the rest in the clear."""
    metadata = {
        "aws_secret_access_key": "stand-in", "region": "eu", "relay": {"target_headers": {"X": "stand-in"}},
        "proxy": "http://me:stand-in@h",
    }  # fmt: skip
    made = registered(lambda: EnkryptModel("m", **minimal(model_config__metadata=metadata)))
    assert shown(made.inputs["model_config"]["metadata"]) == {
        "aws_secret_access_key": "[secret]", "region": "eu", "relay": {"target_headers": "[secret]"},
        "proxy": "[secret]",
    }  # fmt: skip


def test_a_resource_sends_its_organization_and_urn() -> None:
    """They tell two resources of one identity apart, also below components, whose types are part of the URN."""

    def program() -> None:
        house = pulumi.ComponentResource("a:b:House", "house")
        EnkryptModel("m", **document())
        EnkryptModel("n", **document(), opts=pulumi.ResourceOptions(parent=house))

    found = run(program).resources
    kind = "pulumi-python:dynamic/enkrypt:EnkryptModel"
    assert found["m"].inputs[OWNER] == f"organization/urn:pulumi:dev::enkrypt::{kind}::m"
    assert found["n"].inputs[OWNER] == f"organization/urn:pulumi:dev::enkrypt::a:b:House${kind}::n"


def test_args_and_keywords_together_are_refused() -> None:
    """It would be a guess which of the two should win."""
    args = EnkryptModelArgs(**document())
    with pytest.raises(TypeError, match="give either args or keywords, not both"):
        run(lambda: _untyped(EnkryptModel)("m", args, model_name="x"))


@pytest.mark.parametrize(
    ("declared", "opts", "protect"),
    [
        (True, None, True),
        (True, pulumi.ResourceOptions(protect=False), False),
        (True, pulumi.ResourceOptions(retain_on_delete=True), True),
        (False, None, False),
        (None, None, False),
    ],
)
def test_deletion_protection_also_sets_protect(
    declared: bool | None, opts: pulumi.ResourceOptions | None, protect: bool
) -> None:
    """Protection reaches the engine, which refuses before anything is changed, unless the program says otherwise."""
    made = registered(lambda: EnkryptModel("m", **{**document(), "deletion_protection": declared, "opts": opts}))
    assert made.protect is protect


def test_get_reads_without_managing() -> None:
    """`get` sends an id and declares nothing; an output that can hold keys is secret."""
    made = registered(lambda: EnkryptModel.get("m", "Test_Model/1"))
    assert made.id == "Test_Model/1"
    assert made.secret_outputs == ("model_config",)
    assert {name for name in made.inputs if not name.startswith("__")} == set()


# ---- explicit providers


def test_an_explicit_provider_sends_its_settings_as_strings_and_its_key_as_a_secret() -> None:
    """Each argument is the setting of the same name; the engine gets strings, and never the key in the clear."""
    made = registered(
        lambda: EnkryptProvider(
            "eu",
            api_key="stand-in-key",
            endpoint="https://eu.api.example.com",
            dialect="v2",
            timeout=2.5,
            max_retries=3,
            check_online=True,
            require_https=True,
        ),
        "eu",
    )
    assert made.type == "pulumi:providers:pulumi-python"
    assert made.inputs == {
        "enkrypt:apiKey": Secret("stand-in-key"),
        "enkrypt:endpoint": "https://eu.api.example.com",
        "enkrypt:dialect": "v2",
        "enkrypt:timeout": "2.5",
        "enkrypt:maxRetries": "3",
        "enkrypt:checkOnline": "true",
        "enkrypt:requireHttps": "true",
    }


def test_an_explicit_provider_without_settings_has_the_defaults() -> None:
    """A setting that is not given is not sent."""
    assert registered(lambda: EnkryptProvider("eu"), "eu").inputs == {}


@pytest.mark.parametrize("package", [enkrypt_provider, native], ids=["dynamic", "native"])
@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("apiKey", '; did you mean "api_key"?'),
        ("max_retry", '; did you mean "max_retries"?'),
        ("x", "; the settings are api_key, endpoint, dialect, "),
    ],
)
def test_an_unknown_setting_is_refused_in_one_line(package: Any, wrong: str, hint: str) -> None:
    with pytest.raises(WrongArguments) as caught:
        package.EnkryptProvider("eu", **{wrong: "stand-in-key"})
    assert str(caught.value).startswith(f"EnkryptProvider: {wrong} is not a setting{hint}")


def test_gemini_and_metadata_may_be_args_too() -> None:
    """The options of a model's runtime can be typed arguments."""
    metadata = MetadataArgs(max_tokens=5, gemini=GeminiArgs(project_id="p"))
    made = registered(
        lambda: EnkryptModel("m", **minimal(model_config__metadata=metadata, model_config__apikeys=["stand-in-key"]))
    )
    assert clear(made.inputs["model_config"])["metadata"] == {"max_tokens": 5, "gemini": {"project_id": "p"}}


def test_options_without_effect_are_warned_about() -> None:
    """A path that matches a field, or is inside a map that takes any name, is not."""
    paths = ["modelName", "model_config.systemPrompt", "nope", "model_config.metadata.aB", "model_name", "*"]
    timeouts = pulumi.CustomTimeouts(create="1s")
    opts = pulumi.ResourceOptions(ignore_changes=paths, replace_on_changes=["*"], custom_timeouts=timeouts)
    messages = MockStack(lambda: EnkryptModel("m", **document(), opts=opts)).preview().messages
    effect = "has no effect with the dynamic provider, unlike the native one"
    assert messages == [
        f"warning: m: custom_timeouts {effect}: set enkrypt:timeout and enkrypt:maxRetries",
        f"warning: m: replace_on_changes {effect}: only a change of identity or account replaces it",
        'warning: m: ignore_changes: modelName matches nothing: write "model_name"',
        'warning: m: ignore_changes: model_config.systemPrompt matches nothing: write "model_config.system_prompt"',
        "warning: m: ignore_changes: nope matches nothing: write the path of an argument",
    ]


@pytest.mark.parametrize("package", [enkrypt_provider, native], ids=["dynamic", "native"])
def test_deleted_with_warns_that_the_registration_is_left_behind(package: Any) -> None:
    """The engine skips the deletion. A resource of another provider may be the API's own host: no warning."""

    def program() -> None:
        policy = package.EnkryptGuardrailsPolicy("p", name="p", detectors={"nsfw": {"enabled": True}})
        places = {
            "a": policy,
            "b": pulumi.ComponentResource("a:b:C", "c"),
            "other": pulumi.ProviderResource("x", "x"),
        }
        for name, place in places.items():
            opts = pulumi.ResourceOptions(deleted_with=place)
            package.EnkryptModel(name, **{**document(), "model_saved_name": name, "opts": opts})

    assert MockStack(program).preview().messages == [
        f"warning: {name}: deleted_with would leave it registered, because the API does not delete it along with "
        "another resource: remove deleted_with, or use depends_on"
        for name in "ab"
    ]


def test_ignoring_everything_ignores_each_argument_but_not_the_owner() -> None:
    """Without its URN, no run would know that the resource stands for a registration."""
    seen: list[Any] = []
    opts = pulumi.ResourceOptions(ignore_changes=["*"])

    def program() -> None:
        pulumi.runtime.register_stack_transformation(lambda it: seen.append(it.opts.ignore_changes))
        EnkryptModel("m", **document(), opts=opts)

    made = MockStack(program).preview().resources["m"]
    ignored = [it for it in seen if it]
    assert len(ignored) == 1
    assert {*document(), "deletion_protection"} <= set(ignored[0])
    assert not {OWNER, "*"} & set(ignored[0])
    assert opts.ignore_changes == ["*"]
    assert made.name == "m"


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({"enkrypt:apiKey": "stand-in"}, 1),
        ({"enkrypt:apiKey": Secret("stand-in")}, 0),
        ({"enkrypt:apiKey": "any", "enkrypt:endpoint": "embedded:a.db"}, 0),
        ({}, 0),
    ],
    ids=str,
)
def test_a_plain_text_key_is_warned_about_once(settings: dict[str, Any], warnings: int) -> None:
    """The engine copies the stack's settings into the state of the default provider."""

    def program() -> None:
        for name in "a", "b":
            EnkryptModel(name, **document(model_saved_name=name))

    for _ in "a preview", "another":
        messages = MockStack(program, config=settings).preview().messages
        assert [message.partition(" in the clear")[0] for message in messages] == [
            "warning: enkrypt:apiKey is"
        ] * warnings
