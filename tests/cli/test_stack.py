"""stack.py: runs the engine's commands and parses their output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulumi.dynamic import dynamic
from pulumi.runtime import rpc

from enkrypt_provider import EnkryptModel
from enkrypt_provider.cli import stack as stacks
from enkrypt_provider.cli.stack import Stack, revealed, secret
from enkrypt_provider.errors import ConfigurationError
from enkrypt_provider.kinds.model import MODEL

from . import fake_engine
from .fake_engine import Project, encrypted


def test_markers_match_pulumis_sdk() -> None:
    """A secret, a pickled provider and the type of a model are written as Pulumi's SDK writes them."""
    assert {rpc._special_sig_key: rpc._special_secret_sig, "plaintext": "1"} == secret(1)
    assert stacks.PROVIDER_KEY == dynamic.PROVIDER_KEY
    assert f"pulumi-python:{EnkryptModel._resource_type_name}" == stacks.type_of(MODEL)


def test_secret_is_revealed() -> None:
    """A value marked as a secret is returned in the clear; an encrypted secret stays as it is."""
    assert revealed(secret(["a", 1])) == ["a", 1]
    assert revealed("plain") == "plain"
    ciphertext = {stacks.SIGNATURE: stacks.SECRET, "ciphertext": "v1:x"}
    assert revealed(ciphertext) == ciphertext


def test_configuration_includes_defaults(project: Project) -> None:
    """It has the values of the stack's file and the project's defaults, and marks the secrets."""
    project.configure({"enkrypt:apiKey": encrypted("sk-key"), "enkrypt:endpoint": "https://a", "aws:region": "x"})
    stack = Stack("dev")
    assert stack.get("enkrypt:apiKey") == "sk-key"
    assert stack.get("enkrypt:dialect") == ""
    assert stack.values == {"timeout": "30", "apiKey": "sk-key", "endpoint": "https://a"}
    assert stack.secrets == {"apiKey": "sk-key"}
    assert stack.origin("enkrypt:endpoint") == "Pulumi.dev.yaml"
    assert stack.origin("enkrypt:timeout") == "the defaults in Pulumi.yaml"
    assert "sk-key" not in repr(stack.config)


def test_secret_is_set_through_a_pipe(project: Project) -> None:
    """The engine gets a secret unchanged, including line breaks, and never as an argument."""
    stack = Stack("dev")
    assert stack.secrets == {}
    stack.set_secret("a_curl", "curl x\n\n")
    assert stack.secrets == {"a_curl": "curl x\n\n"}
    assert project.ran[-2] == "config set --secret --raw enkrypt:a_curl --stack dev --non-interactive"


def test_state_is_read(project: Project) -> None:
    """Resources have their names, types and inputs; a new stack has no resources."""
    assert Stack("dev").resources() == []
    project.hold(fake_engine.provider("sk-key"))
    (found,) = Stack("dev").resources()
    assert (found.name, found.type) == ("default", "pulumi:providers:pulumi-python")
    assert revealed(found.inputs["enkrypt:apiKey"]) == "sk-key"
    assert "sk-key" not in repr(found)


def test_selected_stack_comes_from_the_engine(project: Project) -> None:
    """Without --stack, the engine's selected stack is used."""
    assert Stack.selected().name == "dev"
    assert project.ran == ["stack --show-name --non-interactive"]


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("Pulumi.yaml", "name: a\nstackConfigDir: stacks\n", "stacks/Pulumi.dev.yaml"),
        ("Pulumi.yml", "name: a\n", "Pulumi.dev.yaml"),
        ("Pulumi.yaml", json.dumps({"name": "a"}), "Pulumi.dev.yaml"),
        ("Pulumi.yaml", "", "Pulumi.dev.yaml"),
    ],
)
@pytest.mark.parametrize("stack", ["dev", "organization/shop/dev"])
def test_stack_file_is_found(tmp_path: Path, name: str, text: str, where: str, stack: str) -> None:
    """It is where the project says, from the project's folder or one below it."""
    (tmp_path / name).write_text(text)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Stack(stack, below).file == tmp_path / where
    assert Stack(stack, tmp_path).file == tmp_path / where


@pytest.mark.parametrize("text", [b"name: a\n---\nname: b\n", b"name: \xff\n", b"name:\n\ta: b\n"])
def test_unreadable_project_file_is_an_error(tmp_path: Path, text: bytes) -> None:
    """The engine might read such a file, for example the first of two documents."""
    (tmp_path / "Pulumi.yaml").write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"^Pulumi.yaml cannot be read: it must be one YAML document in"):
        _ = Stack("dev", tmp_path).file


def test_stack_file_outside_a_project_is_an_error(tmp_path: Path) -> None:
    """The error says that there is no project."""
    with pytest.raises(ConfigurationError, match=r"no Pulumi\.yaml in this folder or above it"):
        Stack("dev", tmp_path).file  # noqa: B018 - reading it is what fails
