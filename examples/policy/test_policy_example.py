"""examples/policy: what its README says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graph import of_dot, svg

from enkrypt_provider.policy import PolicyViolation
from enkrypt_provider.testing import MockStack

HERE = Path(__file__).parent
COSTS = "summaries: model_config.metadata should say input_cost and output_cost (policy priced, advisory)"
HTTP = "summaries: model_config.endpoint.scheme must be https (policy https_only, mandatory)"
CERTIFIED = 'certifications must include "SOC 2 Type II" (policy certified, mandatory)'


def test_both_models_are_registered_with_one_warning() -> None:
    """In dev all rules but the advisory one are kept."""
    stack = MockStack(HERE)
    made = stack.up()
    assert made.messages == [f"warning: {COSTS}"]
    assert set(stack.registry.models()) == {"support-chat/v1", "summaries/v1"}


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("dev", {"summariesScheme": "http"}, [HTTP]),
        ("prod", {}, [f"summaries: {CERTIFIED}", f"support-chat: {CERTIFIED}"]),
    ],
)
def test_what_breaks_a_rule_is_not_registered(name: str, config: dict[str, Any], said: list[str]) -> None:
    """Plain http nowhere, and without certification not in prod."""
    stack = MockStack(HERE, stack=name, config=config)
    with pytest.raises(PolicyViolation, match=": not registered") as broken:
        stack.preview()
    assert set(broken.value.violations) <= set(said)
    assert stack.registry.models() == {}


def test_prod_keeps_the_rules_as_it_stands() -> None:
    """The file of the stack prod says the certification."""
    assert "enkrypt-policy:certifications: [SOC 2 Type II]" in (HERE / "Pulumi.prod.yaml").read_text()
    config = {"certifications": ["SOC 2 Type II"]}
    assert set(MockStack(HERE, stack="prod", config=config).preview().changes.values()) == {"create"}


def test_the_engine_shows_what_the_readme_says(project: Callable[[Path], Any]) -> None:
    """With the real engine: a warning and two models, the same picture, then one error line for each violation."""
    policy = project(HERE)
    policy.run("stack", "init", "dev")
    up = policy.run("up", "--yes", "--skip-preview")
    assert f"warning: {COSTS}" in up
    policy.run("stack", "graph", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((policy.folder / "stack.dot").read_text())) == (HERE / "graph.svg").read_text()
    policy.run("config", "set", "summariesScheme", "http")
    refused = [line.strip() for line in policy.run("preview", fails=True).splitlines()]
    for line in (f"error: {HTTP}", "error: summaries: 1 policy violation: not registered"):
        assert refused.count(line) == 1, "\n".join(refused)
