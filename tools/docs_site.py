"""An mkdocs hook: links that lead out of docs/ go to the repository at REPO_URL."""

from __future__ import annotations

import posixpath
import re
from typing import Any, Final

LINK: Final = re.compile(r"(?P<image>!?)\[(?P<text>(?:!\[[^\]]*\]\([^)]*\)|[^\[\]])*)\]\((?P<target>[^)\s:]+)\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_files: Any) -> str:
    """Return the page's Markdown with each link out of docs/ as a URL or, without REPO_URL, as plain text."""
    folder = posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda link: _outward(link, folder, config.repo_url), markdown)


def _outward(link: re.Match[str], folder: str, repository: str | None) -> str:
    path = posixpath.normpath(posixpath.join("docs", folder, link["target"]))
    if path.startswith("docs/") or link["target"].startswith("#"):
        return link[0]
    if not repository:
        return link["text"]
    return (
        f"{link['image']}[{link['text']}]({repository.rstrip('/')}/{'raw' if link['image'] else 'blob'}/main/{path})"
    )
