"""examples/kubernetes-vllm: unknowns at preview, dependencies and secrets, with mocks of Kubernetes."""

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
    """The program, with mocked responses of a cluster."""
    status = {"status": {"loadBalancer": {"ingress": [ingress or {"hostname": HOST}]}}}
    return MockStack(
        HERE,
        config={"llmKey": Secret(KEY), "tlsSecret": "llm-example-com-tls", **config},
        resources={SERVICE: status, SECRET: {"metadata": {"name": "vllm-key-1a2b3c"}}},
    )


def the(result: Result, type_: str) -> Resource:
    """Returns the only resource of a type."""
    (found,) = [it for it in result.resources.values() if it.type == type_]
    return found


def container(result: Result) -> Any:
    (found,) = the(result, DEPLOYMENT).inputs["spec"]["template"]["spec"]["containers"]
    return found


def test_preview_works_while_the_host_is_unknown() -> None:
    """The host is unknown until the Service has a name; the rest is checked, and nothing is registered."""
    stack = vllm()
    seen = stack.preview()
    config = the(seen, MODEL).outputs["model_config"]
    assert config["endpoint"] == {"scheme": "https", "host": UNKNOWN, "port": 443, "base_path": "/v1"}
    assert seen.outputs == {"model": UNKNOWN, "host": UNKNOWN}
    assert stack.registry.models() == {}


@pytest.mark.parametrize("ingress", [{"hostname": HOST}, {"ip": "203.0.113.7"}])
def test_up_registers_the_services_name_or_address(ingress: dict[str, str]) -> None:
    """Some clouds assign a name, others an address; either is registered, with the key."""
    stack = vllm(ingress)
    (host,) = ingress.values()
    assert stack.up().outputs == {"model": "vllm-dev/v1", "host": host}
    config = stack.registry.models()["vllm-dev/v1"]["model_config"]
    assert (config["endpoint"]["host"], config["apikeys"], config["hosting_type"]) == (host, [KEY], "Internal")
    assert set(stack.preview().changes.values()) == {"same"}


def test_the_registration_depends_on_everything_it_needs() -> None:
    """On the Service through its arguments, and explicitly on the Deployment and the key."""
    model = the(vllm().preview(), MODEL)
    assert {urn.split("::")[2] for urn in model.dependencies} == {SERVICE, DEPLOYMENT, SECRET}
    assert {urn.split("::")[2] for urn in model.reasons["model_config"]} == {SERVICE}


def test_the_key_appears_only_in_secrets() -> None:
    """No input, output or message shows it in plain text; the container gets the name of its Secret."""
    stack = vllm()
    for result in (stack.preview(), stack.up()):
        assert_no_secret(KEY, result)
        assert the(result, SECRET).inputs["stringData"] == Secret({"key": KEY})
        assert the(result, MODEL).inputs["model_config"]["apikeys"] == Secret([KEY])
    reference = {"secretKeyRef": {"name": "vllm-key-1a2b3c", "key": "key"}}
    assert container(result)["env"] == [{"name": "VLLM_API_KEY", "valueFrom": reference}]


def test_it_is_served_over_https_from_end_to_end() -> None:
    """vLLM itself has the certificate, so the connection is https up to the container."""
    result = vllm().up()
    assert "--ssl-certfile=/tls/tls.crt" in container(result)["args"]
    assert container(result)["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    (port,) = the(result, SERVICE).inputs["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (443, 8000)


def test_a_custom_domain_replaces_the_services_name() -> None:
    """The change is an update of that field only."""
    stack = vllm()
    stack.up()
    stack.config["domain"] = "llm.example.com"
    changed = the(stack.up(), MODEL)
    assert (changed.change, changed.changed) == ("update", ("model_config.endpoint.host",))


@pytest.mark.parametrize("name", ["llmKey", "tlsSecret"])
def test_missing_configuration_is_reported(name: str) -> None:
    """Without a key or a certificate the program fails."""
    stack = vllm()
    del stack.config[name]
    with pytest.raises(pulumi.ConfigMissingError, match=name):
        stack.preview()


def test_the_picture_matches_the_program() -> None:
    """graph.svg shows exactly the declared resources."""
    assert svg(of_result(vllm().preview())) == (HERE / "graph.svg").read_text()
