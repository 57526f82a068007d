"""The documents say what the code does."""

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


def test_the_table_of_fields_is_what_the_code_says() -> None:
    """docs/api.md has the table that follows from kinds/; otherwise: `make generate`."""
    assert generate.API.read_text(encoding="utf-8") == generate.api_page()


def without(props: Any, path: str) -> Any:
    """A copy of nested `props` without what is at a dotted path."""
    name, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in props.items() if key != name}
    return {**props, name: without(props[name], rest)}


@pytest.mark.parametrize("row", [*ROW.finditer((ROOT / "docs/api.md").read_text())], ids=lambda m: m["path"])
def test_a_field_has_a_star_where_a_program_must_say_it(row: re.Match[str]) -> None:
    """Without a field that docs/api.md calls required, and without no other, a program is refused."""
    dialect: Dialect = "v1" if row["v1"] else "v2"
    _, problems = codec.parse(MODEL, without(everything(dialect), row["path"]), dialect)
    assert [problem.path for problem in problems] == [row["path"]] * bool(row["required"])


HOLDERS: Final = ("model_config.metadata.gemini", "model_config.model_jwt_config", "model_config.context")
LEAST: Final = minimal(
    model_config__metadata={"gemini": {}}, model_config__model_jwt_config={"jwt_url": "u"}, model_config__context={}
)
"""The objects that are absent unless they are said, with as little in them as may be."""
WORDS: Final[dict[str, tuple[Any, ...]]] = {"none": ([],), "empty": ("", {}), "true": (True,), "absent": (None,)}


@pytest.mark.parametrize("row", [*ROW.finditer((ROOT / "docs/api.md").read_text())], ids=lambda m: m["path"])
def test_a_field_that_is_not_said_has_the_default_that_is_shown(row: re.Match[str]) -> None:
    """The defaults of docs/api.md are those of the schema, and in v2 what is sent for an absent field."""
    value = default_of(row["path"])
    shown = row["default"].replace("`", "").replace(",", " ").partition(" ")[0]
    if shown:
        assert value in WORDS.get(shown, (shown, int(shown) if shown.isdigit() else shown))
    else:
        assert row["required"] or isinstance(value, dict)


def default_of(path: str) -> Any:
    """What a field is where a program leaves it out; None where it is absent then."""
    least = LEAST if path.rpartition(".")[0] in HOLDERS else minimal()
    dialect: Dialect = "v2" if path.rpartition(".")[0] in HOLDERS else "v1"
    found: Any = codec.parse(MODEL, least, dialect)[0]
    empty = {path.rpartition(".")[2]: only.empty for path, only in MODEL.only_in.items() if only.empty is not ABSENT}
    found = {**found, "model_config": {**empty, **found["model_config"]}}
    for name in path.split("."):
        found = found.get(name) if found else None
    return found


# ---- the reference


def test_the_reference_is_what_the_code_says() -> None:
    """docs/reference.md was written from the code as it is; otherwise: `make generate`."""
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page()


def test_no_setting_is_left_out_of_the_reference() -> None:
    """The rows are exactly what there is to set."""
    rows = re.findall(r"^\| `enkrypt:(\w+)` \|", generate.page(), re.MULTILINE)
    assert sorted(rows) == sorted([*NAMES, "models", "policies", "deployments"])


# ---- links

PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK: Final = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """What a heading of a page is linked by."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading in it."""
    broken = []
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{name}#{anchor}")
    assert broken == []


def test_the_index_names_every_page() -> None:
    """docs/README.md leads to each page of docs/."""
    index = ROOT / "docs/README.md"
    linked = {(index.parent / name).resolve() for name, _ in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page.is_relative_to(index.parent) and page != index} - linked == set()


def test_the_installation_names_each_extra() -> None:
    """The table of extras is that of pyproject.toml, but for the developers' own."""
    declared = re.search(
        r"^\[project.optional-dependencies\]\n(.*?)^\[", (ROOT / "pyproject.toml").read_text(), re.M | re.S
    )
    assert declared
    extras = set(re.findall(r"^(\w+) = \[", declared[1], re.MULTILINE)) - {"dev"}
    assert set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/installation.md").read_text(), re.MULTILINE)) == extras


# ---- README.md

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_read_in_two_minutes() -> None:
    """At most 600 words, program and commands included."""
    assert 300 < len(README.split()) <= 600


def test_the_readme_says_first_what_it_is_and_how_far_it_can_be_trusted() -> None:
    """One sentence, then the status, before anything that can be pasted."""
    what, status = README.split("\n\n")[1:3]
    assert what.count(". ") == 0
    assert status.startswith("**Status: beta. It has never been run against the live API**")


def test_the_program_of_the_readme_is_the_one_that_is_run() -> None:
    """Twelve lines of docs/installation.md, which a test follows with the real engine."""
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(program.splitlines()) == 12
    assert program in (ROOT / "docs/installation.md").read_text(encoding="utf-8")
