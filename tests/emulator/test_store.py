"""The store of models against a plain dictionary, with Hypothesis and with many threads."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from enkrypt_provider.emulator import store as store_module
from enkrypt_provider.emulator.database import Database
from enkrypt_provider.emulator.store import Identity, Model, Store, Taken, Unknown

from .conftest import Clock

IDENTITIES = st.builds(Identity, st.sampled_from(["a", "b", "a/1"]), st.sampled_from(["1", "2", "b"]))
ACCOUNTS = st.sampled_from(["x", "y"])
Registry = dict[tuple[str, Identity], Model]


def document(number: int) -> dict[str, int]:
    return {"number": number}


def identity_of(model: Model) -> Identity:
    return Identity(model.model_saved_name, model.model_version)


class AgainstADictionary(RuleBasedStateMachine):
    """After any sequence of operations the store equals a dictionary, now and before the last write."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.folder.name) / "models.db")
        self.clock = Clock()
        self.store = Store(self.database, self.clock)
        self.now: Registry = {}
        self.before: dict[str, Registry] = {"x": {}, "y": {}}
        self.ids: set[int] = set()

    def _wrote(self, account: str, before: Model | None, after: Model | None) -> None:
        self.before[account] = dict(self.now)
        if before:
            del self.now[account, identity_of(before)]
        if after:
            self.now[account, identity_of(after)] = after

    @rule(account=ACCOUNTS, identity=IDENTITIES, number=st.integers())
    def add(self, account: str, identity: Identity, number: int) -> None:
        if (account, identity) in self.now:
            with pytest.raises(Taken):
                self.store.add(account, identity, document(number))
            return
        model = self.store.add(account, identity, document(number))
        assert model.document == document(number)
        assert model.model_id not in self.ids
        self.ids.add(model.model_id)
        self._wrote(account, None, model)

    @rule(account=ACCOUNTS, old=IDENTITIES, new=IDENTITIES, number=st.integers())
    def modify(self, account: str, old: Identity, new: Identity, number: int) -> None:
        before = self.now.get((account, old))
        if before is None or (new != old and (account, new) in self.now):
            with pytest.raises(Taken if before else Unknown):
                self.store.modify(account, old, new, lambda _: document(number))
            return
        after = self.store.modify(account, old, new, lambda was: document(number + was["number"]))
        assert after.document == document(number + before.document["number"])
        self._wrote(account, before, after)

    @rule(account=ACCOUNTS, identity=IDENTITIES)
    def delete(self, account: str, identity: Identity) -> None:
        before = self.now.get((account, identity))
        if before is None:
            with pytest.raises(Unknown):
                self.store.delete(account, identity)
            return
        assert self.store.delete(account, identity) == before
        self._wrote(account, before, None)

    @invariant()
    def holds_the_same(self) -> None:
        for account in ("x", "y"):
            reads = ((self.now, self.store.models), (self.before[account], self.store.models_before))
            for registry, read in reads:
                models = {identity_of(model): model for model in read(account)}
                assert models == {key[1]: model for key, model in registry.items() if key[0] == account}

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()


TestAgainstADictionary = AgainstADictionary.TestCase
TestAgainstADictionary.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


@pytest.fixture
def store(database: Path) -> Store:
    return Store(Database(database), Clock())


def test_concurrent_changes_are_all_kept(store: Store) -> None:
    """200 increments from 8 threads make 200: a change is read and written in one transaction."""
    identity = Identity("a", "1")
    store.add("x", identity, document(0))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(store.modify, "x", identity, identity, lambda was: document(was["number"] + 1))
    assert store.find("x", identity)[0].document == document(200)


def test_an_id_is_never_assigned_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter([5, 5, 5, 6])
    monkeypatch.setattr(store_module, "random_id", lambda: next(ids))
    assert [store.add("x", Identity(name, "1"), {}).model_id for name in "ab"] == [5, 6]


def test_a_stale_read_undoes_only_the_last_write_to_that_model(store: Store) -> None:
    """Writes to other models do not bring back an older state of this one; a rename is undone under both names."""
    a, b, c = (Identity(name, "1") for name in "abc")
    store.add("x", a, document(1))
    assert store.find_before("x", a) == []
    store.modify("x", a, a, lambda _: document(2))
    store.add("x", b, document(9))
    assert store.find_before("x", a)[0].document == document(1)
    store.modify("x", a, c, lambda was: was)
    assert store.find_before("x", c) == []
    assert store.find_before("x", a)[0].document == document(2)
    store.delete("x", b)
    assert store.find_before("x", b)[0].document == document(9)
    assert store.find_before("y", b) == []


def test_only_a_limited_number_of_writes_can_be_undone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond that number, stale reads return the current state."""
    monkeypatch.setattr(store_module, "UNDOABLE", 10)
    a, b = Identity("a", "1"), Identity("b", "1")
    store.add("x", a, document(0))
    store.add("x", b, document(0))
    for _ in range(62):
        store.modify("x", b, b, lambda was: document(was["number"] + 1))
    assert store.find_before("x", a)[0].document == document(0)
    assert store.find_before("x", b)[0].document == document(61)
