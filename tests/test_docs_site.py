"""The site built from docs/, as in the workflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import generate

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "https://example.com/models"


def build(folder: Path, **environment: str) -> Path:
    """Build the site without warnings and return its folder."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={"PATH": os.defpath, "NO_MKDOCS_2_WARNING": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"), REPO_URL=REPOSITORY)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_page_is_on_the_site(site: Path) -> None:
    """The strict build also checks that every page is in the menu, and that links and anchors are valid."""
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).with_suffix("") for page in docs.rglob("*.md")}
    assert len(pages) >= 19
    folders = {page.parent if page.name == "README" else page for page in pages}
    assert [page for page in folders if not (site / page / "index.html").exists()] == []


def test_first_page_loads_nothing_from_other_hosts(site: Path) -> None:
    """All fonts, scripts and images are local."""
    called = re.findall(r'(?:src|<link[^>]+href)="?(https?://[^">\s]+)', text_of(site / "index.html"))
    assert called == []


def test_links_out_of_docs_go_to_the_repository(site: Path) -> None:
    assert f'href="{REPOSITORY}/blob/main/tests/e2e/test_teams.py"' in text_of(site / "teams/index.html")
    assert f'src="{REPOSITORY}/raw/main/benchmarks/results/plot.png"' in text_of(site / "scaling/index.html")


def test_without_a_repository_url_links_out_of_docs_are_plain_text(tmp_path: Path) -> None:
    page = text_of(build(tmp_path) / "teams/index.html")
    assert "tests/e2e/test_teams.py" in page
    assert "../tests" not in page


def test_catalogue_schema_is_on_the_site(site: Path) -> None:
    assert (site / generate.SCHEMA.name).read_bytes() == generate.SCHEMA.read_bytes()
    assert not list(site.rglob("*.py"))
