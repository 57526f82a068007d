"""The compared systems: installs each as a user would, and creates stacks that use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import ROOT, Api
from command import Ran, run
from document import document

from enkrypt_provider.frontends.package_names import to_package
from enkrypt_provider.kinds.model import MODEL

HERE = Path(__file__).resolve().parent
KEY = "stand-in-account-key"
SETTINGS = ("PULUMI_", "ENKRYPT", "PYTHON", "TF_", "MAKE", "MFLAGS")
PLUGIN = "pulumi-resource-enkrypt"
RESTAPI = "github.com/Mastercard/terraform-provider-restapi", "1.20.0"
"""Terraform's generic REST provider, as a Go module, and its version; terraform/go.mod and go.sum pin it."""

NAMES = {
    "dynamic": "this provider, dynamic",
    "native": "this provider, native, Python",
    "yaml": "this provider, native, YAML",
    "tutorial": "the tutorial's provider",
    "nothing": "a provider that does nothing",
    "terraform": "Terraform",
    "told": "Terraform, told the rate",
    "unsaved": "this provider, no checkpoints",
}
TERRAFORMS = ("terraform", "told")
UP, NO_CHANGE, REFRESH, DESTROY = "up", "up, no change", "refresh", "destroy"
PULUMI = {UP: "up", NO_CHANGE: "up", REFRESH: "refresh", DESTROY: "destroy"}
TERRAFORM = {UP: "apply", NO_CHANGE: "apply", REFRESH: "apply -refresh-only"}
VENDOR_RATE = "3/s,100/min"
MORE = {
    "told": {"REST_API_RATE_LIMIT": "1.6"},  # calls a second: its only rate setting, low enough for both limits
    "unsaved": {"PULUMI_SKIP_CHECKPOINTS": "true"},
}
"""Additional environment variables of a system."""


@dataclass(frozen=True)
class Stack:
    """A stack of one system with `models` models, and the API that it uses."""

    system: str
    models: int
    api: Api
    folder: Path
    env: Mapping[str, str]
    state: Path

    def run(self, operation: str, *, check: bool = True) -> Ran:
        if self.system in TERRAFORMS:
            return run(f"terraform {TERRAFORM[operation]} -auto-approve", self.folder, self.env, check=check)
        return run(f"pulumi {PULUMI[operation]} --yes --skip-preview", self.folder, self.env, check=check)

    def bytes_per_model(self) -> int:
        return self.state.stat().st_size // self.models if self.state.exists() else 0


@contextmanager
def stack(system: str, models: int, path: str, latency: int = 0, *, limited: bool = False) -> Iterator[Stack]:
    """Create a stack of a system, with its own API. A `limited` one is configured with the vendor's rates."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, closing(Api(Path(name), latency)) as api:
        folder = Path(name)
        env, project = environment(folder, path) | MORE.get(system, {}), folder / "project"
        if system in TERRAFORMS:
            env |= terraform(models, api.url, project, env)
            yield Stack(system, models, api, project, env, project / "terraform.tfstate")
        else:
            settings = {"bench:models": str(models), "enkrypt:endpoint": api.url}
            pulumi(system, models, settings | ({"enkrypt:rateLimit": VENDOR_RATE} if limited else {}), project, env)
            yield Stack(system, models, api, project, env, folder / "state/.pulumi/stacks/bench/bench.json")


def pulumi(system: str, models: int, settings: Mapping[str, str], project: Path, env: Mapping[str, str]) -> None:
    """Create a Pulumi stack with a system's program."""
    about: dict[str, Any] = {"name": "bench", "runtime": "yaml" if system == "yaml" else "python"}
    if system in ("native", "yaml"):
        binary = Path(shutil.which(PLUGIN, path=env["PATH"]) or "")
        about["plugins"] = {"providers": [{"name": "enkrypt", "path": str(binary.parent)}]}
    if system == "yaml":
        project.mkdir()
        documents = {f"model-{number}": to_package(MODEL, document(number)) for number in range(models)}
        about["resources"] = {n: {"type": "enkrypt:EnkryptModel", "properties": d} for n, d in documents.items()}
    else:
        shutil.copytree(HERE / ("dynamic" if system == "unsaved" else system), project)
    (project / "Pulumi.yaml").write_text(json.dumps(about))
    plain = [word for key, value in settings.items() for word in ("--plaintext", f"{key}={value}")]
    run(["pulumi", "stack", "init", "bench", "--secrets-provider", "passphrase"], project, env)
    run(["pulumi", "config", "set-all", *plain, "--secret", f"enkrypt:apiKey={KEY}"], project, env)


def terraform(models: int, url: str, project: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Create a Terraform project and return the environment that it needs."""
    shutil.copytree(HERE / "terraform", project)
    (project / "document.json").write_text(json.dumps(document(0)))
    variables = {"TF_VAR_models": str(models), "TF_VAR_endpoint": url, "TF_VAR_api_key": KEY}
    found = {**variables, "TF_CLI_CONFIG_FILE": str(mirror() / "terraform.rc"), "TF_IN_AUTOMATION": "1"}
    run("terraform init", project, {**env, **found})
    return found


def environment(folder: Path, path: str) -> dict[str, str]:
    """Return the environment of every command, without the machine's own settings."""
    (folder / "state").mkdir()
    keep = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    return keep | {
        "PATH": os.pathsep.join([path, os.environ["PATH"]]),
        "PYTHONPATH": str(HERE),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # No timed command may wait for another machine: a slow name server would distort every time.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "XDG_STATE_HOME": str(folder / "xdg"),
        "CHECKPOINT_DISABLE": "true",  # Terraform's own check for updates
    }


# ---- installation, once


def installed(folder: Path) -> str:
    """Install a Python with only this package and its requirements in `folder`, and return a PATH with it and the
    engine. Nothing else: the engine lists the packages with pip and looks for a plugin of each."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(ROOT / "requirements.txt")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)], check=True)
    get = [sys.executable, str(ROOT / "engine/get.py"), "--with", "yaml"]
    engine = subprocess.run(get, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.pathsep.join([str(folder / "bin"), engine])


def available(path: str) -> set[str]:
    """Return the systems that can be measured here, and print why others cannot."""
    missing: set[str] = set()
    if not shutil.which(PLUGIN, path=path):
        print(f"Skipping the native plugin: this package has no {PLUGIN}", flush=True)
        missing |= {"native", "yaml"}
    if problem := _terraform_problem():
        print(f"Skipping Terraform: {problem}", flush=True)
        missing |= {"terraform", "told"}
    return set(NAMES) - missing


def mirror() -> Path:
    """Return the folder in which Terraform finds the provider."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache) / "enkrypt-provider" / "terraform"


def _terraform_problem() -> str:
    """Build the generic REST provider from its Go module, once, into a Terraform mirror; return an error or ""."""
    if missing := [tool for tool in ("terraform", "go") if shutil.which(tool) is None]:
        return f"no {' and no '.join(missing)} on PATH"
    (module, version), home = RESTAPI, mirror()
    go = ["go", "env", "GOOS", "GOARCH"]
    kind = "_".join(subprocess.run(go, check=True, stdout=subprocess.PIPE, text=True).stdout.split())
    binary = home / f"registry.terraform.io/mastercard/restapi/{version}/{kind}/terraform-provider-restapi_v{version}"
    if not binary.exists():
        print(f"building {module} {version} for Terraform", flush=True)
        build = ["go", "build", "-mod=readonly", "-trimpath", "-o", str(binary), module]
        env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        if subprocess.run(build, env=env, cwd=HERE / "terraform").returncode:
            return "its provider cannot be built"
    (home / "terraform.rc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{home}" }}\n}}\n')
    return ""
