"""examples/policy: the claims of its README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graph import of_dot, svg

from enkrypt_provider.policy import PolicyViolation
from enkrypt_provider.testing import MockStack

HERE = Path(__file__).parent
COSTS = "summaries: model_config.metadata should include input_cost and output_cost (policy priced, advisory)"
HTTP = "summaries: model_config.endpoint.scheme must be https (policy https_only, mandatory)"
CERTIFIED = 'certifications must include "SOC 2 Type II" (policy certified, mandatory)'


def test_both_models_are_registered_with_one_warning() -> None:
    """In dev, only the advisory rule is broken."""
    stack = MockStack(HERE)
    result = stack.up()
    assert result.messages == [f"warning: {COSTS}"]
    assert set(stack.registry.models()) == {"support-chat/v1", "summaries/v1"}


@pytest.mark.parametrize(
    ("name", "config", "lines"),
    [
        ("dev", {"summariesScheme": "http"}, [HTTP]),
        ("prod", {}, [f"summaries: {CERTIFIED}", f"support-chat: {CERTIFIED}"]),
    ],
)
def test_a_model_that_breaks_a_rule_is_not_registered(name: str, config: dict[str, Any], lines: list[str]) -> None:
    """Plain http is refused in every stack, a missing certification in prod."""
    stack = MockStack(HERE, stack=name, config=config)
    with pytest.raises(PolicyViolation, match=": not registered") as broken:
        stack.preview()
    assert set(broken.value.violations) <= set(lines)
    assert stack.registry.models() == {}


def test_prod_is_configured_to_pass_the_rules() -> None:
    """Pulumi.prod.yaml lists the certification."""
    assert "enkrypt-policy:certifications: [SOC 2 Type II]" in (HERE / "Pulumi.prod.yaml").read_text()
    config = {"certifications": ["SOC 2 Type II"]}
    assert set(MockStack(HERE, stack="prod", config=config).preview().changes.values()) == {"create"}


def test_the_engine_prints_what_the_readme_shows(project: Callable[[Path], Any]) -> None:
    """The real engine prints one warning, graphs both models, then prints each error exactly once."""
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
