"""Runs `enkrypt-provider` and `python -m enkrypt_provider`, and reports an extra that is not installed."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

NEEDED: Final = ("typer", "rich", "flask", "waitress")
"""Packages that the extras install."""
EXTRAS: Final = "enkrypt-provider[cli,emulator]"


def main() -> None:
    """Run the command line."""
    try:
        from .cli import main as run

        run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in NEEDED:
            raise
        sys.exit(f"error: {missing} is not installed: run `pip install '{requirement()}'`")


def requirement() -> str:
    """Return the pip requirement for this package with its extras, from where it was installed."""
    try:
        found = distribution("enkrypt-provider").read_text("direct_url.json")
    except PackageNotFoundError:
        return f"{EXTRAS} @ {Path(__file__).resolve().parents[1].as_uri()}"
    return f"{EXTRAS} @ {_address(json.loads(found))}" if found else EXTRAS


def _address(direct: dict[str, Any]) -> str:
    vcs = direct.get("vcs_info")
    return f"{vcs['vcs']}+{direct['url']}@{vcs['commit_id']}" if vcs else str(direct["url"])


if __name__ == "__main__":
    main()
