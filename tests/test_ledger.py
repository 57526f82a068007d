"""ledger.py: what one run of the engine has seen of each identity."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from enkrypt_provider.schema import Identifier

from enkrypt_provider.core.run_ownership import Ledger, this_run

MODEL = Identifier("Test_Model", "1")


def test_the_first_who_declares_is_the_owner() -> None:
    """Whoever declares an identity second learns who was first, and changes nothing."""
    ledger = Ledger()
    assert ledger.owner(MODEL) == ""
    assert ledger.declare(MODEL, "p/s/one") == "p/s/one"
    assert ledger.declare(MODEL, "p/s/two") == "p/s/one"
    assert ledger.owner(MODEL) == "p/s/one"


def test_of_many_threads_one_is_first() -> None:
    """Of resources that are checked at once, exactly one is told that it is the owner."""
    ledger = Ledger()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ledger.declare(MODEL, f"p/s/{n}") == f"p/s/{n}", range(200)))
    assert answers.count(True) == 1


def test_what_was_kept_does_not_supersede_what_was_made() -> None:
    """Whichever is told first, an object that this run created stands for its identity, not the one from before."""
    for order in (("keep", "hold"), ("hold", "keep")):
        ledger = Ledger()
        for name in order:
            getattr(ledger, name)(MODEL, {"keep": "old", "hold": "new"}[name])
        assert ledger.is_superseded(MODEL, "old")
        assert not ledger.is_superseded(MODEL, "new")


def test_an_object_is_superseded_by_a_newer_one_of_its_identity() -> None:
    """An object whose identity the state holds by another must not be deleted with the registration."""
    ledger = Ledger()
    assert not ledger.is_superseded(MODEL, "old")
    ledger.hold(MODEL, "old")
    assert not ledger.is_superseded(MODEL, "old")
    ledger.hold(MODEL, "new")
    assert ledger.is_superseded(MODEL, "old")
    assert not ledger.is_superseded(MODEL, "new")
    assert not ledger.is_superseded(Identifier("Test_Model", "2"), "old")


def test_the_processes_of_one_run_know_of_each_other(tmp_path: Path) -> None:
    """What one provider process created, another does not delete; an identity that none holds is deleted."""
    run = this_run(["dynamic", "127.0.0.1:4711"], tmp_path)
    assert run is not None
    one, other = Ledger(run), Ledger(run)
    one.keep(MODEL, "old")
    assert not other.is_superseded(MODEL, "old")
    one.hold(MODEL, "new")
    assert other.is_superseded(MODEL, "old")
    assert not other.is_superseded(Identifier("Test_Model", "2"), "old")
    assert "Test_Model" not in run.read_text()


def test_runs_do_not_know_of_each_other(tmp_path: Path) -> None:
    """Another engine's run, or a process that no engine started, shares nothing."""
    Ledger(this_run(["dynamic", "127.0.0.1:4711"], tmp_path)).hold(MODEL, "new")
    assert not Ledger(this_run(["dynamic", "127.0.0.1:4712"], tmp_path)).is_superseded(MODEL, "old")
    for arguments in ([], ["dynamic"], ["pytest", "-q"], ["pytest", "tests/x.py"]):
        assert this_run(arguments, tmp_path) is None


def test_the_files_of_old_runs_are_removed(tmp_path: Path) -> None:
    """What a run leaves behind is gone a day later."""
    old = this_run(["dynamic", "127.0.0.1:1"], tmp_path)
    assert old is not None
    Ledger(old).hold(MODEL, "token")
    os.utime(old, (0, 0))
    this_run(["dynamic", "127.0.0.1:2"], tmp_path)
    assert not old.exists()


def test_where_nothing_can_be_shared_a_process_knows_itself(tmp_path: Path) -> None:
    """A read-only home is no error."""
    (tmp_path / "file").touch()
    ledger = Ledger(this_run(["dynamic", "127.0.0.1:1"], tmp_path / "file" / "runs"))
    ledger.hold(MODEL, "new")
    assert ledger.is_superseded(MODEL, "old")
    assert not ledger.is_superseded(Identifier("Test_Model", "2"), "old")
