"""One file with many processes, with kill -9, and on a full disk."""

from __future__ import annotations

import itertools
import re
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import httpx
import pytest

from enkrypt_provider.emulator import NotOurs, create_app, database_id
from enkrypt_provider.emulator import database as database_module
from enkrypt_provider.emulator.database import Database

from .conftest import NO_TLS, TIMEOUT, Connect, ask
from .document import IDENTITY, called, v1
from .processes import read_id, register, together
from .serving import serving

PROCESSES = 4
EACH = 25


def test_many_processes_create_and_share_one_file(database: Path, embedded: Connect) -> None:
    names = [[*(f"of_{process}_{number}" for number in range(EACH)), "wanted by all"] for process in range(PROCESSES)]
    statuses = together(register, [database] * PROCESSES, names)
    assert [each[:-1] for each in statuses] == [[200] * EACH] * PROCESSES
    assert sorted(each[-1] for each in statuses) == [200] + [409] * (PROCESSES - 1)
    client = embedded(record=True)
    models = ask(client, "list-models").json()["models"]
    assert len({model["model_id"] for model in models}) == len(models) == PROCESSES * EACH + 1
    assert len(client.get("/_emulator/requests").json()) == PROCESSES * (EACH + 1) + 1


def test_a_database_keeps_its_id(tmp_path: Path) -> None:
    """16 hex digits, different for each file and the same after a move; an older file without one gets one."""
    ids = [database_id(tmp_path / name / "models.db") for name in ("one", "two")]
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    assert ids[0] != ids[1]
    (tmp_path / "one").rename(tmp_path / "moved")
    assert database_id(tmp_path / "moved" / "models.db") == ids[0]
    assert create_app(tmp_path / "moved" / "models.db").config["DATABASE_ID"] == ids[0]
    with closing(sqlite3.connect(tmp_path / "two" / "models.db")) as connection, connection:
        connection.execute("DROP TABLE account")
    assert database_id(tmp_path / "two" / "models.db") == database_id(tmp_path / "two" / "models.db") != ""


def test_processes_agree_on_the_id_of_a_new_file(database: Path) -> None:
    ids = together(read_id, [database] * PROCESSES)
    assert ids == [[int(database_id(database), 16)]] * PROCESSES


def _keep_adding(url: str, known: list[str], enough: threading.Event) -> None:
    """Add models until the server dies; `known` gets those that it confirmed."""
    with httpx.Client(base_url=url, headers={"apikey": "k"}, timeout=TIMEOUT, verify=NO_TLS) as client:
        before = len(known)
        for number in itertools.count(before):
            try:
                ask(client, "add-model", json=v1(f"model {number}")).raise_for_status()
            except httpx.TransportError:
                return
            known.append(f"model {number}")
            if number == before + 40:
                enough.set()


def test_kill_9_loses_no_confirmed_write(database: Path, embedded: Connect) -> None:
    known: list[str] = []
    with serving(database) as served:
        enough = threading.Event()
        writer = threading.Thread(target=_keep_adding, args=(served.url, known, enough))
        writer.start()
        assert enough.wait(TIMEOUT)
        served.process.kill()
        writer.join()
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    listed = [model["model_saved_name"] for model in ask(embedded(), "list-models").json()["models"]]
    assert listed[: len(known)] == known
    assert len(listed) <= len(known) + 1


def _fill(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Make SQLite report a full disk beyond `pages` pages."""
    connect = Database._connect

    def connect_to_little(database: Database) -> sqlite3.Connection:
        connection = connect(database)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(Database, "_connect", connect_to_little)


def test_a_full_disk_is_an_error_response_and_loses_nothing(
    connect: Connect, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(record=True)
    before = ask(client, "add-model", json=v1()).json()["data"]
    with monkeypatch.context() as full:
        _fill(full, database.stat().st_size // 4096 + 30)
        little = connect(record=True)
        responses = [ask(little, "add-model", json=v1(f"m{n}", system_prompt="x" * 9000)) for n in range(40)]
        assert {response.status_code for response in responses} == {200, 507}
        assert set(responses[-1].json()) == {"message", "request_id"}
        assert ask(little, "get-model", headers=IDENTITY).json() == before
        assert ask(little, "modify-model", headers=IDENTITY, json=v1(system_prompt="x" * 20_000)).status_code == 507
    stored = [f"m{n}" for n, response in enumerate(responses) if response.status_code == 200]
    listed = ask(client, "list-models").json()["models"]
    assert [model["model_saved_name"] for model in listed] == ["Test_Model", *stored]
    assert listed[0] == before
    assert ask(client, "delete-model", headers=called("m0")).status_code == 200


def test_a_locked_database_is_an_error_response(
    connect: Connect, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "TIMEOUT", 0.0)
    client = connect(record=True)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    response = ask(client, "add-model", json=v1())
    assert (response.status_code, "locked" in response.json()["message"]) == (500, True)
    assert client.post("/_emulator/faults", json=[{"status": 503}]).status_code == 500
    holder.execute("ROLLBACK")
    holder.close()
    assert ask(client, "add-model", json=v1()).status_code == 200


def test_only_the_owner_can_read_the_file(database: Path) -> None:
    app = create_app(database / "deeper" / "models.db")
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://e", headers={"apikey": "k"}) as client:
        ask(client, "add-model", json=v1())
        files = list((database / "deeper").iterdir())
        assert {file.name for file in files} == {"models.db", "models.db-wal", "models.db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE invoices (amount)")


@pytest.mark.parametrize(
    "prepare",
    [lambda path: path.write_text("name,price\n" * 100), _foreign_database, lambda path: path.mkdir()],
    ids=["a text file", "another program's database", "a folder"],
)
def test_a_foreign_file_is_left_alone(tmp_path: Path, prepare: Callable[[Path], object]) -> None:
    path = tmp_path / "file.db"
    prepare(path)
    before = path.read_bytes() if path.is_file() else b""
    for use in (create_app, database_id):
        with pytest.raises(NotOurs, match=r"file\.db cannot be used as the emulator's database"):
            use(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize(("failure", "left"), [("database is locked", 0), ("disk I/O error", 1)])
def test_a_concurrent_switch_to_wal_is_retried(failure: str, left: int) -> None:
    """Two processes that create the file at once both succeed, though SQLite refuses one at first."""
    tries = [sqlite3.OperationalError(failure), None]

    class Refusing:
        def execute(self, statement: str) -> None:
            assert statement == "PRAGMA journal_mode = WAL"
            if error := tries.pop(0):
                raise error

    with pytest.raises(sqlite3.OperationalError, match=failure) if left else nullcontext():
        database_module._switch_to_wal(Refusing())  # type: ignore[arg-type]  # a stand-in
    assert len(tries) == left


def test_a_process_that_keeps_the_file_locked_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process may keep a file locked that no process has switched to WAL."""
    monkeypatch.setattr(database_module, "TIMEOUT", 0.1)
    with closing(sqlite3.connect(tmp_path / "models.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotOurs, match="database is locked"):
            Database(tmp_path / "models.db")
        holder.execute("ROLLBACK")
    assert database_id(tmp_path / "models.db")
