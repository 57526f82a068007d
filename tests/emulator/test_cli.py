"""`python -m enkrypt_provider serve`: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import re
import runpy
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from enkrypt_provider.cli import commands, main
from enkrypt_provider.emulator.server import Listener
from enkrypt_provider.settings import Settings

from .conftest import NO_TLS, TIMEOUT
from .document import v1, v2
from .serving import serving


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of serving, the server sends these requests to its own application and is then terminated."""
    requests: list[Any] = []

    def run(listener: Listener) -> None:
        transport = httpx.WSGITransport(app=listener.app)
        with httpx.Client(transport=transport, base_url="http://e") as client:
            requests[:] = [client.request(*request[:2], **request[2]) for request in requests]
        listener.close()
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Listener, "run", run)
    return requests


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(commands, ["serve", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_ends_it(tmp_path: Path, ending: signal.Signals) -> None:
    """It prints two lines once it listens; SIGTERM or Ctrl-C ends it with 0 and without further output."""
    database = tmp_path / "deep" / "models.db"
    with serving(database) as served:
        assert re.fullmatch(
            rf"Enkrypt AI API emulator \(v1\) on http://127\.0\.0\.1:\d+, database {database}\n", served.announced
        )
        assert served.page == f"To see the registrations, open {served.url} in a browser on this machine.\n"
        with httpx.Client(base_url=served.url, headers={"apikey": "k"}, verify=NO_TLS, timeout=TIMEOUT) as client:
            assert client.post("/models/add-model", json=v1()).status_code == 200
            assert "1 model" in client.get("/").text
            served.process.send_signal(ending)
            assert served.process.wait(TIMEOUT) == 0
        assert served.process.stdout
        assert served.process.stdout.read() == ""


def test_the_default_file_is_that_of_the_embedded_emulator(
    tmp_path: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --db it serves what a stack with `enkrypt:endpoint: embedded` registered in the same folder."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_config({"enkrypt:endpoint": "embedded"}.get)
    status, said = invoke("--port", "0")
    assert (status, said.splitlines()[0].partition("database ")[2]) == (0, str(settings.database))
    assert asked == []


def test_a_taken_port_or_foreign_file_is_a_one_line_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        line = f"error: port {port} cannot be used: Address already in use\n"
        assert invoke("--port", str(port), "--db", str(tmp_path / "a.db")) == (1, line)
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 100)
    line = f"error: {path} cannot be used as the emulator's database: file is not a database\n"
    assert invoke("--port", "0", "--db", str(path)) == (1, line)


def test_options_reach_the_emulator(tmp_path: Path, asked: list[Any]) -> None:
    add = ("POST", "/models/add-model", {"headers": {"apikey": "key=1"}, "json": v2(apikeys=["sk-1"])})
    lists = [("GET", "/models/list-models", {"headers": {"apikey": key}}) for key in ("any", "key=1")]
    asked += [lists[0], add, add, lists[1], ("GET", "/_emulator/requests", {})]
    status, said = invoke(
        "--port", "0", "--db", str(tmp_path / "a.db"), "--dialect", "v2", "--key", "key=1=team-a", "--mask-apikeys",
        "--cache-reads", "--no-list-details", "--quirks", "root", "--fault", "add_model:status=503,first=1",
        "--fault", "*:delay=0.001", "--seed", "3",
    )  # fmt: skip
    assert (status, said.startswith("Enkrypt AI API emulator (v2) on ")) == (0, True)
    assert [response.status_code for response in asked] == [401, 503, 200, 200, 200]
    assert asked[2].json()["data"]["model_config"]["apikeys"] == ["xxxxx"]
    assert asked[2].json()["data"]["hosting_type"] == "External"
    assert "model_config" not in asked[3].json()["models"][0]
    assert len(asked[4].json()) == 4


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        (["--like-vendor"], {"rate": "3/s,100/min", "rt_rate": "5/min", "lockout": 60}),
        (["--rate", "9/s", "--rt-rate", "1/h", "--lockout", "5"], {"rate": "9/s", "rt_rate": "1/h", "lockout": 5}),
        ([], {"rate": "", "rt_rate": "", "lockout": 60}),
    ],
)
def test_any_key_is_accepted_by_default_and_limits_reach_the_emulator(
    tmp_path: Path, asked: list[Any], arguments: list[str], limits: dict[str, Any]
) -> None:
    asked += [
        ("POST", "/models/add-model", {"headers": {"apikey": "any"}, "json": v1(apikeys=["sk-1"])}),
        ("GET", "/models/list-models", {"headers": {"apikey": "other"}}),
        ("GET", "/_emulator/requests", {}),
        ("GET", "/_emulator/limits", {}),
    ]
    assert invoke("--port", "0", "--db", str(tmp_path / "a.db"), *arguments)[0] == 0
    assert asked[1].json()["models"][0]["model_config"]["apikeys"] == ["sk-1"]
    assert len(asked[2].json()) == 2
    assert asked[3].json() == {**limits, "violations": 0, "locked_out": 0}


@pytest.mark.parametrize("start", [main, lambda: runpy.run_module("enkrypt_provider", run_name="__main__")])
def test_a_start_without_a_command_lists_the_commands(
    start: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["enkrypt-provider"])
    with pytest.raises(SystemExit):
        start()
    assert "serve" in "".join(capsys.readouterr())
