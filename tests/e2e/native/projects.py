"""Projects that use the native plugin: a launcher for this checkout, found through `plugins.providers`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from ..api import Api
from ..harness import REPOSITORY, Stack, Story
from ..interpreters import user_environment

PROGRAM: Final = """
import json
import os
from pathlib import Path

import pulumi
from enkrypt_provider.native import EnkryptModel

for name, model in json.loads(Path("models.json").read_text()).items():
    model["model_config"].setdefault("apikeys", [os.environ["MODEL_KEY"]])
    registered = EnkryptModel(name, **model)
    pulumi.export(name, registered.model_config.endpoint.host)
"""
"""Registers the models in `models.json`, by name, and exports their hosts."""


def launcher(folder: Path) -> Path:
    """Writes a `pulumi-resource-enkrypt` that runs this checkout; returns its folder."""
    folder.mkdir(exist_ok=True)
    script = folder / "pulumi-resource-enkrypt"
    python = user_environment() / "python"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{python}" -m enkrypt_provider.frontends.plugin "$@"\n'
    )
    script.chmod(0o755)
    return folder


def native(
    story: Story,
    program: str = PROGRAM,
    api: Api | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    name: str = "story",
) -> Stack:
    """Creates a project with one Python program, and its stack `dev`."""
    stack = story.project(program, api, environment=environment, name=name)
    stack.write("Pulumi.yaml", project(story, "python", name))
    return stack


def yaml(story: Story, program: Any, api: Api | None = None, *, name: str = "story") -> Stack:
    """Creates a YAML project: `program` holds its resources, variables and outputs."""
    stack = story.project("", api, name=name)
    (stack.folder / "__main__.py").unlink()
    stack.write("Pulumi.yaml", project(story, "yaml", name, program))
    return with_host("yaml", stack)


def project(story: Story, runtime: str, name: str = "story", program: Any = None) -> str:
    """A Pulumi.yaml that points to the plugin's folder."""
    plugins = {"providers": [{"name": "enkrypt", "path": str(launcher(story.folder / "plugin"))}]}
    return json.dumps({"name": name, "runtime": runtime, "plugins": plugins, **(program or {})})


def with_host(language: str, stack: Stack) -> Stack:
    """The same stack with the language's host on PATH. Fails, never skips, if there is none."""
    command = [sys.executable, str(REPOSITORY / "engine" / "get.py"), "--with", language]
    get = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if get.returncode:
        pytest.fail(
            f"engine/get.py found no host for {language} (exit code {get.returncode}): see above", pytrace=False
        )
    path = os.pathsep.join([get.stdout.strip(), stack.environment["PATH"]])
    return replace(stack, environment={**stack.environment, "PATH": path})
