"""examples/aws-private-llm: unknowns at preview, dependencies and secrets, under mocks of AWS."""

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

pytestmark = pytest.mark.filterwarnings("ignore:aws:DeprecationWarning")  # pulumi_aws, of its own modules


def private_llm(*, stack: str = "dev", **config: Any) -> MockStack:
    """The program, with what AWS would answer."""
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


def the(made: Result, type_: str) -> Resource:
    """The one resource of a type."""
    (found,) = [it for it in made.resources.values() if it.type == type_]
    return found


def test_a_preview_does_without_what_nobody_knows_yet() -> None:
    """The host is unknown until the load balancer exists; all else is checked, and nothing is registered."""
    stack = private_llm()
    seen = stack.preview()
    config = the(seen, MODEL).outputs["model_config"]
    assert config["endpoint"] == {"scheme": "https", "host": UNKNOWN, "port": 443, "base_path": "/v1"}
    assert seen.outputs == {"model": UNKNOWN, "host": UNKNOWN}
    assert stack.registry.models() == {}


def test_an_up_registers_the_balancers_name_with_the_secrets_value() -> None:
    """What is registered is what AWS gave."""
    stack = private_llm()
    assert stack.up().outputs == {"model": "private-llm-dev/v1", "host": HOST}
    config = stack.registry.models()["private-llm-dev/v1"]["model_config"]
    assert (config["endpoint"]["host"], config["apikeys"], config["hosting_type"]) == (HOST, [KEY], "Internal")
    assert set(stack.preview().changes.values()) == {"same"}


def test_the_registration_waits_for_what_it_needs() -> None:
    """For the balancer and the secret through its arguments, and for a service that answers."""
    model = the(private_llm().preview(), MODEL)
    kinds = {urn.split("::")[2] for urn in model.dependencies}
    assert kinds == {BALANCER, "aws:secretsmanager/secretVersion:SecretVersion", "aws:ecs/service:Service"}
    assert {urn.split("::")[2] for urn in model.reasons["model_config"]} == kinds - {"aws:ecs/service:Service"}


def test_the_key_stands_nowhere_but_in_secrets() -> None:
    """In no input, output or message in the clear; the task is told where it is."""
    stack = private_llm()
    for made in (stack.preview(), stack.up()):
        assert_no_secret(KEY, made)
        assert the(made, "aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"] == Secret(KEY)
        assert the(made, MODEL).inputs["model_config"]["apikeys"] == Secret([KEY])
    (container,) = json.loads(the(made, TASK).inputs["containerDefinitions"])
    assert container["secrets"] == [{"name": "LLAMA_API_KEY", "valueFrom": ARN}]


def test_a_domain_of_ones_own_takes_the_balancers_place() -> None:
    """It is changed in place, in that field alone."""
    stack = private_llm()
    stack.up()
    stack.config["domain"] = "llm.example.com"
    changed = the(stack.up(), MODEL)
    assert (changed.change, changed.changed) == ("update", ("model_config.endpoint.host",))


@pytest.mark.parametrize("name", ["llmKey", "certificateArn"])
def test_what_must_be_configured_is_asked_for(name: str) -> None:
    """Without a key or a certificate nothing is declared."""
    stack = private_llm()
    del stack.config[name]
    with pytest.raises(pulumi.ConfigMissingError, match=name):
        stack.preview()


def test_a_name_that_is_too_long_is_found_at_preview() -> None:
    """The stack's name is part of the model's, which has 32 characters at most."""
    with pytest.raises(CheckFailed, match="model_saved_name: must be at most 32 characters"):
        private_llm(stack="a-stack-with-a-long-name").preview()


def test_the_picture_is_of_this_program() -> None:
    """graph.svg is what the program declares."""
    assert svg(of_result(private_llm().preview())) == (HERE / "graph.svg").read_text()
