"""catalogue.py: the registrations in a stack's configuration, declared only if all of them are right."""

from __future__ import annotations

from typing import Any, get_args

import pulumi
import pytest
from documents import BOXAI, document, everything, minimal
from mocked import Run, Secret, run

from enkrypt_provider import EnkryptModel, catalogue, native
from enkrypt_provider.kinds.registry import Section
from enkrypt_provider.program import resource
from enkrypt_provider.testing import MockStack

KEY = {"apiKey": "stand-in-key"}


def declared(models: Any, **config: Any) -> Run:
    """What a stack with this catalogue registers."""
    given = {**KEY, "models": models, **config}
    return run(
        lambda: [EnkryptModel(name, **arguments) for name, arguments in catalogue.load().items()], config=given
    )


def refused(models: Any, **config: Any) -> list[str]:
    """The lines of the error for this catalogue."""
    return refused_config({"models": models, **config})


def refused_config(config: dict[str, Any]) -> list[str]:
    with pytest.raises(pulumi.RunError) as caught:
        run(catalogue.load, config={**KEY, **config})
    assert caught.value.__context__ is None  # which would show the value
    return str(caught.value).split("\n")


def test_load_accepts_a_config() -> None:
    """A program can load a catalogue from a configuration namespace of its own."""

    def program() -> Any:
        pulumi.runtime.set_config("mine:apiKey", "stand-in-key")
        pulumi.runtime.set_config("mine:models", '{"a": {"model_saved_name": "a"}}')
        with pytest.raises(pulumi.RunError, match=r"models\.a\.model_config: is required"):
            catalogue.load(pulumi.Config("mine"))

    run(program)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("model_config__apikeys", Secret(["of-the-stack"])),
        ("model_config__system_prompt", Secret("of-the-stack")),
        ("model_config__endpoint__host", Secret("of-the-stack")),
        ("model_config__metadata__anything", Secret("of-the-stack")),
        ("model_config__default_request_options__headers", Secret("of-the-stack")),
    ],
)
def test_a_secret_may_be_used_anywhere(place: str, expected: Secret) -> None:
    """`{secret: NAME}` is the stack's secret of that name, and secret to the engine, wherever it is used."""
    secret = {"secret": "mySecret"}
    value: Any = [secret] if isinstance(expected.value, list) else secret
    made = declared({"m": minimal(**{place: value})}, mySecret="of-the-stack").resources["m"]
    found = made.inputs
    for part in place.split("__"):
        found = found.value[part] if isinstance(found, Secret) else found[part]
    assert _flat(found) == _flat(expected)


def _flat(value: Any) -> Any:
    """A value with one secret marker, wherever inside the value the engine has put it."""
    if isinstance(value, list):
        items = [_flat(item) for item in value]
        return Secret([i.value if isinstance(i, Secret) else i for i in items]) if items else items
    return Secret(_flat(value.value).value) if isinstance(value, Secret) and isinstance(value.value, list) else value


def test_an_object_with_more_fields_is_not_a_placeholder() -> None:
    """Only an object whose one field is `config` is a placeholder; a user's own object may have that field too."""
    options = {"config": "not a reference", "other": 1}
    made = declared({"m": minimal(model_config__metadata={"options": options})}).resources["m"]
    assert made.inputs["model_config"]["metadata"]["options"] == options


HEAD = "{} in the configuration of stack dev:"


@pytest.mark.parametrize(
    ("models", "lines"),
    [
        ({"a": None}, ["models.a: must be an object"]),
        ({"a": "Test_Model"}, ["models.a: must be an object"]),
        ({"a": [document()]}, ["models.a: must be an object"]),
        ({"a": {"secret": "mySecret"}}, ["models.a: must be an object"]),
        ({"a": {}}, ["models.a.model_saved_name: is required", "models.a.model_config: is required"]),
        (
            {"a": document(model_config__endpoint__hots="h")},
            ['models.a.model_config.endpoint.hots: is not a field here; did you mean "host"?'],
        ),
        ({"a": {**document(), "model_id": 5}}, ["models.a.model_id: is set by the server: leave it out"]),
        (
            {"a": document(), "b": document(model_name="another"), "c": minimal()},
            ["models.b: declares the same name and version as models.a"],
        ),
        (
            {"two\nlines \x1b[31m": minimal(model_saved_name="")},
            [
                "models.two lines  [31m.model_saved_name: "
                'must be printable ASCII, without "/" and without spaces at its ends, and not be empty'
            ],
        ),
        (
            {"a": everything("v2")},
            [
                f"models.a.model_config.{name}: exists only in dialect v2: leave it out, or set enkrypt:dialect to v2"
                for name in (
                    *(f"auth_data.{name}" for name in BOXAI),
                    "model_auth_type", "model_jwt_config", "tools", "input_modalities", "output_modalities",
                    "custom_headers", "custom_payload", "custom_curl_command", "custom_response_format",
                    "custom_response_content_type", "rate_per_min", "context",
                )
            ],
        ),
    ],
)  # fmt: skip
def test_each_problem_is_one_line(models: Any, lines: list[str]) -> None:
    """The line names the entry, the field and the rule, and nothing is declared."""
    count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
    assert refused(models, mySecret="s") == [HEAD.format(count), *(f"  {line}" for line in lines)]


@pytest.mark.parametrize("given", [[], '"Test_Model"', 5, True, '{"a": "stand-in-key",}', ""])
@pytest.mark.parametrize(("section", "noun"), [("models", "model"), ("policies", "policy")])
def test_a_section_that_is_not_an_object_is_one_line(section: str, noun: str, given: Any) -> None:
    """The line is about the whole section, and shows no value."""
    line = f"enkrypt:{section} must be an object that maps the name of each {noun} to its arguments"
    assert refused_config({section: given}) == [line]


def test_an_entry_without_a_name_is_one_line() -> None:
    """The engine would call it a missing resource name."""
    assert refused({"": document()}) == ["enkrypt:models: each model must have a name"]


def test_a_misspelt_section_is_warned_about() -> None:
    """Its registrations would be deleted; a secret that an entry uses is not a mistake."""
    models = {"a": minimal(model_config__apikeys=[{"secret": "apiKeys"}])}
    names = {"modls": {}, "endpont": "https://h", "openaiKey": Secret("s"), "apiKeys": Secret("s")}
    config = {"apiKey": Secret("stand-in-key"), "models": models, **names}
    shown = MockStack(catalogue.declare, config={f"enkrypt:{k}": v for k, v in config.items()}).preview().messages
    assert sorted(shown) == [
        'warning: enkrypt:endpont is neither a setting nor a section of the catalogue; did you mean "endpoint"?',
        'warning: enkrypt:modls is neither a setting nor a section of the catalogue; did you mean "models"?',
    ]


def test_a_missing_secret_is_reported_with_its_users_and_the_command() -> None:
    """A secret that is not set is one line, however many models use it."""
    secret = {"secret": "togetherApiKey"}
    models = {
        "a": minimal(model_saved_name="a", model_config__apikeys=[secret, secret]),
        "b": minimal(model_saved_name="b", model_config__apikeys=[secret]),
    }
    assert refused(models) == [
        HEAD.format("1 problem"),
        "  the secret used by models.a, models.b is not set: run "
        "`pulumi config set --secret enkrypt:togetherApiKey --stack dev`",
    ]


def test_all_problems_are_reported_at_once() -> None:
    """Settings, secrets and models are all checked before the first mistake is reported."""
    models = {"a": minimal(model_config__apikeys=[{"secret": "s"}]), "b": {"model_saved_name": "b"}}
    assert refused(models, endpoint="http://api.example.com") == [
        HEAD.format("3 problems"),
        "  enkrypt:endpoint must be https: the key is sent over plain http only to this machine (127.0.0.1)",
        "  the secret used by models.a is not set: run `pulumi config set --secret enkrypt:s --stack dev`",
        "  models.b.model_config: is required",
    ]


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("llm.prod.example.com", "model_config__endpoint__host", "llm.prod.example.com"),
        ("8443", "model_config__endpoint__port", "8443"),
        ("1.10", "model_config__model_version", "1.10"),
        ("true", "deletion_protection", True),
        ("false", "deletion_protection", False),
        ('["GDPR"]', "certifications", ["GDPR"]),
        ('{"max_tokens": 5}', "model_config__metadata", {"max_tokens": 5}),
        ("", "model_name", ""),
    ],
)
def test_a_config_value_may_be_used_anywhere(text: str, place: str, expected: Any) -> None:
    """`{config: NAME}` is the stack's own value, so that one catalogue serves every stack; a number stays text."""
    made = declared({"m": minimal(**{place: {"config": "mine"}})}, mine=text).resources["m"]
    found: Any = made.inputs
    for part in place.split("__"):
        found = found[part]
    assert found == expected


def test_deletion_protection_from_a_config_value_also_sets_protect() -> None:
    """Stacks may differ in whether a registration can be deleted."""
    models = {"m": minimal(deletion_protection={"config": "protected"})}
    assert [declared(models, protected=text).resources["m"].protect for text in ("true", "false")] == [True, False]


def test_a_missing_value_is_reported_with_its_users_and_the_command() -> None:
    """A value that is not set is one line."""
    models = {"a": minimal(model_config__endpoint__host={"config": "llmHost"})}
    assert refused(models) == [
        HEAD.format("1 problem"),
        "  the value used by models.a is not set: run `pulumi config set enkrypt:llmHost --stack dev`",
    ]


def test_a_config_value_that_breaks_a_rule_is_reported_at_its_field() -> None:
    """A stack's value is checked as if it were written in the catalogue."""
    models = {"a": minimal(model_config__endpoint__host={"config": "llmHost"})}
    (line,) = refused(models, llmHost="https://llm.example.com")[1:]
    assert line.startswith("  models.a.model_config.endpoint.host: must be a host name alone")


def test_a_config_placeholder_cannot_name_a_secret() -> None:
    """It would put the secret into the state in the clear, so it is refused, and the secret is not shown."""
    models = {"a": minimal(model_config__system_prompt={"config": "prompt"})}
    with pytest.raises(pulumi.RunError) as caught:
        run(catalogue.load, config={**KEY, "models": models, "prompt": "stand-in-secret"}, secret_names=["prompt"])
    assert str(caught.value).split("\n")[1:] == [
        "  the value used by models.a is secret: write {secret: prompt} instead of {config: …}"
    ]


@pytest.mark.parametrize(("is_secret", "warnings"), [(False, 1), (True, 0)])
def test_a_plain_text_key_is_warned_about_and_not_shown(is_secret: bool, warnings: int) -> None:
    """Others read a stack's file; a catalogue that is secret as a whole is encrypted in it."""
    models = {"a": document(model_config__apikeys=["stand-in-open", {"secret": "mine"}]), "b": minimal()}
    config: dict[str, Any] = {"enkrypt:models": Secret(models) if is_secret else models, "enkrypt:mine": Secret("x")}
    key = {"enkrypt:apiKey": Secret("stand-in-key")}
    shown = MockStack(catalogue.declare, config={**key, **config}).preview().messages
    assert len(shown) == warnings
    assert all("models.a: in the clear in the configuration: model_config.apikeys[0]. Write" in it for it in shown)
    assert "stand-in-open" not in "".join(shown)


@pytest.mark.parametrize("place", ["metadata", "default_request_options"])
def test_an_unquoted_date_in_a_free_map_is_warned_about(place: str) -> None:
    """The text may be intended there, so it is sent all the same."""
    dates = {"since": "2024-02-01T00:00:00Z", "list": ["2024-02-02T00:00:00Z"], "time": "2024-02-01T10:00:00Z"}
    models = {"a": minimal(**{f"model_config__{place}": dates})}
    one = MockStack(catalogue.declare, config={"enkrypt:apiKey": Secret("stand-in-key"), "enkrypt:models": models})
    advice = "is sent as a date with a time: in YAML, quote it"
    assert one.preview().messages == [
        f"warning: models.a.model_config.{place}.{path}: {advice}" for path in ("since", "list[0]")
    ]


def test_the_dialect_is_taken_from_the_stack() -> None:
    """In v2 a catalogue may have v2 fields."""
    whole = everything("v2")
    assert set(declared({"a": whole}, dialect="v2").resources) == {"a"}


@pytest.mark.parametrize(
    "changed",
    [
        {"model_saved_name": {"secret": "mySecret"}},
        {"model_config": {"secret": "mySecret"}},
        {"model_config__model_version": {"secret": "mySecret"}},
    ],
)
def test_two_secret_identities_are_not_compared(changed: Any) -> None:
    """Their values are not known here, so they do not count as the same."""
    made = declared({"a": document(**changed), "b": document(**changed)}, mySecret="of-the-stack")
    assert set(made.resources) == {"a", "b"}


# ---- all three kinds

POLICY: dict[str, Any] = {"name": "guard", "detectors": {"nsfw": {"enabled": True}}}
USED: dict[str, Any] = {"policy_name": "guard", "enabled": True, "block": ["nsfw"]}
DEPLOYMENT: dict[str, Any] = {
    "name": "support",
    "model_saved_name": "small",
    "input_guardrails_policy": USED,
    "output_guardrails_policy": USED,
}
WHOLE: dict[str, Any] = {
    "models": {"chat": minimal()}, "policies": {"guard": POLICY}, "deployments": {"support": DEPLOYMENT},
}  # fmt: skip
DECLARED: list[catalogue.Catalogue] = []
SECTIONS: tuple[Section, ...] = get_args(Section)


def stack(package: Any = resource, **config: Any) -> MockStack:
    """A stack with the whole catalogue; `config` changes sections or adds values."""

    def program() -> None:
        DECLARED[:] = [catalogue.declare(package=package)]

    given = {f"enkrypt:{name}": value for name, value in {**KEY, **WHOLE, **config}.items()}
    return MockStack(program, config=given)


def test_declare_creates_resources_of_the_native_package() -> None:
    """A deployment takes the names from them, and depends on them."""
    made = stack(native).up().resources
    assert {found.type for found in made.values()} == {
        "enkrypt:index:EnkryptModel", "enkrypt:index:GuardrailsPolicy", "enkrypt:index:Deployment",
    }  # fmt: skip
    assert {made["chat"].urn, made["guard"].urn} <= {*made["support"].dependencies}


def test_declare_registers_every_section() -> None:
    """Each entry becomes a resource of its kind, with the entry's name and exactly its arguments."""
    one = stack()
    made = one.up().resources
    assert {name: found.type.rpartition(":")[2] for name, found in made.items()} == {
        "chat": "EnkryptModel", "guard": "EnkryptGuardrailsPolicy", "support": "EnkryptDeployment",
    }  # fmt: skip
    assert made["support"].inputs["input_guardrails_policy"] == USED
    (found,) = DECLARED
    assert [list(section) for section in (found.models, found.policies, found.deployments)] == [
        ["chat"], ["guard"], ["support"],
    ]  # fmt: skip
    assert set(one.preview().changes.values()) == {"same"}


def test_a_deployment_depends_on_the_entries_that_it_names() -> None:
    """So the engine creates it last and deletes it first, also if the names are the stack's values."""
    named = {**DEPLOYMENT, "model_saved_name": {"config": "chatModel"}}
    made = stack(deployments={"support": named}, chatModel="small").preview().resources
    assert {name: urns for name, urns in made["support"].reasons.items() if urns} == {
        "model_saved_name": (made["chat"].urn,),
        "input_guardrails_policy": (made["guard"].urn,),
        "output_guardrails_policy": (made["guard"].urn,),
    }


@pytest.mark.parametrize(
    "other",
    [
        {"model_saved_name": "elsewhere"},
        {"model_version": "2"},
    ],
)
def test_a_name_that_is_not_in_the_catalogue_is_used_as_it_is(other: dict[str, str]) -> None:
    made = stack(deployments={"support": {**DEPLOYMENT, **other}}).preview().resources
    assert made["support"].dependencies == (made["guard"].urn,)
    assert made["support"].inputs["model_saved_name"] == other.get("model_saved_name", "small")


def test_the_sections_may_be_loaded_one_by_one() -> None:
    """For a program with classes of its own: the arguments as written, with placeholders resolved."""
    config = {**KEY, **WHOLE, "policies": {"guard": {**POLICY, "description": {"config": "why"}}}, "why": "because"}
    (found,) = run(lambda: [catalogue.load(section=section) for section in SECTIONS], config=config).seen
    assert found == [{"chat": minimal()}, {"guard": {**POLICY, "description": "because"}}, {"support": DEPLOYMENT}]


def test_an_unknown_section_is_one_line() -> None:
    """It lists the sections; the engine shows it without a traceback."""
    with pytest.raises(
        pulumi.RunError, match=r"^model_s is not a kind of registration: use one of models, .*; did you"
    ):
        run(lambda: catalogue.load(section="model_s"), config={**KEY, **WHOLE})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        (
            {"policies": {"a": {**POLICY, "detectors": {"nfsw": {"enabled": True}}}}},
            ['policies.a.detectors.nfsw: is not a field here; did you mean "nsfw"?'],
        ),
        (
            {"policies": {"a": {**POLICY, "policy_id": 7}, "b": POLICY}},
            ["policies.a.policy_id: is set by the server: leave it out"],
        ),
        (
            {"policies": {"a": POLICY, "b": POLICY}},
            ["policies.b: declares the same name as policies.a"],
        ),
        (
            {"deployments": {"a": {**DEPLOYMENT, "input_guardrails_policy": {**USED, "block": ["nfsw"]}}}},
            [
                "deployments.a.input_guardrails_policy.block[0]: must be one of topic_detector, nsfw, toxicity, pii, "
                "injection_attack, keyword_detector, policy_violation, bias, system_prompt, copyright_ip, "
                'sponge_attack; did you mean "nsfw"?'
            ],
        ),
        (
            {"deployments": {"a": {"secret": "mySecret"}}},
            ["the secret used by deployments.a is not set: "
             "run `pulumi config set --secret enkrypt:mySecret --stack dev`",
             "deployments.a: must be an object"],
        ),
    ],
)  # fmt: skip
def test_each_problem_of_any_kind_is_one_line(sections: dict[str, Any], lines: list[str]) -> None:
    """As with models: the section, the entry, the field, the rule."""
    count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
    assert refused_config(sections) == [HEAD.format(count), *(f"  {line}" for line in lines)]
