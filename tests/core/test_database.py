"""database.py: the machine's file, and the run of the engine to which a process belongs."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from enkrypt_provider.core.database import Database, default_path, this_run

NOTED = "INSERT OR REPLACE INTO journal VALUES ('https://h', '', 'urn', 'x/1', '7', 1.0, NULL, NULL)"


def rows(database: Database) -> int:
    return len(database.execute("SELECT * FROM journal"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "provider.sqlite"


def test_one_process_reads_what_another_writes(file: Path) -> None:
    one, other = Database(file, run="a run"), Database(file, run="a run")
    one.execute(NOTED)
    assert rows(other) == 1


def test_only_the_user_may_read_the_file(file: Path) -> None:
    Database(file).execute(NOTED)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(it.stat().st_mode) for it in file.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("corrupt", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_beside_a_corrupt_file_another_is_used(file: Path, corrupt: bytes) -> None:
    """Its contents are lost, later writes are not. It stays as it is, since another process may be opening it."""
    file.parent.mkdir()
    file.write_bytes(corrupt)
    Database(file, run="a run").execute(NOTED)
    assert rows(Database(file, run="a run")) == 1
    assert file.read_bytes() == corrupt


@pytest.mark.parametrize("_time", range(10))
def test_processes_that_find_a_corrupt_file_together_share_what_replaces_it(file: Path, _time: int) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database")
    Path(f"{file}-wal").write_bytes(b"the rest of a killed process")
    together = threading.Barrier(8)

    def opened(_: int) -> Database:
        together.wait()
        return Database(file, run="a run")

    with ThreadPoolExecutor(8) as pool:
        databases = [*pool.map(opened, range(8))]
    databases[0].execute(NOTED)
    assert [rows(database) for database in databases] == [1] * 8


def test_without_a_usable_file_a_process_still_knows_its_own_writes(file: Path) -> None:
    file.parent.touch()
    database = Database(file, run="a run")
    database.execute(NOTED)
    assert rows(database) == 1
    assert file.parent.read_bytes() == b""


def test_a_failed_write_is_no_error(file: Path) -> None:
    """If the disk is full, or another process keeps the file locked, a process still knows its own writes."""
    database = Database(file, run="a run")
    other = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    database.execute(NOTED)
    other.execute("ROLLBACK")
    assert (rows(database), rows(Database(file, run="a run"))) == (1, 0)
    assert database.execute("SELECT * FROM no_such_table") == []


def test_a_file_that_another_process_is_creating_is_waited_for(file: Path) -> None:
    """SQLite refuses at once to switch a file to WAL while it is written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    ending = threading.Timer(0.2, other.execute, ["COMMIT"])
    ending.start()
    Database(file, run="a run").execute(NOTED)
    ending.join()
    assert rows(Database(file, run="a run")) == 1


def test_the_claims_of_ended_processes_are_dropped(file: Path) -> None:
    """Claims of running processes stay; a new process with the PID of an old one does not count as that."""
    database = Database(file, run="a run")
    alive = database.process.removeprefix("a run ")
    runs = ["no run", "a run 4194304:1", f"a run {os.getpid()}:1", f"{alive} 4194304:1", f"a run {alive}"]
    for run in runs:
        database.execute("INSERT INTO claims VALUES (?, 'https://h', 'holds', 'x/1', 7, '', 'urn')", run)
    assert Database(file, run="a run").execute("SELECT run FROM claims") == [(runs[-1],)]


def test_the_file_is_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Database(run="a run").execute(NOTED)
    assert rows(Database(tmp_path / "enkrypt-provider" / "provider-3.sqlite", run="a run")) == 1


@pytest.mark.parametrize("configured", ["", "relative/folder"])
def test_without_a_state_folder_it_is_below_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", configured)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "state" / "enkrypt-provider" / "provider-3.sqlite"


def test_without_a_home_a_process_still_knows_its_own_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no passwd entry."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setattr(Path, "home", no_home)
    assert default_path() is None
    database = Database(run="a run")
    database.execute(NOTED)
    assert rows(database) == 1


# ---- the run


def run_below(parent: list[str]) -> tuple[int, str]:
    """Return the PID of a parent process, and the run that its grandchild finds."""
    code = "from enkrypt_provider.core.database import this_run; print(this_run())"
    shell = f'echo $$; sh -c \'"{sys.executable}" -c "{code}"; true\'; true'
    done = subprocess.run([*parent, "-c", shell], capture_output=True, text=True, check=True)
    number, run = done.stdout.split()
    return int(number), run


@pytest.mark.parametrize("name", ["pulumi", ".pulumi-wrapped", "pulumi-3.274.1"])
def test_the_run_is_the_engine_above_a_process(tmp_path: Path, name: str) -> None:
    """A shell script runs between the engine, plain or packaged by Nix, and its provider. Two engines, two runs."""
    engine = tmp_path / name
    engine.symlink_to("/bin/sh")
    found = [run_below([str(engine)]) for _ in range(2)]
    assert [run.partition(":")[0] for _, run in found] == [str(number) for number, _ in found]
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize("name", ["sh", "pulumi-language-python", "pulumi-resource-enkrypt", "my-pulumi"])
def test_a_process_that_no_engine_started_is_a_run_of_its_own(tmp_path: Path, name: str) -> None:
    parent = tmp_path / name
    parent.symlink_to("/bin/sh")
    number, run = run_below([str(parent)])
    assert run.partition(":")[0] != str(number)
    assert this_run() == this_run()
    assert this_run().partition(":")[0] == str(os.getpid())


def test_setting_the_clock_does_not_change_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One provider of a run may start before the change and one after it; the claims of the first stay alive."""
    before = Database(run="a run").process, this_run()
    system = sys.modules[type(psutil.Process()._proc).__module__]
    began = system.boot_time()
    monkeypatch.setattr(system, "boot_time", lambda: began + 3600.0)
    assert (Database(run="a run").process, this_run()) == before


def test_a_run_is_over_once_its_engine_has_died(file: Path) -> None:
    """A provider may outlive the engine, and the engine may still be a zombie."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as engine:
        database = Database(file, run=f"{engine.pid}:{hash(psutil.Process(engine.pid)):x}")
        assert not database.is_over
        engine.kill()
        os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)
        assert database.is_over
    assert Database(file, run="4194305:0").is_over
    assert not Database(file).is_over
    assert not Database(file, run="a run").is_over
