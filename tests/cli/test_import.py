"""The command `import`: its plan, its steps and its output, with a fake engine."""

from __future__ import annotations

import fcntl
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from documents import everything
from typer.testing import CliRunner

from enkrypt_provider.cli import commands, import_plan, printing
from enkrypt_provider.cli.stack import revealed, type_of
from enkrypt_provider.emulator import Fault
from enkrypt_provider.errors import ConfigurationError
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS

from . import fake_engine
from .fake_engine import Project, encrypted
from .typing_commands import GUARDED, KEY, POLICY, Begin, Start, Type, Typed, model

TYPE = type_of(MODEL)
FILE = Path("enkrypt-import.json")
WHOLE = {name: value for name, value in everything().items() if name not in MODEL.options}
WHOLE["model_config"] = {**WHOLE["model_config"], "default_request_options": {}}  # see `obstacle`


def at_a_terminal(typed: str, *words: str) -> Typed:
    """Run the command at a terminal, with these replies to its prompts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "is_interactive", lambda: True)
        ran = CliRunner().invoke(commands, ["import", *words], input=typed, env={"COLUMNS": "80"})
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Typed(ran.exit_code, ran.stdout, ran.stderr)


def resources(file: Path = FILE) -> dict[str, Any]:
    """Return the resources in an import file, by name."""
    return {entry["name"]: entry for entry in json.loads(file.read_text())["resources"]}


def keys(entry: Mapping[str, Any]) -> Any:
    return revealed(entry["inputs"]["model_config"]["apikeys"])


# ---- a whole import


def test_import_writes_entries_secrets_and_a_file(begin: Begin, project: Project, typed: Type) -> None:
    """One command declares every model, sets its keys, writes the file, and prints the next commands."""
    begin(WHOLE, model("b", "sk-b"), model("c"))
    ran = typed("import", "--stack", "dev")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[1:] == [
        "Set 3 secrets of stack dev: enkrypt:Test_Model_apikey, enkrypt:Test_Model_apikey_2, enkrypt:b_apikey.",
        "Declared 3 models in the catalogue of Pulumi.dev.yaml.",
        "Wrote enkrypt-import.json, readable only by you: it holds keys in the clear. Delete it afterwards.",
        "",
        "Next:",
        "  pulumi import --file enkrypt-import.json --generate-code=false --yes --stack dev",
        "  rm enkrypt-import.json",
        "  pulumi up --expect-no-changes --stack dev",
    ]
    assert project.config()["enkrypt:b_apikey"] == encrypted("sk-b")
    entries = project.config()["enkrypt:models"]
    assert list(entries) == ["Test_Model", "b", "c"]
    assert entries["b"] == model("b", {"secret": "b_apikey"})
    assert entries["c"] == {key: value for key, value in model("c").items() if key != "model_config"} | {
        "model_config": {"is_compatible_with": "openai", "endpoint": {"host": "h"}}
    }
    assert {name: (entry["type"], entry["id"]) for name, entry in resources().items()} == {
        "Test_Model": (TYPE, "Test_Model/1"), "b": (TYPE, "b/v1"), "c": (TYPE, "c/v1"),
    }  # fmt: skip
    assert keys(resources()["Test_Model"]) == ["stand-in-key-1", "stand-in-key-2"]
    assert not any(key in ran.text for key in ("sk-b", "stand-in"))
    assert not any(key in command for key in ("sk-b", "stand-in") for command in project.ran)


def test_next_steps_begin_by_putting_the_engine_on_path(
    begin: Begin, project: Project, typed: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The installed engine is used, and the printed commands can be pasted."""
    begin(model("a", "sk-a"), mask_apikeys=True)
    project.move_engine(tmp_path / "enkrypt-provider" / "engine" / "3.274.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    export = f'  export PATH="{tmp_path}/enkrypt-provider/engine/3.274.1/bin:$PATH"'
    assert typed("import").out.splitlines()[2] == export
    project.configure({**project.config(), "enkrypt:a_apikey": encrypted("sk-a")})
    assert typed("import").out.partition("\nNext:\n")[2].splitlines()[0] == export


def test_import_file_is_private(begin: Begin, typed: Type, tmp_path: Path) -> None:
    """Only its owner can read it, even if it replaces a file that all could read, or a link."""
    begin(model("a", "sk-a"))
    FILE.write_text("before")
    FILE.chmod(0o644)
    typed("import")
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
    other = tmp_path / "other"
    other.write_text("")
    link = Path("link.json")
    link.symlink_to(other)
    typed("import", "--out", "link.json")
    assert not link.is_symlink()
    assert other.read_text() == ""


def test_second_run_changes_nothing_and_writes_the_same_file(begin: Begin, project: Project, typed: Type) -> None:
    """It reuses declarations and secrets until the state has the registrations."""
    begin(model("a", "sk-a"), model("b", "sk-b"))
    typed("import")
    before, document = project.config(), resources()
    ran = typed("import")
    assert ran.code == 0
    assert "Set " not in ran.out
    assert "Declared " not in ran.out
    assert (project.config(), resources()) == (before, document)

    typed("import", "--run")
    ran = typed("import")
    assert ran.out.splitlines()[0].endswith(": 2 models, 2 in its state.")
    assert ran.out.splitlines()[1:] == ["There is nothing to import."]


def test_two_imports_into_a_project_do_not_meet(begin: Begin, project: Project, typed: Type) -> None:
    """Neither the engine nor an import writes the stack's file in one step."""
    begin(model("a", "sk-a"))
    with Path("Pulumi.yaml").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ran = typed("import", "--stack", "dev")
        assert (ran.code, "another import into this project is running" in ran.err) == (1, True)
        assert "enkrypt:models" not in project.config()
    assert typed("import", "--stack", "dev").code == 0


def test_run_option_writes_no_import_file(begin: Begin, project: Project, typed: Type) -> None:
    """With --run the engine imports from a pipe, and its output is shown."""
    begin(model("a", "sk-a"))
    ran = typed("import", "--run")
    assert [entry["id"] for entry in project.state] == ["a/v1"]
    assert "= 1 imported" in ran.out
    assert ran.out.splitlines()[-2:] == ["Next:", "  pulumi up --expect-no-changes --stack dev"]
    assert not FILE.exists()


def test_python_option_writes_a_module(begin: Begin, project: Project, typed: Type) -> None:
    """The models are declared in the module, and the stack's catalogue stays as it is."""
    api = begin(model("a", "sk-a"), model("b"))
    ran = typed("import", "--python", "imported.py")
    text = Path("imported.py").read_text()
    assert "enkrypt:models" not in project.config()
    assert text.startswith(f'"""Imported from {api.url}."""\n\nimport pulumi\nfrom enkrypt_provider import ')
    assert 'apikeys=[config.require_secret("a_apikey")]' in text
    assert "  add `import imported` to the program, before anything else" in ran.out
    assert project.config()["enkrypt:a_apikey"] == encrypted("sk-a")

    assert typed("import", "--python", "imported.py").code == 0  # unchanged
    ran = typed("import", "--python", "imported.py", "--name", "a")
    assert (ran.code, ran.err) == (1, "error: imported.py already exists: choose another file, or move it away\n")
    assert Path("imported.py").read_text() == text
    assert "add `import" not in typed("import", "--python", "__main__.py").out


def test_module_contains_no_local_path(begin: Begin, project: Project, typed: Type) -> None:
    """A committed module must reveal nothing of this machine."""
    begin(model("a"))
    project.configure({"enkrypt:endpoint": "embedded:../api.db"})
    ran = typed("import", "--python", "imported.py")
    assert f"the embedded emulator ({project.folder.parent}/api.db): 1 model, 0 in its state." in ran.out
    assert Path("imported.py").read_text().startswith('"""Imported from the embedded emulator."""\n')


def test_v2_fields_become_secrets(begin: Begin, project: Project, typed: Type) -> None:
    """Headers, tokens and curl commands are secrets too."""
    whole = {name: value for name, value in everything("v2").items() if name not in MODEL.options}
    whole["model_config"] = {**whole["model_config"], "default_request_options": {}, "conversation_template": ""}
    begin(whole, dialect="v2")
    ran = typed("import", "--all")
    assert ran.err == ""
    text = yaml.safe_dump(project.config())
    assert "stand-in" not in text
    config = project.config()["enkrypt:models"]["Test_Model"]["model_config"]
    assert config["custom_headers"] == [{"key": "X-Team", "value": {"secret": "Test_Model_header"}}]
    assert config["custom_curl_command"] == {"secret": "Test_Model_curl"}
    assert resources()["Test_Model"]["inputs"]["model_config"]["rate_per_min"] == 30


def test_shared_key_becomes_one_secret(begin: Begin, project: Project, typed: Type) -> None:
    begin(*(model(f"m{number}", "sk-of-all-of-them") for number in range(25)))
    ran = typed("import")
    assert "Set 1 secret of stack dev: enkrypt:shared_apikey.\n" in ran.out
    assert [name for name in project.config() if name.endswith("apikey")] == ["enkrypt:shared_apikey"]
    assert {tuple(keys(entry)) for entry in resources().values()} == {("sk-of-all-of-them",)}
    before = project.config()
    assert typed("import").code == 0
    assert project.config() == before


@pytest.mark.parametrize("way", [["--run"], ["--python", "imported.py"], []])
def test_values_with_secret_names_become_secrets(begin: Begin, project: Project, typed: Type, way: list[str]) -> None:
    """Cloud keys in a free-form map become secrets of the stack, never plain text in a committed file."""
    metadata = {"aws_secret_access_key": "stand-in-aws", "relay": {"target_headers": {"X-A": "stand-in-relay"}}}
    begin(model("a", model_config__metadata={**metadata, "region": "eu"}))
    ran = typed("import", *way)
    assert (ran.code, ran.err) == (0, "")
    written = [project.stack_file, *Path().glob("*.py")]
    assert not any("stand-in" in text for text in (ran.text, *(file.read_text() for file in written)))
    assert project.config()["enkrypt:a_aws_secret_access_key"] == encrypted("stand-in-aws")
    (state,) = project.state if "--run" in way else resources().values()
    held = state["inputs"]["model_config"]["metadata"]
    assert revealed(held["aws_secret_access_key"]) == "stand-in-aws"
    assert revealed(held["relay"]["target_headers"]["X-A"]) == "stand-in-relay"
    assert held["region"] == "eu"


def test_secret_number_is_left_out(begin: Begin, project: Project, typed: Type) -> None:
    """Pulumi's secrets are strings: the number would be stored in the clear, or change its type."""
    begin(model("a", model_config__metadata={"pin_token": 917}), model("b"))
    ran = typed("import")
    assert ran.err == (
        "left out: model a/v1: model_config.metadata.pin_token: is a number with the name of a secret, and Pulumi's "
        "secrets are strings\n"
    )
    assert list(resources()) == ["b"]
    assert "917" not in project.stack_file.read_text()


# ---- keys that the API masks


def test_masked_keys_must_be_set_first(begin: Begin, project: Project, typed: Type) -> None:
    """If nobody can answer, it prints the commands and writes nothing; the next run continues."""
    begin(model("a", "sk-a"), model("b", "sk-b", "sk-c"), mask_apikeys=True)
    before = project.stack_file.read_text()
    ran = typed("import", "--stack", "dev")
    assert ran.code == 1
    set_them = ran.out.splitlines()[2:]
    assert [command.strip() for command in set_them] == [
        f"pulumi config set --secret enkrypt:{name} --stack dev" for name in ("a_apikey", "b_apikey", "b_apikey_2")
    ]
    assert (project.stack_file.read_text(), FILE.exists()) == (before, False)

    for command in set_them:  # as typed by a person, except `--raw`
        _, *words = command.replace("--secret", "--secret --raw").split()
        project.run(words, f"sk-of-{words[4]}")
    assert typed("import", "--stack", "dev").code == 0
    assert keys(resources()["b"]) == ["sk-of-enkrypt:b_apikey", "sk-of-enkrypt:b_apikey_2"]


def test_secret_option_is_used_for_all_masked_keys(begin: Begin, project: Project, typed: Type) -> None:
    begin(model("a", "sk-a"), model("b", "sk-b"), mask_apikeys=True)
    ran = typed("import", "--secret", "vendor")
    assert ran.out.splitlines()[2:] == ["  pulumi config set --secret enkrypt:vendor --stack dev"]
    project.configure({**project.config(), "enkrypt:vendor": encrypted("sk-vendor")})
    assert typed("import", "--secret", "enkrypt:vendor").code == 0
    assert [keys(entry) for entry in resources().values()] == [["sk-vendor"], ["sk-vendor"]]


def test_one_invalid_key_does_not_stop_the_others(begin: Begin, project: Project, typed: Type) -> None:
    """Its model is left out, with its declaration and secrets."""
    begin(model("a", "sk-a"), model("b", "sk-b"), mask_apikeys=True)
    keys_set = {"enkrypt:a_apikey": encrypted("sk with spaces"), "enkrypt:b_apikey": encrypted("sk-b")}
    project.configure({**project.config(), **keys_set})
    ran = typed("import")
    rule = "must not be empty or contain spaces or line breaks (a pasted key?)"
    assert (ran.code, ran.err) == (1, f"left out: model a/v1: model_config.apikeys[0]: {rule}\n")
    assert list(resources()) == list(project.config()["enkrypt:models"]) == ["b"]


# ---- prompts


def test_prompts_for_a_choice_and_for_masked_keys(begin: Begin, project: Project) -> None:
    """It lists registrations that are not in the state, takes numbers and patterns, and never shows the keys."""
    begin(*(model(name, "sk") for name in ("claude", "gpt-4", "gpt-5", "llama")), mask_apikeys=True)
    ran = at_a_terminal("9\n1 gpt-*\nsk-1\nsk-2\n\n")
    assert ran.code == 0
    assert "9: no such number or name" in ran.out
    assert "enkrypt:gpt-4_apikey, the key of gpt-4" in ran.out
    assert not any(key in ran.text for key in ("sk-1", "sk-2"))
    assert {name: keys(entry) for name, entry in resources().items()} == {
        "claude": ["sk-1"], "gpt-4": ["sk-2"], "gpt-5": ["sk-2"],
    }  # fmt: skip
    assert list(project.config()["enkrypt:models"]) == ["claude", "gpt-4", "gpt-5"]
    assert max(map(len, ran.out.partition("Which?")[0].splitlines()[1:])) <= 80


def test_choosing_none_changes_nothing(begin: Begin, project: Project) -> None:
    """`?` and Enter alone print the help and ask again."""
    begin(model("a", "sk"))
    before = project.stack_file.read_text()
    ran = at_a_terminal("\n?\nnone\n")
    assert ran.code == 0
    assert ran.out.count("  none     none of them: change nothing\n") == 2
    assert ran.out.endswith("Nothing was imported.\n")
    assert (project.stack_file.read_text(), FILE.exists()) == (before, False)
    assert at_a_terminal("").code == 1  # end of input
    assert project.stack_file.read_text() == before


def test_invalid_key_is_asked_for_again(begin: Begin) -> None:
    """A pasted key with extra text is rejected immediately."""
    begin(model("a", "sk"), mask_apikeys=True)
    ran = at_a_terminal("all\nsk and more\nsk-right\n")
    assert ran.code == 0
    assert "  It must not be empty or contain spaces or line breaks (a pasted key?).\n" in ran.out
    assert "and more" not in ran.text
    assert keys(resources()["a"]) == ["sk-right"]


def test_all_option_asks_nothing(begin: Begin) -> None:
    """At a terminal too, --all imports all models, and masked keys must be set first."""
    begin(model("a", "sk"), mask_apikeys=True)
    ran = at_a_terminal("", "--all")
    assert ran.code == 1
    assert "pulumi config set --secret enkrypt:a_apikey --stack dev" in ran.out


@pytest.mark.parametrize(
    ("typed", "places"),
    [
        ("all", [0, 1, 2, 3]), ("*", [0, 1, 2, 3]), ("2", [1]), ("2-3", [1, 2]), ("3-9", [2, 3]),
        ("gpt-4", [1]), ("gpt-*, 1", [0, 1, 2]), ("1 1 1-2", [0, 1]), ("2-", [1]),
    ],
)  # fmt: skip
def test_choice_by_numbers_ranges_and_patterns(typed: str, places: list[int]) -> None:
    """Each word selects some names; the result is their union."""
    assert import_plan.chosen(typed, ["claude", "gpt-4", "gpt-5", "3"]) == places


@pytest.mark.parametrize("typed", ["0", "5", "7-9", "gpt", "x*", "1 foo", "3-2"])
def test_choice_reports_a_word_that_matches_nothing(typed: str) -> None:
    """The error names the word."""
    with pytest.raises(ConfigurationError, match=f"^{typed.split()[-1].replace('*', '.')}: no such number or name$"):
        import_plan.chosen(typed, ["claude", "gpt-4", "gpt-5", "llama"])


# ---- registrations that are left out or already declared


def test_undeclarable_registrations_are_left_out(begin: Begin, project: Project, typed: Type) -> None:
    """They are reported with the reason, the others are imported, and the exit code is 1."""
    lost = model("lost", model_config__system_prompt="\n many\nlines")
    secret = model("taken", model_config__metadata={"owner": {"secure": "x"}})
    begin(model("a"), lost, secret)
    ran = typed("import")
    assert ran.code == 1
    assert [line.partition(": use")[0] for line in ran.err.splitlines()] == [
        "left out: model lost/v1: Pulumi's configuration cannot hold a multi-line string that starts with white "
        "space",
        "left out: model taken/v1: an object in it would be read as a secret",
    ]
    assert list(project.config()["enkrypt:models"]) == list(resources()) == ["a"]
    assert typed("import", "--python", "all.py").code == 0
    assert list(resources()) == ["a", "lost", "taken"]


def test_shared_catalogue_is_not_overridden_by_the_stack(begin: Begin, project: Project, typed: Type) -> None:
    """Entries of a catalogue in Pulumi.yaml are imported; other registrations need --python."""
    begin(model("a"), model("new"))
    shared = model("a", model_config__endpoint={"host": {"config": "aHost"}})
    project.configure({**project.config(), "enkrypt:aHost": "a.example.com"})
    file = project.folder / "Pulumi.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["config"]["enkrypt:models"] = {"default": {"first": shared}}
    file.write_text(yaml.safe_dump(settings))

    ran = typed("import")
    assert (ran.code, list(resources())) == (1, ["first"])
    assert ran.err.splitlines() == [
        "left out: model new/v1: the catalogue is in Pulumi.yaml, shared by all stacks: use --python"
    ]
    assert "enkrypt:models" not in project.config()


def test_registration_of_another_dialect_is_left_out(begin: Begin, start: Start, typed: Type) -> None:
    """A protocol that only v2 knows cannot be declared in v1."""
    begin(model("a"))
    start(dialect="v2").add(model("odd", testing_for="LLM", model_config__is_compatible_with="sierra"))
    ran = typed("import")
    assert ran.err.startswith(
        "left out: model odd/v1: model_config.is_compatible_with: must be one of openai, together,"
    )
    assert list(resources()) == ["a"]


def test_unreadable_registration_is_left_out(begin: Begin, typed: Type) -> None:
    """If nothing can be imported, nothing is written."""
    begin(model("b"), list_details=False, faults=[Fault(call="get_model", status=403)])
    ran = typed("import")
    assert ran.code == 1
    assert ran.err.startswith("left out: model b/v1: read b/v1: 403")
    assert not FILE.exists()
    ran = at_a_terminal("all\n")
    assert "read b/v1: 403" in " ".join(ran.out.split())


def test_name_option_selects_by_pattern(begin: Begin, typed: Type) -> None:
    """Only matching names are imported; if nothing matches, it is an error."""
    begin(model("gpt-4"), model("gpt-5"), model("claude"))
    typed("import", "--name", "gpt-*")
    assert list(resources()) == ["gpt-4", "gpt-5"]
    ran = typed("import", "--name", "lama*", "--name", "x")
    assert (ran.code, ran.err) == (1, "error: no registration's name matches lama* or x\n")


def test_declared_model_is_imported_as_declared(begin: Begin, project: Project, typed: Type) -> None:
    """Its entry keeps its name and secrets; fields that differ are listed, since the next `up` changes them."""
    begin(model("a", "sk-a"), model("b", "sk-b"))
    mine = {**model("a", {"secret": "vendor"}, model_name="mine"), "deletion_protection": True}
    models = {"enkrypt:models": {"mine": mine}, "enkrypt:vendor": encrypted("sk-a")}
    project.configure({**project.config(), **models})
    ran = typed("import")
    assert ran.code == 0
    assert "mine: the declaration differs from the registration; the next `up` changes model_name." in ran.out
    assert ran.out.endswith("\n  pulumi up --stack dev\n")
    assert list(resources()) == ["mine", "b"]
    inputs = resources()["mine"]["inputs"]
    assert (inputs["model_name"], inputs["deletion_protection"]) == ("", True)
    assert project.config()["enkrypt:models"] == {
        "mine": mine,
        "b": model("b", {"secret": "b_apikey"}),
    }


def test_resource_names_in_the_state_are_not_reused(begin: Begin, project: Project, typed: Type) -> None:
    """A resource with the same name, or one that only reads the model, does not prevent the import."""
    begin(model("a"), model("b"))
    bucket = {"urn": fake_engine.urn("aws:s3/bucket:Bucket", "a"), "id": "a", "type": "aws:s3/bucket:Bucket"}
    read = {"urn": fake_engine.urn(TYPE, "b"), "id": "b/v1", "type": TYPE, "external": True}
    project.hold(bucket, read)
    typed("import")
    assert {name: entry["id"] for name, entry in resources().items()} == {"a-2": "a/v1", "b-2": "b/v1"}


@pytest.mark.parametrize("catalogue", [[1], '{"a": '])
def test_invalid_catalogue_is_an_error(begin: Begin, project: Project, typed: Type, catalogue: Any) -> None:
    """The catalogue must be an object, not a list or invalid JSON."""
    begin(model("a"))
    project.configure({**project.config(), "enkrypt:models": catalogue})
    assert typed("import").err.startswith("error: enkrypt:models must be an object that maps the name of each model")


def test_entries_that_the_engine_misreads_are_removed(
    begin: Begin, project: Project, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the engine reads an entry differently, the file is restored."""
    begin(model("a", "sk-a"))
    monkeypatch.setattr("enkrypt_provider.cli.stack_file.extended", lambda before, _name, _added: before)
    ran = typed("import")
    assert (ran.code, ran.err) == (1, "error: the engine reads a differently: use --python\n")
    assert "enkrypt:models" not in project.config()
    assert not FILE.exists()


def test_missing_stack_file_is_created(begin: Begin, typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file then contains only the catalogue."""
    api = begin(model("a"))
    monkeypatch.setenv("ENKRYPTAI_API_KEY", KEY)
    Path("stacks/Pulumi.dev.yaml").unlink()
    assert typed("import", "--endpoint", api.url).code == 0
    assert list(yaml.safe_load(Path("stacks/Pulumi.dev.yaml").read_text())["config"]["enkrypt:models"]) == ["a"]


def test_options_override_the_configuration(begin: Begin, project: Project, typed: Type, start: Start) -> None:
    """Registrations of another endpoint can be imported into the stack."""
    begin(model("a"))
    project.configure({**project.config(), "enkrypt:endpoint": "http://127.0.0.1:1", "enkrypt:maxRetries": "0"})
    assert typed("import", "--endpoint", start().url).code == 0
    assert list(resources()) == ["a"]


# ---- policies and deployments, and the native plugin


ON = {"pii": {"enabled": True, "entities": ["email"]}}
OFF = {"policy_name": "strict", "enabled": False}
DYNAMIC = [type_of(kind) for kind in KINDS]
TOKENS = ["enkrypt:index:EnkryptModel", "enkrypt:index:GuardrailsPolicy", "enkrypt:index:Deployment"]


def test_file_keeps_windows_line_endings(begin: Begin, project: Project, typed: Type) -> None:
    """In git, only the added lines differ."""
    begin(model("a"))
    file = project.stack_file
    before = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)
    assert typed("import").code == 0
    assert file.read_bytes().startswith(before.rstrip())
    assert {line[-2:] for line in file.read_bytes().splitlines(keepends=True)} == {b"\r\n"}


@pytest.mark.parametrize(("options", "types"), [([], DYNAMIC), (["--native"], TOKENS), (["--no-native"], DYNAMIC)])
def test_every_kind_is_imported(
    begin: Begin, project: Project, typed: Type, options: list[str], types: list[str]
) -> None:
    """Each is declared in the catalogue of its kind, and comes after its references in the import file."""
    begin().add_all()
    ran = typed("import", *options)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].endswith(": 1 model, 1 policy and 1 deployment, 0 in its state.")
    assert "Declared 1 model, 1 policy and 1 deployment in the catalogue of Pulumi.dev.yaml." in ran.out
    assert project.config()["enkrypt:policies"] == {"strict": {**POLICY, "detectors": ON}}
    assert project.config()["enkrypt:deployments"]["support"] == {**GUARDED, "output_guardrails_policy": OFF}
    made = json.loads(FILE.read_text())["resources"]
    assert [one["name"] for one in made] == ["gpt-4o", "strict", "support"]
    assert [one["type"] for one in made] == types
    assert [one["id"] for one in made] == ["gpt-4o/v1", "strict", "support"]
    providers = [one["inputs"].get("__provider") for one in made]
    assert len({*providers}) == (1 if options == ["--native"] else 3)


def test_native_import_uses_package_names(begin: Begin, project: Project, typed: Type) -> None:
    """The state is as the plugin would write it: package names, secrets only in the inputs, the account."""
    api = begin(model("a", "sk-a"))
    api.add_all()
    typed("import", "--native", "--run")
    held = {one["id"]: one for one in project.state}
    inputs, outputs = held["a/v1"]["inputs"], held["a/v1"]["outputs"]
    assert revealed(inputs["modelConfig"]["apikeys"]) == ["sk-a"]
    assert "apikeys" not in outputs["modelConfig"]
    assert (outputs["modelSavedName"], outputs["__account"]) == ("a", api.url)
    assert outputs["modelId"] > 0
    assert held["support"]["inputs"]["inputGuardrailsPolicy"]["policyName"] == "strict"
    assert typed("import").out.splitlines()[0].endswith(": 2 models, 1 policy and 1 deployment, 4 in its state.")


def test_module_uses_outputs_for_references(begin: Begin, typed: Type) -> None:
    """Pulumi then creates and deletes them in the right order; other references are plain strings."""
    begin().add_all()
    ran = typed("import", "--python", "imported.py")
    assert ran.code == 0
    text = Path("imported.py").read_text()
    assert text.index("\ngpt_4o = EnkryptModel(") < text.index("\nstrict = EnkryptGuardrailsPolicy(")
    deployment = text.partition("\nsupport = EnkryptDeployment(")[2]
    assert "    model_saved_name=gpt_4o.model_saved_name,\n" in deployment
    assert "    model_version=gpt_4o.model_version,\n" in deployment
    assert deployment.count("policy_name=strict.name,") == 2
    typed("import", "deployments", "--python", "alone.py")
    assert '    model_saved_name="gpt-4o",\n' in Path("alone.py").read_text()
    assert '"strict"' in Path("alone.py").read_text()


def test_native_program_is_detected(begin: Begin, project: Project, typed: Type) -> None:
    """It is detected by its imports, or by the state; the module uses the native package and typed arguments."""
    begin().add_all()
    Path("shop.py").write_text("from enkrypt_provider.native import EnkryptModel\n")
    typed("import", "--python", "imported.py", "--run")
    text = Path("imported.py").read_text()
    assert "\nfrom enkrypt_provider.native import (\n    EnkryptDeployment,\n    EnkryptGuardrailsPolicy,\n" in text
    assert "\nfrom enkrypt_provider import (\n    DetectorsArgs,\n" in text
    assert [one["type"] for one in project.state] == TOKENS
    Path("shop.py").unlink()
    begin(model("new"))
    typed("import", "--name", "new", "--run")
    assert project.state[-1]["type"] == TOKENS[0]


@pytest.mark.parametrize("runtime", ["yaml", {"name": "nodejs", "options": {}}])
def test_other_languages_must_use_pulumi_import(begin: Begin, project: Project, typed: Type, runtime: Any) -> None:
    """This command cannot generate code in another language; the engine can."""
    begin().add_all()
    file = project.folder / "Pulumi.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "runtime": runtime}))
    ran = typed("import")
    name = runtime if isinstance(runtime, str) else runtime["name"]
    assert ran.code == 1
    assert ran.err == (
        f"error: this project's program is in {name}, not in Python: run `pulumi import TYPE NAME ID`, which also "
        f"generates the code; TYPE is {TOKENS[0]}, {TOKENS[1]} or {TOKENS[2]}\n"
    )


def test_kinds_with_the_same_name_get_different_resource_names(begin: Begin, typed: Type) -> None:
    """The import file contains no name twice."""
    api = begin(model("support"))
    api.add({**POLICY, "name": "support"}, kind=GUARDRAILS_POLICY)
    typed("import")
    assert {name: entry["id"] for name, entry in resources().items()} == {
        "support": "support/v1", "support-policy": "support",
    }  # fmt: skip


def test_registrations_in_the_state_are_not_read(begin: Begin, project: Project, typed: Type) -> None:
    """A list of policies has only their names: reading each one would take many requests."""
    begin(record=True).add_all()
    typed("import", "--run")
    url = project.config()["enkrypt:endpoint"]
    httpx.delete(f"{url}/_emulator/requests")
    typed("import")
    asked = [one["call"] for one in httpx.get(f"{url}/_emulator/requests").json()]
    assert asked == ["list_models", "list_policies", "list_deployments"]
