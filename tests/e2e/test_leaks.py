"""The search for secrets itself: finding nothing proves nothing unless it can find a leak."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .leaks import Secrets


def in_base64(before: str = "", after: str = "") -> Callable[[str], str]:
    return lambda secret: base64.b64encode(f"{before}{secret}{after}".encode()).decode()


@pytest.mark.parametrize(
    "encode",
    [
        in_base64(),
        in_base64("x", "yz"),
        in_base64("xy", "z"),
        in_base64('["', '"]'),
        lambda secret: json.dumps(secret).replace("&", "\\u0026").replace("<", "\\u003c"),  # as Go writes it
        lambda secret: secret.encode().hex(),
    ],
)
def test_a_secret_is_found_in_every_encoding_and_not_shown(tmp_path: Path, encode: Callable[[str], str]) -> None:
    known = Secrets()
    secret = known.make("the key")
    (tmp_path / "state.json").write_text(encode(secret))
    (tmp_path / "server.db").write_text(secret)  # the emulator's database, which may hold keys
    findings = known.found_under(tmp_path)
    assert findings
    assert all(finding.startswith("state.json: the key") for finding in findings)
    assert secret not in " ".join(findings)
