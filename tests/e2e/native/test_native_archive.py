"""The native plugin as an archive with a Python of its own, for teams that have none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml as parsed

from enkrypt_provider import __version__

from ..harness import REPOSITORY, Story
from ..interpreters import THIS, environment
from .projects import yaml

EXAMPLE = REPOSITORY / "examples" / "yaml" / "Pulumi.yaml"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make plugin` makes, in an environment of its own."""
    folder = tmp_path_factory.mktemp("archive")
    both = folder / "requirements.txt"
    both.write_text("".join((REPOSITORY / f"requirements{of}.txt").read_text() for of in ("", "-plugin")))
    python = environment(Path(sys.executable), THIS, both) / "python"
    script = REPOSITORY / "tools" / "plugin_archive.py"
    made = subprocess.run([python, script, folder], stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


@pytest.mark.timeout(900)
def test_the_archive_needs_no_python(story: Story, archive: Path) -> None:
    """Installed by `--file` it registers and deletes what a program in YAML declares, with no Python on PATH."""
    assert archive.name.startswith(f"pulumi-resource-enkrypt-v{__version__}-")
    api = story.api()
    project = yaml(story, {}, api)
    folders = [it for it in project.environment["PATH"].split(os.pathsep) if not (Path(it) / "python").exists()]
    stack = project.with_environment({"PATH": os.pathsep.join(folders), "PYTHONPATH": ""})
    program = parsed.safe_load(EXAMPLE.read_text())
    stack.write("Pulumi.yaml", json.dumps({**program, "name": "story"}))
    stack.config_set(secrets={"openaiApiKey": story.secrets.make("the model's key")})
    stack.run("plugin", "install", "resource", "enkrypt", __version__, "--file", str(archive))
    stack.up()
    stack.destroy()
    made = [call.partition("_")[2].partition(" ")[0] for call in api.calls() if call.startswith(("add_", "delete_"))]
    assert (sorted(made[:2]), made[2:4], sorted(made[4:])) == (
        ["model", "policy"],
        ["deployment", "deployment"],
        ["model", "policy"],
    )
