"""Fixtures to test the commands: a project with a fake engine, an emulator on a port, and a way to run commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import canonical, minimal

from enkrypt_provider.cli import engine, main
from enkrypt_provider.emulator import create_app, serve_in_thread
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

from . import fake_engine
from .fake_engine import Project, encrypted

KEY = "sk-of-the-account"
POLICY = {
    "name": "strict",
    "description": "For everyone.",
    "detectors": {"pii": {"enabled": True, "entities": ["email"]}, "nsfw": {"enabled": False}},
}
GUARDED = {
    "name": "support",
    "model_saved_name": "gpt-4o",
    "input_guardrails_policy": {"policy_name": "strict", "enabled": True, "block": ["pii"]},
    "output_guardrails_policy": {"policy_name": "strict", "enabled": False},
}
"""A deployment of the model `gpt-4o`, guarded by that policy."""


@dataclass(frozen=True)
class Typed:
    """The result of one command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Api:
    """The emulator on a port, with one key, and direct access to register models."""

    def __init__(self, url: str, dialect: Dialect) -> None:
        self.url = url
        self._dialect = dialect
        self._http = httpx.Client(base_url=url, headers={"apikey": KEY}, trust_env=False)

    def add(self, *registrations: Mapping[str, Any], kind: Kind = MODEL) -> None:
        """Register models, or another kind, given by their arguments."""
        for arguments in registrations:
            inputs = canonical(arguments, kind, self._dialect)
            path, body = kind.calls.path(kind.calls.add), codec.body(kind, inputs, self._dialect)
            self._http.post(path, json=body).raise_for_status()

    def add_all(self) -> None:
        """Register a model, a policy, and a deployment that refers to both."""
        self.add(model("gpt-4o"))
        self.add(POLICY, kind=GUARDRAILS_POLICY)
        self.add(GUARDED, kind=DEPLOYMENT)


Start = Callable[..., Api]
Begin = Callable[..., Api]
Type = Callable[..., Typed]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the emulator with options of `create_app`."""
    with ExitStack() as running:

        def begin(*, dialect: Dialect = "v1", **options: Any) -> Api:
            given = {"keys": {KEY: "default"}, **options}
            app = create_app(tmp_path / "api.db", dialect=dialect, **given)
            return Api(running.enter_context(serve_in_thread(app)), dialect)

        yield begin


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the stack `dev`; its folder is the current one."""
    made = fake_engine.project(tmp_path / "project")
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "subprocess", made)
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def begin(project: Project, start: Start) -> Begin:
    """Starts the emulator with these models and options, and configures the stack for it, with any other settings."""

    def begun(*models: Mapping[str, Any], settings: Mapping[str, Any] | None = None, **options: Any) -> Api:
        api = start(**options)
        api.add(*models)
        dialect = {"enkrypt:dialect": options["dialect"]} if "dialect" in options else {}
        account = {"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url}
        project.configure({**account, **dialect, **(settings or {})})
        return api

    return begun


@pytest.fixture
def typed(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    """Runs a command without a terminal. The account's key must never be printed."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> Typed:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        seen = capfd.readouterr()
        code = ended.value.code
        assert KEY not in seen.out + seen.err
        return Typed(code if isinstance(code, int) else int(code is not None), seen.out, seen.err)

    return run


def model(name: str, *keys: Any, **config: Any) -> dict[str, Any]:
    """Return the arguments of a small model with these keys."""
    return minimal(model_saved_name=name, model_config__apikeys=list(keys), **config)
