"""examples/kubernetes-vllm: unknowns at preview, dependencies and secrets, under mocks of Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest
from graph import of_result, svg

from enkrypt_provider.testing import UNKNOWN, MockStack, Resource, Result, Secret, assert_no_secret

HERE = Path(__file__).parent
KEY = "stand-in-key-of-the-model-server"
HOST = "vllm-123.eu-central-1.elb.amazonaws.com"
MODEL = "pulumi-python:dynamic/enkrypt:EnkryptModel"
SECRET = "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"


def vllm(ingress: dict[str, str] | None = None, **config: Any) -> MockStack:
    """The program, with what a cluster would answer."""
    status = {"status": {"loadBalancer": {"ingress": [ingress or {"hostname": HOST}]}}}
    return MockStack(
        HERE,
        config={"llmKey": Secret(KEY), "tlsSecret": "llm-example-com-tls", **config},
        resources={SERVICE: status, SECRET: {"metadata": {"name": "vllm-key-1a2b3c"}}},
    )


def the(made: Result, type_: str) -> Resource:
    """The one resource of a type."""
    (found,) = [it for it in made.resources.values() if it.type == type_]
    return found


def container(made: Result) -> Any:
    (found,) = the(made, DEPLOYMENT).inputs["spec"]["template"]["spec"]["containers"]
    return found


def test_a_preview_does_without_what_nobody_knows_yet() -> None:
    """The host is unknown until the cloud has given the Service a name; all else is checked, no more."""
    stack = vllm()
    seen = stack.preview()
    config = the(seen, MODEL).outputs["model_config"]
    assert config["endpoint"] == {"scheme": "https", "host": UNKNOWN, "port": 443, "base_path": "/v1"}
    assert seen.outputs == {"model": UNKNOWN, "host": UNKNOWN}
    assert stack.registry.models() == {}


@pytest.mark.parametrize("ingress", [{"hostname": HOST}, {"ip": "203.0.113.7"}])
def test_an_up_registers_the_services_name_or_address(ingress: dict[str, str]) -> None:
    """Some clouds give a name, some an address; what is registered is what was given, with the key."""
    stack = vllm(ingress)
    (host,) = ingress.values()
    assert stack.up().outputs == {"model": "vllm-dev/v1", "host": host}
    config = stack.registry.models()["vllm-dev/v1"]["model_config"]
    assert (config["endpoint"]["host"], config["apikeys"], config["hosting_type"]) == (host, [KEY], "Internal")
    assert set(stack.preview().changes.values()) == {"same"}


def test_the_registration_waits_for_what_it_needs() -> None:
    """For the Service through its arguments, and for a Deployment that is ready and a key that is there."""
    model = the(vllm().preview(), MODEL)
    assert {urn.split("::")[2] for urn in model.dependencies} == {SERVICE, DEPLOYMENT, SECRET}
    assert {urn.split("::")[2] for urn in model.reasons["model_config"]} == {SERVICE}


def test_the_key_stands_nowhere_but_in_secrets() -> None:
    """In no input, output or message in the clear; the container is told in which Secret it is."""
    stack = vllm()
    for made in (stack.preview(), stack.up()):
        assert_no_secret(KEY, made)
        assert the(made, SECRET).inputs["stringData"] == Secret({"key": KEY})
        assert the(made, MODEL).inputs["model_config"]["apikeys"] == Secret([KEY])
    reference = {"secretKeyRef": {"name": "vllm-key-1a2b3c", "key": "key"}}
    assert container(made)["env"] == [{"name": "VLLM_API_KEY", "valueFrom": reference}]


def test_it_is_served_over_https_from_end_to_end() -> None:
    """vLLM itself has the certificate: what is registered as https is https up to the container."""
    made = vllm().up()
    assert "--ssl-certfile=/tls/tls.crt" in container(made)["args"]
    assert container(made)["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    (port,) = the(made, SERVICE).inputs["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (443, 8000)


def test_a_domain_of_ones_own_takes_the_services_place() -> None:
    """It is changed in place, in that field alone."""
    stack = vllm()
    stack.up()
    stack.config["domain"] = "llm.example.com"
    changed = the(stack.up(), MODEL)
    assert (changed.change, changed.changed) == ("update", ("model_config.endpoint.host",))


@pytest.mark.parametrize("name", ["llmKey", "tlsSecret"])
def test_what_must_be_configured_is_asked_for(name: str) -> None:
    """Without a key or a certificate the program ends."""
    stack = vllm()
    del stack.config[name]
    with pytest.raises(pulumi.ConfigMissingError, match=name):
        stack.preview()


def test_the_picture_is_of_this_program() -> None:
    """graph.svg is what the program declares."""
    assert svg(of_result(vllm().preview())) == (HERE / "graph.svg").read_text()
