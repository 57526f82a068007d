"""The documentation matches the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from documents import everything, minimal

from docs import generate
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.markers import ABSENT, Dialect
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import NAMES

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(
    r"^\| `(?P<path>[a-z0-9_.]+)`(?P<required> \*)? \| (?P<v1>\w*) ?\| (?P<v2>\w*) ?\| .* "
    r"\| (?P<default>[^|]*?) ?\|$",
    re.MULTILINE,
)


def test_table_of_fields_is_up_to_date() -> None:
    """The table in docs/api.md is generated from kinds/; if it is outdated, run `make generate`."""
    assert generate.API.read_text(encoding="utf-8") == generate.api_page()


def without(props: Any, path: str) -> Any:
    """Return a copy of nested `props` without the field at a dotted path."""
    name, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in props.items() if key != name}
    return {**props, name: without(props[name], rest)}


@pytest.mark.parametrize("row", [*ROW.finditer((ROOT / "docs/api.md").read_text())], ids=lambda m: m["path"])
def test_only_required_fields_have_a_star(row: re.Match[str]) -> None:
    """A program is refused exactly if it omits a field that docs/api.md marks as required."""
    dialect: Dialect = "v1" if row["v1"] else "v2"
    _, problems = codec.parse(MODEL, without(everything(dialect), row["path"]), dialect)
    assert [problem.path for problem in problems] == [row["path"]] * bool(row["required"])


HOLDERS: Final = ("model_config.metadata.gemini", "model_config.model_jwt_config", "model_config.context")
LEAST: Final = minimal(
    model_config__metadata={"gemini": {}}, model_config__model_jwt_config={"jwt_url": "u"}, model_config__context={}
)
"""The objects that are absent by default, each with the fewest fields."""
WORDS: Final[dict[str, tuple[Any, ...]]] = {"none": ([],), "empty": ("", {}), "true": (True,), "absent": (None,)}


@pytest.mark.parametrize("row", [*ROW.finditer((ROOT / "docs/api.md").read_text())], ids=lambda m: m["path"])
def test_omitted_field_has_the_documented_default(row: re.Match[str]) -> None:
    """The defaults in docs/api.md are those of the schema, or in v2 the value sent for an absent field."""
    value = default_of(row["path"])
    shown = row["default"].replace("`", "").replace(",", " ").partition(" ")[0]
    if shown:
        assert value in WORDS.get(shown, (shown, int(shown) if shown.isdigit() else shown))
    else:
        assert row["required"] or isinstance(value, dict)


def default_of(path: str) -> Any:
    """Return the value of a field that a program omits; None if it is absent."""
    least = LEAST if path.rpartition(".")[0] in HOLDERS else minimal()
    dialect: Dialect = "v2" if path.rpartition(".")[0] in HOLDERS else "v1"
    found: Any = codec.parse(MODEL, least, dialect)[0]
    empty = {path.rpartition(".")[2]: only.empty for path, only in MODEL.only_in.items() if only.empty is not ABSENT}
    found = {**found, "model_config": {**empty, **found["model_config"]}}
    for name in path.split("."):
        found = found.get(name) if found else None
    return found


# ---- the reference


def test_reference_is_up_to_date() -> None:
    """docs/reference.md is generated from the code; if it is outdated, run `make generate`."""
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page()


def test_reference_lists_every_setting() -> None:
    """The rows are exactly the existing settings."""
    rows = re.findall(r"^\| `enkrypt:(\w+)` \|", generate.page(), re.MULTILINE)
    assert sorted(rows) == sorted([*NAMES, "models", "policies", "deployments"])


# ---- links

PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK: Final = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_are_valid(page: Path) -> None:
    """Each relative link refers to an existing file and heading."""
    broken = []
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{name}#{anchor}")
    assert broken == []


def test_index_links_to_every_page() -> None:
    """docs/README.md links to each page of docs/."""
    index = ROOT / "docs/README.md"
    linked = {(index.parent / name).resolve() for name, _ in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page.is_relative_to(index.parent) and page != index} - linked == set()


def test_installation_page_lists_every_extra() -> None:
    """The table has the extras of pyproject.toml, except `dev`."""
    declared = re.search(
        r"^\[project.optional-dependencies\]\n(.*?)^\[", (ROOT / "pyproject.toml").read_text(), re.M | re.S
    )
    assert declared
    extras = set(re.findall(r"^(\w+) = \[", declared[1], re.MULTILINE)) - {"dev"}
    assert set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/installation.md").read_text(), re.MULTILINE)) == extras


# ---- README.md

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_takes_two_minutes_to_read() -> None:
    """It has at most 600 words, including the program and commands."""
    assert 300 < len(README.split()) <= 600


def test_readme_begins_with_a_summary_and_the_status() -> None:
    """It begins with one sentence, then the status, before any code to paste."""
    what, status = README.split("\n\n")[1:3]
    assert what.count(". ") == 0
    assert status.startswith("**Status: beta. It has never been run against the live API**")


def test_readme_program_is_the_tested_one() -> None:
    """It is twelve lines of docs/installation.md, which another test runs with the real engine."""
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(program.splitlines()) == 12
    assert program in (ROOT / "docs/installation.md").read_text(encoding="utf-8")
