"""policy.py: rules are checked before a model is registered, at preview if all values are known."""

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
    with pytest.raises(PolicyViolation, match=r"^m: 1 policy violation: not registered$"):
        one.up()
    assert one.registry.models() == {}


def test_an_advisory_violation_is_a_warning() -> None:
    """It is shown, and the model is registered."""
    one = stack(advisory=(policy.https_only,), model_config__endpoint=HTTP)
    made = one.up()
    line = "warning: m: model_config.endpoint.scheme must be https (policy https_only, advisory)"
    assert made.messages == [line]
    assert list(one.registry.models()) == ["small/v1"]


def test_all_violations_are_reported() -> None:
    """Every line of every rule."""

    def talkative(_model: Model) -> list[str]:
        return ["one", "two"]

    one = stack(talkative, policy.https_only, advisory=(talkative,), model_config__endpoint=HTTP)
    assert [line.partition(" (")[0] for line in lines(one)] == [
        "m: one",
        "m: two",
        "m: model_config.endpoint.scheme must be https",
    ]


def test_a_model_that_satisfies_all_rules_is_registered_as_without_rules() -> None:
    """Policies change neither what is sent nor the dependencies."""
    rules = (policy.https_only, policy.owned, policy.certified("GDPR"))
    one = stack(*rules, certifications=["GDPR"])
    other = stack(certifications=["GDPR"])
    assert one.preview() == other.preview()
    assert one.up().changes == {"m": "create"}
    assert one.preview().changes == {"m": "same"}


def test_a_wrong_argument_is_still_reported_by_the_provider() -> None:
    """`check` refuses it, with its own line."""
    with pytest.raises(CheckFailed, match=r"model_config\.endpoint\.port: must be from 1 to 65535"):
        stack(policy.https_only, model_config__endpoint={"host": "h", "port": 99999}).preview()


def test_other_resources_and_look_ups_are_not_checked() -> None:
    """A rule sees the models that the program declares, not those that it only reads."""

    def never(model: Model) -> str:
        return f"{model.name} was checked"

    def program() -> None:
        policy.enforce(never)
        Server("s")
        EnkryptModel.get("existing", "small/v1")

    one = MockStack(program)
    one.registry.add(minimal(model_config__model_version="v1"))
    assert set(one.up().resources) == {"s", "existing"}


def test_a_rule_may_be_a_generator_or_an_object() -> None:
    """A rule without a name is shown by its type; it is skipped as long as it reads an unknown value."""

    class Owned:
        def __call__(self, model: Model) -> Iterator[str]:
            yield f"{model['model_config.endpoint.host']} must be owned"

    def program() -> None:
        policy.enforce(advisory=[Owned()])
        EnkryptModel("m", **minimal(model_config__endpoint=Server("s").scheme.apply(lambda scheme: {"host": scheme})))

    one = MockStack(program, resources={SERVER: {"scheme": "h.example"}})
    assert one.preview().messages == []
    assert one.up().messages == ["warning: m: h.example must be owned (policy Owned, advisory)"]


def test_an_exception_in_a_rule_stops_the_resource() -> None:

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
    """An argument that is not given has its default, or is None if it has no default."""
    assert seen(path, minimal()) == expected


@pytest.mark.parametrize("wrapped", [lambda value: value, pulumi.Output.from_input, pulumi.Output.secret])
def test_a_rule_sees_through_outputs_but_sees_no_key(wrapped: Callable[[Any], Any]) -> None:
    """However a program writes a value, a rule sees it; of keys it sees only that there are some."""
    for name in ("apikeys", "model_jwt_config", "custom_headers", "custom_curl_command"):
        assert seen(f"model_config.{name}", everything("v2"), wrapped=wrapped) == SECRET
    assert seen("model_config.endpoint.scheme", everything("v2"), wrapped=wrapped) == "http"


def test_an_unknown_value_is_checked_once_it_is_known() -> None:
    """At preview only the rules that need it are skipped; at `up` they are checked before the model is registered."""

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
def test_a_rule_that_reads_an_unknown_value_is_skipped(path: str) -> None:
    """Whether all of the value is unknown or only a part."""

    def asking(model: Model) -> str:
        return f"{model[path]} is known"

    def program() -> None:
        policy.enforce(asking)
        EnkryptModel("m", **minimal(model_config__endpoint=Server("s").scheme.apply(lambda scheme: {"host": scheme})))

    assert MockStack(program).preview().messages == []


# ---- common rules


@pytest.mark.parametrize(
    ("rule", "changes", "said"),
    [
        (policy.certified("GDPR", "HIPAA"), {"certifications": ["GDPR"]}, 'certifications must include "HIPAA"'),
        (
            policy.owned,
            {"model_config__hosting_type": "Internal"},
            "model_config.metadata.owner must be set if hosting_type is Internal",
        ),
        (policy.owned, {"model_config__hosting_type": "Internal", "model_config__metadata": {"owner": "ml"}}, None),
    ],
)
def test_a_common_rule_says_what_is_required(rule: policy.Rule, changes: dict[str, Any], said: str | None) -> None:
    one = stack(rule, **changes)
    if said is None:
        assert one.preview().changes == {"m": "create"}
    else:
        assert [line.removeprefix("m: ").partition(" (")[0] for line in lines(one)] == [said]


@pytest.mark.parametrize(("name", "refused"), [("prod", True), ("prod-eu", True), ("dev", False)])
def test_a_rule_may_apply_only_to_some_stacks(name: str, refused: bool) -> None:
    """By the stack's name; the line names the rule itself."""
    one = stack(policy.in_stacks("prod*", policy.certified("SOC 2 Type II")), name=name)
    if refused:
        assert lines(one) == ['m: certifications must include "SOC 2 Type II" (policy certified, mandatory)']
    else:
        assert one.preview().changes == {"m": "create"}


# ---- policies and deployments


def test_an_unknown_kind_is_one_line() -> None:
    """It lists the kinds; the engine shows it without a traceback."""
    with pytest.raises(
        ConfigurationError, match=r"^polices is not a kind of registration: use one of models, .*\"policies\"\?$"
    ) as caught:
        policy.enforce(policy.guarded, on="polices")  # type: ignore[arg-type]  # wrong on purpose
    assert isinstance(caught.value, pulumi.RunError)


def guarded(**changes: Any) -> Callable[[], None]:
    """A program of one policy and one deployment under the library's rules, with changes to the deployment."""

    def program() -> None:
        policy.enforce(policy.enables("nsfw", "pii"), on="policies")
        policy.enforce(policy.guarded, advisory=[policy.blocks("nsfw")], on="deployments")
        detectors = {"nsfw": {"enabled": True}, "pii": {"enabled": changes.pop("pii", True)}}
        guard = EnkryptGuardrailsPolicy("p", name="guard", detectors=detectors)
        use = {"policy_name": guard.name, "enabled": True, "block": ["nsfw"]}
        given = {"input_guardrails_policy": use, "output_guardrails_policy": use, **changes}
        EnkryptDeployment("d", name="d", model_saved_name="m", **given)

    return program


def test_the_native_packages_resources_are_checked_too() -> None:
    def program() -> None:
        policy.enforce(policy.enables("nsfw"), on="policies")
        native.EnkryptGuardrailsPolicy("p", name="guard", detectors={"nsfw": {"enabled": False}})

    assert lines(MockStack(program)) == ["p: detectors.nsfw.enabled must be true (policy enables, mandatory)"]


def test_other_kinds_that_satisfy_their_rules_are_registered() -> None:
    """Rules for one kind are not applied to another."""
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
def test_a_broken_rule_for_another_kind_is_one_line(changes: dict[str, Any], violations: list[str]) -> None:
    """The preview fails with the field and the rule."""
    one = MockStack(guarded(**changes))
    assert lines(one) == violations
    assert one.registry.deployments() == {}


def test_an_advisory_rule_for_another_kind_is_a_warning() -> None:
    use = {"policy_name": "guard", "enabled": True, "block": ["pii"]}
    made = MockStack(guarded(input_guardrails_policy=use)).preview()
    assert 'warning: d: input_guardrails_policy.block must include "nsfw" (policy blocks, advisory)' in made.messages


# ---- the page

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text()


def test_the_page_shows_what_its_program_prints() -> None:
    """The program in docs/policy.md breaks two rules, and prints what the page shows."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (shown,) = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)
    printed: list[str] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi.log, "warn", lambda line: printed.append(f"warning: {line}"))
        patch.setattr(pulumi.log, "error", lambda line: printed.append(f"error: {line}"))
        with pytest.raises(PolicyViolation) as violation:
            MockStack(lambda: exec(program, {})).preview()  # noqa: S102 - a program of our own docs or tests
    assert [*printed, f"error: {violation.value}"] == shown.splitlines()


def test_the_page_lists_every_rule_of_the_library() -> None:
    """Each public function that is a rule, or returns one, has a row."""
    rules = {name for name in policy.__all__ if name.islower()} - {"enforce"}
    assert rules
    assert rules <= set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
