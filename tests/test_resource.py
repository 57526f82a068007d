"""resource.py: what a program may write, that it means the same in every shape, and that keys are secret in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from documents import COMPUTED, document, everything, minimal
from mocked import Registered, Secret, run
from pulumi._types import input_type_types  # the SDK's own reading of an Args class

import enkrypt_provider
from enkrypt_provider import (
    AuthDataArgs,
    ContextArgs,
    EndpointArgs,
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
    outputs,
)
from enkrypt_provider.fields import OWNER
from enkrypt_provider.kinds import codec, model
from enkrypt_provider.kinds.document import Document
from enkrypt_provider.kinds.model import MODEL

SHAPES: list[tuple[type, type[Document]]] = [
    (EnkryptModelArgs, model.Registration),
    (ModelConfigArgs, model.ModelConfig),
    (EndpointArgs, model.Endpoint),
    (PathsArgs, model.Paths),
    (AuthDataArgs, model.AuthData),
    (MetadataArgs, model.Metadata),
    (GeminiArgs, model.Gemini),
    (HeaderArgs, model.Header),
    (JwtConfigArgs, model.JwtConfig),
    (ToolArgs, model.Tool),
    (ContextArgs, model.Context),
]
"""Each `…Args` and the shape that enforces its rules."""

NAMED: list[tuple[type, type]] = [
    (EnkryptModelArgs, EnkryptModel),
    (EnkryptModelArgs, outputs.Model),
    (ModelConfigArgs, outputs.ModelConfig),
    (EndpointArgs, outputs.Endpoint),
    (PathsArgs, outputs.Paths),
    (AuthDataArgs, outputs.AuthData),
    (HeaderArgs, outputs.Header),
    (JwtConfigArgs, outputs.JwtConfig),
    (ToolArgs, outputs.Tool),
    (ContextArgs, outputs.Context),
]
"""Each `…Args` and the typed output of the same thing."""


def names(shape: type[Document]) -> set[str]:
    return {field.alias or name for name, field in shape.model_fields.items()} - {*MODEL.computed}


def args_of(cls: type) -> set[str]:
    return set(input_type_types(cls))


@pytest.mark.parametrize(("args", "shape"), SHAPES, ids=lambda cls: cls.__name__)
def test_arguments_and_rules_have_the_same_fields(args: type, shape: type[Document]) -> None:
    """What a program may write and what is enforced cannot drift apart: each has exactly the other's fields."""
    assert args_of(args) == names(shape)


@pytest.mark.parametrize(("args", "output"), NAMED, ids=lambda cls: f"{cls.__module__[17:]}.{cls.__name__}")
def test_arguments_and_outputs_have_the_same_fields(args: type, output: type) -> None:
    """Whatever can be declared can be read back under the same name; beside it there is only what the server sets."""
    readable = {name for name, value in vars(output).items() if isinstance(value, property)}
    assert args_of(args) - readable <= (set(MODEL.options) if output is outputs.Model else set())
    assert readable - args_of(args) <= (set(MODEL.computed) if args is EnkryptModelArgs else set())


def test_every_args_class_is_public() -> None:
    """A program reaches every class that it needs from the package's top."""
    public = {name for name in enkrypt_provider.__all__ if name.endswith("Args")}
    assert public == {args.__name__ for args, _ in SHAPES}


@pytest.mark.parametrize(("args", "shape"), SHAPES, ids=lambda cls: cls.__name__)
def test_what_is_required_is_required_of_both(args: Any, shape: type[Document]) -> None:
    """A field without a default in the rules has none in the arguments; `endpoint` gives way in v2 alone."""
    required = {f.alias or name for name, f in shape.model_fields.items() if f.is_required()} - {"endpoint"}
    with pytest.raises(TypeError) if required else _nothing():
        args()
    assert args(**dict.fromkeys(required | ({"endpoint"} & args_of(args)), "x")) is not None


def _nothing() -> Any:
    return pytest.MonkeyPatch.context()


# ---- one registration in every shape

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
    "Args in a dict": lambda: {**PLAIN, "endpoint": EndpointArgs(**PLAIN["endpoint"])},
}


def registered(program: Callable[[], Any], name: str = "m", *, preview: bool = False) -> Registered:
    """The one resource that a program registers."""
    return run(program, preview=preview).resources[name]


def cleared(value: Any) -> Any:
    """A value without its marks of secrecy."""
    if isinstance(value, Secret):
        return cleared(value.value)
    if isinstance(value, dict):
        return {k: cleared(v) for k, v in value.items()}
    return [cleared(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_declares_the_same(spelling: str) -> None:
    """Dicts, Args, and Outputs or awaitables of either, mean the same registration."""
    given = {**WHOLE, "model_config": None}
    made = registered(lambda: EnkryptModel("m", **{**given, "model_config": SPELLINGS[spelling]()}))
    inputs = {k: v for k, v in cleared(made.inputs).items() if not k.startswith("__")}
    assert codec.parse(MODEL, inputs, "v2") == codec.parse(MODEL, WHOLE, "v2")


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_keys_are_secret_in_every_spelling(spelling: str, preview: bool) -> None:
    """Whatever can hold a secret reaches the engine as a secret, without the user asking."""
    made = registered(lambda: EnkryptModel("m", **{**WHOLE, "model_config": SPELLINGS[spelling]()}), preview=preview)
    shown = _open(made.inputs["model_config"])
    assert "stand-in" not in json.dumps(shown)
    for path in MODEL.secrets:
        assert isinstance(made.inputs["model_config"][path.rpartition(".")[2]], Secret)
    assert shown["endpoint"] == PLAIN["endpoint"]


def _open(value: Any) -> Any:
    """What anyone may see of a value."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {k: _open(v) for k, v in value.items()}
    return [_open(v) for v in value] if isinstance(value, list) else value


def test_a_whole_configuration_may_be_secret() -> None:
    """A `model_config` that is secret as a whole stays so."""
    made = registered(lambda: EnkryptModel("m", model_saved_name="m", model_config=pulumi.Output.secret(PLAIN)))
    assert isinstance(made.inputs["model_config"], Secret)


def test_a_list_of_keys_may_be_used_again() -> None:
    """What a program does to a list of keys after it declared a model is of no consequence to that model."""

    def program() -> None:
        keys = ["stand-in-one"]
        EnkryptModel("m", **minimal(model_config__apikeys=keys))
        keys.append("stand-in-two")

    assert registered(program).inputs["model_config"]["apikeys"] == Secret(["stand-in-one"])


def test_without_keys_nothing_is_made_up() -> None:
    """What is not declared is not there for the engine: no null, no default, no secret."""
    made = registered(lambda: EnkryptModel("m", **minimal()))
    inputs = {k: v for k, v in made.inputs.items() if not k.startswith("__")}
    assert inputs == minimal()


def test_args_as_a_whole_are_the_same_as_keywords() -> None:
    """`EnkryptModelArgs` and keywords are two ways to say the same."""
    one = registered(lambda: EnkryptModel("m", EnkryptModelArgs(**WHOLE)))
    other = registered(lambda: EnkryptModel("m", **WHOLE))
    assert one == other


def test_the_provider_is_a_class_by_its_name() -> None:
    """The engine gets no settings and no key with the provider: the same few bytes for every resource."""
    made = run(lambda: [EnkryptModel("a", **document()), EnkryptModel("b", **minimal())]).resources
    (one, other) = (made[name].inputs["__provider"] for name in ("a", "b"))
    assert one == other
    assert isinstance(one, str)
    assert len(one) < 100


def test_a_resource_says_whose_it_is() -> None:
    """`check` is told the resource as PROJECT/STACK/NAME, to tell two of one identity apart."""
    assert registered(lambda: EnkryptModel("m", **document())).inputs[OWNER] == "enkrypt/dev/m"


def _untyped(cls: Any) -> Any:
    """A class whose arguments no type checker looks at."""
    return cls


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("model_safed_name", lambda: EnkryptModel("m", **{**document(), "model_safed_name": "x"})),
        ("model_id", lambda: EnkryptModel("m", **{**document(), "model_id": 5})),
        ("hostname", lambda: _untyped(EndpointArgs)(host="h", hostname="h")),
        ("api_keys", lambda: ModelConfigArgs(**{**PLAIN, "api_keys": []})),
    ],
)
def test_a_wrong_keyword_is_a_type_error(name: str, call: Callable[[], Any]) -> None:
    """An argument that does not exist is found where it is written, by its name."""
    with pytest.raises(TypeError, match=name):
        run(call)


def test_a_missing_argument_is_a_type_error() -> None:
    """What is required is asked for where it is missing."""
    with pytest.raises(TypeError, match="model_config"):
        run(lambda: _untyped(EnkryptModel)("m", model_saved_name="m"))


def test_args_and_keywords_together_are_refused() -> None:
    """Which of two spellings would win is not guessed."""
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
def test_deletion_protection_is_the_engines_too(
    declared: bool | None, opts: pulumi.ResourceOptions | None, protect: bool
) -> None:
    """Protection reaches the engine, which refuses before anything is changed, unless the program says otherwise."""
    made = registered(lambda: EnkryptModel("m", **{**document(), "deletion_protection": declared, "opts": opts}))
    assert made.protect is protect


def test_get_reads_without_managing() -> None:
    """`get` names an id and declares nothing; what it finds is secret where keys are."""
    made = registered(lambda: EnkryptModel.get("m", "Test_Model/1"))
    assert made.id == "Test_Model/1"
    assert made.secret_outputs == ("model_config",)
    assert {name for name in made.inputs if not name.startswith("__")} == set()


# ---- an account of its own


def test_an_explicit_provider_takes_its_settings_as_strings_and_its_key_as_a_secret() -> None:
    """Each argument is the setting of that name; the engine takes strings, and never the key in the clear."""
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
    """What is not given is not sent."""
    assert registered(lambda: EnkryptProvider("eu"), "eu").inputs == {}


def test_gemini_and_metadata_may_be_args_too() -> None:
    """The options of a model's runtime can be written with their types."""
    metadata = MetadataArgs(max_tokens=5, gemini=GeminiArgs(project_id="p"))
    made = registered(
        lambda: EnkryptModel("m", **minimal(model_config__metadata=metadata, model_config__apikeys=["stand-in-key"]))
    )
    assert cleared(made.inputs["model_config"])["metadata"] == {"max_tokens": 5, "gemini": {"project_id": "p"}}


def test_computed_outputs_are_known_after_an_up() -> None:
    """What the server sets can be read by its name."""
    made = run(lambda: _computed(EnkryptModel("m", **document())))
    assert made.seen == [COMPUTED]


def _computed(model: EnkryptModel) -> Any:
    return {name: getattr(model, name) for name in MODEL.computed}
