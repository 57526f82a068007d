"""The history against a list of the changes made, with Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from enkrypt_provider.emulator.database import Database
from enkrypt_provider.emulator.history import History, Registered, registered_model
from enkrypt_provider.emulator.objects import Object, Objects, Scope
from enkrypt_provider.emulator.store import PROJECT, Identity, Model, Store, Taken, Unknown

from .conftest import Clock
from .test_store import ACCOUNTS, AgainstADictionary

KINDS = st.sampled_from(["policy", "deployment"])
NAMES = st.sampled_from(["a", "b"])


def _registered(kind: str, account: str, it: Model | Object) -> Registered:
    """Return a registration in the form of the history."""
    if isinstance(it, Model):
        return registered_model(account, it)
    times = (it.created_at, it.updated_at)
    return Registered(kind, account, it.name, "", it.project_name, it.number, *times, it.document)


class AgainstAList(AgainstADictionary):
    """After any sequence of operations the history has each change, with the states before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects(self.database, self.clock)
        self.history = History(self.database)
        self.done: list[tuple[Registered | None, Registered | None]] = []

    def _wrote(self, account: str, before: Model | None, after: Model | None) -> None:
        super()._wrote(account, before, after)
        self._did(account, before, after)

    def _did(self, account: str, *states: Model | Object | None, kind: str = "model") -> None:
        before, after = (_registered(kind, account, it) if it else None for it in states)
        self.done.append((before, after))

    @rule(account=ACCOUNTS, kind=KINDS, name=NAMES, number=st.integers(), revives=st.booleans())
    def add_object(self, account: str, kind: str, name: str, number: int, revives: bool) -> None:
        try:
            after = self.objects.add(Scope(kind, account, PROJECT), {"name": name, "number": number}, revives=revives)
        except Taken:
            return
        self._did(account, None, after, kind=kind)

    @rule(account=ACCOUNTS, kind=KINDS, old=NAMES, new=NAMES, number=st.integers())
    def modify_object(self, account: str, kind: str, old: str, new: str, number: int) -> None:
        scope = Scope(kind, account, PROJECT)
        try:
            before = self.objects.find(scope, old)
            after = self.objects.modify(scope, old, lambda _: {"name": new, "number": number})
        except (Taken, Unknown):
            return
        self._did(account, before, after, kind=kind)

    @rule(account=ACCOUNTS, kind=KINDS, name=NAMES)
    def delete_object(self, account: str, kind: str, name: str) -> None:
        try:
            before = self.objects.delete(Scope(kind, account, PROJECT), name)
        except Unknown:
            return
        self._did(account, before, None, kind=kind)

    @invariant()
    def shows_the_same(self) -> None:
        shown = self.history.changes()
        assert [(change.before, change.after) for change in reversed(shown)] == self.done
        assert self.history.count_changes() == len(shown)
        assert sorted((change.at for change in shown), reverse=True) == [change.at for change in shown]
        for kind, number in {(change.of.kind, change.of.number) for change in shown}:
            mine = self.history.changes_of(kind, number)
            assert mine[-1].before is None
            assert self.history.find(kind, number) == [it for it in [mine[0].after] if it]
            assert [change.before for change in mine[:-1]] == [change.after for change in mine[1:]]


TestAgainstAList = AgainstAList.TestCase
TestAgainstAList.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_a_history_is_a_consistent_snapshot(database: Path) -> None:
    """A concurrent write is never partly in it."""
    kept = Database(database)
    store, history = Store(kept, Clock()), History(kept)
    identity = Identity("a", "1")
    store.add("x", identity, {"number": 0})
    with kept.reading() as connection:
        assert connection.execute("SELECT count(*) FROM changes").fetchone() == (1,)
        store.modify("x", identity, identity, lambda _: {"number": 1})
        assert connection.execute("SELECT count(*) FROM changes").fetchone() == (1,)
    assert len(history.changes()) == 2


def test_the_database_of_an_earlier_emulator_still_works(database: Path) -> None:
    """A file without a history is accepted: its models stay, and their history begins."""
    kept = Database(database)
    store = Store(kept, Clock())
    model = store.add("x", Identity("a", "1"), {"number": 0})
    with kept.writing() as connection:
        connection.execute("DROP TABLE changes")
        connection.execute("CREATE TABLE writes (number INTEGER PRIMARY KEY, account TEXT, undo TEXT)")
    again = Database(database)
    assert History(again).changes() == []
    Store(again, Clock()).delete("x", Identity("a", "1"))
    assert [change.before for change in History(again).changes_of("model", model.model_id)] == [
        registered_model("x", model)
    ]
    with pytest.raises(Unknown):
        store.delete("x", Identity("a", "1"))
