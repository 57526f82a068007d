"""stack_file.py: entries are appended to a catalogue, and nothing else in the file changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import FREE, minimal
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.cli.declarations import declare
from enkrypt_provider.cli.stack_file import extended, obstacle, to_yaml
from enkrypt_provider.cli.stack_secrets import Secrets
from enkrypt_provider.errors import ConfigurationError

from .lives import live

NAME = "enkrypt:models"
ADDED = {"new": {"model_saved_name": "new", "apikeys": [{"secret": "new_apikey"}]}}
YAML = """\
new:
  model_saved_name: new
  apikeys:
  - {secret: new_apikey}
"""
STACKS = sorted((Path(__file__).resolve().parents[2] / "stacks").glob("*.yaml"))


def indented(by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in YAML.splitlines())


CATALOGUE = f"config:\n  enkrypt:models:\n{indented(4)}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", CATALOGUE),
        ("# a comment\n", f"# a comment\n{CATALOGUE}"),
        ("encryptionsalt: v1:x", f"encryptionsalt: v1:x\n{CATALOGUE}"),
        ("config:\nencryptionsalt: x\n", f"{CATALOGUE}encryptionsalt: x\n"),
        ("config: {}\n", CATALOGUE),
        ("{}", CATALOGUE),
        ('{"config": {"a:b": "c"}, "encryptionsalt": "x"}',
         f"config:\n  a:b: c\n  enkrypt:models:\n{indented(4)}encryptionsalt: x\n"),
        ("config: {a:b: c} # c\n", f"config:\n  a:b: c\n  enkrypt:models:\n{indented(4)}"),
        ("config:\n  a:b: c # d\n\nx: y\n", f"config:\n  a:b: c # d\n  enkrypt:models:\n{indented(4)}\nx: y\n"),
        ("config:\n    a:b: c\n", f"config:\n    a:b: c\n    enkrypt:models:\n{indented(6)}"),
        ("config:\n  enkrypt:models:\n  a:b: c\n", f"{CATALOGUE}  a:b: c\n"),
        ("config:\n  enkrypt:models: {}\n", CATALOGUE),
        ("config:\n  enkrypt:models: {one: {a: 1}}\n",
         f"config:\n  enkrypt:models:\n    one: {{a: 1}}\n{indented(4)}"),
        ("config:\n  enkrypt:models: '{\"one\": {\"a\": 1}}'\n",
         f"config:\n  enkrypt:models:\n    one: {{a: 1}}\n{indented(4)}"),
        ("config:\n  enkrypt:models:\n      one: # c\n          a: 1 # d\n  # e\n  a:b: c\n",
         f"config:\n  enkrypt:models:\n      one: # c\n          a: 1 # d\n{indented(6)}  # e\n  a:b: c\n"),
        ("config:\n  enkrypt:models:\n    one:\n    - 1\n    - b: |\n        text\n  a:b: c\n",
         f"config:\n  enkrypt:models:\n    one:\n    - 1\n    - b: |\n        text\n{indented(4)}  a:b: c\n"),
        ("config:\n  enkrypt:models:\n    one: &a {b: 1}\n    two: *a\n",
         f"config:\n  enkrypt:models:\n    one: &a {{b: 1}}\n    two: *a\n{indented(4)}"),
        ("config:\n  enkrypt:models:\n    one:\n",
         f"config:\n  enkrypt:models:\n    one:\n{indented(4)}"),
    ],
)  # fmt: skip
def test_entries_are_appended_to_the_catalogue(before: str, after: str) -> None:
    """However the file is written, the entries are where a person would have put them."""
    assert extended(before, NAME, ADDED) == after


def test_file_keeps_windows_line_endings() -> None:
    before = "config:\r\n  enkrypt:models: {} # c\r\n"
    assert extended(before, NAME, ADDED) == CATALOGUE.replace("\n", "\r\n")


@pytest.mark.parametrize("file", STACKS, ids=lambda file: str(file.name))
def test_stacks_of_this_repository_can_be_extended(file: Path) -> None:
    """Nothing is lost: without the new lines, the file is as before."""
    before = file.read_text()
    after = extended(before, NAME, ADDED)
    assert after.replace(indented(4), "", 1) == before
    assert yaml.safe_load(after)["config"]["enkrypt:models"]["new"] == ADDED["new"]


@pytest.mark.parametrize(
    "text",
    [
        "config: &c\n  enkrypt:models: {}\nother: *c\n",
        "config:\n  enkrypt:models:\n    ? ''\n    : null\n",
        "config:\n  enkrypt:models: no JSON\n",
        "config:\n  enkrypt:models: '[1]'\n",
        "config: {}\n---\nconfig: {}\n",
        "config:\n\ta:b: c\n",
        "- 1\n",
    ],
)
def test_file_that_cannot_be_extended_is_refused(text: str) -> None:
    """An insertion that would be read differently, or not at all, is refused."""
    with pytest.raises(ConfigurationError, match="cannot be extended: use --python"):
        extended(text, NAME, ADDED)


_ANY_NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_RESOURCE_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)


@given(st.dictionaries(_ANY_NAMES, FREE, max_size=4), st.dictionaries(_RESOURCE_NAMES, FREE, min_size=1, max_size=3))
def test_any_entries_are_added_to_any_catalogue(held: dict[str, Any], added: dict[str, Any]) -> None:
    """The catalogue has the old and the new entries, and the file's other values are unchanged."""
    before = "# c\n" + yaml.safe_dump({"config": {"a:b": "c", "enkrypt:models": held}, "x": "y"})
    after = yaml.safe_load(extended(before, NAME, added))
    assert after == {"config": {"a:b": "c", "enkrypt:models": {**held, **added}}, "x": "y"}


@pytest.mark.parametrize(
    "text", ["1", "1e3", "0o17", ".5", "2024-08-06", "yes", "null", "~", "", " a", "a: b", "é", "😀", "on"]
)
def test_ambiguous_strings_are_quoted(text: str) -> None:
    """Strings that another YAML version reads as a number, a date or a boolean are quoted."""
    assert to_yaml({"a": text})[3] in "'\""


@pytest.mark.parametrize("text", ["gpt-4o", "/v1", "https://together.ai", "GPT 4o mini"])
def test_unambiguous_strings_are_not_quoted(text: str) -> None:
    """Strings that can only be strings need no quotes."""
    assert to_yaml({"a": text}) == f"a: {text}\n"


def test_multi_line_string_is_a_block() -> None:
    """It is written as a person would write it."""
    assert to_yaml({"a": "one\ntwo: 2\n"}) == "a: |\n  one\n  two: 2\n"


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"owner": {"secret": "x"}}, ""),  # a secret, by its name
        ({"owner": [{"secure": "x"}]}, "an object in it would be read as a secret"),
        ({"owner": {"config": "x"}}, "an object in it would be read as a setting"),
        ({"owner": "\ntext"}, "a multi-line string that starts with white space"),
        ({"owner": [" a\nb"]}, "a multi-line string that starts with white space"),
        ({" a\nb": 1}, "a multi-line string that starts with white space"),
        ({"owner": {"secret": 1}, "other": {"secret": "x", "more": 1}, "text": "a\n b", "list": [1, ""]}, ""),
    ],
)
def test_values_that_a_catalogue_cannot_hold_are_found(metadata: dict[str, Any], why: str) -> None:
    """Arguments that the engine or the catalogue would read differently are found before they are written."""
    found = declare(live(minimal(model_config__metadata=metadata, model_config__apikeys=["k"])), "a", Secrets({}))
    assert why in obstacle(found.arguments)
    assert bool(why) is bool(obstacle(found.arguments))
