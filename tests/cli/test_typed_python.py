"""typed_python.py: the module says what the arguments are, and tools for Python have nothing to say about it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from documents import everything, minimal, registrations
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.cli.declarations import Declaration, declare
from enkrypt_provider.cli.stack_secrets import Secret, Secrets
from enkrypt_provider.cli.typed_python import ARGS, module
from enkrypt_provider.kinds.kind import Live

from .lives import live, read_back

REPOSITORY = Path(__file__).resolve().parents[2]
LONG = 'You are "kind".\n\nIt\'s said in one paragraph, ' + "and said again, " * 30 + "\n" + "y" * 150


def written(lives: Sequence[Live], **options: Any) -> str:
    """A module that declares these, named by numbers."""
    secrets = Secrets({})
    return module([declare(one, f"m-{n}", secrets) for n, one in enumerate(lives)], "Models.", **options)


def run(text: str) -> dict[str, Any]:
    """What a module declares, by name: each class a dict of its arguments, each secret a `Secret`."""

    class Config:
        def __init__(self, namespace: str) -> None:
            assert namespace == "enkrypt"

        require_secret = Secret

    declared: dict[str, Any] = {}

    def declare_model(name: str, **arguments: Any) -> None:
        assert name not in declared
        declared[name] = arguments

    classes = {shape.__name__: dict for by_path in ARGS.values() for shape in by_path.values()}
    pulumi = type("pulumi", (), {"Config": Config})
    body = re.sub(r"^(import pulumi|from enkrypt_provider import (\([^)]*\)|.*))$", "", text, flags=re.MULTILINE)
    exec(body, {**classes, "EnkryptModel": declare_model, "pulumi": pulumi})  # noqa: S102 - a program of our own docs or tests
    return declared


@given(st.lists(registrations(), min_size=1, max_size=3), st.lists(registrations("v2"), max_size=2))
def test_the_module_says_what_the_arguments_are(v1: list[Any], v2: list[Any]) -> None:
    """Run, a module declares exactly the arguments that it was written from, whatever texts are in them."""
    lives = [*map(live, v1), *(read_back(props, "v2") for props in v2)]
    secrets = Secrets({})
    declarations = [declare(one, f"{n}-{one.identity.name}", secrets) for n, one in enumerate(lives)]
    assert run(module(declarations, "Models.")) == {found.name: found.arguments for found in declarations}


@pytest.fixture(scope="module")
def samples() -> Mapping[str, str]:
    """Modules with everything in them: long texts, free fields, odd names."""
    long = minimal(
        model_config__apikeys=["k"],
        model_config__system_prompt=LONG,
        model_config__endpoint__host="h" * 100 + ".example.com",
    )
    free = minimal(model_config__metadata={"owner": {"a b": [1, 2.5, True, None, "x" * 200]}, "gemini": {"more": 1}})
    lives = [live(everything()), live(everything("v2"), "v2"), live(long), live(free)]
    odd = ["list", "class", "config", "4o", "é", "a.b-c", "a_b_c", "_", "match"]
    named = [Declaration(name, one, declare(one, name, Secrets({})).arguments) for name in odd for one in lives[2:3]]
    return {
        "whole": written(lives),
        "beside_package": written(lives, beside_package=True),
        "least": written([live(minimal())]),
        "odd_names": module(named, "Models."),
    }


@pytest.mark.parametrize("name", ["whole", "least", "odd_names"])
def test_the_module_is_formatted(samples: Mapping[str, str], name: str) -> None:
    """ruff would not change its layout, at the usual width nor at this repository's."""
    for width in ("88", "118"):
        assert tool("ruff", "format", "--isolated", "--line-length", width, "-", given=samples[name]) == samples[name]


@pytest.mark.parametrize("name", ["whole", "least", "odd_names"])
def test_the_module_has_no_lint(samples: Mapping[str, str], tmp_path: Path, name: str) -> None:
    """In a project that has this package installed, ruff has nothing to say, imports included."""
    options = ("--isolated", "--select", "E4,E7,E9,F,I,UP,B,RUF")
    tool("ruff", "check", *options, "-", given=samples[name], folder=tmp_path)


def test_beside_this_package_imports_are_grouped_as_there(samples: Mapping[str, str]) -> None:
    """In this repository's own folder the package is first-party."""
    tool("ruff", "check", "--stdin-filename", str(REPOSITORY / "imported.py"), "-", given=samples["beside_package"])
    assert "import pulumi\n\nfrom enkrypt_provider" in samples["beside_package"]
    assert "import pulumi\nfrom enkrypt_provider" in samples["whole"]


def test_the_module_is_typed(samples: Mapping[str, str], tmp_path: Path) -> None:
    """mypy, strict, accepts it against this package's types."""
    for name, text in samples.items():
        (tmp_path / f"{name}.py").write_text(text)
    files = [str(file) for file in sorted(tmp_path.glob("*.py"))]
    tool("mypy", "--strict", "--no-error-summary", *files)


def tool(name: str, *options: str, given: str = "", folder: Path = REPOSITORY) -> str:
    """What a tool prints; it must succeed."""
    command = [sys.executable, "-m", name, *options]
    ran = subprocess.run(command, input=given, capture_output=True, text=True, cwd=folder, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_long_texts_are_broken_where_they_can_be(samples: Mapping[str, str]) -> None:
    """A line is longer than 118 characters only where a word is."""
    for line in samples["whole"].splitlines():
        assert len(line) <= 118 or len(max(line.split(), key=len)) > 80


def test_variables_are_identifiers_that_hide_nothing(samples: Mapping[str, str]) -> None:
    """A name that is a keyword, a builtin or no identifier is no variable, and no two are the same."""
    found = list(variables(samples["odd_names"]))
    assert found == [
        "config", "model_list", "model_class", "model_config", "model_4o", "model", "a_b_c", "a_b_c_2", "model_2",
        "model_match",
    ]  # fmt: skip


def variables(text: str) -> Iterator[str]:
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id


def test_a_module_without_secrets_needs_no_configuration(samples: Mapping[str, str]) -> None:
    """What is not used is not imported."""
    assert samples["least"] == (
        '"""Models."""\n\n'
        "from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs\n\n"
        "m_0 = EnkryptModel(\n"
        '    "m-0",\n'
        '    model_saved_name="small",\n'
        "    model_config=ModelConfigArgs(\n"
        '        is_compatible_with="openai",\n'
        '        endpoint=EndpointArgs(host="h"),\n'
        "    ),\n"
        ")\n"
    )
