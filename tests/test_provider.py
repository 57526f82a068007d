"""provider.py: the pickles in every state, and errors in the console."""

from __future__ import annotations

import base64
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any, TypeVar

import dill
import pytest
from documents import canonical, document, through_engine
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider

from enkrypt_provider.core.controller import Controller
from enkrypt_provider.errors import ConfigurationError, EnkryptError, ModelNotFound
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.registry import KINDS
from enkrypt_provider.provider import (
    EnkryptDeploymentProvider,
    EnkryptGuardrailsPolicyProvider,
    EnkryptModelProvider,
)

STORED = "gASVOQAAAAAAAACMGWVua3J5cHRfcHJvdmlkZXIucHJvdmlkZXKUjBRFbmtyeXB0TW9kZWxQcm92aWRlcpSTlCmBlC4="
"""The pickle in every state since version 0.1.0: a storage format."""
PROVIDERS: dict[type[ResourceProvider], str] = {
    EnkryptModelProvider: STORED,
    EnkryptGuardrailsPolicyProvider: (
        "gASVRAAAAAAAAACMGWVua3J5cHRfcHJvdmlkZXIucHJvdmlkZXKUjB9FbmtyeXB0R3VhcmRyYWlsc1BvbGljeVByb3ZpZGVylJOUKYGULg=="
    ),
    EnkryptDeploymentProvider: (
        "gASVPgAAAAAAAACMGWVua3J5cHRfcHJvdmlkZXIucHJvdmlkZXKUjBlFbmtyeXB0RGVwbG95bWVudFByb3ZpZGVylJOUKYGULg=="
    ),
}


T = TypeVar("T", bound=ResourceProvider)


def configured(of: type[T], **config: Any) -> T:
    """Return a provider, configured as the engine's process does."""
    provider = of()
    raw = {f"enkrypt:{name}": value for name, value in config.items()}
    provider.configure(ConfigureRequest(Config(raw, "enkrypt")))
    return provider


@pytest.fixture
def provider(tmp_path: Path) -> EnkryptModelProvider:
    """A provider with its own embedded emulator."""
    return configured(EnkryptModelProvider, endpoint=f"embedded:{tmp_path}/emulator.sqlite")


# ---- the pickle


@pytest.mark.parametrize("provider", PROVIDERS)
def test_pickle_is_the_one_in_existing_states(provider: type[ResourceProvider]) -> None:
    """The provider pickles to the bytes in existing states: others would be a diff on every resource."""
    assert serialize_provider(provider()) == PROVIDERS[provider]


def test_pickle_in_existing_states_can_be_loaded() -> None:
    """The class that it names still exists, and has no attributes before it is configured."""
    found = dill.loads(base64.b64decode(STORED))  # noqa: S301 - written above
    assert type(found) is EnkryptModelProvider
    assert vars(found) == {}


def test_configuration_is_not_pickled(provider: EnkryptModelProvider) -> None:
    """Configuring one provider does not affect the next."""
    assert provider is not None
    assert serialize_provider(EnkryptModelProvider()) == STORED


def _root() -> Path:
    return Path(__file__).parent.parent


def test_pickle_is_not_secret() -> None:
    """A class's name need not be encrypted in every state."""
    assert EnkryptModelProvider.serialize_as_secret_always is False


# ---- the operations, as the engine calls them


def test_operations_call_the_front_end(provider: EnkryptModelProvider, tmp_path: Path) -> None:
    """Runs check to delete on the configured emulator; tests/frontends tests each operation."""
    inputs = provider.check({}, document()).inputs
    created = provider.create(through_engine(inputs))
    outs = through_engine(created.outs or {})
    changed = canonical(document(model_name="new"))
    assert provider.diff(created.id, outs, changed).changes is True
    assert (provider.update(created.id, outs, changed).outs or {})["model_name"] == "new"
    assert provider.read(created.id, outs).id == created.id
    later = configured(EnkryptModelProvider, endpoint=f"embedded:{tmp_path}/emulator.sqlite")
    assert later.delete(created.id, outs) is None


@pytest.mark.parametrize(("kind", "provider"), [*zip(KINDS, PROVIDERS, strict=True)])
def test_each_class_registers_the_kind_in_its_name(
    kind: Kind, provider: type[ResourceProvider], tmp_path: Path
) -> None:
    failures = configured(provider, endpoint=f"embedded:{tmp_path}/emulator.sqlite").check({}, {}).failures
    required = {path for path, field in kind.fields.items() if "." not in path and field.is_required}
    assert {failure.reason for failure in failures} == {f"{path}: is required" for path in required}


@pytest.mark.parametrize("operation", ["check", "diff", "create", "read", "update", "delete"])
def test_every_operation_is_overridden(operation: str) -> None:
    """The SDK's own operations would do nothing and report success."""
    for provider in PROVIDERS:
        assert getattr(provider, operation) is not getattr(ResourceProvider, operation)


# ---- errors in the console


def _calls(provider: EnkryptModelProvider) -> dict[str, Any]:
    return {
        "diff": lambda: provider.diff("a/v1", document(), document()),
        "create": lambda: provider.create(document()),
        "read": lambda: provider.read("a/v1", document()),
        "update": lambda: provider.update("a/v1", document(), document(model_name="x")),
        "delete": lambda: provider.delete("a/v1", document()),
    }


def console(call: Any) -> str:
    """Return what the engine's process would print to the console."""
    try:
        call()
    except Exception:  # noqa: BLE001 - as the SDK does
        return traceback.format_exc()
    raise AssertionError("the call succeeded")


@pytest.mark.parametrize("operation", ["diff", "create", "read", "update", "delete"])
def test_invalid_settings_are_one_line_in_every_operation(operation: str) -> None:
    """There is no traceback."""
    provider = configured(EnkryptModelProvider, endpoint="http://api.example.com", apiKey="stand-in-key")
    assert console(_calls(provider)[operation]) == (
        "enkrypt_provider.ConfigurationError: enkrypt:endpoint must be https: the key is sent over plain http only "
        "to this machine (127.0.0.1)\n"
    )


def test_expected_error_is_one_line(provider: EnkryptModelProvider) -> None:
    """The line has the name of the error, what happened and what to do."""
    line = console(lambda: provider.update("Test_Model/1", document(), document(model_name="x")))
    assert line.startswith("enkrypt_provider.ModelNotFound: Test_Model/1 is gone from the embedded emulator ")
    assert line.count("\n") == 1


def test_bug_keeps_its_traceback(provider: EnkryptModelProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error shows where it happened, even right after an expected one."""

    def bug(*_args: object) -> None:
        raise ZeroDivisionError("a bug")

    console(lambda: provider.update("Test_Model/1", document(), document(model_name="x")))
    monkeypatch.setattr(Controller, "read", bug)
    shown = console(lambda: provider.read("a/v1", document()))
    assert shown.startswith("Traceback (most recent call last):")
    assert "in bug" in shown


def test_traceback_limit_is_restored_by_the_next_call(provider: EnkryptModelProvider) -> None:
    """The limit is process-wide and affects other providers, so it must not last longer."""
    console(lambda: provider.update("Test_Model/1", document(), document(model_name="x")))
    assert sys.tracebacklimit == 0
    provider.check({}, document())
    assert not hasattr(sys, "tracebacklimit")


@pytest.fixture(autouse=True)
def _unlimited_tracebacks() -> Any:
    yield
    vars(sys).pop("tracebacklimit", None)


@pytest.mark.parametrize("kind", [EnkryptError, ModelNotFound, ConfigurationError])
def test_expected_error_has_no_chain(
    provider: EnkryptModelProvider, monkeypatch: pytest.MonkeyPatch, kind: type[EnkryptError]
) -> None:
    """The cause of an expected error is not printed before it."""

    def fail(*_args: object) -> None:
        try:
            raise KeyError("behind it")
        except KeyError:
            raise kind("in front") from None

    monkeypatch.setattr(Controller, "read", fail)
    assert console(lambda: provider.read("a/v1", document())) == f"enkrypt_provider.{kind.__name__}: in front\n"


def test_sdk_host_can_run_the_provider(tmp_path: Path) -> None:
    """The SDK's host, in its own process, loads the class from the state's bytes and runs an operation."""
    config = {"enkrypt:endpoint": f"embedded:{tmp_path}/e.sqlite"}
    code = f"""
        import base64, dill
        from pulumi.dynamic import Config, ConfigureRequest
        provider = dill.loads(base64.b64decode({STORED!r}))
        provider.configure(ConfigureRequest(Config({config!r}, "enkrypt")))
        print(provider.create({document()!r}).id)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=_root(), capture_output=True, text=True, check=True
    )
    assert run.stdout == "Test_Model/1\n"
