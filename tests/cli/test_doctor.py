"""doctor.py: finds problems, suggests fixes, and shows no key."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import canonical

from enkrypt_provider import __version__
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.cli import doctor
from enkrypt_provider.cli.doctor import examine
from enkrypt_provider.cli.findings import Finding, fingerprint
from enkrypt_provider.cli.import_file import pickled_provider
from enkrypt_provider.cli.sources import Sources
from enkrypt_provider.cli.stack import Stack, type_of
from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Key, Settings

from . import fake_engine
from .fake_engine import Project, encrypted
from .typing_commands import GUARDED, KEY, POLICY, Api, Begin, Start, Type, model

ROOT = Path(__file__).resolve().parents[2]
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
    "written",
    "state",
]


def found(**environ: str) -> dict[str, Finding]:
    """Return the findings about the stack `dev`, by topic."""
    findings = list(examine(Sources(Stack("dev"), environ=environ)))
    assert KEY not in repr(findings)
    assert OTHER not in repr(findings)
    return {finding.topic: finding for finding in findings}


@pytest.fixture
def well(begin: Begin) -> Api:
    """A stack without problems."""
    return begin(model("a"), model("b"))


def held(
    resource: str = "a", pickled: str | None = None, provider: str = "default", kind: Kind = MODEL, **outputs: Any
) -> Any:
    """Return a resource of the state for a model, or another kind."""
    props = {"__provider": pickled_provider(kind) if pickled is None else pickled, **outputs}
    type_, id_ = type_of(kind), f"{resource}/v1" if kind is MODEL else resource
    owner = fake_engine.provider("", provider)["urn"] + "::1"
    urn = fake_engine.urn(type_, resource)
    return {"urn": urn, "id": id_, "type": type_, "inputs": props, "outputs": props, "provider": owner}


def test_required_versions_match_the_package() -> None:
    """They are those of pyproject.toml and engine/parts.py."""
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={doctor.PYTHON}"' in project
    assert f'"pulumi>={doctor.SDK},' in project
    parts = (ROOT / "engine" / "parts.py").read_text()
    assert f'MINIMUM = "{doctor.ENGINE}.0"' in parts
    assert f'HOST_VERSION = "{doctor.HOST}.0"' in parts


@pytest.mark.usefixtures("well")
def test_no_problems() -> None:
    findings = found()
    assert list(findings) == USUAL
    assert [finding.topic for finding in findings.values() if not finding.ok] == []
    assert findings["engine"].says == "3.259.0 (3.254 or later is needed)"
    assert findings["key"].says == f"from Pulumi.dev.yaml, fingerprint {fingerprint(KEY)}"
    assert findings["access"].says == "the key works: 2 models"
    assert findings["project"].says == "the key belongs to the project default"
    assert findings["state"].says == "no registrations"


def test_fingerprint_reveals_no_key() -> None:
    """It is four hexadecimal digits, always the same for a key."""
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
def test_old_versions_are_problems(project: Project, topic: str, changes: dict[str, Any]) -> None:
    """The fix names the version of the engine or the language host that is needed."""
    project.about |= changes
    problem = found()[topic]
    assert (problem.ok, problem.says.endswith(" is too old")) == (False, True)
    assert re.fullmatch(r"install 3\.\d+ or later", problem.do)


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("plugins", "says"),
    [
        (None, None),
        ([{"name": "python", "version": None, "kind": "language"}], "version unknown (3.79 or later is needed)"),
    ],
)
def test_unknown_language_host_is_no_problem(project: Project, plugins: Any, says: str | None) -> None:
    """Outside a project the engine lists no plugins, and a host may have no version."""
    project.about["plugins"] = plugins
    host = found().get("host")
    assert (host and host.says, host is None or host.ok) == (says, True)


@pytest.mark.usefixtures("well")
def test_engine_off_path_is_reported_with_its_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The installed engine is used, and the fix puts it on PATH."""
    folder = tmp_path / "enkrypt-provider" / "engine" / "3.274.1"
    project.move_engine(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = found()["engine"]
    assert engine.ok
    assert engine.says == "3.259.0 (3.254 or later is needed); it is not on PATH"
    assert engine.do == f'export PATH="{folder}/bin:$PATH"'


def test_missing_engine_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `pulumi` on PATH the other checks still run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    findings = {finding.topic: finding for finding in examine(Sources(environ={}))}
    assert findings["engine"] == Finding(
        "engine", "there is no `pulumi` on PATH: https://www.pulumi.com/docs/install/", ok=False
    )
    assert findings["settings"].says.startswith("no API key")
    assert findings["stack"].says.startswith("none: use --stack NAME")
    assert findings["key"].says == "not set"


# ---- settings


def test_each_setting_is_reported_with_its_origin(project: Project, start: Start) -> None:
    """Environment variables apply if the stack does not set a value, and are reported if overridden."""
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
    unused = "ENKRYPTAI_API_KEY and ENKRYPT_API_KEY in the environment are not used"
    assert findings["endpoint"].says.endswith("Pulumi.dev.yaml; ENKRYPTAI_BASE_URL in the environment is not used")
    assert findings["key"].says.endswith(unused)
    assert findings["dialect"].says == "v1, from Pulumi.dev.yaml"


def test_options_override_everything(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The origin of such a setting is the option."""
    monkeypatch.chdir(tmp_path)
    sources = Sources(overrides={"endpoint": start().url, "dialect": "v1"}, environ={"ENKRYPT_API_KEY": KEY})
    findings = {finding.topic: finding for finding in examine(sources)}
    assert findings["dialect"].says == "v1, from the option --dialect"
    assert findings["key"].says.startswith("from ENKRYPT_API_KEY, ")
    assert findings["access"].ok
    assert "state" not in findings


def test_plain_text_key_is_a_problem(project: Project, well: Api) -> None:
    """A key that is readable in the stack's file must be replaced."""
    project.configure({"enkrypt:apiKey": KEY, "enkrypt:endpoint": well.url})
    assert not found()["key"].ok
    assert found()["key"].do == "get a new one, then `pulumi config set --secret enkrypt:apiKey`"


def test_misspelt_setting_is_reported(project: Project, well: Api) -> None:
    """It is not necessarily a problem: the program may read a value with that name."""
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": well.url, "enkrypt:rateLimits": "off"})
    assert found()["settings"] == Finding(
        "settings",
        'enkrypt:rateLimits is neither a setting nor a section of the catalogue; did you mean "rateLimit"?',
    )


def test_password_in_an_endpoint_is_not_shown(project: Project) -> None:
    """An endpoint that is refused for its password is shown without it."""
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": f"https://user:{OTHER}@a/?key={OTHER}"})
    assert found()["endpoint"].says == "https:***a/***, from Pulumi.dev.yaml"
    assert found()["settings"].says == "enkrypt:endpoint must be a URL without user, password, query or fragment"


@pytest.mark.parametrize("name", ["endpoint", "dialect"])
@pytest.mark.parametrize("value", [encrypted(OTHER), f"sk-{'a1' * 12}"], ids=["secret", "by its look"])
def test_key_under_another_name_is_not_shown(project: Project, name: str, value: Any) -> None:
    project.configure({"enkrypt:apiKey": encrypted(KEY), f"enkrypt:{name}": value})
    assert found()[name].says == "***, from Pulumi.dev.yaml"
    assert found()["settings"].says.startswith(f"enkrypt:{name} must be ")


@pytest.mark.usefixtures("project")
def test_unreadable_stack_is_a_problem() -> None:
    """The engine's own error is reported once."""
    findings = list(examine(Sources(Stack("nope"), environ={})))
    assert [finding.topic for finding in findings] == ["python", "package", "sdk", "engine", "host", "stack"]
    assert findings[-1].says.endswith("failed: no stack named 'nope' found")


# ---- the API


def test_rejected_key_is_a_problem(project: Project, well: Api) -> None:
    """The API's error is reported with a fix."""
    project.configure({"enkrypt:apiKey": encrypted(OTHER), "enkrypt:endpoint": well.url})
    access = found()["access"]
    assert not access.ok
    assert "401" in access.says
    assert "pulumi config set --secret enkrypt:apiKey" in access.says


def test_project_of_the_key_is_shown(begin: Begin) -> None:
    """A key of another project sees other registrations."""
    begin(keys={KEY: "acme/prod"})
    assert found()["project"] == Finding("project", "the key belongs to the project prod")


@pytest.mark.parametrize(
    "fault", [Fault(status=404), Fault(status=500), Fault(garbage="html"), Fault(garbage="empty")]
)
def test_unknown_project_is_no_problem(begin: Begin, fault: Fault) -> None:
    """Not every installation of the API has that call."""
    begin(faults=[fault.model_copy(update={"call": "consumer_info"})])
    findings = found()
    assert "project" not in findings
    assert findings["access"].ok


def test_unreachable_api_is_a_problem(project: Project) -> None:
    """It is tried only once, since the user is waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    project.configure({"enkrypt:apiKey": encrypted(KEY), "enkrypt:endpoint": f"http://127.0.0.1:{port}"})
    assert re.search(r"cannot be reached .*; tried once$", found()["access"].says)


def test_embedded_emulator_needs_no_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra `emulator`, an embedded endpoint is a problem."""
    file = project.folder / ".enkrypt" / "emulator.sqlite"
    project.configure({"enkrypt:endpoint": "embedded"})
    assert found()["access"].says.startswith(f"the embedded emulator has no database at {file} yet")
    assert found()["key"].says == "not needed: the embedded emulator accepts any"
    assert not file.parent.exists()
    create_app(file)
    assert found()["access"].says == "the emulator works: no registrations"
    monkeypatch.setattr("enkrypt_provider.settings.find_spec", lambda _name: None)
    says = 'enkrypt:endpoint is embedded, but the emulator is not installed: install the extra "emulator"'
    assert found()["settings"] == Finding("settings", says, ok=False)


@pytest.mark.parametrize(("spoken", "configured"), [("v1", "v2"), ("v2", "v1")])
def test_wrong_dialect_is_a_problem(begin: Begin, spoken: Any, configured: str) -> None:
    """All registrations are written in the other dialect."""
    begin(model("a"), dialect=spoken, settings={"enkrypt:dialect": configured})
    assert found()["written"] == Finding(
        "written",
        f"1 model written in dialect {spoken}, but enkrypt:dialect is {configured}",
        ok=False,
        do=f"pulumi config set enkrypt:dialect {spoken}",
    )


def test_mixed_dialects_are_no_problem(begin: Begin) -> None:
    """The registrations of each dialect are counted."""
    items = [canonical(model("a")), canonical(model("b"))]
    items[1]["model_config"]["model_provider"] = items[1]["model_config"].pop("is_compatible_with")
    begin(faults=[Fault(call="list_models", status=200, body=json.dumps({"models": items}))])
    assert found()["written"] == Finding("written", "1 model written in dialect v1 and 1 model written in dialect v2")


def test_dialect_of_a_list_of_names_is_not_checked(begin: Begin) -> None:
    """A list without details does not show its dialect."""
    begin(model("a"), list_details=False, settings={"enkrypt:dialect": "v2"})
    assert "written" not in found()


# ---- the state


@pytest.mark.usefixtures("well")
def test_state_with_the_same_key_is_no_problem(project: Project) -> None:
    """The provider in the state is compared with the configuration."""
    project.hold(fake_engine.provider(KEY), held())
    assert found()["state"].says == "1 model; registered in this account: 1"
    assert found()["provider"] == Finding("provider", "the state holds the configuration's key")


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize("key", [OTHER, ""])
def test_stale_key_in_the_state_is_a_problem(project: Project, key: str) -> None:
    """By default, `refresh` and `destroy` would use the state's key."""
    project.hold(fake_engine.provider(key), held())
    problem = found()["provider"]
    assert not problem.ok
    assert problem.do == "run `pulumi up`, or run them with --run-program"
    assert (f"fingerprint is {fingerprint(key)};" if key else "state holds no key, unlike") in problem.says


def test_state_without_a_key_uses_the_environment(project: Project, well: Api) -> None:
    """If neither the state nor the configuration has a key, it comes from the environment."""
    project.configure({"enkrypt:endpoint": well.url})
    project.hold(fake_engine.provider(""), held())
    assert found(ENKRYPTAI_API_KEY=KEY)["provider"] == Finding("provider", "the state holds no key")


@pytest.mark.usefixtures("well")
def test_explicit_provider_has_its_own_key(project: Project) -> None:
    """A different key there is no problem; a provider that no model uses is not checked."""
    project.hold(fake_engine.provider(OTHER, "eu"), fake_engine.provider(OTHER, "us"), held(provider="eu"))
    assert found()["provider"] == Finding("provider", f"eu: its key's fingerprint is {fingerprint(OTHER)}")


@pytest.mark.usefixtures("well")
def test_provider_pickled_by_value_is_a_problem(project: Project) -> None:
    """The finding lists models with a provider other than this package's."""
    project.hold(fake_engine.provider(KEY), *(held(f"m{n}", "x" * 576) for n in range(4)), held("good"))
    problem = found()["pickle"]
    assert problem.says.startswith(
        "4 models with a pickled provider other than this package's, 576 characters long (m0, m1, m2 …)"
    )
    assert not problem.ok


def test_model_missing_from_the_account_is_a_problem(project: Project, well: Api) -> None:
    """Such models are counted and listed; external resources are not checked."""
    external = {**held("read"), "external": True}
    project.hold(fake_engine.provider(KEY), held("a", __account=well.url), held("b"), held("gone"), external)
    problem = found()["state"]
    assert (problem.ok, problem.says) == (False, "not in this account: 1 of 3 models in the state (gone/v1)")
    assert problem.do.startswith("run `pulumi refresh`")


def test_model_registered_again_by_somebody_else_is_a_problem(project: Project, well: Api) -> None:
    """Its model_id differs."""
    numbers = dict(listed(well))
    project.hold(fake_engine.provider(KEY), held("a", model_id=numbers["a"]), held("b", model_id=numbers["b"] + 1))
    assert found()["state"].says == "registered again by somebody else: 1 of 2 models in the state (b/v1)"
    assert not found()["state"].ok


def listed(api: Api) -> Iterator[tuple[str, int]]:
    client = EnkryptClient(Settings(Key(KEY), api.url))
    return ((item["model_saved_name"], item["model_id"]) for item in client.list_all(MODEL))


def test_model_of_another_account_is_a_problem(project: Project, well: Api) -> None:
    """The state records its account, so it is not expected in this one."""
    project.hold(
        fake_engine.provider(KEY),
        held("a", __account=well.url),
        held("x", __account="https://eu.example.com"),
        held("y", __account="emulator:1234"),
    )
    accounts = [one for one in examine(Sources(Stack("dev"), environ={})) if one.topic == "account"]
    assert [one.says for one in accounts] == [
        f"1 model registered at https://eu.example.com, not at {well.url} (x/v1)",
        f"1 model registered at another emulator, not at {well.url} (y/v1)",
    ]
    assert found()["state"].says == "3 models; registered in this account: 1"
    assert not accounts[0].ok
    assert accounts[0].do == "`pulumi up` moves it; to keep it, restore the endpoint"


def test_model_of_an_explicit_provider_belongs_to_its_account(project: Project, well: Api) -> None:
    """It is compared with its provider's endpoint, not the configured one."""
    eu = fake_engine.provider(OTHER, "eu")
    eu["inputs"]["enkrypt:endpoint"] = "https://eu.example.com/"
    models = [held(name, provider="eu", __account=f"https://{name}.example.com") for name in ("eu", "us")]
    wrong = fake_engine.provider(OTHER, "wrong")
    wrong["inputs"]["enkrypt:endpoint"] = "nonsense"
    project.hold(eu, wrong, *models, held("w", provider="wrong", __account=well.url), held("old", provider="eu"))
    findings = found()
    assert (
        findings["account"].says
        == "1 model registered at https://us.example.com, not at https://eu.example.com (us/v1)"
    )
    assert findings["state"].says == "not in this account: 1 of 4 models in the state (w/v1)"
    assert findings["endpoint"].says.startswith(well.url)


# ---- policies, deployments, and the native plugin


def test_every_kind_is_checked(project: Project, well: Api) -> None:
    well.add_all()
    others = [held("strict", kind=GUARDRAILS_POLICY), held("gone", kind=DEPLOYMENT)]
    project.hold(fake_engine.provider(KEY), held("a"), *others)
    states = [(one.ok, one.says) for one in examine(Sources(Stack("dev"), environ={})) if one.topic == "state"]
    assert states == [
        (True, "1 model; registered in this account: 1"),
        (True, "1 policy; registered in this account: 1"),
        (False, "not in this account: 1 of 1 deployment in the state (gone)"),
    ]
    assert found()["access"].says == "the key works: 3 models, 1 policy and 1 deployment"
    assert "pickle" not in found()


def test_dangling_reference_of_a_deployment_is_a_problem(project: Project, well: Api) -> None:
    """The list has the deployment's model, and the state also its policies."""
    well.add(GUARDED, kind=DEPLOYMENT)
    assert "names" in found()
    assert found()["names"].says == "deployment support refers to the model gpt-4o/v1: not registered in this account"
    project.hold(fake_engine.provider(KEY), held("support", kind=DEPLOYMENT, **dict[str, Any](GUARDED)))
    assert found()["names"] == Finding(
        "names",
        "deployment support refers to the model gpt-4o/v1 and the policy strict: not registered in this account",
        ok=False,
        do="register it, or change the deployment to use another",
    )
    well.add(model("gpt-4o"))
    well.add(POLICY, kind=GUARDRAILS_POLICY)
    assert "names" not in found()


def native(name: str, **outputs: Any) -> list[Any]:
    """Return a model of the native plugin in the state, and its provider."""
    owner = {**fake_engine.provider(""), "type": "pulumi:providers:enkrypt", "inputs": {"apiKey": KEY}}
    owner["urn"] = fake_engine.urn(owner["type"], "default_0_2_0")
    type_ = type_of(MODEL, is_native=True)
    urn = fake_engine.urn(type_, name)
    return [
        owner,
        {"urn": urn, "id": f"{name}/v1", "type": type_, "outputs": outputs, "provider": owner["urn"] + "::1"},
    ]


def test_native_state_is_checked(project: Project, well: Api) -> None:
    """It uses the package's names. It has no pickle, but needs a plugin that the engine finds."""
    numbers = dict(listed(well))
    project.hold(*native("a", modelId=numbers["a"] + 1, __account=well.url))
    findings = found()
    assert findings["state"].says == "registered again by somebody else: 1 of 1 model in the state (a/v1)"
    assert findings["provider"] == Finding("provider", "the state holds the configuration's key")
    assert "pickle" not in findings
    assert not findings["plugin"].ok


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("plugins", "ok", "says"),
    [
        ([], False, "not found: the state's registrations need it"),
        ([("resource", __version__)], True, f"{__version__}, installed"),
        ([("language", __version__)], False, "not found: the state's registrations need it"),
        ([("resource", "0.0.9")], False,
         f"version 0.0.9 is installed, but this package is {__version__}: the state's registrations need it"),
    ],
)  # fmt: skip
def test_plugin_must_be_installed(project: Project, plugins: list[tuple[str, str]], ok: bool, says: str) -> None:
    """If this package's version is not installed, the fix is the command that installs it."""
    project.hold(*native("a"))
    project.plugins = [{"kind": kind, "name": "enkrypt", "version": version} for kind, version in plugins]
    assert found()["plugin"] == Finding("plugin", says, ok, "" if ok else "run `enkrypt-provider plugin install`")


@pytest.mark.usefixtures("well")
def test_plugin_folder_in_pulumi_yaml(project: Project) -> None:
    """The folder must contain the plugin."""
    project.hold(*native("a"))
    file = project.folder / "Pulumi.yaml"
    named = {"plugins": {"providers": [{"name": "enkrypt", "path": "bin"}]}}
    file.write_text(file.read_text() + yaml.safe_dump(named))
    assert found()["plugin"].says == "bin, from Pulumi.yaml: contains no pulumi-resource-enkrypt"
    (project.folder / "bin" / "pulumi-resource-enkrypt").touch()
    assert found()["plugin"] == Finding("plugin", "bin, from Pulumi.yaml")


@pytest.mark.usefixtures("well")
def test_plugin_on_path_is_found(project: Project) -> None:
    """The engine searches PATH too."""
    project.hold(*native("a"))
    program = project.folder / "bin" / "pulumi-resource-enkrypt"
    program.touch()
    program.chmod(0o755)
    assert found()["plugin"] == Finding("plugin", f"{__version__}, on PATH")


@pytest.mark.usefixtures("well")
def test_unreadable_state_is_a_problem(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier findings are still reported."""
    monkeypatch.setattr(project, "export", lambda: "nonsense")
    assert not found()["state"].ok
    assert found()["access"].ok


# ---- the command


@pytest.mark.usefixtures("well")
def test_doctor_prints_lines_json_or_a_table(typed: Type, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding is a tab-separated line, a JSON object, or wrapped at 80 columns; a problem is exit code 1."""
    ran = typed("doctor", "--stack", "dev")
    assert ran.code == 0
    assert {line.split("\t")[0] for line in ran.out.splitlines()} == {"ok"}

    project.hold(fake_engine.provider(OTHER), held())
    ran = typed("doctor", "--stack", "dev")
    assert ran.code == 1
    (problem,) = (line.split("\t") for line in ran.out.splitlines() if not line.startswith("ok\t"))
    assert problem[:2] == ["problem", "provider"]
    assert problem[3] == "run `pulumi up`, or run them with --run-program"

    ran = typed("doctor", "--stack", "dev", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["ok"]) == (1, False)
    assert [one["topic"] for one in document["findings"] if not one["ok"]] == ["provider"]

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ran = typed("doctor", "--stack", "dev")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert max(map(len, lines)) <= 80
    assert any(line.strip() == "-> run `pulumi up`, or run them with --run-program" for line in lines)
    assert OTHER not in ran.text


def test_cli_page_lists_every_finding() -> None:
    """docs/cli.md lists the checks of `doctor`."""
    section = (ROOT / "docs" / "cli.md").read_text().partition("\n## doctor\n")[2].partition("\n## ")[0]
    for topic in [*USUAL, "provider", "pickle", "account", "names", "plugin"]:
        assert f"`{topic}`" in section
