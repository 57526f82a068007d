"""The search for secrets itself: a search that finds nothing proves nothing unless it can find."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from .leaks import Secrets

DISGUISES: Mapping[str, Callable[[str], str]] = {
    "in the clear": lambda secret: f"the key is {secret}!",
    "in base64, alone": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in base64, one byte after something": lambda secret: base64.b64encode(f"x{secret}yz".encode()).decode(),
    "in base64, two bytes after something": lambda secret: base64.b64encode(f"xy{secret}z".encode()).decode(),
    "in the base64 of a document": lambda secret: base64.b64encode(json.dumps([secret]).encode()).decode(),
    "in a URL": lambda secret: f"https://example.com/?key={quote(secret, safe='')}",
    "in JSON as Go writes it": lambda secret: json.dumps(secret).replace("&", "\\u0026").replace("<", "\\u003c"),
    "in hexadecimal": lambda secret: secret.encode().hex(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_secret_is_found_in_every_disguise(tmp_path: Path, disguise: str) -> None:
    """A secret that stands in a file is found, and the finding names it without showing it."""
    known = Secrets()
    secret = known.make("the key")
    (tmp_path / "state.json").write_text(DISGUISES[disguise](secret))

    findings = known.found_under(tmp_path)

    assert findings
    assert all(finding.startswith("state.json: the key") for finding in findings)
    assert secret not in " ".join(findings)


def test_what_holds_no_secret_is_clean(tmp_path: Path) -> None:
    """An encrypted state is no finding, and neither is what the emulator, who plays the server, has stored."""
    known = Secrets()
    secret = known.make("the key")
    (tmp_path / "state.json").write_text('{"ciphertext": "v1:abc"}')
    (tmp_path / "server.db").write_text(secret)

    assert known.found_under(tmp_path) == []
