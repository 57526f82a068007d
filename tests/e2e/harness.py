"""Runs the engine's command line as a user would, in an isolated environment.

`Stack` runs `pulumi …` in a project folder and records the output. `Story` creates stacks and their API (see api.py),
and finally searches everything for secrets.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml

from enkrypt_provider.emulator import create_app, serve_in_thread

from .api import ACCOUNT, Api, Json
from .interpreters import user_environment
from .leaks import Secrets
from .programs import DECLARED, MODEL_KEY

REPOSITORY: Final = Path(__file__).resolve().parents[2]
TIME_LIMIT: Final = 150.0
"""Time limit of one engine command, in seconds. A command normally takes one or two; this only catches hangs."""
LAST_WORDS: Final = (
    "update failed",
    "preview failed",
    "refresh failed",
    "an unhandled error occurred",
    "Resource monitor has terminated, shutting down",  # from the SDK, when a newer engine stops the program
)
"""Lines that the engine adds after an error."""


@dataclass(frozen=True, repr=False)
class Run:
    """One command, as its user saw it."""

    command: str
    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def lines(self) -> list[str]:
        """The lines of the output, without alignment spaces and empty lines."""
        lines = (" ".join(line.split()).replace(" :", ":") for line in self.text.splitlines())
        return [line for line in lines if line]

    @property
    def errors(self) -> list[str]:
        """The lines that start with `error:`, without those that the engine itself adds."""
        found = [line.removeprefix("error: ") for line in self.lines if line.startswith("error: ")]
        # An engine that stops the program cancels its calls, which may make the SDK fail.
        is_cancelled = 'details = "context canceled"' in self.text
        last_words = (*LAST_WORDS, *["Program failed with an unhandled exception:"] * is_cancelled)
        return [line for line in found if not line.startswith(last_words)]

    def __repr__(self) -> str:
        return f"$ {self.command}  # exit code {self.code}\n{self.text}"


@dataclass(frozen=True)
class Stack:
    """One stack of a project in `folder`. Each command must succeed, or fail if `fails` is set."""

    story: Story
    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def up(self, *options: str, fails: bool = False) -> Run:
        return self.run("up", "--yes", "--skip-preview", *options, fails=fails)

    def preview(self, *options: str, fails: bool = False) -> Run:
        return self.run("preview", *options, fails=fails)

    def refresh(self, *options: str, fails: bool = False) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", *options, fails=fails)

    def destroy(self, *options: str, fails: bool = False) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", *options, fails=fails)

    def config_set(self, values: Mapping[str, str] | None = None, *, secrets: Mapping[str, str] | None = None) -> Run:
        """Sets configuration values; `secrets` are encrypted."""
        plaintext = [part for key, value in (values or {}).items() for part in ("--plaintext", f"{key}={value}")]
        encrypted = [part for key, value in (secrets or {}).items() for part in ("--secret", f"{key}={value}")]
        return self.run("config", "set-all", *plaintext, *encrypted)

    def export(self) -> Json:
        """The resources in the state, by name; secrets are encrypted."""
        resources = json.loads(self.run("stack", "export").stdout)["deployment"].get("resources", [])
        return {resource["urn"].rpartition("::")[2]: resource for resource in resources}

    def outputs(self) -> Json:
        """The stack's outputs, with secrets hidden."""
        return json.loads(self.run("stack", "output", "--json").stdout)

    def reveal(self, *command: str) -> str:
        """The output of a command that is meant to show secrets; not recorded, so it does not count as a leak."""
        return self._execute(*command).stdout

    def run(self, *command: str, fails: bool = False) -> Run:
        """Runs any command of the engine."""
        run = self._execute(*command)
        self.story.printed.append(run)
        assert (run.code != 0) is fails, f"{run}\nshould have {'failed' if fails else 'succeeded'}"
        return run

    def write(self, name: str, text: str) -> None:
        """Writes a file of the project: its program, or a file that the program reads."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def declare(self, **models: Json) -> None:
        """Sets the models that the program `DECLARED` registers, by resource name."""
        self.write("models.json", json.dumps(models))

    def under(self, python: Path) -> Stack:
        """The same stack, used with the interpreter in the folder `python`."""
        return replace(self, environment={**self.environment, "PATH": self.story.path(python)})

    def beside(self, name: str) -> Stack:
        """A new stack of the same project."""
        stack = self.with_environment({"PULUMI_STACK": name})
        stack.run("stack", "init", name, "--no-select")
        return stack

    def with_environment(self, variables: Mapping[str, str]) -> Stack:
        """The same stack, used with these additional environment variables."""
        return replace(self, environment={**self.environment, **variables})

    def _execute(self, *command: str) -> Run:
        # Its own process group: killing only the engine would leave its children running.
        with subprocess.Popen(
            ("pulumi", *command, "--non-interactive", "--color", "never"),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=TIME_LIMIT)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        shown = re.sub(r"(--secret \S+?=)\S+", r"\1***", " ".join(("pulumi", *command)))
        return Run(shown, process.returncode, stdout, stderr)


class Story:
    """One end-to-end test: its folder, its secrets, its APIs and stacks, and all recorded output.

    `before` is a prepared story with one project, its stack and an API key. `project` copies them when it can, which
    saves two engine commands.
    """

    def __init__(self, folder: Path, engine: Path, before: Story | None = None) -> None:
        self.folder = folder
        self.secrets = Secrets()
        self.printed: list[Run] = []
        self._engine = engine
        self._before = before
        self.passphrase: str = before.passphrase if before else self.secrets.make("the passphrase")
        self.key: str = before.key if before else self.secrets.make("the API key")
        self.secrets.learn("the passphrase", self.passphrase)
        self.secrets.learn("the API key", self.key)
        self._keys = chain([self.key], iter(lambda: self.secrets.make("another API key"), ""))
        self._running = ExitStack()
        self._commands = folder / "commands"
        self._commands.mkdir()
        command = self._commands / "enkrypt-provider"
        command.write_text('#!/bin/sh\nexec python -m enkrypt_provider "$@"\n')
        command.chmod(0o755)

    def api(self, name: str = "api.db", **options: Any) -> Api:
        """Serves the API over HTTP with one key until the story ends; `name` is its database file."""
        database = self.folder / name
        keys = {next(self._keys): ACCOUNT}
        url = self._running.enter_context(serve_in_thread(create_app(database, keys=keys, record=True, **options)))
        return Api(database, url, keys)

    def project(
        self,
        program: str,
        api: Api | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        name: str = "story",
        config: Json = None,
        settings: Mapping[str, str] | None = None,
    ) -> Stack:
        """Creates a project with one program and its stack `dev`, configured with `settings`, `api` and its key.
        `config` goes into Pulumi.yaml, for all stacks."""
        folder = self.folder / name
        folder.mkdir()
        stack = self._stack(folder, environment)
        stack.write("Pulumi.yaml", project(config, name))
        stack.write("__main__.py", program)
        account = {"enkrypt:endpoint": api.url, **(settings or {})} if api else {}
        is_usual = name == "story" and "PULUMI_BACKEND_URL" not in (environment or {})
        if self._before and api and api.key == self.key and is_usual:
            return self._copied(self._before, stack, account)
        stack.run("stack", "init", "dev")
        if api:
            stack.config_set(account, secrets={"enkrypt:apiKey": api.key})
        return stack

    def _copied(self, before: Story, stack: Stack, settings: Mapping[str, str]) -> Stack:
        shutil.copytree(before.folder / "state", self.folder / "state", dirs_exist_ok=True)
        copied = yaml.safe_load((before.folder / "story" / "Pulumi.dev.yaml").read_text())
        stack.write("Pulumi.dev.yaml", yaml.safe_dump({**copied, "config": {**copied["config"], **settings}}))
        return stack.with_environment({"PULUMI_STACK": "dev"})  # not selected in this folder

    def declaring(
        self, api: Api | None = None, *, settings: Mapping[str, str] | None = None, **models: Json
    ) -> Stack:
        """Creates a project that registers these models with a secret key."""
        keys = {MODEL_KEY: self.secrets.make("the models' key")}
        stack = self.project(DECLARED, api, environment=keys, settings=settings)
        stack.declare(**models)
        return stack

    def empty(self, name: str) -> Stack:
        """Creates an empty folder, for a test that follows a documentation page."""
        (self.folder / name).mkdir()
        return self._stack(self.folder / name, None)

    def own_project(self, name: str, config: Json = None, *, environment: Mapping[str, str] | None = None) -> Stack:
        """Copies the repository's own project, with its stack `name`; `config` replaces the stack's file."""
        folder = self.folder / "project"
        folder.mkdir()
        for file in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(REPOSITORY / file, folder)
        shutil.copytree(REPOSITORY / "stacks", folder / "stacks")
        (folder / ".venv").symlink_to(sys.prefix)
        if config is not None:
            (folder / "stacks" / f"Pulumi.{name}.yaml").write_text(json.dumps({"config": config}))
        stack = self._stack(folder, environment)
        stack.run("stack", "init", name)
        return stack

    def path(self, python: Path) -> str:
        """A PATH with the interpreter in the folder `python`, `enkrypt-provider` and the engine."""
        folders = (python, self._commands, self._engine)
        return os.pathsep.join([*map(str, folders), *os.defpath.split(os.pathsep)])

    def leaks(self) -> list[str]:
        """Every place where a secret leaked: files of the story and recorded output."""
        found = self.secrets.found_under(self.folder)
        for run in self.printed:
            found += [f"{run.command}: {what}" for what in self.secrets.found_in(run.text.encode())]
        return found

    def end(self) -> None:
        self._running.close()

    def _stack(self, folder: Path, environment: Mapping[str, str] | None) -> Stack:
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        # Nothing from the user's environment: no account, no key, no settings.
        variables = {
            "PATH": self.path(user_environment()),
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # the language host runs pip
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        return Stack(self, folder, {**variables, **(environment or {})})


def project(config: Json = None, name: str = "story") -> str:
    """A Pulumi.yaml with configuration for every stack."""
    return json.dumps({"name": name, "runtime": "python", "config": config or {}})


@functools.cache
def _prepared(engine: Path) -> Story:
    """A story with one project whose stack has only an API key."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    story = Story(Path(folder.name), engine)
    story.project("").config_set(secrets={"enkrypt:apiKey": story.key})
    return story


@contextmanager
def new_story(folder: Path, engine: Path) -> Iterator[Story]:
    """A story that fails at its end if a secret leaked anywhere."""
    story = Story(folder, engine, _prepared(engine))
    try:
        yield story
    finally:
        story.end()
    leaks = story.leaks()
    assert not leaks, "secrets leaked:\n" + "\n".join(leaks)
