"""Replacements with the real engine: forced, swapped, renamed, moved, interrupted. The registration stays."""

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
"""Selects the cases: all in a full run, otherwise the first."""
ADOPTING: Final[dict[str, Any]] = {"adopt_existing": True}


@pytest.fixture
def troubled(story: Story, count: Count, request: pytest.FixtureRequest) -> Troubled:
    frontend = either(request.node.name)
    count(f"replacement scenarios with the real engine, {frontend}", 1)
    return Troubled(story, story.api(), frontend)


@pytest.mark.parametrize("options", [{}, ADOPTING] if FULL else [{}], ids=str)
def test_a_forced_replacement_keeps_the_registration(troubled: Troubled, options: dict[str, Any]) -> None:
    """The engine creates, then deletes; the provider keeps the same registration throughout."""
    troubled.declare({"a": model("x", **options)})
    troubled.stack.up()
    before = troubled.numbers()
    troubled.api.calls()

    forced = troubled.stack.up("--replace", troubled.urn("a"))

    assert "x/v1 is kept: " in forced.text
    assert "delete_model x/v1" not in troubled.api.calls()
    assert (troubled.numbers(), troubled.disagreements()) == (before, [])
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
    """The program gives the resource another name and adopts."""
    models = dict(troubled.models)
    troubled.declare({"slow": models["slow"], "b": {**models["a"], **ADOPTING}})
    troubled.recover(refresh=False)


ENDINGS: Final[tuple[Ending, ...]] = (up, refresh_and_up, forced_again, another_first, renamed_in_between)


def _interrupt(troubled: Troubled, *options: str) -> None:
    """Sends kill -9 once the new object of `a` is in the state and the old one is not deleted yet."""
    troubled.api.fault(LONG)
    with going(troubled.stack, "up", "--yes", "--skip-preview", *options) as command:
        wait_for(lambda: any(it.get("delete") for it in troubled.objects("a")), "the replacement in the state")
        troubled.wait_until_written()
        command.kill(EVERYTHING)
        command.end(fails=True)
    troubled.api.fault()
    assert len(troubled.objects("a")) == 2


def _interrupted(troubled: Troubled, options: dict[str, Any]) -> int:
    """Kills a stack during a forced replacement; returns the model_id of the registration."""
    a = model("x", **options)
    troubled.declare({"a": a})
    troubled.stack.up()
    troubled.declare({"slow": model("slow"), "a": a})
    _interrupt(troubled, "--replace", troubled.urn("a"))
    return troubled.numbers()["x/v1"]


@pytest.mark.parametrize("ending", ENDINGS if FULL else ENDINGS[:1], ids=lambda it: it.__name__)
@pytest.mark.parametrize("options", [{}, ADOPTING] if FULL else [{}], ids=str)
def test_an_interrupted_replacement_loses_nothing(
    troubled: Troubled, ending: Ending, options: dict[str, Any]
) -> None:
    """Killed between create and delete of a forced replacement, the stack recovers whatever command follows."""
    before = _interrupted(troubled, options)

    ending(troubled)

    assert troubled.numbers()["x/v1"] == before
    assert troubled.disagreements() == []
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def test_an_interrupted_replacement_can_be_destroyed(troubled: Troubled) -> None:
    """With two objects of one registration in the state, destroy empties both the state and the API."""
    _interrupted(troubled, {})
    troubled.type("cancel", "--yes")

    troubled.stack.destroy()

    assert (troubled.numbers(), troubled.state()) == ({}, [])


def _kill_after_the_work(troubled: Troubled, call: str, *command: str, registered: list[str]) -> None:
    """Sends kill -9 after the API has done the work of a call and before the state records it."""
    troubled.api.fault({"call": call, "status": 503, "retry_after": 60, "work": True})
    with going(troubled.stack, *command, "--yes", "--skip-preview") as going_on:
        wait_for(lambda: list(troubled.numbers()) == registered, "the work")
        going_on.kill(EVERYTHING)
        going_on.end(fails=True)
    troubled.api.fault()


def test_a_killed_create_is_completed(troubled: Troubled) -> None:
    """The next up recognizes the registration as its own."""
    troubled.declare({"a": model("x")})
    _kill_after_the_work(troubled, "add_model", "up", registered=["x/v1"])
    before = troubled.numbers()

    recovered = troubled.recover(refresh=False)

    assert "x/v1 is registered: this resource had already created it" in recovered.text
    assert (troubled.numbers(), troubled.disagreements()) == (before, [])


def test_a_model_deleted_by_a_killed_destroy_is_registered_again(troubled: Troubled) -> None:
    """The state still holds it; the next up needs no refresh to notice that it is gone."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()
    _kill_after_the_work(troubled, "delete_model", "destroy", registered=[])

    recovered = troubled.recover(refresh=False)

    assert "x/v1 was deleted by an earlier command on this machine" in recovered.text
    assert troubled.disagreements() == []
    assert troubled.numbers() != before
    troubled.stack.destroy()
    assert troubled.numbers() == {}


# ---- gone, swapped, renamed, moved


def test_a_deleted_model_can_be_replaced_by_force(troubled: Troubled) -> None:
    """A forced replacement registers a deleted model again, and keeps it."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    troubled.api.delete("x/v1")

    troubled.stack.up("--replace", troubled.urn("a"))

    assert list(troubled.numbers()) == ["x/v1"]
    assert troubled.disagreements() == []


@pytest.mark.parametrize("first", ["both at once", "a", "b"] if FULL else ["a"])
def test_two_resources_swap_their_names(troubled: Troubled, first: str) -> None:
    """Each adopts the other's registration; both stay, in whichever order the resources are processed."""
    one, other = model("x", **ADOPTING), model("y", **ADOPTING)
    troubled.declare({"a": one, "b": other})
    troubled.stack.up()
    before = troubled.numbers()
    swapped = {"a": {**other, "model_name": "was y"}, "b": {**one, "model_name": "was x"}}

    order = ["b", "a"] if first == "b" else ["a", "b"]
    after = {} if first == "both at once" else {order[1]: [order[0]]}
    troubled.declare({name: swapped[name] for name in order}, after=after)
    troubled.stack.up()

    assert (troubled.numbers(), troubled.disagreements()) == (before, [])
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def _half_way(troubled: Troubled, differs: dict[str, Any]) -> tuple[Any, dict[str, int]]:
    """A failed up after which `a` and `b` hold one registration; returns the arguments of `a` and the model_ids."""
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
def test_a_registration_taken_over_in_a_failed_up_is_given_back(
    troubled: Troubled, tmp_path: Path, beside: Models, differs: dict[str, Any], is_refreshed: bool
) -> None:
    """`b` took over a registration that `a` failed to release; then the program is reverted (another `b` or none), on
    a machine without a journal, as in CI."""
    first, before = _half_way(troubled, differs)

    troubled.stack = troubled.stack.with_environment({"XDG_STATE_HOME": str(tmp_path / "another machine")})
    if is_refreshed:
        troubled.stack.refresh()
    troubled.declare({"a": first, **beside})
    troubled.stack.up()

    assert troubled.disagreements() == []
    assert before.items() <= troubled.numbers().items()
    troubled.stack.destroy()
    assert troubled.numbers() == {}


def test_continue_on_error_deletes_nothing_that_is_declared(troubled: Troubled) -> None:
    """The update of `a` fails, and the engine deletes the object of `b`, which represents the same registration."""
    first, before = _half_way(troubled, {"model_name": "b's"})
    troubled.api.fault({"call": "modify_model", "status": 400, "first": 1})
    troubled.declare({"a": {**first, "model_name": "new"}})

    troubled.stack.up("--continue-on-error", fails=True)

    assert (troubled.numbers(), troubled.api.models()["x/v1"]["model_name"]) == (before, "a's")
    assert [it["id"] for it in troubled.state()] == ["x/v1"]
    troubled.api.fault()
    troubled.stack.up()
    assert troubled.disagreements() == []


@pytest.mark.parametrize("is_refreshed", [True, False][SOME])
def test_a_forced_replacement_that_fails_loses_nothing_to_the_deletes(
    troubled: Troubled, tmp_path: Path, is_refreshed: bool
) -> None:
    """On a machine without a journal, `a` is refused its own registration, and the engine goes on to delete the
    object of `b`, which represents the same one."""
    first, before = _half_way(troubled, {})
    troubled.stack = troubled.stack.with_environment({"XDG_STATE_HOME": str(tmp_path / "another machine")})
    troubled.declare({"a": first})

    options = ["--refresh"] * is_refreshed
    refused = troubled.stack.up("--continue-on-error", "--replace", troubled.urn("a"), *options, fails=True)

    assert "x/v1 is not deleted: another resource failed to create it in this run" in refused.text
    assert troubled.numbers() == before
    troubled.stack.up()
    assert (troubled.numbers(), troubled.disagreements()) == (before, [])


def test_a_killed_swap_is_completed(troubled: Troubled) -> None:
    """After kill -9 between the creates and the deletes of a swap, the next up deletes neither."""
    one, other = model("x", **ADOPTING), model("y", **ADOPTING)
    troubled.declare({"a": one, "b": other})
    troubled.stack.up()
    before = troubled.numbers()
    troubled.declare({"a": other, "b": one, "slow": model("slow")}, after={"slow": ["a"]})
    _interrupt(troubled)

    troubled.recover()

    assert {id_: number for id_, number in troubled.numbers().items() if id_ in before} == before
    assert troubled.disagreements() == []


def test_a_renamed_resource_adopts_its_registration(troubled: Troubled) -> None:
    """With a new resource name and no alias, the new resource adopts, the old one releases, the model stays."""
    troubled.declare({"a": model("x", **ADOPTING)})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"b": model("x", **ADOPTING)})
    troubled.stack.up()

    assert (troubled.numbers(), troubled.disagreements()) == (before, [])


def test_a_renamed_resource_without_adoption_gets_the_fix(troubled: Troubled) -> None:
    """Without adoption, the error says how to keep the registration, and nothing is deleted."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"b": model("x")})
    refused = troubled.stack.up(fails=True)

    for fix in ("the resource option aliases", ADOPT[troubled.frontend]):
        assert fix in refused.text
    assert troubled.numbers() == before


def test_delete_before_replace_is_obeyed(troubled: Troubled) -> None:
    """If the engine deletes first, one registration with a new model_id results."""
    troubled.declare({"a": model("x")}, options={"a": {"delete_before_replace": True}})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.stack.up("--replace", troubled.urn("a"))

    assert troubled.numbers().keys() == before.keys()
    assert troubled.numbers() != before
    assert troubled.disagreements() == []


def test_a_replacement_that_moves_to_another_provider_keeps_the_registration(troubled: Troubled) -> None:
    """One provider process creates and another deletes; since the account is the same, they share the journal."""
    troubled.declare({"a": model("x")})
    troubled.stack.up()
    before = troubled.numbers()

    troubled.declare({"a": model("x")}, account={"endpoint": troubled.api.url})
    troubled.stack.up("--replace", troubled.urn("a"))

    assert (troubled.numbers(), troubled.disagreements()) == (before, [])
