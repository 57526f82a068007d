"""app.py: the commands and their output."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import typer
from documents import canonical, everything

import enkrypt_provider
import enkrypt_provider.__main__ as start_up
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.cli import commands, printing
from enkrypt_provider.emulator import Fault
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Settings

from .fake_engine import Project
from .typing_commands import KEY, POLICY, Api, Begin, Start, Type, Typed, model

ROOT = Path(__file__).resolve().parents[2]
WHOLE = {name: value for name, value in everything().items() if name not in MODEL.options}
COMMANDS: dict[str, Any] = typer.main.get_command(commands).commands  # type: ignore[attr-defined]  # missing from the stubs
API_COMMANDS = [name for name in COMMANDS if name not in ("plugin", "serve")]


@dataclass(frozen=True)
class Account:
    """Runs commands on one account, whose key is in the environment."""

    api: Api
    type: Type

    def __call__(self, *words: str) -> Typed:
        return self.type(*words, "--endpoint", self.api.url)


Registered = Callable[..., Account]


@pytest.fixture
def registered(start: Start, typed: Type, monkeypatch: pytest.MonkeyPatch) -> Registered:
    """Registers these models, or one of every kind, in an emulator with these options."""
    monkeypatch.setenv("ENKRYPTAI_API_KEY", KEY)

    def begin(*models: Any, every_kind: bool = False, **options: Any) -> Account:
        api = start(**options)
        api.add(*models)
        if every_kind:
            api.add_all()
        return Account(api, typed)

    return begin


# ---- list


@pytest.mark.parametrize("details", [True, False])
def test_list_prints_one_line_per_registration(registered: Registered, details: bool) -> None:
    """In a pipe each registration is one tab-separated line, whether or not the list has its details."""
    typed = registered(model("b"), WHOLE, model("a", model_config__endpoint__scheme="http"), list_details=details)
    listed = typed("list")
    assert listed.code == 0
    assert [re.sub(r"\d{9,}", "ID", line).split("\t") for line in listed.out.splitlines()] == [
        ["Test_Model", "1", "mistralai/Mixtral-8x7B-Instruct-v0.1", "openai", "http://llm.internal:8000/v2",
         "Internal", "Chatbot", "ID", "model"],
        ["a", "v1", "", "openai", "http://h", "External", "LLM", "ID", "model"],
        ["b", "v1", "", "openai", "https://h", "External", "LLM", "ID", "model"],
    ]  # fmt: skip


LINES = [
    ["gpt-4o", "v1", "", "openai", "https://h", "External", "LLM", "ID", "model"],
    ["strict", "pii", "For everyone.", "ID", "policy"],
    ["support", "gpt-4o/v1", "strict", "strict (off)", "ID", "deployment"],
]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], LINES),
        (["policies"], LINES[1:2]),
        (["Deployment", "model"], [LINES[2], LINES[0]]),
        (["models"], LINES[:1]),
        (["--name", "s?pport", "--name", "gpt-*"], [LINES[0], LINES[2]]),
    ],
)
def test_list_prints_every_kind(registered: Registered, words: list[str], shown: list[list[str]]) -> None:
    """Each requested registration is one line with the columns of its kind; in JSON the kind comes first."""
    typed = registered(every_kind=True)
    listed = typed("list", *words)
    assert [re.sub(r"\d{9,}", "ID", line).split("\t") for line in listed.out.splitlines()] == shown
    found = json.loads(typed("list", *words, "--json").out)
    assert [(next(iter(one)), one["kind"]) for one in found] == [("kind", line[-1]) for line in shown]


def test_list_on_a_terminal_prints_a_table_per_kind(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each table has a heading, unless there is only one kind; 60 columns are enough."""
    typed = registered(every_kind=True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = plain(typed("list").out)
    assert [line.split()[0] for line in lines if line and line[0].isupper()] == [
        "Models", "NAME", "Policies", "NAME", "Deployments", "NAME",
    ]  # fmt: skip
    assert lines[-1].split() == ["support", "gpt-4o/v1", "strict", "strict", "(off)"]
    assert max(map(len, lines)) <= 60
    assert plain(typed("list", "policies").out)[0].split()[0] == "NAME"


def test_list_json_has_everything_except_keys(registered: Registered) -> None:
    """JSON has every field, with `***` for each key."""
    typed = registered(WHOLE)
    (found,) = json.loads(typed("list", "--json").out)
    assert found["model_config"]["apikeys"] == ["***", "***"]
    assert found["project_name"] == "default"
    assert found["model_config"]["metadata"]["owner"] == {"team": ["ml", "platform"]}


def test_list_reports_unreadable_registrations_after_the_others(registered: Registered) -> None:
    """One registration that cannot be read does not hide the others."""
    typed = registered(
        model("a"),
        model("b"),
        model("c"),
        list_details=False,
        faults=[Fault(call="get_model", model="b", status=403)],
    )
    listed = typed("list")
    assert [line.split("\t")[0] for line in listed.out.splitlines()] == ["a", "c"]
    assert listed.err.startswith("error: read b/v1: 403")
    assert listed.code == 1


def test_list_reports_an_invalid_item(registered: Registered) -> None:
    """An item that breaks the API's contract is reported by name, and does not hide the others."""
    items = [{**canonical(model("odd")), "model_name": ["x"]}, canonical(model("a"))]
    body = json.dumps({"models": items})
    typed = registered(faults=[Fault(call="list_models", status=200, body=body)])
    listed = typed("list")
    assert listed.out.startswith("a\tv1\t")
    assert re.fullmatch("error: odd/v1: .* model_name: must be a string\n", listed.err)


def test_list_shows_a_placeholder_for_a_curl_command(registered: Registered) -> None:
    """A model without an endpoint has no address, and its curl command is secret."""
    body = model("a", model_config__custom_curl_command="curl https://sk", model_config__is_compatible_with="custom")
    del body["model_config"]["endpoint"]
    typed = registered(body, dialect="v2")
    assert "\ta custom curl command\t" in typed("list", "--dialect", "v2").out
    assert "curl https" not in typed("show", "a", "--dialect", "v2").out


def test_list_table_fits_the_terminal(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns the table has the columns that fit, on a wide one it has all."""
    typed = registered(WHOLE)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    narrow = typed("list").out
    monkeypatch.setenv("COLUMNS", "160")
    wide = typed("list").out
    assert plain(narrow)[0].split() == ["NAME", "VERSION", "PROTOCOL", "ENDPOINT", "TESTING", "FOR"]
    assert {"HOSTING", "MODEL"} <= set(plain(wide)[0].split())
    assert all(len(line) <= 80 for line in plain(narrow))


def test_narrow_table_drops_and_folds_columns(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 columns the main columns are not folded; at 36 they are folded, never cut."""
    typed = registered(
        model("support-copilot", model_config__model_version="2024-08-06", model_config__endpoint__host="a.example")
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert plain(typed("list").out)[1].split() == [
        "support-copilot", "2024-08-06", "openai", "https://a.example",
    ]  # fmt: skip
    monkeypatch.setenv("COLUMNS", "36")
    header, *rows = plain(typed("list").out)
    edges = [header.index(name) for name in ("NAME", "VERSION", "ENDPOINT")] + [36]
    cells = ["".join(row[start:end].strip() for row in rows) for start, end in itertools.pairwise(edges)]
    assert cells == ["support-copilot", "2024-08-06", "https://a.example"]
    assert max(map(len, rows)) <= 36


def test_empty_list_prints_a_message_on_a_terminal_only(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe, an empty list prints nothing."""
    typed = registered()
    assert typed("list") == Typed(0, "", "")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert typed("list").out == f"No registration was found at {typed.api.url}.\n"
    assert typed("list", "--name", "a*", "--name", "b").out == "No registration matches a* or b.\n"
    assert typed("list", "policies").out == f"No policy was found at {typed.api.url}.\n"
    assert typed("list", "policies", "deployments").out == f"No policy or deployment was found at {typed.api.url}.\n"


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()


# ---- show, health


@pytest.mark.parametrize("name", ["Test_Model:1", "Test_Model/1"])
def test_show_prints_everything_except_keys(registered: Registered, name: str) -> None:
    """In a pipe each value is one line: path, tab, value."""
    typed = registered(WHOLE)
    shown = typed("show", name)
    values = dict(line.split("\t") for line in shown.out.splitlines())
    assert values["model_config.apikeys[1]"] == "***"
    assert values["model_config.metadata.owner.team[0]"] == "ml"
    assert values["model_config.default_request_options.stop[0]"] == " "  # always one line
    assert values["project_name"] == "default"
    assert "stand-in" not in shown.text


SECRETS = {
    "aws_secret_access_key": "stand-in-aws",
    "relay": {"target_headers": {"X-A": "stand-in-relay"}},
    "pin_token": 0.917253,
}


@pytest.mark.parametrize("words", [["show", "a"], ["show", "a", "--json"], ["list", "--json"], ["list"]])
@pytest.mark.parametrize("sees", [True, False])
def test_values_with_secret_names_are_not_shown(
    registered: Registered, monkeypatch: pytest.MonkeyPatch, words: list[str], sees: bool
) -> None:
    """Cloud keys in free-form maps are as secret as a model's own keys."""
    typed = registered(model("a", model_config__metadata={**SECRETS, "region": "eu"}))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: sees)
    ran = typed(*words)
    assert ran.code == 0
    assert not any(text in ran.text for text in ("stand-in", "917253"))


def test_name_alone_means_the_only_version_or_v1(registered: Registered) -> None:
    """A name alone selects the only version, or v1 among several; without a v1, the error lists the versions."""
    typed = registered(
        *(
            model(name, model_config__model_version=version)
            for name, version in [("one", "7"), ("two", "v1"), ("two", "2"), ("many", "b"), ("many", "a")]
        )
    )
    shown = [json.loads(typed("show", name, "--json").out) for name in ("one", "two")]
    assert [one["model_config"]["model_version"] for one in shown] == ["7", "v1"]
    assert typed("health", "one") == Typed(0, "one/7: healthy\n", "")
    assert typed("show", "many") == Typed(1, "", "error: many has the versions a, b: use many:VERSION\n")


def test_show_prints_yaml_on_a_terminal_and_json_on_request(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets YAML; `--json` prints the same as JSON."""
    typed = registered(model("a", "sk-1", model_config__endpoint__base_path="/v1"))
    shown = json.loads(typed("show", "a", "--json").out)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = typed("show", "a").out
    assert shown["model_config"]["apikeys"] == ["***"]
    assert "  endpoint: {scheme: https, host: h, port: 443, base_path: /v1}\n" in text
    assert "sk-1" not in text


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (["gpt-4o"], "model", "gpt-4o"),
        (["strict"], "policy", "strict"),
        (["support"], "deployment", "support"),
        (["both"], "model", "both"),
        (["policies", "both"], "policy", "both"),
        (["policy", "a:b"], "policy", "a:b"),
    ],
)
def test_show_finds_a_name_among_all_kinds(registered: Registered, words: list[str], kind: str, name: str) -> None:
    """If several kinds have the name, the kind before it selects one; by default, models come first."""
    typed = registered(every_kind=True)
    typed.api.add(model("both"))
    typed.api.add({**POLICY, "name": "both"}, {**POLICY, "name": "a:b"}, kind=GUARDRAILS_POLICY)
    shown = json.loads(typed("show", *words, "--json").out)
    assert (shown["kind"], shown.get("name", shown.get("model_saved_name"))) == (kind, name)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["show", "deployment", "strict"],
            'no deployment strict is registered with this account; did you mean the policy "strict"?',
        ),
        (
            ["health", "suport"],
            'no model suport is registered with this account; did you mean the deployment "support"?',
        ),
        (
            ["show", "gpt-4"],
            "no model, policy or deployment gpt-4 is registered with this account; "
            'did you mean the model "gpt-4o/v1"?',
        ),
        (["show", "policy", "xyz"], "no policy xyz is registered with this account"),
    ],
)
def test_missing_name_suggests_the_nearest_of_all_kinds(registered: Registered, words: list[str], says: str) -> None:
    """The suggestion also corrects a wrong kind."""
    typed = registered(every_kind=True)
    assert typed(*words) == Typed(1, "", f"error: {says}\n")


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "a"], ["show", "a", "--json"]])
def test_secrets_are_hidden_in_every_field(registered: Registered, words: list[str]) -> None:
    """This covers a model's key repeated in another field, and a string that looks like a key."""
    key, token = "stand-in-4f7a1b-of-a-model", f"sk-{'a1' * 12}"
    repeated = model("a", key, model_name=f"by {key}", model_config__endpoint__base_path=f"/{token}")
    found = registered(repeated)(*words)
    assert (found.code, key in found.out, token in found.out) == (0, False, False)
    assert found.out.count("***") >= 2


def test_health_reports_the_reason_without_keys(registered: Registered) -> None:
    """An unhealthy model is exit code 1, and the reason hides the keys with which the API called the model."""
    ill = '{"status": "unhealthy", "message": "401 for key sk-of-the-model"}'
    typed = registered(model("a", "sk-of-the-model"), faults=[Fault(call="model_health", status=200, body=ill)])
    found = typed("health", "a")
    assert (found.code, found.out) == (1, "a/v1: unhealthy: 401 for key ***\n")
    asked = typed("health", "a", "--json")
    assert json.loads(asked.out) == {"model": "a/v1", "healthy": False, "reason": "unhealthy: 401 for key ***"}


# ---- the command line itself


def test_version_option(typed: Type) -> None:
    assert typed("--version") == Typed(0, f"enkrypt-provider {enkrypt_provider.__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["list"]])
def test_help_has_a_short_option(typed: Type, words: list[str]) -> None:
    assert typed(*words, "-h") == typed(*words, "--help")


@pytest.mark.parametrize(
    "start", [["-m", "enkrypt_provider"], ["-c", "from enkrypt_provider.cli import main; main()"]]
)
def test_completion_is_registered_for_the_command_name(start: list[str], tmp_path: Path) -> None:
    """Completion registered for `python` would break the user's shell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    # Run by a shell: the completion's script depends on the parent process.
    shell = ["bash", "-c", '"$@"; exit', "bash", sys.executable, *start, "--install-completion"]
    subprocess.run(shell, env=environment, capture_output=True, check=True)
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert re.findall("^complete .*", script.read_text(), re.MULTILINE) == [
        "complete -o default -F _enkrypt_provider_completion enkrypt-provider"
    ]


@pytest.mark.parametrize("words", [["list"], ["show", "a"], ["health", "a"], ["doctor"]])
def test_reading_commands_create_no_database(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """In the wrong folder, no emulator database is created, and the message says where it was expected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = typed(*words, "--endpoint", "embedded")
    assert f"the embedded emulator has no database at {tmp_path}/.enkrypt/emulator.sqlite yet" in ran.text
    assert list(tmp_path.iterdir()) == []


def test_embedded_database_is_relative_to_the_project(
    project: Project, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below the project, commands see the same registrations as the engine."""
    project.configure({"enkrypt:endpoint": "embedded:state/api.db"})
    settings = Settings.from_config({"enkrypt:endpoint": f"embedded:{project.folder}/state/api.db"}.get)
    client = EnkryptClient(settings)
    client.add(MODEL, codec.body(MODEL, canonical(model("a"))), Identifier("a", "v1"))
    monkeypatch.chdir(project.folder / "stacks")
    assert typed("list", "--stack", "dev").out.startswith("a\tv1\t")


@pytest.mark.parametrize("command", API_COMMANDS)
def test_no_command_has_an_option_for_the_key(command: str) -> None:
    """Everyone on the machine could read a key on the command line."""
    options = [option for parameter in COMMANDS[command].params for option in parameter.opts]
    assert not [option for option in options if "key" in option]


@pytest.mark.parametrize(
    "words",
    [
        ["lst"],
        ["show"],
        ["health", "a", "b"],
        ["import", "--stak", "x"],
    ],
)
def test_invalid_command_line_is_exit_code_2(typed: Type, words: list[str]) -> None:
    """The error is on stderr, and nothing is done."""
    found = typed(*words)
    assert (found.code, found.out) == (2, "")
    assert "Usage: " in found.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "list polices",
            "KIND: polices is not a kind of registration: use one of models, policies, deployments; "
            'did you mean "policies"?',
        ),
        ("plugin remove", "the action: must be install"),
        ("import --python my-models.py", "--python: must be an identifier and .py, such as imported.py"),
        ("import --python models.txt", "--python: must be an identifier and .py, such as imported.py"),
        ("show a b", "KIND: a is not a kind of registration: use one of models, policies, deployments"),
        ("show policy a b", "NAME: give one name, optionally with its kind before it"),
        ("list --dialect v22", "'--dialect': must be one of v1, v2; did you mean \"v2\"?"),
        ("serve --port 65536", "'--port': must be a whole number from 0 to 65535"),
        ("serve --seed x", "'--seed': must be a whole number from 0 to 1000000000"),
        ("serve --lockout -1", "'--lockout': must be a whole number from 0 to 86400"),
        ("serve --rt-rate x", "--rt-rate: must look like 3/s,100/min; the units are s, min and h"),
        ("serve --fault add_model:status=x", "--fault: status: must be a whole number"),
        ("serve --fault add_model:delay=x", "--fault: delay: must be a number"),
        ("serve --fault add:status=500", "--fault: call: must be one of add_model, get_model, "),
        ("serve --fault add_model:state=503", "--fault: state: is not a known field"),
        ("serve --fault add_model", "--fault: has no effect; set one of status, "),
        ("serve --fault add_model:", "--fault: has no effect; set one of status, "),
        ("serve --fault add_model:delay=-1", "--fault: delay: must be 0 or more"),
        ("serve --fault add_model:status=500,probability=2", "--fault: probability: must be 1 or less"),
        ("serve --fault status=503", "--fault: call: must be one of add_model, get_model, "),
        ("serve --key stand-in-key-alone", "--key: a key is given as KEY=ACCOUNT"),
        ("serve --quirks host,hosts", "--quirks: unknown quirk 'hosts'; the quirks are host, slash, "),
    ],
)
def test_invalid_option_value_has_a_plain_message(typed: Type, words: str, says: str) -> None:
    """The message has the option and the rule, but no wording of the libraries."""
    found = typed(*words.split())
    assert (found.code, found.out) == (2, "")
    assert found.err.splitlines()[-1].startswith(f"Error: Invalid value for {says}")
    assert not any(text in found.err for text in ("Value error", "Input should", "range", "stand-in"))


@pytest.mark.parametrize("option", ["--stack", "--endpoint", "--dialect"])
@pytest.mark.parametrize("command", ["list", "doctor", "import"])
def test_empty_option_value_is_refused(typed: Type, command: str, option: str) -> None:
    """`--stack "$STACK"` with an unset variable must not fall back to the environment's account."""
    found = typed(command, option, "")
    assert (found.code, found.out) == (2, "")
    assert f"Invalid value for '{option}" in found.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_library_type_names(typed: Type, command: str) -> None:
    """Each option describes its value in its own word."""
    shown = typed(command, "--help").out
    assert not re.search(r"\b(TEXT|INTEGER|FLOAT|PATH|RANGE)\b|<=|<\w+|[{}]|\[\[", shown)


@pytest.mark.parametrize("command", API_COMMANDS)
def test_help_shows_examples(typed: Type, command: str) -> None:
    """Each command's help has examples, in lines of at most 100 characters."""
    shown = typed(command, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"enkrypt-provider {command} " in shown.out.partition("Examples:")[2]
    assert all(len(line) <= 100 for line in shown.out.splitlines())


@pytest.mark.parametrize("command", API_COMMANDS)
def test_help_examples_can_be_parsed(command: str) -> None:
    for words in examples(command):
        COMMANDS[command].make_context(command, words[1:], resilient_parsing=False)


def examples(command: str) -> Iterator[list[str]]:
    for line in COMMANDS[command].help.splitlines():
        _, found, words = line.partition("enkrypt-provider ")
        if found:
            yield shlex.split(words.partition(" | ")[0].partition(" && ")[0])


def test_missing_settings_error_says_what_to_set(typed: Type) -> None:
    """It is one line on stderr, with exit code 1."""
    found = typed("list")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("error: no API key: add --stack NAME")
    assert found.err.count("\n") == 1


def test_stack_option_reads_the_settings_of_the_stack(begin: Begin, typed: Type) -> None:
    """With --stack the key and the endpoint come from its configuration, and options override them."""
    begin(model("a"))
    assert typed("list", "--stack", "dev").out.startswith("a\tv1\t")
    assert "must be https" in typed("list", "--stack", "dev", "--endpoint", "http://example.com").err
    assert typed("list", "--stack", "dev", "--dialect", "v2").code == 0
    assert "no stack named 'nope' found" in typed("list", "--stack", "nope").err


def test_missing_key_of_a_stack_is_set_in_that_stack(project: Project, typed: Type) -> None:
    """Another stack may be selected."""
    project.configure({})
    assert "`pulumi config set --secret enkrypt:apiKey --stack dev`" in typed("list", "--stack", "dev").err


@pytest.mark.usefixtures("project")
def test_stack_names_are_completed() -> None:
    from enkrypt_provider.cli.options import stacks

    (Path("stacks") / "Pulumi.prod.yaml").touch()
    assert stacks("") == ["dev", "prod"]
    assert stacks("p") == ["prod"]


def test_plugin_install_installs_a_launcher_with_this_python(typed: Type, project: Project) -> None:
    ran = typed("plugin", "install")
    version = enkrypt_provider.__version__
    assert (ran.code, ran.out) == (0, f"pulumi-resource-enkrypt {version} is installed\n")
    launcher = project.folder / f"enkrypt-{version}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([launcher], stdout=subprocess.PIPE, text=True, env=environment) as plugin:
        assert plugin.stdout is not None
        port = int(plugin.stdout.readline())
        plugin.terminate()
    assert 0 < port < 65536


def test_interactive_requires_a_terminal_for_input_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt needs both: to be seen, and to be answered."""
    for types, sees, expected in [(True, True, True), (False, True, False), (True, False, False)]:
        monkeypatch.setattr(sys.stdin, "isatty", lambda is_one=types: is_one)
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_one=sees: is_one)
        assert printing.is_interactive() is expected


# ---- the documents


OPTION = re.compile(r"^\| (`--[^|]*) \|", re.MULTILINE)


@pytest.mark.parametrize("command", API_COMMANDS)
def test_cli_page_has_every_option_and_example(command: str) -> None:
    """docs/cli.md lists the same options and examples for each command as its help."""
    text = (ROOT / "docs" / "cli.md").read_text()
    common, section = (
        text.partition("## Which account")[2].partition("\n## ")[0],
        text.partition(f"\n## {command}\n")[2],
    )
    section = section.partition("\n## ")[0]
    said = {option for row in OPTION.findall(section + common) for option in re.findall(r"`(-[^`]*)`", row)}
    there = {option for parameter in COMMANDS[command].params for option in parameter.opts if option.startswith("-")}
    assert said - {"--stack", "-s"} == there - {"--stack", "-s", "--help"}
    for line in COMMANDS[command].help.splitlines():
        if line.strip().startswith("enkrypt-provider "):
            assert f"\n{line.strip()}\n" in section


def test_cli_page_has_every_command_and_exit_code() -> None:
    """docs/cli.md lists the commands in the order of the help, and explains each exit code in the same words."""
    text = (ROOT / "docs" / "cli.md").read_text()
    assert re.findall(r"^\| \[`(\w+)`\]", text, re.MULTILINE) == list(COMMANDS)
    codes = {code: " ".join(says.split()) for code, says in re.findall(r"^\| (\d) \| (.*) \|$", text, re.MULTILINE)}
    help_text = typer.main.get_command(commands).help.partition("Exit codes:")[2]  # type: ignore[union-attr]  # missing from the stubs
    found = {
        code: " ".join(says.split()) for code, says in re.findall(r"(?ms)^ *(\d)  (.*?)(?=^ *\d  |\Z)", help_text)
    }
    assert codes == found
    assert list(codes) == ["0", "1", "2"]


# ---- output


@pytest.mark.parametrize(("words", "begins"), [([], b"gpt-4o\tv1\t\\xe9\\u540d\t"), (["--json"], b"[\n  {\n")])
def test_unencodable_characters_are_escaped(
    registered: Registered, monkeypatch: pytest.MonkeyPatch, words: list[str], begins: bytes
) -> None:
    """In a pipe on Windows, or with `LC_ALL=C`, every registration is still printed, and JSON stays valid."""
    typed = registered(model("gpt-4o", model_name="é名"))
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii", write_through=True))
    assert typed("list", *words).code == 0
    assert written.getvalue().startswith(begins)
    if words:
        assert json.loads(written.getvalue())[0]["model_name"] == "é名"


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "gpt-4o"], ["doctor"]])
def test_output_can_be_closed(registered: Registered, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """A command run with `>&-` still works."""
    typed = registered(model("gpt-4o"))
    monkeypatch.setattr(sys, "stdout", None)
    assert typed(*words).code == 0


def test_operating_system_error_is_one_line(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a deleted folder is not a bug, so there is no traceback."""

    def full(_: object) -> None:
        raise OSError(28, "No space left on device", "models.json")

    monkeypatch.setattr(printing, "print_json", full)
    ended = registered()("list", "--json")
    assert (ended.code, ended.err) == (1, "error: models.json: No space left on device\n")


# ---- missing extras


PASTED = r" is not installed: run `pip install 'enkrypt-provider\[cli,emulator\] @ file://\S+'`"


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("typer", f"typer{PASTED}"),
        ("rich", f"rich{PASTED}"),
        ("flask", 'enkrypt:endpoint is embedded, but the emulator is not installed: install the extra "emulator"'),
    ],
)
def test_missing_extra_error_says_how_to_install_it(missing: str, line: str, tmp_path: Path) -> None:
    """`enkrypt-provider` without an extra exits with code 1 and prints a command to paste."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{missing!r}] = None")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-m", "enkrypt_provider", "list", "--endpoint", "embedded"]
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert re.fullmatch(f"error: {line}\n", ran.stderr)


class Installed:
    """A distribution that pip installed from somewhere."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._origin is None else json.dumps(self._origin)


@pytest.mark.parametrize(
    ("origin", "where"),
    [
        (None, ""),
        ({"url": "file:///src/enkrypt", "dir_info": {"editable": True}}, " @ file:///src/enkrypt"),
        ({"url": "https://a/b.git", "vcs_info": {"vcs": "git", "commit_id": "12ab"}}, " @ git+https://a/b.git@12ab"),
    ],
)
def test_extra_is_installed_from_the_source_of_the_package(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, where: str
) -> None:
    """The command installs this package, not another one with the same name."""
    monkeypatch.setattr(start_up, "distribution", lambda _name: Installed(origin))
    assert start_up.requirement() == f"enkrypt-provider[cli,emulator]{where}"


def test_extra_of_a_checkout_is_installed_from_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that was never installed is installed from its own folder."""

    def nothing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(start_up, "distribution", nothing)
    assert start_up.requirement() == f"enkrypt-provider[cli,emulator] @ {ROOT.as_uri()}"


@pytest.mark.parametrize(("missing", "is_extra"), [("rich", True), ("flask", True), ("antigravity_2", False)])
def test_only_modules_of_extras_are_reported(monkeypatch: pytest.MonkeyPatch, missing: str, is_extra: bool) -> None:
    """Any other missing module is a bug, and keeps its traceback."""

    def run() -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("enkrypt_provider.cli.main", run)
    with pytest.raises(SystemExit if is_extra else ModuleNotFoundError, match=f"{missing} is not inst|No module"):
        start_up.main()
