"""The systems that are compared: how each is installed as a user would, and what it is asked to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from document import document
from serving import ROOT, Api
from watching import run

HERE = Path(__file__).resolve().parent
KEY = "stand-in-account-key"
RESTAPI = "github.com/Mastercard/terraform-provider-restapi", "1.20.0"
"""The generic REST provider of Terraform, as a Go module, and its version: terraform/go.mod pins it, by hash."""

PULUMI = {
    "up": ["pulumi", "up", "--yes", "--skip-preview"],
    "up, no change": ["pulumi", "up", "--yes", "--skip-preview"],
    "preview": ["pulumi", "preview"],
    "refresh": ["pulumi", "refresh", "--yes", "--skip-preview"],
    "destroy": ["pulumi", "destroy", "--yes", "--skip-preview"],
}
OPERATIONS = tuple(PULUMI)
TERRAFORM = {
    "up": ["terraform", "apply", "-auto-approve"],
    "up, no change": ["terraform", "apply", "-auto-approve"],
    "preview": ["terraform", "plan"],
    "refresh": ["terraform", "apply", "-auto-approve", "-refresh-only"],
    "destroy": ["terraform", "destroy", "-auto-approve"],
}


@dataclass(frozen=True)
class Laid:
    """A stack that was laid out: what runs where, and the file of its state."""

    commands: Mapping[str, list[str]]
    folder: Path
    env: Mapping[str, str]
    state: Path


@contextmanager
def workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        (Path(name) / "state").mkdir()
        yield Path(name)


def installed(folder: Path) -> str:
    """The search path of a user, made in `folder`: the engine, and a Python with this package, what it needs, and
    nothing else. The engine asks pip for its packages, and looks for the plugin of each."""
    print("installing this package as a user would", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(ROOT / "requirements.txt")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)], check=True)
    get = [sys.executable, str(ROOT / "engine/get.py")]
    engine = subprocess.run(get, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.pathsep.join([str(folder / "bin"), engine])


def environment(folder: Path, path: str) -> dict[str, str]:
    """Of every command: nothing of the machine's own settings."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "ENKRYPT", "PYTHON", "TF_"))}
    return keep | {
        "PATH": os.pathsep.join([path, os.environ["PATH"]]),
        "PYTHONPATH": str(HERE),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Nothing that is timed may wait for another machine: a name server that is slow would be everybody's time.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "XDG_STATE_HOME": str(folder / "xdg"),
        "CHECKPOINT_DISABLE": "true",  # Terraform's own check for updates
    }


def stack_of(system: str, name: str, project: Path, settings: Mapping[str, object], env: Mapping[str, str]) -> Path:
    """A new Pulumi stack of a system's program, in the folder `project`."""
    shutil.copytree(HERE / system, project)
    run(["pulumi", "stack", "init", name, "--secrets-provider", "passphrase"], project, env)
    for key, value in settings.items():
        run(["pulumi", "config", "set", key, str(value)], project, env)
    run(["pulumi", "config", "set", "--secret", "enkrypt:apiKey", KEY], project, env)
    return project


def laid(system: str, models: int, api: Api, folder: Path, path: str) -> Laid:
    """A new stack of `models`, by a system."""
    project, env = folder / "project", environment(folder, path)
    if system == "terraform":
        return _terraform(models, api, project, env)
    settings = {"bench:models": models, "enkrypt:endpoint": api.url}
    stack_of(system, "bench", project, settings, env)
    return Laid(PULUMI, project, env, folder / "state/.pulumi/stacks/bench/bench.json")


def _terraform(models: int, api: Api, project: Path, env: Mapping[str, str]) -> Laid:
    shutil.copytree(HERE / "terraform", project)
    (project / "document.json").write_text(json.dumps(document(0)))
    variables = {"TF_VAR_models": str(models), "TF_VAR_endpoint": api.url, "TF_VAR_api_key": KEY}
    env = {**env, **variables, "TF_CLI_CONFIG_FILE": str(mirror() / "terraform.rc"), "TF_IN_AUTOMATION": "1"}
    run(["terraform", "init"], project, env)
    return Laid(TERRAFORM, project, env, project / "terraform.tfstate")


def has_terraform() -> bool:
    """Whether Terraform is on PATH, and its generic REST provider was built from its Go module."""
    missing = [tool for tool in ("terraform", "go") if shutil.which(tool) is None]
    if missing:
        print(f"Terraform is left out: no {' and no '.join(missing)} on PATH", flush=True)
        return False
    return built()


def mirror() -> Path:
    """Where Terraform finds the provider."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache) / "enkrypt-provider" / "terraform"


def built() -> bool:
    """Builds the provider, once, into a mirror such as Terraform reads."""
    module, version = RESTAPI
    go = ["go", "env", "GOOS", "GOARCH"]
    kind = "_".join(subprocess.run(go, check=True, stdout=subprocess.PIPE, text=True).stdout.split())
    home = mirror()
    provider = home / "registry.terraform.io/mastercard/restapi" / version / kind
    binary = provider / f"terraform-provider-restapi_v{version}"
    if not binary.exists():
        print(f"building {module} {version} for Terraform", flush=True)
        build = ["go", "build", "-mod=readonly", "-trimpath", "-o", str(binary), module]
        env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        if subprocess.run(build, env=env, cwd=HERE / "terraform").returncode:
            print("Terraform is left out: its provider cannot be built", flush=True)
            return False
    (home / "terraform.rc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{home}" }}\n}}\n')
    return True
