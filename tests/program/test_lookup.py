"""lookup.py: a program looks up registrations that it does not manage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from documents import everything, minimal
from mocked import run

from enkrypt_provider import (
    ConfigurationError,
    EnkryptDeployment,
    EnkryptProvider,
    ModelNotFound,
    get_deployment,
    get_deployment_output,
    get_guardrails_policy,
    get_guardrails_policy_output,
    get_model,
    get_model_output,
    list_deployments,
    list_deployments_output,
    list_guardrails_policies,
    list_guardrails_policies_output,
    list_models,
    list_models_output,
    outputs,
)
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.testing import Registry


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The database of an account with three models, two policies and a deployment."""
    registry = Registry(tmp_path / "a.sqlite")
    everywhere = {name: value for name, value in everything().items() if name not in MODEL.options}
    for body in (everywhere, minimal(model_saved_name="small"), minimal(model_saved_name="smaller")):
        registry.add(body)
    for name in ("guard", "safe"):
        registry.add({"name": name, "detectors": {"nsfw": {"enabled": True}}}, to="policies")
    used = {"policy_name": "guard", "enabled": True}
    registry.add({"name": "support", "model_saved_name": "small", "input_guardrails_policy": used}, to="deployments")
    return registry.database


@pytest.fixture
def account(database: Path) -> dict[str, str]:
    """The settings of that account."""
    return {"endpoint": f"embedded:{database}"}


def returned(program: Callable[[], Any], account: dict[str, str], *, preview: bool = False) -> Any:
    """What a program returns."""
    (found,) = run(program, config=dict(account), preview=preview).seen
    return found


def test_a_model_is_found_by_name_and_version(account: dict[str, str]) -> None:
    """A look-up returns the registration as typed outputs, including what the server set."""
    found = returned(lambda: _shown(get_model("Test_Model", "1")), account)
    assert found == ["Model", "Test_Model", 8000, True]


def _shown(model: outputs.Model) -> list[Any]:
    return [
        type(model).__name__,
        model.model_saved_name,
        model.model_config.endpoint.port if model.model_config.endpoint else None,
        isinstance(model.model_id, int),
    ]


def test_keys_that_are_looked_up_are_secret(account: dict[str, str]) -> None:
    """Fields that can hold a secret are secret Outputs, in one model and in many."""

    def program() -> Any:
        models: list[Any] = [get_model("Test_Model", "1"), *list_models("Test*")]
        return [pulumi.Output.from_input(m.model_config["apikeys"]).is_secret() for m in models]

    assert returned(program, account) == [True, True]


@pytest.mark.parametrize(
    ("look_up", "line"),
    [
        (lambda: get_model("smal"), 'no model smal/v1 is registered with this account; did you mean "small/v1"?'),
        (
            lambda: get_guardrails_policy("gaurd"),
            'no policy gaurd is registered with this account; did you mean "guard"?',
        ),
        (
            lambda: get_deployment("suport"),
            'no deployment suport is registered with this account; did you mean "support"?',
        ),
    ],
)
def test_a_misspelt_name_is_an_error_with_the_nearest_name(account: dict[str, str], look_up: Any, line: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        run(look_up, config=dict(account))
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("look_up", "line"),
    [
        *(
            (lambda it=it: get_model(it), "get_model: name must be a non-empty string; version must be a string")
            for it in ("", None, 5)
        ),
        (
            lambda: get_model("a", cast(Any, 1)),
            "get_model: name must be a non-empty string; version must be a string",
        ),
        (lambda: get_deployment_output(cast(Any, None)), "get_deployment: name must be a non-empty string"),
        (lambda: list_models(cast(Any, None)), "list_models: name must be a string, a pattern with * and ?"),
    ],
)
def test_an_invalid_name_is_one_line(account: dict[str, str], look_up: Any, line: str) -> None:
    """Such as a configuration value that is not set."""
    with pytest.raises(ConfigurationError) as caught:
        run(look_up, config=dict(account))
    assert str(caught.value) == line
    assert isinstance(caught.value, pulumi.RunError)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (None, ["Test_Model", "small", "smaller"]),
        ("small*", ["small", "smaller"]),
        ("s????", ["small"]),
        ("SMALL", []),
    ],
)
def test_a_list_is_filtered_and_sorted(account: dict[str, str], pattern: str | None, names: list[str]) -> None:

    def program() -> Any:
        found = list_models() if pattern is None else list_models(pattern)
        return [model.model_saved_name for model in found]

    assert returned(program, account) == names


def by_its_name(_made: pulumi.Resource, name: Any) -> Any:
    return get_deployment_output(name)


def by_depends_on(made: pulumi.Resource, _name: Any) -> Any:
    return get_model_output("small", opts=pulumi.InvokeOutputOptions(depends_on=[made]))


@pytest.mark.parametrize("look_up", [by_its_name, by_depends_on])
@pytest.mark.parametrize("preview", [True, False])
def test_a_look_up_waits_for_a_resource_to_be_created(account: dict[str, str], preview: bool, look_up: Any) -> None:
    """At preview, when the resource is still to be created, nothing is looked up."""
    looked: list[Any] = []

    def program() -> Any:
        made = EnkryptDeployment("support", name="support", model_saved_name="small")
        look_up(made, made.name).apply(looked.append)

    run(program, config=dict(account), preview=preview)
    assert len(looked) == (0 if preview else 1)


def test_a_look_up_uses_the_account_of_its_provider(account: dict[str, str], tmp_path: Path) -> None:
    """Not the stack's; below a component it is the account of the component's provider. It waits for its inputs."""

    def program() -> Any:
        provider = EnkryptProvider("other", endpoint=account["endpoint"])
        other = pulumi.InvokeOptions(provider=provider)
        house = pulumi.ComponentResource("a:b:House", "h", opts=pulumi.ResourceOptions(providers=[provider]))
        below = pulumi.InvokeOptions(parent=house)
        return [
            get_model_output(pulumi.Output.from_input("small"), opts=below).model_config.endpoint.host,
            get_guardrails_policy_output(pulumi.Output.from_input("safe"), opts=other).name,
            get_deployment_output("support", opts=below).name,
            list_guardrails_policies_output(pulumi.Output.from_input("s*"), opts=other).apply(len),
            [list_models_output(opts=opts).apply(len) for opts in (other, below)],
            [list_deployments_output(opts=opts).apply(len) for opts in (other, None)],
        ]

    found = returned(program, {"endpoint": f"embedded:{tmp_path}/empty.sqlite"})
    assert found == ["h", "safe", "support", 1, [3, 3], [1, 0]]


@pytest.mark.parametrize(
    ("look_up", "function"),
    [
        (lambda opts: get_model("m", opts=opts), "get_model_output"),
        (lambda opts: list_models(opts=opts), "list_models_output"),
        (lambda opts: get_guardrails_policy("p", opts=opts), "get_guardrails_policy_output"),
        (lambda opts: list_guardrails_policies(opts=opts), "list_guardrails_policies_output"),
        (lambda opts: get_deployment("d", opts=opts), "get_deployment_output"),
        (lambda opts: list_deployments(opts=opts), "list_deployments_output"),
    ],
)
def test_a_provider_needs_the_output_form(account: dict[str, str], look_up: Any, function: str) -> None:
    """Settings that are Outputs cannot be used at once: the line names the other function."""
    with pytest.raises(ConfigurationError, match=f"settings are Outputs: use {function}$"):
        run(lambda: look_up(pulumi.InvokeOptions(provider=EnkryptProvider("other"))), config=dict(account))


def test_an_explicit_provider_never_uses_the_stacks_settings(account: dict[str, str]) -> None:
    """A provider without settings of its own has no key, and the error says so."""

    def program() -> Any:
        return list_models_output(opts=pulumi.InvokeOptions(provider=EnkryptProvider("other"))).apply(len)

    with pytest.raises(ConfigurationError, match="no API key"):
        run(program, config=dict(account))


def test_another_kind_of_provider_is_refused(account: dict[str, str]) -> None:

    def program() -> Any:
        other = pulumi.ProviderResource("random", "other", {})
        return get_model_output("small", opts=pulumi.InvokeOptions(provider=other))

    with pytest.raises(ConfigurationError, match=r"opts\.provider must be an EnkryptProvider"):
        run(program, config=dict(account))


# ---- policies and deployments


def test_a_policy_and_a_deployment_are_found_by_name(account: dict[str, str], database: Path) -> None:
    """As typed outputs, with what the server set; a list that has only summaries is read one by one."""

    def program() -> list[Any]:
        policy, deployment = get_guardrails_policy("guard"), get_deployment("support")
        return [
            [type(policy).__name__, policy.detectors.nsfw and policy.detectors.nsfw.enabled, policy.policy_id],
            [type(deployment).__name__, deployment.model_version, deployment.input_guardrails_policy],
            [found.name for found in list_guardrails_policies()],
            [found.name for found in list_guardrails_policies("g*")],
            [found.model_saved_name for found in list_deployments("s?pport")],
            list_deployments("nobody"),
        ]

    (policy, deployment, *lists) = returned(program, account)
    assert policy == ["GuardrailsPolicy", True, Registry(database).policies()["guard"]["policy_id"]]
    assert deployment[:2] == ["Deployment", "v1"]
    assert deployment[2]["policy_name"] == "guard"
    assert lists == [["guard", "safe"], ["guard"], ["small"], []]
