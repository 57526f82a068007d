"""policy.py: what every model must keep is judged before it is registered, at preview where all is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from documents import everything, minimal
from mocked import SERVER, Server

from enkrypt_provider import (
    ConfigurationError,
    EnkryptDeployment,
    EnkryptGuardrailsPolicy,
    EnkryptModel,
    native,
    policy,
)
from enkrypt_provider.policy import SECRET, Model, PolicyViolation
from enkrypt_provider.testing import CheckFailed, MockStack

HTTP = {"host": "h", "scheme": "http"}


def stack(
    *rules: policy.Rule, advisory: tuple[policy.Rule, ...] = (), name: str = "dev", **changes: Any
) -> MockStack:
    """A stack of one model under these rules."""

    def program() -> None:
        policy.enforce(*rules, advisory=advisory)
        EnkryptModel("m", **minimal(**changes))

    return MockStack(program, stack=name)


def lines(one: MockStack) -> list[str]:
    """The violations that a preview shows; each is an error line of the console too."""
    with pytest.raises(PolicyViolation) as broken:
        one.preview()
    return broken.value.violations


# ---- what a violation does


def test_a_violation_is_one_line_and_nothing_is_registered() -> None:
    """A preview fails with the model, the field, the rule and its name; an `up` registers nothing."""
    one = stack(policy.https_only, model_config__endpoint=HTTP)
    assert lines(one) == ["m: model_config.endpoint.scheme must be https (policy https_only, mandatory)"]
    with pytest.raises(PolicyViolation, match=r"^m: 1 policy violation: it is not registered$"):
        one.up()
    assert one.registry.models() == {}


def test_an_advisory_violation_is_a_warning() -> None:
    """It is said, and the model is registered."""
    one = stack(advisory=(policy.https_only,), model_config__endpoint=HTTP)
    made = one.up()
    line = "warning: m: model_config.endpoint.scheme must be https (policy https_only, advisory)"
    assert made.messages == [line]
    assert list(one.registry.models()) == ["small/v1"]


def test_all_violations_are_told() -> None:
    """Each rule says all that it has to say, the advisory ones first."""

    def talkative(_model: Model) -> list[str]:
        return ["one", "two"]

    one = stack(talkative, policy.https_only, advisory=(talkative,), model_config__endpoint=HTTP)
    assert [line.partition(" (")[0] for line in lines(one)] == [
        "m: one",
        "m: two",
        "m: model_config.endpoint.scheme must be https",
    ]


def test_a_model_that_keeps_all_rules_is_registered_as_it_would_be_without() -> None:
    """Policies leave no trace in what is sent, nor in what depends on what."""
    rules = (policy.https_only, policy.owned, policy.certified("GDPR"))
    one = stack(*rules, certifications=["GDPR"])
    other = stack(certifications=["GDPR"])
    assert one.preview() == other.preview()
    assert one.up().changes == {"m": "create"}
    assert one.preview().changes == {"m": "same"}


def test_what_is_wrong_with_an_argument_is_still_the_providers_to_say() -> None:
    """A wrong argument is refused by `check`, with its own line."""
    with pytest.raises(CheckFailed, match=r"model_config\.endpoint\.port: must be from 1 to 65535"):
        stack(policy.https_only, model_config__endpoint={"host": "h", "port": 99999}).preview()


def test_other_resources_and_look_ups_are_not_judged() -> None:
    """A rule sees the models that the program declares, not what it reads of others."""

    def never(model: Model) -> str:
        return f"{model.name} was judged"

    def program() -> None:
        policy.enforce(never)
        Server("s")
        EnkryptModel.get("theirs", "small/v1")

    one = MockStack(program)
    one.registry.add(minimal(model_config__model_version="v1"))
    assert set(one.up().resources) == {"s", "theirs"}


def test_a_rule_may_be_a_generator_or_an_object() -> None:
    """It is named by its type where it has no name, and not judged where it asks for what is not known."""

    class Owned:
        def __call__(self, model: Model) -> Iterator[str]:
            yield f"{model['model_config.endpoint.host']} must be owned"

    def program() -> None:
        policy.enforce(advisory=[Owned()])
        EnkryptModel("m", **minimal(model_config__endpoint=Server("s").scheme.apply(lambda scheme: {"host": scheme})))

    one = MockStack(program, resources={SERVER: {"scheme": "h.example"}})
    assert one.preview().messages == []
    assert one.up().messages == ["warning: m: h.example must be owned (policy Owned, advisory)"]


def test_a_bug_in_a_rule_is_no_permission() -> None:

    def broken(model: Model) -> str | None:
        raise ZeroDivisionError(model.name)

    with pytest.raises(ZeroDivisionError):
        stack(broken).preview()


# ---- what a rule sees


def seen(path: str, given: dict[str, Any], *, wrapped: Callable[[Any], Any] = lambda value: value) -> Any:
    """What a rule finds at `path`."""
    found = []

    def look(model: Model) -> None:
        found.append(model[path])

    def program() -> None:
        policy.enforce(look)
        EnkryptModel("m", **{name: wrapped(value) for name, value in given.items()})

    MockStack(program, config={"enkrypt:dialect": "v2"}).preview()
    return found[0] if found else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("model_saved_name", "small"),
        ("model_config.endpoint.scheme", "https"),
        ("model_config.endpoint.port", 443),
        ("certifications", []),
        ("model_config.metadata.owner", None),
        ("model_config.nothing.at.all", None),
        ("model_config.apikeys", []),
    ],
)
def test_a_rule_sees_defaults_and_none(path: str, expected: Any) -> None:
    """What a program does not say has its default, and what has none is None."""
    assert seen(path, minimal()) == expected


@pytest.mark.parametrize("wrapped", [lambda value: value, pulumi.Output.from_input, pulumi.Output.secret])
def test_a_rule_sees_through_outputs_but_sees_no_key(wrapped: Callable[[Any], Any]) -> None:
    """However a program writes it, a rule sees the value, and of keys only that there are some."""
    for name in ("apikeys", "model_jwt_config", "custom_headers", "custom_curl_command"):
        assert seen(f"model_config.{name}", everything("v2"), wrapped=wrapped) == SECRET
    assert seen("model_config.endpoint.scheme", everything("v2"), wrapped=wrapped) == "http"


def test_what_is_not_known_yet_is_judged_when_it_is() -> None:
    """At preview the rules that need it wait, the others do not; at `up` it is judged before it is registered."""

    def program() -> None:
        policy.enforce(policy.https_only, policy.certified("GDPR"))
        endpoint = {"host": "h", "scheme": Server("s").scheme}
        EnkryptModel("m", **minimal(model_config__endpoint=endpoint, certifications=["GDPR"]))

    one = MockStack(program, resources={SERVER: {"scheme": "http"}})
    assert one.preview().changes == {"m": "create", "s": "create"}
    with pytest.raises(PolicyViolation) as broken:
        one.up()
    assert broken.value.violations == ["m: model_config.endpoint.scheme must be https (policy https_only, mandatory)"]
    assert one.registry.models() == {}
    other = MockStack(program, resources={SERVER: {"scheme": "https"}})
    other.up()
    assert list(other.registry.models()) == ["small/v1"]


@pytest.mark.parametrize("path", ["model_config.endpoint", "model_config.endpoint.scheme", "model_config"])
def test_a_rule_that_asks_for_what_is_not_known_is_not_judged(path: str) -> None:
    """Whether all of it is unknown or a part."""

    def asking(model: Model) -> str:
        return f"{model[path]} is known"

    def program() -> None:
        policy.enforce(asking)
        EnkryptModel("m", **minimal(model_config__endpoint=Server("s").scheme.apply(lambda scheme: {"host": scheme})))

    assert MockStack(program).preview().messages == []


# ---- the rules that many need


@pytest.mark.parametrize(
    ("rule", "changes", "said"),
    [
        (policy.certified("GDPR", "HIPAA"), {"certifications": ["GDPR"]}, 'certifications must hold "HIPAA"'),
        (
            policy.owned,
            {"model_config__hosting_type": "Internal"},
            "model_config.metadata.owner must be set where hosting_type is Internal",
        ),
        (policy.owned, {"model_config__hosting_type": "Internal", "model_config__metadata": {"owner": "ml"}}, None),
    ],
)
def test_a_rule_says_what_must_be(rule: policy.Rule, changes: dict[str, Any], said: str | None) -> None:
    one = stack(rule, **changes)
    if said is None:
        assert one.preview().changes == {"m": "create"}
    else:
        assert [line.removeprefix("m: ").partition(" (")[0] for line in lines(one)] == [said]


@pytest.mark.parametrize(("name", "refused"), [("prod", True), ("prod-eu", True), ("dev", False)])
def test_a_rule_may_hold_in_some_stacks_alone(name: str, refused: bool) -> None:
    """By the stack's name; the line names the rule itself."""
    one = stack(policy.in_stacks("prod*", policy.certified("SOC 2 Type II")), name=name)
    if refused:
        assert lines(one) == ['m: certifications must hold "SOC 2 Type II" (policy certified, mandatory)']
    else:
        assert one.preview().changes == {"m": "create"}


# ---- policies and deployments


def test_a_kind_that_does_not_exist_is_one_line() -> None:
    """It names those that do; the engine shows it without a traceback."""
    with pytest.raises(ConfigurationError, match=r"^polices: must be one of models, .*\"policies\"\?$") as told:
        policy.enforce(policy.guarded, on="polices")  # type: ignore[arg-type]  # wrong on purpose
    assert isinstance(told.value, pulumi.RunError)


def guarded(**changes: Any) -> Callable[[], None]:
    """A program of one policy and one deployment under the library's rules, with what else the deployment says."""

    def program() -> None:
        policy.enforce(policy.enables("nsfw", "pii"), on="policies")
        policy.enforce(policy.guarded, advisory=[policy.blocks("nsfw")], on="deployments")
        detectors = {"nsfw": {"enabled": True}, "pii": {"enabled": changes.pop("pii", True)}}
        guard = EnkryptGuardrailsPolicy("p", name="guard", detectors=detectors)
        use = {"policy_name": guard.name, "enabled": True, "block": ["nsfw"]}
        given = {"input_guardrails_policy": use, "output_guardrails_policy": use, **changes}
        EnkryptDeployment("d", name="d", model_saved_name="m", **given)

    return program


def test_the_native_packages_resources_are_judged_too() -> None:
    def program() -> None:
        policy.enforce(policy.enables("nsfw"), on="policies")
        native.EnkryptGuardrailsPolicy("p", name="guard", detectors={"nsfw": {"enabled": False}})

    assert lines(MockStack(program)) == ["p: detectors.nsfw.enabled must be true (policy enables, mandatory)"]


def test_other_kinds_that_keep_their_rules_are_registered() -> None:
    """Rules of one kind do not judge another."""
    one = MockStack(guarded())
    assert one.up().messages == []
    assert (list(one.registry.policies()), list(one.registry.deployments())) == (["guard"], ["d"])


@pytest.mark.parametrize(
    ("changes", "violations"),
    [
        ({"pii": False}, ["p: detectors.pii.enabled must be true (policy enables, mandatory)"]),
        (
            {"output_guardrails_policy": {"policy_name": "guard", "enabled": False}},
            ["d: output_guardrails_policy.enabled must be true (policy guarded, mandatory)"],
        ),
        (
            {"input_guardrails_policy": None},
            ["d: input_guardrails_policy.enabled must be true (policy guarded, mandatory)"],
        ),
    ],
)
def test_a_broken_rule_of_another_kind_is_a_line(changes: dict[str, Any], violations: list[str]) -> None:
    """The preview fails with the field and the rule."""
    one = MockStack(guarded(**changes))
    assert lines(one) == violations
    assert one.registry.deployments() == {}


def test_an_advisory_rule_of_another_kind_is_a_warning() -> None:
    use = {"policy_name": "guard", "enabled": True, "block": ["pii"]}
    made = MockStack(guarded(input_guardrails_policy=use)).preview()
    assert 'warning: d: input_guardrails_policy.block must hold "nsfw" (policy blocks, advisory)' in made.messages


# ---- the page

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text()


def test_the_page_says_what_its_program_shows() -> None:
    """The program of docs/policy.md breaks two rules, and shows what the page says."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (shown,) = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)
    told: list[str] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi.log, "warn", lambda line: told.append(f"warning: {line}"))
        patch.setattr(pulumi.log, "error", lambda line: told.append(f"error: {line}"))
        with pytest.raises(PolicyViolation) as violation:
            MockStack(lambda: exec(program, {})).preview()  # noqa: S102 - a program of our own docs or tests
    assert [*told, f"error: {violation.value}"] == shown.splitlines()


def test_the_page_names_every_rule_of_the_library() -> None:
    """Each public function that is a rule, or makes one, has its row."""
    rules = {name for name in policy.__all__ if name.islower()} - {"enforce"}
    assert rules
    assert rules <= set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
