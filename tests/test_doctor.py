"""doctor.py: what is wrong is found, what to do is said, and no key is shown."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import fake_engine
import pytest
from command_line import KEY, Api, Start, Type, model
from fake_engine import Project, encrypted

from enkrypt_provider.commands import doctor
from enkrypt_provider.commands.doctor import Finding, examine, fingerprint
from enkrypt_provider.commands.import_file import pickled_provider
from enkrypt_provider.commands.sources import Sources
from enkrypt_provider.commands.stack import TYPE, Stack
from enkrypt_provider.emulator import Fault, create_app, serve_in_thread

ROOT = Path(__file__).resolve().parent.parent
OTHER = "sk-of-long-ago"
USUAL = [
    "python",
    "package",
    "sdk",
    "engine",
    "host",
    "stack",
    "endpoint",
    "dialect",
    "key",
    "access",
    "project",
    "state",
]


def found(**environ: str) -> dict[str, Finding]:
    """What is found about the stack `dev`, by topic."""
    findings = list(examine(Sources(Stack("dev"), environ=environ)))
    assert KEY not in repr(findings)
    assert OTHER not in repr(findings)
    return {finding.topic: finding for finding in findings}


@pytest.fixture
def well(project: Project, start: Start) -> Api:
    """A stack of which nothing is wrong."""
    api = start()
    api.add(model("a"), model("b"))
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url})
    return api


def held(name: str = "a", pickled: str | None = None, provider: str = "default") -> Any:
    """A model in the state."""
    props = {"__provider": pickled_provider() if pickled is None else pickled}
    urn = fake_engine.urn(TYPE, name)
    owner = fake_engine.provider("", provider)["urn"] + "::1"
    return {"urn": urn, "id": f"{name}/v1", "type": TYPE, "inputs": props, "outputs": props, "provider": owner}


def test_what_is_needed_is_what_the_package_says() -> None:
    """The versions are those of pyproject.toml and of engine/parts.py."""
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={doctor.PYTHON}"' in project
    assert f'"pulumi>={doctor.SDK},' in project
    parts = (ROOT / "engine" / "parts.py").read_text()
    assert f'MINIMUM = "{doctor.ENGINE}.0"' in parts
    assert f'HOST_VERSION = "{doctor.HOST}.0"' in parts


@pytest.mark.usefixtures("well")
def test_all_is_well() -> None:
    """Everything is looked at, and nothing is a problem."""
    findings = found()
    assert list(findings) == USUAL
    assert [finding.topic for finding in findings.values() if not finding.ok] == []
    assert findings["engine"].says == "3.259.0 (3.254 or later is needed)"
    assert findings["key"].says == f"from Pulumi.dev.yaml, fingerprint {fingerprint(KEY)}"
    assert findings["access"].says == "the key works: 2 registrations"
    assert findings["project"].says == "the key belongs to the project default"
    assert findings["state"].says == "0 models"


def test_a_fingerprint_gives_no_key_away() -> None:
    """It is four hexadecimal digits, the same for the same key."""
    assert re.fullmatch("[0-9a-f]{4}", fingerprint(KEY))
    assert fingerprint(KEY) == fingerprint(str(KEY)) != fingerprint(OTHER)


# ---- versions


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("engine", {"cliAbout": {"version": "v3.253.9"}}),
        ("host", {"plugins": [{"name": "python", "version": "3.60.1", "kind": "language"}]}),
    ],
)
def test_what_is_too_old_is_told(project: Project, topic: str, changes: dict[str, Any]) -> None:
    """An engine or a language host that is too old is a problem, with the version that is needed."""
    project.about(**changes)
    problem = found()[topic]
    assert (problem.ok, problem.says.endswith(" is too old")) == (False, True)
    assert re.fullmatch(r"install 3\.\d+ or later", problem.do)


@pytest.mark.usefixtures("well")
def test_an_engine_may_not_know_its_language_host(project: Project) -> None:
    """Outside a project the engine names no plugin; that is no problem."""
    project.about(plugins=None)
    assert "host" not in found()


def test_no_engine_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `pulumi` on PATH the rest is looked at all the same."""
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {finding.topic: finding for finding in examine(Sources(environ={}))}
    assert findings["engine"] == Finding(
        "engine", "there is no `pulumi` on PATH: https://www.pulumi.com/docs/install/", ok=False
    )
    assert findings["settings"].says.startswith("no API key")
    assert findings["stack"].says.startswith("none: with --stack NAME")
    assert findings["key"].says == "none is set"


# ---- settings


def test_each_setting_is_told_with_its_origin(project: Project, start: Start) -> None:
    """What the environment says is used where the stack says nothing, and told where it is not used."""
    api = start()
    project.configure({})
    findings = found(ENKRYPTAI_BASE_URL=api.url, ENKRYPTAI_API_KEY=KEY, ENKRYPT_API_KEY=OTHER)
    assert findings["endpoint"].says == f"{api.url}, from ENKRYPTAI_BASE_URL"
    assert findings["key"].says == (
        f"from ENKRYPTAI_API_KEY, fingerprint {fingerprint(KEY)}; ENKRYPT_API_KEY in the environment is not used"
    )
    assert findings["dialect"].says == "v1, from the default"
    assert findings["access"].ok

    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url, "enkrypt:dialect": "v1"})
    findings = found(ENKRYPTAI_BASE_URL="http://127.0.0.1:1", ENKRYPTAI_API_KEY=OTHER, ENKRYPT_API_KEY=OTHER)
    unused = "ENKRYPTAI_API_KEY and ENKRYPT_API_KEY in the environment is not used"
    assert findings["endpoint"].says.endswith("Pulumi.dev.yaml; ENKRYPTAI_BASE_URL in the environment is not used")
    assert findings["key"].says.endswith(unused)
    assert findings["dialect"].says == "v1, from Pulumi.dev.yaml"


def test_an_option_goes_before_all(start: Start) -> None:
    """What the command line says is where a setting comes from."""
    sources = Sources(overrides={"endpoint": start().url, "dialect": "v1"}, environ={"ENKRYPT_API_KEY": KEY})
    findings = {finding.topic: finding for finding in examine(sources)}
    assert findings["dialect"].says == "v1, from the option --dialect"
    assert findings["key"].says.startswith("from ENKRYPT_API_KEY, ")
    assert findings["access"].ok
    assert "state" not in findings


def test_a_key_in_the_clear_is_a_problem(project: Project, well: Api) -> None:
    """A key that the stack's file shows is to be replaced."""
    project.configure({"enkrypt:apiKey": KEY, "enkrypt:endpoint": well.url})
    assert not found()["key"].ok
    assert found()["key"].do == "get a new one, then `pulumi config set --secret enkrypt:apiKey`"


def test_a_password_in_an_endpoint_is_not_shown(project: Project) -> None:
    """An endpoint that is refused for what it holds is not shown with it."""
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": f"https://user:{OTHER}@a/?key={OTHER}"})
    assert found()["endpoint"].says == "https:***a/***, from Pulumi.dev.yaml"
    assert found()["settings"].says == "enkrypt:endpoint must be a URL without user, password, query or fragment"


@pytest.mark.usefixtures("project")
def test_a_stack_that_cannot_be_read_is_a_problem() -> None:
    """The engine's own error is told, once."""
    findings = list(examine(Sources(Stack("nope"), environ={})))
    assert [finding.topic for finding in findings] == ["python", "package", "sdk", "engine", "host", "stack"]
    assert findings[-1].says.endswith("failed: no stack named 'nope' found")


# ---- the API


def test_a_key_that_does_not_work_is_a_problem(project: Project, well: Api) -> None:
    """The API's refusal is told, with what to do."""
    project.configure({"enkrypt:apiKey": encrypted(OTHER), "enkrypt:endpoint": well.url})
    access = found()["access"]
    assert not access.ok
    assert "401" in access.says
    assert "pulumi config set --secret enkrypt:apiKey" in access.says


def test_the_project_of_a_key_is_shown(project: Project, tmp_path: Path) -> None:
    """A key of another project sees other registrations."""
    app = create_app(tmp_path / "api.db", keys={KEY: "acme/prod"})
    with serve_in_thread(app) as url:
        project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": url})
        assert found()["project"] == Finding("project", "the key belongs to the project prod")


@pytest.mark.parametrize(
    "fault", [Fault(status=404), Fault(status=500), Fault(garbage="html"), Fault(garbage="empty")]
)
def test_an_api_that_does_not_tell_the_project_is_no_problem(project: Project, start: Start, fault: Fault) -> None:
    """Not every installation has that call."""
    api = start(faults=[fault.model_copy(update={"call": "consumer_info"})])
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url})
    findings = found()
    assert "project" not in findings
    assert findings["access"].ok


def test_an_api_that_cannot_be_reached_is_a_problem(project: Project) -> None:
    """It is tried once: a person waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": f"http://127.0.0.1:{port}"})
    assert re.search(r"cannot be reached .*; tried once$", found()["access"].says)


def test_the_embedded_emulator_must_be_installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra an embedded endpoint is a problem; with it, it needs no key."""
    project.configure({"enkrypt:endpoint": "embedded"})
    assert found()["access"].says == "the key works: 0 registrations"
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert found()["access"] == Finding(
        "access", "the embedded emulator is not installed", ok=False, do="install the extra `emulator`"
    )


@pytest.mark.parametrize(("spoken", "told"), [("v1", "v2"), ("v2", "v1")])
def test_the_wrong_dialect_is_noticed(project: Project, start: Start, spoken: Any, told: str) -> None:
    """Answers that look like the other dialect are a problem."""
    api = start(dialect=spoken)
    api.add(model("a"))
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url, "enkrypt:dialect": told})
    assert found()["answers"].do == f"pulumi config set enkrypt:dialect {spoken}"


def test_a_list_of_names_shows_no_dialect(project: Project, start: Start) -> None:
    """Where the list says too little there is nothing to notice."""
    api = start(list_details=False)
    api.add(model("a"))
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": api.url, "enkrypt:dialect": "v2"})
    assert "answers" not in found()


# ---- the state


@pytest.mark.usefixtures("well")
def test_a_state_with_the_same_key_is_well(project: Project) -> None:
    """The provider of the state's models is compared with the configuration."""
    project.hold(fake_engine.provider(KEY), held())
    assert found()["state"].says == "1 model"
    assert found()["provider"] == Finding("provider", "the state holds the configuration's key")


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize("key", [OTHER, ""])
def test_a_stale_key_in_the_state_is_a_problem(project: Project, key: str) -> None:
    """`refresh` and `destroy` would use the state's key, unless told otherwise."""
    project.hold(fake_engine.provider(key), held())
    problem = found()["provider"]
    assert not problem.ok
    assert problem.do == "run `pulumi up`, or give them --run-program"
    assert (f"fingerprint is {fingerprint(key)};" if key else "it holds no key;") in problem.says


def test_a_state_without_a_key_takes_the_environments(project: Project, well: Api) -> None:
    """Where neither state nor configuration has a key, both take the environment's."""
    project.configure({"enkrypt:endpoint": well.url})
    project.hold(fake_engine.provider(""), held())
    assert found(ENKRYPTAI_API_KEY=KEY)["provider"] == Finding("provider", "the state holds no key")


@pytest.mark.usefixtures("well")
def test_an_explicit_provider_has_a_key_of_its_own(project: Project) -> None:
    """It is no problem that it is another; one that no model uses is not looked at."""
    project.hold(fake_engine.provider(OTHER, "eu"), fake_engine.provider(OTHER, "us"), held(provider="eu"))
    assert found()["provider"] == Finding("provider", f"eu: its key's fingerprint is {fingerprint(OTHER)}")


@pytest.mark.usefixtures("well")
def test_a_provider_pickled_by_value_is_a_problem(project: Project) -> None:
    """Models that hold another provider than this package's are named."""
    project.hold(fake_engine.provider(KEY), *(held(f"m{n}", "x" * 576) for n in range(4)), held("good"))
    problem = found()["pickle"]
    assert problem.says.startswith(
        "4 models with another provider than this package's, 576 characters of it (m0, m1, m2 …)"
    )
    assert not problem.ok


def test_a_state_that_cannot_be_read_is_a_problem(project: Project, well: Api) -> None:
    """What was found before is told all the same."""
    assert well.url
    (project.folder / "state.json").write_text("nonsense")
    assert not found()["state"].ok
    assert found()["access"].ok


# ---- the command


@pytest.mark.usefixtures("well")
def test_doctor_is_lines_json_or_for_a_person(typed: Type, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding is a line with tabs, an object of JSON, or lines of 80 characters; a problem is exit code 1."""
    ran = typed("doctor", "--stack", "dev")
    assert ran.code == 0
    assert {line.split("\t")[0] for line in ran.out.splitlines()} == {"ok"}

    project.hold(fake_engine.provider(OTHER), held())
    ran = typed("doctor", "--stack", "dev")
    assert ran.code == 1
    (problem,) = (line.split("\t") for line in ran.out.splitlines() if not line.startswith("ok\t"))
    assert problem[:2] == ["problem", "provider"]
    assert problem[3] == "run `pulumi up`, or give them --run-program"

    ran = typed("doctor", "--stack", "dev", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["ok"]) == (1, False)
    assert [one["topic"] for one in document["findings"] if not one["ok"]] == ["provider"]

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ran = typed("doctor", "--stack", "dev")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert max(map(len, lines)) <= 80
    assert any(line.strip() == "-> run `pulumi up`, or give them --run-program" for line in lines)
    assert OTHER not in ran.text


def test_the_reference_names_every_finding() -> None:
    """docs/cli.md says what `doctor` looks at."""
    section = (ROOT / "docs" / "cli.md").read_text().partition("\n## doctor\n")[2].partition("\n## ")[0]
    for topic in [*USUAL, "provider", "pickle", "answers"]:
        assert f"`{topic}`" in section
