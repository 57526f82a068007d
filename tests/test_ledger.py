"""ledger.py: what one run of the engine has seen of each identity."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from enkrypt_provider.ledger import Ledger
from enkrypt_provider.schema import Identifier

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
