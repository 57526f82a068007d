"""examples/automation: one script, three environments, the real engine."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph import of_dot, svg

from enkrypt_provider.testing import Registry

HERE = Path(__file__).parent
PICTURE = (HERE / "graph.svg").read_text()


def deploy(folder: Path, *words: str, fails: bool = False) -> tuple[Counter[str], Counter[str]]:
    """Runs the script; returns the lines of its stdout and of its stderr."""
    run = subprocess.run(
        [sys.executable, "deploy.py", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (run.returncode != 0) is fails, run.stdout + run.stderr
    return Counter(run.stdout.splitlines()), Counter(run.stderr.splitlines())


def hosts(folder: Path, environment: str) -> dict[str, str]:
    """The hosts of an environment's models, by identity."""
    models = Registry(folder / f".enkrypt/{environment}.sqlite").models()
    return {name: model["model_config"]["endpoint"]["host"] for name, model in models.items()}


def rewritten(folder: Path, environment: str, old: str, new: str) -> None:
    file = folder / f"Pulumi.{environment}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_three_environments_are_deployed_by_one_script(project: Callable[[Path], Any]) -> None:
    """All are created, then unchanged; a changed file is previewed, then deployed. No line shows a value."""
    automation = project(HERE)
    folder = automation.folder
    created = Counter(
        f"{name:<8} {line}"
        for name in ("dev", "staging", "prod")
        for line in ("+ created support-chat", "+ created sales-chat", "done: 3 create")
    )
    assert deploy(folder) == (created, Counter())
    for name in ("dev", "staging", "prod"):
        domain = f"{name}.llm.example.com"
        assert hosts(folder, name) == {f"{m}/v1": f"{m}.{domain}" for m in ("support-chat", "sales-chat")}

    assert deploy(folder, "dev", "prod")[0] == Counter(["dev      done: 3 same", "prod     done: 3 same"])

    rewritten(folder, "prod", "prod.llm", "new.llm")
    fields = [f"{name}: model_config.endpoint.host" for name in ("support-chat", "sales-chat")]
    done = "prod     done: 1 same, 2 update"
    planned, _ = deploy(folder, "--preview", "prod")
    assert planned == Counter([*(f"prod     ~ would be updated {it}" for it in fields), done])
    assert hosts(folder, "prod")["sales-chat/v1"] == "sales-chat.prod.llm.example.com"
    assert deploy(folder, "prod")[0] == Counter([*(f"prod     ~ updated {it}" for it in fields), done])
    assert hosts(folder, "prod")["sales-chat/v1"] == "sales-chat.new.llm.example.com"

    automation.run("stack", "graph", "--stack", "dev", "--ignore-parent-edges", "stack.dot")
    assert svg(of_dot((folder / "stack.dot").read_text())) == PICTURE


def test_deploy_stops_at_the_first_environment_that_fails(project: Callable[[Path], Any]) -> None:
    """The reason is printed, and later environments are not touched."""
    folder = project(HERE).folder
    rewritten(folder, "staging", "staging.llm", "http://staging.llm")
    _, errors = deploy(folder, fails=True)
    reported = [line for line in errors if "model_config.endpoint.host: must be a host name alone" in line]
    assert reported
    assert all(line.startswith("staging  ! ") for line in errors)
    assert len(hosts(folder, "dev")) == 2
    assert not (folder / ".enkrypt/prod.sqlite").exists()


def test_an_unknown_environment_is_refused(project: Callable[[Path], Any]) -> None:
    """A typo does not create a new stack."""
    folder = project(HERE).folder
    _, errors = deploy(folder, "live", fails=True)
    assert errors["deploy.py: error: unknown environment live: choose from dev, staging, prod"] == 1
    assert not (folder / "Pulumi.live.yaml").exists()
