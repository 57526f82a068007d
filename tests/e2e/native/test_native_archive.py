"""The native plugin as an archive that bundles Python, for machines without it."""

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
    """The archive that `make plugin` builds, from a separate environment."""
    folder = tmp_path_factory.mktemp("archive")
    both = folder / "requirements.txt"
    both.write_text("".join((REPOSITORY / f"requirements{of}.txt").read_text() for of in ("", "-plugin")))
    python = environment(Path(sys.executable), THIS, both) / "python"
    script = REPOSITORY / "tools" / "plugin_archive.py"
    built = subprocess.run([python, script, folder], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


@pytest.mark.timeout(900)
def test_the_archive_needs_no_python(story: Story, archive: Path) -> None:
    """Installed with `--file`, it runs a YAML program from up to destroy, with no Python on PATH."""
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
    kinds = [call.partition("_")[2].partition(" ")[0] for call in api.calls() if call.startswith(("add_", "delete_"))]
    assert (sorted(kinds[:2]), kinds[2:4], sorted(kinds[4:])) == (
        ["model", "policy"],
        ["deployment", "deployment"],
        ["model", "policy"],
    )
