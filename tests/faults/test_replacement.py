"""Replacements with the real engine: forced, swapped, renamed, moved, interrupted. The live registration stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from e2e.harness import Story

from .conftest import FULL, Count
from .running import EVERYTHING, going, wait_for
from .scenes import model
from .stacks import ADOPT, Models, Troubled, either

LONG: Final = {"call": "add_model", "model": "slow", "delay": 60}
"""Holds a command at the creation of `slow`."""
SOME: Final = slice(None if FULL else 1)
"""Of the cases: all in a full run, else the first."""
ADOPTING: Final[dict[str, Any]] = {"adopt_existing": True}


@pytest.fixture
def troubled(story: Story, count: Count, request: pytest.FixtureRequest) -> Troubled:
    frontend = either(request.node.name)
    count(f"stories of a replacement with the real engine, {frontend}", 1)
    return Troubled(story, story.api(), frontend)


@pytest.mark.parametrize("options", [{}, ADOPTING] if FULL else [{}], ids=str)
def test_a_forced_replacement_keeps_the_registration(troubled: Troubled, options: dict[str, Any]) -> None:
    """The engine creates, then deletes; the registration is the same one all the while, and is not deleted."""
    troubled.declare({"a": model("x", **options)})
    troubled.stack.up()
    before = troubled.numbers()
    troubled.api.calls()

    forced = troubled.stack.up("--replace", troubled.urn("a"))

    assert "x/v1 is kept: " in forced.text
    assert "delete_model x/v1" not in troubled.api.calls()
    assert (troubled.numbers(), troubled.agree()) == (before, [])
    troubled.stack.destroy()
    assert troubled.numbers() == {}


# ---- killed between the create and the delete


Ending = Callable[[Troubled], object]


def up(troubled: Troubled) -> None:
    troubled.recover(refresh=False)


def refresh_and_up(troubled: Troubled) -> None:
    troubled.recover()


def forced_again(troubled: Troubled) -> None:
    troubled.type("cancel", "--yes")
    troubled.stack.up("--replace", troubled.urn("a"))


def another_first(troubled: Troubled) -> None:
    troubled.type("cancel", "--yes")
    troubled.stack.up("--target", troubled.urn("slow"))
    troubled.stack.up()


def renamed_in_between(troubled: Troubled) -> None:
    """The program goes on under another name for the resource, and adopts."""
    models = dict(troubled.models)
    troubled.declare({"slow": models["slow"], "b": {**models["a"], **ADOPTING}})
    troubled.recover(refresh=False)


ENDINGS: Final[tuple[Ending, ...]] = (up, refresh_and_up, forced_again, another_first, renamed_in_between)


def _interrupt(troubled: Troubled, *options: str) -> None:
    """kill -9 once a new object of `a` is in the state, and the old one not yet deleted."""
    troubled.api.fault(LONG)
    with going(troubled.stack, "up", "--yes", "--skip-preview", *options) as command:
        wait_for(lambda: any(it.get("delete") for it in troubled.objects("a")), "the replacement in the state")
        troubled.wait_until_written()
        command.kill(EVERYTHING)
        command.end(fails=True)
    troubled.api.fault()
    assert len(troubled.objects("a")) == 2


def _interrupted(troubled: Troubled, options: dict[str, Any]) -> int:
    """A stack that was killed in the midst of a forced replacement; the number of its registration."""
    a = model("x", **options)
    troubled.declare({"a": a})
    troubled.stack.up()
    troubled.declare({"slow": model("slow"), "a": a})
    _interrupt(troubled, "--replace", troubled.urn("a"))
    return troubled.numbers()["x/v1"]


@pytest.mark.parametrize("ending", ENDINGS if FULL else ENDINGS[:1], ids=lambda it: it.__name__)
@pytest.mark.parametrize("options", [{}, ADOPTING] if FULL else [{}], ids=str)
def test_an_interrupted_replacement_costs_nothing(
    troubled: Troubled, ending: Ending, options: dict[str, Any]
) -> None:
    """Killed between the create and the delete of a forced replacement, the stack ends whole, whatever comes next."""
    before = _interrupted(troubled, options)

    ending(troubled)

    assert troubled.numbers()["x/v1"] == before
    assert troubled.agree() == []
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def test_an_interrupted_replacement_can_be_destroyed(troubled: Troubled) -> None:
    """Two objects of one registration in the state: a destroy leaves nothing, neither there nor at the API."""
    _interrupted(troubled, {})
    troubled.type("cancel", "--yes")

    troubled.stack.destroy()

    assert (troubled.numbers(), troubled.state()) == ({}, [])


def _kill_after_the_work(troubled: Troubled, call: str, *command: str, registered: list[str]) -> None:
    """kill -9 of a command once the API has done the work of a call, and before the state says so."""
    troubled.api.fault({"call": call, "status": 503, "retry_after": 60, "work": True})
    with going(troubled.stack, *command, "--yes", "--skip-preview") as going_on:
        wait_for(lambda: list(troubled.numbers()) == registered, "the work")
        going_on.kill(EVERYTHING)
        going_on.end(fails=True)
    troubled.api.fault()


def test_a_create_that_was_killed_is_taken_up(troubled: Troubled) -> None:
    """The next up knows the registration as its own."""
    troubled.declare({"a": model("x")})
    _kill_after_the_work(troubled, "add_model", "up", registered=["x/v1"])
    before = troubled.numbers()

    told = troubled.recover(refresh=False)

    assert "x/v1 is registered: this resource had already created it" in told.text
    assert (troubled.numbers(), troubled.agree()) == (before, [])


def test_what_a_killed_destroy_deleted_is_registered_anew(troubled: Troubled) -> None:
    """The state holds it still: the next up needs no refresh to see that it is gone."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()
    _kill_after_the_work(troubled, "delete_model", "destroy", registered=[])

    told = troubled.recover(refresh=False)

    assert "x/v1 was deleted by an earlier command on this machine" in told.text
    assert troubled.agree() == []
    assert troubled.numbers() != before
    troubled.stack.destroy()
    assert troubled.numbers() == {}


# ---- gone, swapped, renamed, moved


def test_what_is_gone_can_be_replaced_by_force(troubled: Troubled) -> None:
    """A model that somebody deleted is registered anew by a forced replacement, and stays."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    troubled.api.delete("x/v1")

    troubled.stack.up("--replace", troubled.urn("a"))

    assert list(troubled.numbers()) == ["x/v1"]
    assert troubled.agree() == []


@pytest.mark.parametrize("first", ["both at once", "a", "b"] if FULL else ["a"])
def test_two_resources_swap_their_names(troubled: Troubled, first: str) -> None:
    """Each adopts what the other had; both registrations stay, in whichever order the resources come."""
    one, other = model("x", **ADOPTING), model("y", **ADOPTING)
    troubled.declare({"a": one, "b": other})
    troubled.stack.up()
    before = troubled.numbers()
    swapped = {"a": {**other, "model_name": "was y"}, "b": {**one, "model_name": "was x"}}

    order = ["b", "a"] if first == "b" else ["a", "b"]
    after = {} if first == "both at once" else {order[1]: [order[0]]}
    troubled.declare({name: swapped[name] for name in order}, after=after)
    troubled.stack.up()

    assert (troubled.numbers(), troubled.agree()) == (before, [])
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def _half_way(troubled: Troubled, differs: dict[str, Any]) -> tuple[Any, dict[str, int]]:
    """Two objects of one registration, which `b` took over and `a` kept; what `a` says, and the numbers."""
    first = model("x", model_name="a's")
    troubled.declare({"a": first})
    troubled.stack.up()
    before = troubled.numbers()
    troubled.api.fault({"call": "add_model", "model": "y", "status": 400})
    troubled.declare({"b": {**first, **ADOPTING, **differs}, "a": model("y")}, after={"a": ["b"]})
    troubled.stack.up(fails=True)
    troubled.api.fault()
    return first, before


@pytest.mark.parametrize("is_refreshed", [False, True][SOME])
@pytest.mark.parametrize("differs", [{"model_name": "b's"}, {}][SOME], ids=str)
@pytest.mark.parametrize("beside", [{"b": model("z")}, {}][SOME], ids=len)
def test_what_a_failed_up_handed_over_is_given_back(
    troubled: Troubled, tmp_path: Path, beside: Models, differs: dict[str, Any], is_refreshed: bool
) -> None:
    """`b` took over what `a` was to give up and did not; the program is again as it was, with another `b` or none,
    on a machine that remembers nothing, as in CI."""
    first, before = _half_way(troubled, differs)

    troubled.stack = troubled.stack.with_environment({"XDG_STATE_HOME": str(tmp_path / "another machine")})
    if is_refreshed:
        troubled.stack.refresh()
    troubled.declare({"a": first, **beside})
    troubled.stack.up()

    assert troubled.agree() == []
    assert before.items() <= troubled.numbers().items()
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def test_an_up_that_goes_on_after_an_error_deletes_nothing_that_stays(troubled: Troubled) -> None:
    """The update of `a` fails, and the engine deletes the object of `b`, which stands for the same registration."""
    first, before = _half_way(troubled, {"model_name": "b's"})
    troubled.api.fault({"call": "modify_model", "status": 400, "first": 1})
    troubled.declare({"a": {**first, "model_name": "new"}})

    troubled.stack.up("--continue-on-error", fails=True)

    assert (troubled.numbers(), troubled.api.models()["x/v1"]["model_name"]) == (before, "a's")
    assert [it["id"] for it in troubled.state()] == ["x/v1"]
    troubled.api.fault()
    troubled.stack.up()
    assert troubled.agree() == []


@pytest.mark.parametrize("is_refreshed", [True, False][SOME])
def test_a_forced_replacement_that_fails_loses_nothing_to_the_deletes(
    troubled: Troubled, tmp_path: Path, is_refreshed: bool
) -> None:
    """`a` is refused what its own object stands for, by a machine that remembers nothing, and the engine goes on to
    the object of `b`, which stands for the same registration."""
    first, before = _half_way(troubled, {})
    troubled.stack = troubled.stack.with_environment({"XDG_STATE_HOME": str(tmp_path / "another machine")})
    troubled.declare({"a": first})

    options = ["--refresh"] * is_refreshed
    refused = troubled.stack.up("--continue-on-error", "--replace", troubled.urn("a"), *options, fails=True)

    assert "x/v1 is not deleted: another resource failed to create it in this run" in refused.text
    assert troubled.numbers() == before
    troubled.stack.up()
    assert (troubled.numbers(), troubled.agree()) == (before, [])


def test_a_swap_that_was_killed_is_completed(troubled: Troubled) -> None:
    """kill -9 between the creates and the deletes of a swap: the next up deletes neither."""
    one, other = model("x", **ADOPTING), model("y", **ADOPTING)
    troubled.declare({"a": one, "b": other})
    troubled.stack.up()
    before = troubled.numbers()
    troubled.declare({"a": other, "b": one, "slow": model("slow")}, after={"slow": ["a"]})
    _interrupt(troubled)

    troubled.recover()

    assert {id_: number for id_, number in troubled.numbers().items() if id_ in before} == before
    assert troubled.agree() == []


def test_a_renamed_resource_adopts_what_it_had(troubled: Troubled) -> None:
    """Another name in the program and no alias: the new resource adopts, the old one lets go, the model stays."""
    troubled.declare({"a": model("x", **ADOPTING)})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"b": model("x", **ADOPTING)})
    troubled.stack.up()

    assert (troubled.numbers(), troubled.agree()) == (before, [])


def test_a_renamed_resource_without_adoption_is_told_what_to_do(troubled: Troubled) -> None:
    """Without adoption the new resource is told how to keep what it had; nothing is deleted."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"b": model("x")})
    refused = troubled.stack.up(fails=True)

    for told in ("the resource option aliases", ADOPT[troubled.frontend]):
        assert told in refused.text
    assert troubled.numbers() == before


def test_delete_before_replace_is_obeyed(troubled: Troubled) -> None:
    """Who asks the engine to delete first gets one registration, with a new number."""
    troubled.declare({"a": model("x")}, options={"a": {"delete_before_replace": True}})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.stack.up("--replace", troubled.urn("a"))

    assert troubled.numbers().keys() == before.keys()
    assert troubled.numbers() != before
    assert troubled.agree() == []


def test_a_replacement_that_moves_to_another_provider_keeps_the_registration(troubled: Troubled) -> None:
    """One provider process creates and another deletes: where the account is the same, they know of each other."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"a": model("x")}, account={"endpoint": troubled.api.url})
    troubled.stack.up("--replace", troubled.urn("a"))

    assert (troubled.numbers(), troubled.agree()) == (before, [])
