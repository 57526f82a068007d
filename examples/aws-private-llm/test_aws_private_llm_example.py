"""examples/aws-private-llm: unknowns at preview, dependencies and secrets, with mocks of AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from graph import of_result, svg

from enkrypt_provider.testing import UNKNOWN, CheckFailed, MockStack, Resource, Result, Secret, assert_no_secret

HERE = Path(__file__).parent
KEY = "stand-in-key-of-the-model-server"
HOST = "llm-123.eu-central-1.elb.amazonaws.com"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:llm-key"
MODEL = "pulumi-python:dynamic/enkrypt:EnkryptModel"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TASK = "aws:ecs/taskDefinition:TaskDefinition"

pytestmark = pytest.mark.filterwarnings("ignore:aws:DeprecationWarning")  # raised by pulumi_aws about its own modules


def private_llm(*, stack: str = "dev", **config: Any) -> MockStack:
    """The program, with mocked responses of AWS."""
    return MockStack(
        HERE,
        stack=stack,
        config={
            "llmKey": Secret(KEY),
            "certificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/c",
            **config,
        },
        calls={
            "aws:ec2/getVpc:getVpc": {"id": "vpc-1"},
            "aws:ec2/getSubnets:getSubnets": {"ids": ["subnet-1", "subnet-2"]},
        },
        resources={BALANCER: {"dnsName": HOST}, "aws:secretsmanager/secret:Secret": {"arn": ARN}},
    )


def the(result: Result, type_: str) -> Resource:
    """Returns the only resource of a type."""
    (found,) = [it for it in result.resources.values() if it.type == type_]
    return found


def test_preview_works_while_the_host_is_unknown() -> None:
    """The host is unknown until the load balancer exists; the rest is checked, and nothing is registered."""
    stack = private_llm()
    seen = stack.preview()
    config = the(seen, MODEL).outputs["model_config"]
    assert config["endpoint"] == {"scheme": "https", "host": UNKNOWN, "port": 443, "base_path": "/v1"}
    assert seen.outputs == {"model": UNKNOWN, "host": UNKNOWN}
    assert stack.registry.models() == {}


def test_up_registers_the_load_balancers_name_and_the_secrets_value() -> None:
    """The registration holds the values from AWS."""
    stack = private_llm()
    assert stack.up().outputs == {"model": "private-llm-dev/v1", "host": HOST}
    config = stack.registry.models()["private-llm-dev/v1"]["model_config"]
    assert (config["endpoint"]["host"], config["apikeys"], config["hosting_type"]) == (HOST, [KEY], "Internal")
    assert set(stack.preview().changes.values()) == {"same"}


def test_the_registration_depends_on_everything_it_needs() -> None:
    """On the load balancer and the secret through its arguments, and explicitly on the service."""
    model = the(private_llm().preview(), MODEL)
    kinds = {urn.split("::")[2] for urn in model.dependencies}
    assert kinds == {BALANCER, "aws:secretsmanager/secretVersion:SecretVersion", "aws:ecs/service:Service"}
    assert {urn.split("::")[2] for urn in model.reasons["model_config"]} == kinds - {"aws:ecs/service:Service"}


def test_the_key_appears_only_in_secrets() -> None:
    """No input, output or message shows it in plain text; the task gets its location."""
    stack = private_llm()
    for result in (stack.preview(), stack.up()):
        assert_no_secret(KEY, result)
        assert the(result, "aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"] == Secret(KEY)
        assert the(result, MODEL).inputs["model_config"]["apikeys"] == Secret([KEY])
    (container,) = json.loads(the(result, TASK).inputs["containerDefinitions"])
    assert container["secrets"] == [{"name": "LLAMA_API_KEY", "valueFrom": ARN}]


def test_a_custom_domain_replaces_the_load_balancers_name() -> None:
    """The change is an update of that field only."""
    stack = private_llm()
    stack.up()
    stack.config["domain"] = "llm.example.com"
    changed = the(stack.up(), MODEL)
    assert (changed.change, changed.changed) == ("update", ("model_config.endpoint.host",))


@pytest.mark.parametrize("name", ["llmKey", "certificateArn"])
def test_missing_configuration_is_reported(name: str) -> None:
    """Without a key or a certificate the program fails."""
    stack = private_llm()
    del stack.config[name]
    with pytest.raises(pulumi.ConfigMissingError, match=name):
        stack.preview()


def test_a_name_that_is_too_long_is_found_at_preview() -> None:
    """The stack's name is part of the model's, which has at most 32 characters."""
    with pytest.raises(CheckFailed, match="model_saved_name: must be at most 32 characters"):
        private_llm(stack="a-stack-with-a-long-name").preview()


def test_the_picture_matches_the_program() -> None:
    """graph.svg shows exactly the declared resources."""
    assert svg(of_result(private_llm().preview())) == (HERE / "graph.svg").read_text()
