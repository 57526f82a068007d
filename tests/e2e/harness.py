"""The engine's command line, as a person uses it, in a world of its own.

`Stack` types `pulumi …` in a project folder and keeps all that was printed; `Story` makes it and its API, and at
the end looks for secrets. What the API is, is api.py's.
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
from .interpreters import as_users_have_it
from .leaks import Secrets
from .programs import DECLARED, MODEL_KEY

REPOSITORY: Final = Path(__file__).resolve().parents[2]
TIME_LIMIT: Final = 150.0
"""Seconds for one command of the engine: it takes one or two, and a hundred times that means it hangs."""
LAST_WORDS: Final = (
    "update failed",
    "preview failed",
    "refresh failed",
    "an unhandled error occurred",
    "Resource monitor has terminated, shutting down",  # by the SDK, whose program a newer engine ends
)
"""What the engine adds once an error was told."""


@dataclass(frozen=True, repr=False)
class Run:
    """One command, as the person who typed it saw it."""

    command: str
    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def lines(self) -> list[str]:
        """What was printed, line by line, without the spaces that align it."""
        lines = (" ".join(line.split()).replace(" :", ":") for line in self.text.splitlines())
        return [line for line in lines if line]

    @property
    def errors(self) -> list[str]:
        """Each line that the diagnostics at the end begin with `error:`, but for the engine's own last word."""
        found = [line.removeprefix("error: ") for line in self.lines if line.startswith("error: ")]
        # An engine that ends the program cancels its calls, which the SDK may not expect.
        is_cancelled = 'details = "context canceled"' in self.text
        last_words = (*LAST_WORDS, *["Program failed with an unhandled exception:"] * is_cancelled)
        return [line for line in found if not line.startswith(last_words)]

    def __repr__(self) -> str:
        return f"$ {self.command}  # exit code {self.code}\n{self.text}"


@dataclass(frozen=True)
class Stack:
    """One stack of a project in `folder`. Each method is a command; it must succeed, or fail where `fails`."""

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
        """The state's resources, by name; what is secret is encrypted in it."""
        resources = json.loads(self.run("stack", "export").stdout)["deployment"].get("resources", [])
        return {resource["urn"].rpartition("::")[2]: resource for resource in resources}

    def outputs(self) -> Json:
        """What the program exports, secrets hidden."""
        return json.loads(self.run("stack", "output", "--json").stdout)

    def reveal(self, *command: str) -> str:
        """What a command prints that is meant to show secrets: not kept, so no leak."""
        return self._typed(*command).stdout

    def run(self, *command: str, fails: bool = False) -> Run:
        """Any command of the engine."""
        run = self._typed(*command)
        self.story.printed.append(run)
        assert (run.code != 0) is fails, f"{run}\nshould have {'failed' if fails else 'succeeded'}"
        return run

    def write(self, name: str, text: str) -> None:
        """A file of the project: its program, or what the program reads."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def declare(self, **models: Json) -> None:
        """What the program `DECLARED` registers from now on, by the names of the resources."""
        self.write("models.json", json.dumps(models))

    def under(self, python: Path) -> Stack:
        """The same stack, used by somebody whose interpreter is the one in the folder `python`."""
        return replace(self, environment={**self.environment, "PATH": self.story.path(python)})

    def beside(self, name: str) -> Stack:
        """A new stack of the same project."""
        stack = self.with_environment({"PULUMI_STACK": name})
        stack.run("stack", "init", name, "--no-select")
        return stack

    def with_environment(self, variables: Mapping[str, str]) -> Stack:
        """The same stack, used by somebody who has these variables besides."""
        return replace(self, environment={**self.environment, **variables})

    def _typed(self, *command: str) -> Run:
        # Its own process group: the engine's children outlive it when it is killed alone.
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
        typed = re.sub(r"(--secret \S+?=)\S+", r"\1***", " ".join(("pulumi", *command)))
        return Run(typed, process.returncode, stdout, stderr)


class Story:
    """A folder for everything, the secrets in play, and all that was printed.

    `before` is a story of one project and its stack, with an API key: where they are wanted again they are copied,
    which saves two commands of the engine.
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
        """The API over HTTP with one key, until the story ends; `name` is its database, `options` the emulator's."""
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
        """A new project of one program, and its stack `dev`, which knows `settings`, `api` and its key; `config` is
        that of all its stacks."""
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
        made = yaml.safe_load((before.folder / "story" / "Pulumi.dev.yaml").read_text())
        stack.write("Pulumi.dev.yaml", yaml.safe_dump({**made, "config": {**made["config"], **settings}}))
        return stack.with_environment({"PULUMI_STACK": "dev"})  # nobody selected it here

    def declaring(
        self, api: Api | None = None, *, settings: Mapping[str, str] | None = None, **models: Json
    ) -> Stack:
        """A new project that registers these models, whose key is a secret."""
        keys = {MODEL_KEY: self.secrets.make("the models' key")}
        stack = self.project(DECLARED, api, environment=keys, settings=settings)
        stack.declare(**models)
        return stack

    def empty(self, name: str) -> Stack:
        """A new folder with nothing in it yet, for somebody who follows a page."""
        (self.folder / name).mkdir()
        return self._stack(self.folder / name, None)

    def own_project(self, name: str, config: Json = None, *, environment: Mapping[str, str] | None = None) -> Stack:
        """A copy of the repository's own project, and its stack `name`: as it is, or one with this `config`."""
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
        """A PATH on which the interpreter is the one in the folder `python`, with the package's command."""
        folders = (python, self._commands, self._engine)
        return os.pathsep.join([*map(str, folders), *os.defpath.split(os.pathsep)])

    def leaks(self) -> list[str]:
        """Where a secret stands that should not: in a file of the story or in anything printed."""
        found = self.secrets.found_under(self.folder)
        for run in self.printed:
            found += [f"{run.command}: {what}" for what in self.secrets.found_in(run.text.encode())]
        return found

    def end(self) -> None:
        self._running.close()

    def _stack(self, folder: Path, environment: Mapping[str, str] | None) -> Stack:
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        # Nothing of the user's: no account, no key, no settings.
        variables = {
            "PATH": self.path(as_users_have_it()),
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # the language host asks pip for its packages
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        return Stack(self, folder, {**variables, **(environment or {})})


def project(config: Json = None, name: str = "story") -> str:
    """A Pulumi.yaml, with the configuration of every stack."""
    return json.dumps({"name": name, "runtime": "python", "config": config or {}})


@functools.cache
def _begun(engine: Path) -> Story:
    """A story of one project whose stack has an API key, and no more."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    story = Story(Path(folder.name), engine)
    story.project("").config_set(secrets={"enkrypt:apiKey": story.key})
    return story


@contextmanager
def told(folder: Path, engine: Path) -> Iterator[Story]:
    """A story; when it is over, no secret may stand anywhere."""
    story = Story(folder, engine, _begun(engine))
    try:
        yield story
    finally:
        story.end()
    leaks = story.leaks()
    assert not leaks, "secrets stand where nobody may read them:\n" + "\n".join(leaks)
