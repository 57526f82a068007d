"""registrations.py and create.py: which registrations a stack may take over, update and delete."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest

from enkrypt_provider.core.controller import WITHHELD, Request
from enkrypt_provider.core.registrations import delete_command
from enkrypt_provider.emulator import Fault
from enkrypt_provider.errors import (
    AuthenticationFailed,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    ModelUnhealthy,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import Rate

from .machines import Api, Machine, Object, Properties, hiding, unreachable, urn

LOST = Fault(call="add_model", reset="after", first=1)
LOST_FOR_GOOD = Fault(call="add_model", reset="after"), Fault(call="get_model", status=500)
ILL = Fault(call="model_health", status=200, body='{"status": "failed", "message": "no route"}')


def error_of(call: Callable[..., object], *arguments: Any, **changes: Any) -> EnkryptError:
    """Return the error that a call raises."""
    with pytest.raises(EnkryptError) as caught:
        call(*arguments, **changes)
    return caught.value


def line_of(call: Callable[..., object], *arguments: Any, **changes: Any) -> str:
    return str(error_of(call, *arguments, **changes))


def number_by_name(found: Any) -> None:
    """As an API that gives registrations of the same name the same number in every account."""
    found["model_id"] = ord(found["model_saved_name"])


# ---- a create whose response is lost


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        Fault(call="add_model", truncate=True, first=1),
        Fault(call="add_model", garbage="empty", first=1),
        Fault(call="add_model", status=200, work=True, body='{"data": {"model_saved_name": "x"}}'),
    ],
    ids=Fault.spelled,
)
def test_a_create_without_a_response_is_looked_up_and_not_sent_twice(
    machine: Machine, api: Api, fault: Fault
) -> None:
    api.turn(fault)
    made = machine.run().create("a")
    assert api.calls().count("add_model x/1") == 1
    assert made.number == api.registered()["x/1"]["model_id"]
    assert machine.new_lines() == ["x/1 is registered: the response was lost, but the create succeeded"]


def test_a_create_that_did_not_arrive_is_sent_again(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="add_model", reset="before", first=1))
    machine.run().create("a")
    assert [call for call in api.calls() if call != "get_model x/1"] == ["add_model x/1"] * 2


@pytest.mark.parametrize("ahead", [timedelta(hours=-5), timedelta(hours=5)])
def test_a_lost_create_is_recognized_by_the_apis_own_clock(machine: Machine, api: Api, ahead: timedelta) -> None:
    """Even if one of the two clocks is wrong by hours, a machine recognizes what it has just created."""
    api.now += ahead
    api.turn(LOST)
    assert machine.run().create("a").number


def test_a_time_without_a_zone_is_not_in_the_machines_zone(
    machine: Machine, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    api.edit = lambda found: found.update(created_at=found["created_at"].partition("+")[0])
    api.turn(LOST)
    assert machine.run().create("a").number
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("age", [timedelta(seconds=3), timedelta(hours=1)], ids=str)
def test_a_lost_create_does_not_take_over_an_older_registration(machine: Machine, api: Api, age: timedelta) -> None:
    """It is somebody else's, although it looks the same."""
    api.register()
    api.now += age
    api.turn(Fault(call="add_model", reset="before", first=1))
    assert "it looks the same" in line_of(machine.run().create, "a")


@pytest.mark.parametrize("created_at", [None, "", "yesterday", "2030-13-01T00:00:00"])
def test_a_lost_create_is_not_recognized_without_a_readable_time(
    machine: Machine, api: Api, created_at: str | None
) -> None:
    api.edit = lambda found: found.update(created_at=created_at)
    api.turn(LOST)
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)


@pytest.mark.parametrize(("theirs", "is_ours"), [("stand-in-other", False), ("xxxxx", True)])
def test_registrations_of_the_same_second_are_distinguished_by_their_keys(
    machine: Machine, api: Api, theirs: str, is_ours: bool
) -> None:
    """Keys that the API shows decide; masked ones do not."""
    api.register(model_config__apikeys=[theirs])
    api.turn(Fault(call="add_model", reset="before", first=1))
    create = partial(machine.run().create, "a", model_config__apikeys=["stand-in-ours"])
    if is_ours:
        assert create().number
    else:
        assert "it differs in model_config.apikeys." in line_of(create)


# ---- a create that an earlier run began


def killed_create(machine: Machine, api: Api, name: str = "a", **changes: Any) -> int:
    """The engine is killed after the API's response and before it writes the state."""
    number = machine.run().create(name, **changes).number
    machine.new_lines()
    api.now += timedelta(hours=1)
    return number


@pytest.mark.parametrize("hidden", [(), ("updated_at",), ("created_at", "updated_at"), ("model_id",)])
def test_the_same_resource_completes_its_killed_create(machine: Machine, api: Api, hidden: tuple[str, ...]) -> None:
    """Whichever outputs the API leaves out."""
    api.edit = hiding(*hidden)
    machine.run().create("a")
    machine.run().create("a")
    assert machine.new_lines() == ["x/1 is registered: this resource had already created it"]
    assert set(api.registered()) == {"x/1"}


def test_completing_a_killed_create_sends_the_current_declaration(machine: Machine, api: Api) -> None:
    number = killed_create(machine, api)
    assert machine.run().create("a", model_name="new").number == number
    assert api.registered()["x/1"]["model_name"] == "new"


def test_a_create_that_never_got_a_response_is_recognized_by_its_body(machine: Machine, api: Api) -> None:
    """It is completed if it is what was declared, and not if it differs."""
    api.turn(*LOST_FOR_GOOD)
    error_of(machine.run().create, "a")
    api.turn()
    assert "it differs in model_name." in line_of(machine.run().create, "a", model_name="new")
    machine.run().create("a")
    assert machine.new_lines()[-1] == "x/1 is registered: this resource had already created it"


def test_a_create_killed_during_its_health_check_is_completed_with_another_key(machine: Machine, api: Api) -> None:
    """The person saw the check hang, stopped the run and corrected the key."""
    api.turn(Fault(call="model_health", status=500))

    def killed() -> None:
        raise KeyboardInterrupt

    machine.while_waiting = killed  # type: ignore[method-assign]  # a stand-in
    with pytest.raises(KeyboardInterrupt):
        machine.run().create("a", model_config__apikeys=["stand-in-wrong"], verify_health=True)
    machine.while_waiting = lambda: None  # type: ignore[method-assign]  # a stand-in
    api.turn()
    machine.run().create("a", model_config__apikeys=["stand-in-right"], verify_health=True)
    assert api.registered()["x/1"]["model_config"]["apikeys"] == ["stand-in-right"]


def test_a_registration_held_in_this_run_is_no_killed_create(machine: Machine, elsewhere: Machine, api: Api) -> None:
    """The create never arrived, and another machine has since created an identical registration."""
    api.turn(Fault(call="add_model", reset="before"), Fault(call="get_model", status=500))
    error_of(machine.run().create, "a")
    api.turn()
    b = elsewhere.run().create("b")
    run = machine.run()
    run.diff(b)
    assert isinstance(error_of(run.controller.create, Request(urn=urn("a"), inputs=b.inputs)), ModelExists)


def test_a_killed_create_whose_model_does_not_respond_is_deleted(machine: Machine, api: Api) -> None:
    """It never returned, so no state can hold it."""
    api.turn(*LOST_FOR_GOOD)
    error_of(machine.run().create, "a")
    api.turn(ILL)
    assert line_of(machine.run().create, "a", verify_health=True).endswith("; it was deleted")
    assert api.registered() == {}


@pytest.mark.parametrize("who", ["another resource", "another machine", "another backend", "another account"])
def test_nobody_else_completes_a_killed_create(machine: Machine, elsewhere: Machine, api: Api, who: str) -> None:
    killed_create(machine, api)
    create = {
        "another resource": lambda: machine.run().create("b"),
        "another machine": lambda: elsewhere.run().create("a"),
        "another backend": lambda: machine.run(place="s3://other").create("a"),
        "another account": lambda: machine.run(key="stand-in-key-2").create("a"),
    }[who]
    if who == "another account":
        api.register(key="stand-in-key-2")
    line = line_of(create)
    assert line.startswith("x/1 is registered already (model_id ")
    assert "it looks the same. Fix: to take it over, adopt_existing=True; " in line


def test_two_backends_that_create_at_once_do_not_share_a_registration(machine: Machine, api: Api) -> None:
    """Their stacks have the same name, so their resources have the same URN; both create in the same second."""
    machine.run(place="s3://one").create("a")
    api.turn(Fault(call="add_model", reset="before", first=1))
    assert isinstance(error_of(machine.run(place="s3://other").create, "a"), ModelExists)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(call="add_model", status=400), RequestRejected),
        (Fault(call="add_model", status=401), AuthenticationFailed),
    ],
)
def test_a_rejected_create_leaves_no_claim(
    machine: Machine, api: Api, fault: Fault, kind: type[EnkryptError]
) -> None:
    """A registration that somebody else creates after the rejection is not taken over."""
    api.turn(fault)
    assert type(error_of(machine.run().create, "a")) is kind
    api.turn()
    api.register()
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)


def test_a_create_that_could_not_be_sent_leaves_no_claim(machine: Machine, api: Api) -> None:
    real, api.transport = api.transport, unreachable  # type: ignore[method-assign]  # a stand-in
    assert isinstance(error_of(machine.run().create, "a"), ServiceUnavailable)
    api.transport = real  # type: ignore[method-assign]  # a stand-in
    api.register()
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)


def test_a_lost_create_of_a_taken_identity_leaves_no_claim(machine: Machine, api: Api) -> None:
    """The look-up showed somebody else's registration: an identical one that they create later is theirs too."""
    api.register(model_name="theirs")
    api.turn(Fault(call="add_model", reset="before", first=1))
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)
    api.turn()
    api.register_again()
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)


def test_a_failed_look_up_of_a_left_behind_registration_does_not_stop_a_create(machine: Machine, api: Api) -> None:
    killed_create(machine, api)
    api.turn(Fault(call="get_model", model="x/1", status=500))
    assert machine.run().create("a", "x/2").number
    api.turn()
    machine.run().create("a", "x/3")
    assert any("x/1 may be registered" in line for line in machine.new_lines())


def test_no_warning_about_a_left_behind_registration_that_is_gone(machine: Machine, api: Api) -> None:
    killed_create(machine, api)
    api.delete()
    for id_ in ("x/2", "x/3"):
        machine.run().create("a", id_)
    assert not any("x/1" in line for line in machine.new_lines())
    assert api.calls().count("get_model x/1") == 1


def test_a_reverted_program_completes_its_first_killed_create(machine: Machine, api: Api) -> None:
    """A killed create, then another identity, then the first one again: its create is still known."""
    number = killed_create(machine, api)
    killed_create(machine, api, id_="x/2")
    assert machine.run().create("a").number == number


@pytest.mark.parametrize("names_resources", [False, True])
def test_warns_about_a_killed_create_that_is_no_longer_declared(
    machine: Machine, api: Api, names_resources: bool
) -> None:
    """Once per run, as long as it is registered and no state reflects it; other entries cause no warning."""
    api.names_resources = names_resources
    b = machine.run().create("b", "y/1")
    api.turn(*LOST_FOR_GOOD)
    error_of(machine.run().create, "a")
    api.turn()
    machine.new_lines()

    def warnings() -> list[str]:
        run = machine.run()
        run.diff(b)
        run.diff(b)
        start = "warning: an earlier run did not finish creating"
        return [line for line in machine.new_lines() if line.startswith(start)]

    assert [line.partition(":")[2].partition(": ")[0] for line in warnings()] == [
        " an earlier run did not finish creating x/1"
    ]
    run = machine.run()
    run.check("a")
    run.diff(b)  # it is declared: nothing is left behind
    assert machine.new_lines() == []
    machine.run().create("c", adopt_existing=True)
    assert warnings() == []


@pytest.mark.parametrize("is_answered", [True, False])
def test_warns_about_a_killed_rename_of_a_resource_that_is_still_declared(
    machine: Machine, api: Api, is_answered: bool
) -> None:
    """The program goes back to the old name. A provider may outlive its engine and get the response."""
    a = machine.run().create("a")
    api.turn(*(() if is_answered else LOST_FOR_GOOD))
    with contextlib.suppress(EnkryptError):
        machine.run(run="4194305:0").up(a, "x/2")
    api.turn()
    machine.new_lines()
    assert machine.run().diff(a).changes == []
    assert "an earlier run did not finish creating x/2:" in machine.new_lines()[0]
    renamed = machine.run().up(a, "x/2")
    assert machine.new_lines() == ["x/2 is registered: this resource had already created it"]
    machine.run().delete(renamed, a)
    assert (api.registered(), machine.new_lines()) == ({}, [])


def test_no_warning_about_a_killed_create_that_registered_nothing(machine: Machine, api: Api) -> None:
    b = machine.run().create("b", "y/1")
    api.turn(Fault(call="add_model", reset="before"), Fault(call="get_model", status=500))
    error_of(machine.run().create, "a")
    api.turn(Fault(call="list_models", status=400))
    machine.run().diff(b)
    api.turn()
    machine.new_lines()
    machine.run().diff(b)
    assert machine.new_lines() == []


# ---- a taken identity


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_taken_identity_is_looked_up_whatever_the_status(machine: Machine, api: Api, status: int) -> None:
    api.register(model_name="theirs")
    api.turn(Fault(call="add_model", status=status))
    line = line_of(machine.run().create, "a")
    assert line.startswith("x/1 is registered already (model_id ")
    assert ", project default, since 2030-01-01T00:00:00" in line
    assert "it differs in model_name. Fix: " in line
    assert "the resource option aliases=[…]" in line
    assert "the resource option delete_before_replace=True" in line


def test_the_error_says_if_the_api_returns_no_details_of_a_taken_identity(machine: Machine, api: Api) -> None:
    api.edit = hiding("model_id", "project_name", "created_at", "updated_at")
    api.register()
    assert "(the API does not say by whom)" in line_of(machine.run().create, "a")


def test_a_rejected_create_of_a_free_identity_raises_the_original_error(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="add_model", status=400))
    error = error_of(machine.run().create, "a")
    assert type(error) is RequestRejected
    assert str(error).startswith("create x/1: 400: Bad Request")


@pytest.mark.parametrize("status", [401, 403, 404, 418])
def test_other_rejections_are_not_looked_up(machine: Machine, api: Api, status: int) -> None:
    api.turn(Fault(call="add_model", status=status))
    error = error_of(machine.run().create, "a")
    assert isinstance(error, RequestRejected)
    assert error.status == status
    assert api.calls() == ["add_model x/1"]


# ---- a forced replacement: a check without olds, a create, no diff, then the delete of the old object


def test_a_forced_replacement_is_refused_with_the_option_that_works(
    machine: Machine, api: Api, elsewhere: Machine
) -> None:
    old = machine.run().create("a")
    line = line_of(elsewhere.run().create, "a")
    assert "if this is a --replace, the resource option delete_before_replace=True" in line
    assert api.registered()["x/1"]["model_id"] == old.number


def test_a_forced_replacement_on_the_machine_of_the_create_keeps_the_registration(machine: Machine, api: Api) -> None:
    """The create's journal entry, which no diff has confirmed yet, shows which resource created it."""
    old = machine.run().create("a")
    run = machine.run()
    new = run.create("a", model_name="new")
    run.delete(old)
    assert api.registered()["x/1"]["model_id"] == new.number == old.number
    assert machine.new_lines()[-1] == "x/1 is kept: another object in the state refers to it"


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("created_at", "updated_at")])
def test_a_forced_replacement_that_adopts_keeps_the_registration(
    machine: Machine, elsewhere: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    old = machine.run().create("a")
    run = elsewhere.run()
    new = run.create("a", adopt_existing=True, model_name="new")
    run.delete(old)
    assert api.registered()["x/1"]["model_name"] == new.state["model_name"] == "new"


@pytest.mark.parametrize("harm", ["DROP TABLE claims", "DELETE FROM claims"])
def test_a_run_remembers_what_it_holds_without_its_file(
    machine: Machine, elsewhere: Machine, api: Api, harm: str
) -> None:
    """The file has become unusable, or was cleared from a container in which this process seems to have ended."""
    old = machine.run().create("a")
    run = elsewhere.run()
    run.create("a", adopt_existing=True)
    sqlite3.connect(elsewhere.file, isolation_level=None).execute(harm)
    run.delete(old)
    assert set(api.registered()) == {"x/1"}


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("created_at", "updated_at")])
def test_a_forced_replacement_that_deletes_first_registers_again(
    machine: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    old = machine.run().create("a")
    api.now += timedelta(minutes=1)
    run = machine.run()
    run.check("a")
    run.delete(old)
    run.create("a", model_name="new")
    assert "delete_model x/1" in api.calls()
    assert api.registered()["x/1"]["model_name"] == "new"


def taken_over(machine: Machine, a: Object, **changes: Any) -> Object:
    """`b` takes over the registration that `a` was to release, and then the run fails."""
    failing = machine.run()
    failing.diff(a, "z/1")
    return failing.create("b", **changes)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
@pytest.mark.parametrize("keys", ["a", "b"])
@pytest.mark.parametrize("is_refreshed", [False, True])
@pytest.mark.parametrize("becomes", ["", "y/1"])
@pytest.mark.parametrize("adopts", [{}, {"adopt_existing": True}], ids=["handed over", "adopted"])
def test_the_remaining_object_decides_what_is_registered(
    machine: Machine, elsewhere: Machine, api: Api, where: str, keys: str, is_refreshed: bool, becomes: str,
    adopts: Properties,
) -> None:  # fmt: skip
    """`b` took over from `a` in a run that failed; now the program is as it was before, or declares both."""
    a = machine.run().create("a", model_config__apikeys=["stand-in-a"])
    api.now += timedelta(minutes=1)
    b = taken_over(machine, a, model_config__apikeys=[f"stand-in-{keys}"], **adopts)
    api.now += timedelta(minutes=1)
    run = {"here": machine, "elsewhere": elsewhere}[where].run
    if is_refreshed:
        refreshing = run()
        b, a = refreshing.refresh(b), refreshing.refresh(a)
    command = run()
    api.calls()
    a = command.up(a, model_config__apikeys=["stand-in-a"])
    if becomes:
        command.up(b, becomes, model_config__apikeys=["stand-in-b"])
        command.finish()
    else:
        command.delete(b)
    assert len([call for call in api.calls() if call.startswith("modify")]) == (keys == "b")
    assert api.registered()["x/1"]["model_config"]["apikeys"] == ["stand-in-a"]
    assert api.registered()["x/1"]["model_id"] == a.number
    assert not run().diff(a, model_config__apikeys=["stand-in-a"]).changes


@pytest.mark.parametrize("becomes", ["x/1", "y/1"])
def test_a_failed_operation_keeps_its_object(machine: Machine, elsewhere: Machine, api: Api, becomes: str) -> None:
    """With --continue-on-error, the other object that holds the registration is deleted after the failure."""
    a = machine.run().create("a", model_config__apikeys=["stand-in-a"])
    b = taken_over(machine, a, model_config__apikeys=["stand-in-b"])
    command = elsewhere.run()
    api.turn(*(Fault(call=call, status=400) for call in ("add_model", "modify_model")))
    assert isinstance(error_of(command.up, a, becomes, model_config__apikeys=["stand-in-new"]), RequestRejected)
    api.turn()
    command.delete(b)
    assert api.registered()["x/1"]["model_config"]["apikeys"] == ["stand-in-a"]
    assert set(api.registered()) == {"x/1"}


@pytest.mark.parametrize("is_refreshed", [False, True])
@pytest.mark.parametrize("faults", [[], [Fault(call="add_model", status=403)]])
@pytest.mark.parametrize("forced", ["a", "b"])
def test_a_registration_that_a_failed_replacement_may_hold_is_not_deleted(
    machine: Machine, elsewhere: Machine, api: Api, forced: str, faults: list[Fault], is_refreshed: bool
) -> None:
    """No diff shows the object that stays, and --continue-on-error goes on to delete the other one."""
    a = machine.run().create("a")
    both = {"a": a, "b": taken_over(machine, a)}
    command = elsewhere.run()
    if is_refreshed:
        both = {name: command.found(it) for name, it in both.items()}
    api.turn(*faults)
    error_of(command.create, forced)
    api.turn()
    other = both["b" if forced == "a" else "a"]
    line = line_of(command.delete, other)
    assert line.startswith("x/1 is not deleted: another resource failed to create it in this run")
    assert api.registered()["x/1"]["model_id"] == a.number
    later = elsewhere.run()
    later.up(both[forced])
    later.delete(other)
    assert api.registered()["x/1"]["model_id"] == a.number


def test_an_object_whose_registration_is_gone_is_dropped_after_a_failed_create(machine: Machine, api: Api) -> None:
    old = machine.run().create("a")
    api.register_again("x/1")
    command = machine.run()
    error_of(command.create, "b")
    command.delete(old)
    assert set(api.registered()) == {"x/1"}


def test_a_released_registration_is_deleted_although_a_create_of_it_failed(machine: Machine, api: Api) -> None:
    a = machine.run().create("a")
    command = machine.run()
    api.turn(Fault(call="add_model", model="x", status=400))
    error_of(command.create, "b")
    api.turn()
    command.up(a, "y/1")
    command.finish()
    assert set(api.registered()) == {"y/1"}


def test_a_released_registration_that_a_failed_adoption_may_hold_is_not_deleted(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """A forced replacement of `b` fails, and `a`, which holds the same registration, takes another name. The next run
    deletes the registration, as it knows of no object of `b`."""
    a = machine.run().create("a")
    b, command = taken_over(machine, a), elsewhere.run()
    api.turn(Fault(call="modify_model", status=400))
    error_of(command.create, "b", adopt_existing=True)
    api.turn()
    y = command.up(a, "y/1")
    assert "is not deleted" in line_of(command.finish)
    assert api.live("x/1")["model_id"] == b.number
    later = elsewhere.run()
    later.up(y)
    later.delete(a)
    assert set(api.registered()) == {"y/1"}


def test_an_object_deleted_before_its_replacement_failed_holds_nothing(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """The other object that held the registration registers it again in the same run."""
    a = machine.run().create("a", model_name="a")
    b = taken_over(machine, a, model_name="b")
    command = elsewhere.run()
    command.diff(b, "y/1", model_name="b")
    command.delete(b)
    api.turn(Fault(call="add_model", status=400, first=1))
    error_of(command.create, "b", "y/1", model_name="b")
    command.up(a, model_name="a")
    assert {id_: it["model_name"] for id_, it in api.registered().items()} == {"x/1": "a"}


@pytest.mark.parametrize("whose", ["a", "b"])
@pytest.mark.parametrize("unknown", [("model_id",), ("model_id", "created_at", "updated_at")])
def test_objects_of_an_older_version_are_matched_without_a_number(
    machine: Machine, elsewhere: Machine, api: Api, unknown: tuple[str, ...], whose: str
) -> None:
    """One of them was written when the API returned no number: name and time match it."""
    a = machine.run().create("a", model_name="a")
    b = taken_over(machine, a, model_name="b")
    a, b = (a.without(*unknown), b) if whose == "a" else (a, b.without(*unknown))
    command = elsewhere.run()
    assert command.up(a, model_name="a") is a
    command.delete(b)
    assert {id_: it["model_name"] for id_, it in api.registered().items()} == {"x/1": "a"}


def test_fields_that_an_import_left_out_are_kept_when_the_other_object_is_deleted(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """Neither the plugin's state of an imported model nor generated code has the keys: they are not removed."""
    a = machine.run().create("a", model_config__apikeys=["stand-in-a"])
    imported = machine.run().create("b", adopt_existing=True)
    api.change(model_config__apikeys=["stand-in-a"])
    b = replace(imported, state={**imported.state, WITHHELD: ["model_config.apikeys"]})
    command = elsewhere.run()
    assert command.up(b, adopt_existing=True) is b
    command.delete(a)
    assert api.registered()["x/1"]["model_config"]["apikeys"] == ["stand-in-a"]


def test_a_later_run_keeps_a_registration_of_two_objects(machine: Machine, elsewhere: Machine, api: Api) -> None:
    """The engine was killed before the delete: the next run diffs the new object, then deletes the old one."""
    old = machine.run().create("a")
    new = elsewhere.run().create("a", adopt_existing=True)
    run = machine.run()
    assert not run.diff(new, adopt_existing=True).changes
    run.delete(old)
    assert "x/1" in api.registered()


def test_an_old_object_without_a_number_is_dropped_if_its_identity_is_declared(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """The API began to return numbers after the old object was written."""
    old = machine.run().create("a").without("model_id", "created_at")
    run = elsewhere.run()
    run.create("a", adopt_existing=True)
    run.delete(old)
    assert "x/1" in api.registered()
    elsewhere.run().delete(old)
    assert api.registered() == {}


# ---- an identity that one resource of a run hands over to another


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("model_id", "created_at", "updated_at")])
def test_only_an_object_of_the_same_name_holds_a_registration(
    machine: Machine, elsewhere: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    """Even if the API returns no number and the registrations date from the same second, or have no time."""
    api.edit = hiding(*hidden)
    before = machine.run()
    y, a = before.create("y", "y/1", model_name="y"), before.create("a", model_name="a")
    b = taken_over(machine, a, model_name="b")
    run = elsewhere.run()
    run.up(y, model_name="y")
    run.up(a, model_name="a")
    run.delete(b)
    assert {id_: it["model_name"] for id_, it in api.registered().items()} == {"x/1": "a", "y/1": "y"}


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("created_at", "updated_at")])
def test_another_resource_takes_over_a_released_registration(
    machine: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    a = machine.run().create("a", "x/1")
    run = machine.run()
    a = run.up(a, "y/1")
    run.create("b", "x/1", model_name="of b")
    run.finish()
    assert {id_: it["model_name"] for id_, it in api.registered().items()} == {"x/1": "of b", "y/1": ""}


def test_a_create_waits_for_another_resource_to_release_the_name(machine: Machine) -> None:
    """The engine works in any order, so a create waits a little for the diff that releases its identity."""
    a = machine.run().create("a", "x/1")
    run = machine.run()
    machine.while_waiting = lambda: run.diff(a, "y/1")  # type: ignore[method-assign]  # a stand-in
    b = run.create("b", "x/1")
    assert b.number == a.number
    assert sum(machine.waits) < 5
    line = "x/1 belonged to another resource of this stack: taken over and updated to match the program"
    assert line in machine.new_lines()


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_create_stops_waiting_for_a_name_that_nobody_releases(machine: Machine, api: Api, is_refused: bool) -> None:
    """With --continue-on-error, the engine goes on after it has refused to replace a resource with `protect=True`."""
    a, run = machine.run().create("a", "x/1", model_name="of a"), machine.run()
    if is_refused:
        assert run.diff(a, "y/1", is_refused=True).replaces
    assert isinstance(error_of(run.create, "b", "x/1", model_name="of b"), ModelExists)
    assert 0 < sum(machine.waits) < 5
    assert api.live("x/1")["model_name"] == "of a"


@pytest.mark.parametrize("names_resources", [False, True])
@pytest.mark.parametrize("order", ["ab", "ba", "abc"])
def test_resources_of_a_run_can_swap_identities(
    machine: Machine, api: Api, order: str, names_resources: bool
) -> None:
    """Two swap, or three rotate, whether or not the engine gives the URN with each request."""
    api.names_resources = names_resources
    wanted = {"a": "y/1", "b": "z/1" if "c" in order else "x/1", "c": "w/1"}
    before, run = machine.run(), machine.run()
    ids = {"a": "x/1", "b": "y/1", "c": "z/1"}
    held = {name: before.create(name, ids[name], model_name=name) for name in sorted(order)}
    for name in order:
        assert run.diff(held[name], wanted[name], model_name=name).replaces
    new = {name: run.create(name, wanted[name], model_name=name) for name in order}
    run.delete(*held.values())
    assert {id_: it["model_name"] for id_, it in api.registered().items()} == {wanted[name]: name for name in order}
    was = {it.id: it.number for it in held.values()}
    assert all(it.number == was.get(it.id, it.number) for it in new.values())


def test_a_later_run_keeps_a_registration_that_was_taken_over(machine: Machine, api: Api) -> None:
    old = machine.run().create("a", "x/1")
    run = machine.run()
    a = run.up(old, "y/1")
    b = run.create("b", "x/1")
    later = machine.run()
    later.diff(a)
    later.diff(b)
    later.delete(old)
    assert set(api.registered()) == {"x/1", "y/1"}


def test_the_processes_of_a_run_share_what_they_hold(machine: Machine, api: Api) -> None:
    """Two providers of one account: one does not delete what the other has adopted."""
    old = machine.run().create("a")
    one, other = machine.run(run="a run"), machine.run(run="a run", api=api)
    one.create("b", adopt_existing=True)
    other.delete(old)
    assert "x/1" in api.registered()


def test_a_registration_taken_over_while_its_delete_waited_is_not_deleted(machine: Machine, api: Api) -> None:
    """Two providers of one account: one is held up by its rate limit, and the other's create stops waiting for it."""
    old = machine.run().create("a", "x/1")
    slow, other = machine.run(run="a run", rate_limit=(Rate(1, 60.0),)), machine.run(run="a run")
    taken: list[Object] = []

    def meanwhile() -> None:
        machine.while_waiting = lambda: None  # type: ignore[method-assign]  # a stand-in
        taken.append(other.create("b", "x/1", model_name="of b"))

    slow.diff(old, "y/1")
    assert slow.controller.registrations.snapshot.listed(Identifier("x", "1"))
    machine.while_waiting = meanwhile  # type: ignore[method-assign]  # a stand-in
    slow.delete(old)
    assert [it.number for it in taken] == [old.number]
    assert api.live("x/1")["model_name"] == "of b"
    assert "x/1 is kept: another object in the state refers to it" in machine.new_lines()
    assert not slow.controller.registrations.journal.began_deletion(str(old.number))


def test_a_registration_registered_again_by_another_process_of_the_run_is_not_deleted(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """Objects of two providers hold one registration: one is replaced, then the other is deleted by a process whose
    list is older."""
    old, c = machine.run().create("a"), machine.run().create("c", "c/1")
    b = elsewhere.run().create("b", adopt_existing=True)
    one, other = machine.run(run="a run"), machine.run(run="a run")
    one.update(c, model_name="new")
    other.delete(b)
    b = other.create("b")
    one.delete(old)
    assert api.live("x/1")["model_id"] == b.number != old.number


def test_a_destroy_deletes_a_registration_that_two_objects_hold(
    machine: Machine, elsewhere: Machine, api: Api
) -> None:
    """There is no diff: each object deletes the registration with its number, and the second finds nothing."""
    old = machine.run().create("a")
    new = elsewhere.run().create("a", adopt_existing=True)
    machine.run().delete(old, new)
    assert api.registered() == {}


def test_a_handed_over_update_that_is_lost_is_sent_again_by_the_former_holder(machine: Machine, api: Api) -> None:
    """The program goes back to what it was: the registration must too."""
    a = machine.run().create("a", "x/1")
    run = machine.run()
    run.up(a, "y/1")
    api.turn(Fault(call="modify_model", reset="after"))
    error_of(run.create, "b", "x/1", model_name="of b")
    api.turn()
    assert api.registered()["x/1"]["model_name"] == "of b"
    machine.run().up(a)
    assert api.registered()["x/1"]["model_name"] == ""


# ---- two accounts


@pytest.mark.parametrize("equal", [False, True])
def test_accounts_at_two_addresses_do_not_disturb_each_other(
    machine: Machine, api: Api, there: Api, equal: bool
) -> None:
    """Both have a model of the same name in one run, which may even have the same number."""
    if equal:
        api.edit = there.edit = number_by_name
    a, b = machine.run().create("a"), machine.run(there).create("b")
    one, other = machine.run(run="a run"), machine.run(there, run="a run")
    other.up(b)
    one.up(a, "y/1")
    one.finish()
    assert (set(api.registered()), set(there.registered())) == ({"y/1"}, {"x/1"})
    machine.run(there).delete(b)
    assert (set(api.registered()), set(there.registered())) == ({"y/1"}, set())


@pytest.mark.parametrize("equal", [False, True])
def test_accounts_of_two_keys_do_not_disturb_each_other(machine: Machine, api: Api, equal: bool) -> None:
    """The same at one address, where each key belongs to a different project."""
    if equal:
        api.edit = number_by_name
    other = "stand-in-key-2"
    a = machine.run().create("a")
    api.now += timedelta(minutes=1)
    b = machine.run(key=other).create("b")
    here, there = machine.run(run="a run"), machine.run(run="a run", key=other)
    there.up(b)
    here.delete(a)
    assert (set(api.registered()), set(api.registered(other))) == (set(), {"x/1"})


def test_a_killed_create_proves_nothing_to_another_project(machine: Machine, api: Api) -> None:
    """The program is run again with the key of a project where somebody has the same name and number."""
    api.edit = number_by_name
    killed_create(machine, api)
    api.register(key="stand-in-key-2", model_name="theirs")
    assert isinstance(error_of(machine.run(key="stand-in-key-2").create, "a"), ModelExists)
    assert api.registered("stand-in-key-2")["x/1"]["model_name"] == "theirs"


def test_a_number_that_two_projects_share_is_distinguished_by_its_time(machine: Machine, api: Api) -> None:
    """The stack gets the key of another project, in which the same program was run."""
    api.edit = number_by_name
    a = machine.run().create("a")
    api.now += timedelta(hours=1)
    api.register(key="stand-in-key-2", model_name="theirs")
    there = machine.run(key="stand-in-key-2")
    line = line_of(there.up, a, model_name="new")
    assert "since 2030-01-01T01:00:00; the state has one since 2030-01-01T00:00:00): nothing was changed" in line
    there.delete(a)
    assert api.registered("stand-in-key-2")["x/1"]["model_name"] == "theirs"


# ---- update


def test_update_warns_if_the_registration_was_just_registered_again(machine: Machine, api: Api) -> None:
    """The list that is checked may be a minute old, and an update does not send the number."""
    a, b = machine.run().create("a"), machine.run().create("b", "y/1")
    run = machine.run()
    run.update(b, model_name="new")
    theirs = api.register_again()
    a = run.update(a, model_name="new")
    assert a.number == theirs["model_id"]
    assert machine.new_lines()[-1].startswith("warning: x/1 is now a different registration (model_id ")
    assert run.diff(a, model_name="new").changes == []


def test_without_numbers_a_model_registered_again_is_recognized_by_its_time(machine: Machine, api: Api) -> None:
    api.edit = hiding("model_id")
    a = machine.run().create("a")
    api.register_again(model_name="theirs")
    assert "by somebody else" in line_of(machine.run().update, a, model_name="new")
    machine.run().delete(a)
    assert api.registered()["x/1"]["model_name"] == "theirs"


def test_the_name_decides_if_the_api_returns_neither_number_nor_time(machine: Machine, api: Api) -> None:
    api.edit = hiding("model_id", "created_at", "updated_at")
    run = machine.run()
    run.up(run.create("a"), model_name="new")
    assert api.registered()["x/1"]["model_name"] == "new"


def test_an_update_that_finds_nothing_mentions_the_key_as_a_possible_cause(machine: Machine) -> None:
    a = machine.run().create("a")
    error = error_of(machine.run(key="stand-in-key-2").update, a, model_name="new")
    assert isinstance(error, ModelNotFound)
    assert str(error) == (
        "x/1 is gone from http://127.0.0.1, or the API key belongs to another project: check the key, or run "
        "`pulumi refresh`, then `pulumi up` to register it again"
    )


def test_an_update_fails_if_only_a_lagging_list_shows_the_registration(machine: Machine, api: Api) -> None:
    a = machine.run().create("a")
    api.delete()
    api.turn(Fault(call="list_models", stale=True))
    assert line_of(machine.run().update, a, model_name="new").startswith("x/1 is gone from ")


@pytest.mark.parametrize(
    "fault", [Fault(call="list_models", stale=True), Fault(call="list_models", without_details=True)]
)
def test_a_registration_missing_from_the_list_is_read(machine: Machine, api: Api, fault: Fault) -> None:
    """A list may lag, or contain incomplete models."""
    a = machine.run().create("a")
    api.turn(fault)
    run = machine.run()
    assert run.read(a)
    run.up(a, model_name="new")
    api.turn()
    assert api.registered()["x/1"]["model_name"] == "new"
    api.turn(fault)
    machine.run().delete(a)
    api.turn()
    assert api.registered() == {}


def test_the_error_about_an_incomplete_response_contains_the_name(machine: Machine, api: Api) -> None:
    a = machine.run().create("a")
    half = Fault(call="modify_model", status=200, work=True, body='{"data": {"model_saved_name": "x"}}')
    api.turn(half)
    with pytest.raises(UnexpectedResponse, match=r"^update x/1: .* returned an invalid model: "):
        machine.run().update(a, model_name="new")


# ---- delete


def test_deletes_of_one_run_share_one_list(machine: Machine, api: Api) -> None:
    objects = [machine.run().create(name, f"{name}/1") for name in "abc"]
    api.calls()
    machine.run().delete(*objects)
    assert sorted(api.calls()) == ["delete_model a/1", "delete_model b/1", "delete_model c/1", "list_models"]


def test_a_404_to_a_delete_is_not_believed_if_the_api_still_shows_the_model(machine: Machine, api: Api) -> None:
    a = machine.run().create("a")
    api.turn(Fault(call="delete_model", status=404))
    with pytest.raises(UnexpectedResponse, match="but the API still shows it: nothing was changed; try again"):
        machine.run().delete(a)


def test_a_deletion_that_is_sent_again_does_not_believe_a_404_alone(machine: Machine, api: Api) -> None:
    """The first one failed; now the API briefly responds with 404, but still lists the model."""
    a = machine.run().create("a")
    api.turn(Fault(call="delete_model", reset="before"))
    error_of(machine.run().delete, a)
    api.turn(Fault(call="get_model", status=404, first=1), Fault(call="delete_model", status=404, first=1))
    assert "but the API still shows it" in line_of(machine.run().delete, a)


def test_a_registration_deleted_since_the_list_counts_as_gone(machine: Machine, api: Api) -> None:
    a, b = machine.run().create("a"), machine.run().create("b", "y/1")
    run = machine.run()
    run.delete(b)
    api.delete()
    run.delete(a)
    assert api.registered() == {}


def test_nothing_counts_as_gone_if_every_response_is_404(machine: Machine, api: Api) -> None:
    a = machine.run().create("a")
    api.turn(Fault(status=404))
    with pytest.raises(RequestRejected, match="the API's address"):
        machine.run().delete(a)


# ---- health

BACK: Final = "; the change was rolled back"


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([ILL], "x/1 does not respond: failed: no route"),
        ([Fault(call="model_health", status=500)], "x/1: its health could not be verified ("),
    ],
)
@pytest.mark.parametrize("hidden", [(), ("model_id",)])
def test_a_created_model_that_does_not_respond_is_deleted_again(
    machine: Machine, api: Api, faults: list[Fault], said: str, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    api.turn(*faults)
    error = error_of(machine.run().create, "a", verify_health=True)
    assert isinstance(error, ModelUnhealthy)
    assert str(error).startswith(said)
    assert str(error).endswith("; it was deleted")
    assert api.registered() == {}
    api.register()
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)  # no claim is left


def test_the_error_names_a_model_that_could_not_be_deleted_again(machine: Machine, api: Api) -> None:
    """If it is gone already, it counts as deleted."""
    api.turn(ILL, Fault(call="delete_model", status=500))
    line = line_of(machine.run().create, "a", verify_health=True)
    assert "; the change could not be undone (delete x/1: 500" in line
    assert "x/1 may be registered at http://127.0.0.1: the next `pulumi up` on this machine completes it" in line
    api.turn()
    machine.run().create("a", verify_health=True)
    assert "x/1 is registered: this resource had already created it" in machine.new_lines()
    api.turn(ILL, Fault(call="delete_model", status=404))
    assert line_of(machine.run().create, "b", "y/1", verify_health=True).endswith("; it was deleted")


def test_an_adopted_model_that_does_not_respond_is_rolled_back(machine: Machine, api: Api) -> None:
    """Not if its former keys are masked: rolling back would destroy them."""
    api.register(model_name="theirs", model_config__apikeys=["stand-in-theirs"])
    adopting: Properties = {"verify_health": True, "adopt_existing": True}
    api.turn(ILL)
    assert line_of(machine.run().create, "a", **adopting).endswith(BACK)
    live = api.registered()["x/1"]
    assert (live["model_name"], live["model_config"]["apikeys"]) == ("theirs", ["stand-in-theirs"])
    api.turn(ILL, Fault(call="get_model", mask_apikeys=True))
    said = line_of(machine.run().create, "a", **adopting)
    assert "it existed before and stays, updated to match the program" in said
    assert api.registered()["x/1"]["model_name"] == ""


def test_a_handed_over_model_that_does_not_respond_is_rolled_back_and_can_be_deleted(
    machine: Machine, api: Api
) -> None:
    """The engine may go on after an error: the resource that released it then deletes it."""
    a = machine.run().create("a", "x/1")
    run = machine.run()
    run.up(a, "y/1")
    api.turn(ILL)
    assert line_of(run.create, "b", "x/1", verify_health=True, model_name="of b").endswith(BACK)
    assert api.registered()["x/1"]["model_name"] == ""
    run.finish()
    assert set(api.registered()) == {"y/1"}


def test_a_forced_replacement_that_does_not_respond_keeps_the_registration(machine: Machine, api: Api) -> None:
    """The create of an earlier run was finished, so a state holds it, although no diff has shown that yet."""
    a = machine.run().create("a")
    api.turn(ILL)
    assert line_of(machine.run().create, "a", verify_health=True, model_name="new").endswith(BACK)
    assert (api.registered()["x/1"]["model_id"], api.registered()["x/1"]["model_name"]) == (a.number, "")


def test_a_registration_older_than_a_lost_adoption_is_never_deleted(machine: Machine, api: Api) -> None:
    """The next run knows that this resource wrote it, but did not create it."""
    theirs = api.register(model_name="theirs")["model_id"]
    api.turn(Fault(call="modify_model", reset="before"))
    error_of(machine.run().create, "a", adopt_existing=True, verify_health=True)
    api.turn(ILL)
    assert line_of(machine.run().create, "a", adopt_existing=True, verify_health=True).endswith(BACK)
    assert {it["model_id"] for it in api.registered().values()} == {theirs}


@pytest.mark.parametrize("is_forced", [False, True])
def test_a_forced_replacement_after_a_lost_write_deletes_nothing(machine: Machine, api: Api, is_forced: bool) -> None:
    """A state holds the registration that was updated or replaced by force."""
    a = machine.run().create("a")
    api.turn(Fault(call="modify_model", reset="before"))
    if is_forced:
        error_of(machine.run().create, "a", model_name="new")
    else:
        error_of(machine.run().up, a, model_name="new")
    api.turn(ILL)
    assert line_of(machine.run().create, "a", verify_health=True, model_name="new").endswith(BACK)
    assert api.registered()["x/1"]["model_id"] == a.number


@pytest.mark.parametrize("can_be_undone", [True, False])
def test_an_update_after_which_the_model_does_not_respond_is_rolled_back(
    machine: Machine, api: Api, can_be_undone: bool
) -> None:
    """If that fails, the next `up` sends the declared inputs again."""
    old: Properties = {"model_config__apikeys": ["stand-in-old"]}
    a = machine.run().create("a", **old)
    api.turn(ILL, *(Fault(call="modify_model", status=500, nth=n) for n in (2, 3, 4) if not can_be_undone))
    line = line_of(machine.run().up, a, model_config__apikeys=["stand-in-new"], verify_health=True)
    if can_be_undone:
        assert line == f"x/1 does not respond: failed: no route{BACK}"
        assert not machine.run().diff(a, **old).changes
    else:
        assert "; the change could not be undone (update x/1: 500" in line
        assert "the next `pulumi up` on this machine completes it; to remove it instead: curl -X DELETE " in line
        api.turn()
        machine.run().up(a, **old)
    assert api.registered()["x/1"]["model_config"]["apikeys"] == ["stand-in-old"]


def test_a_model_that_is_not_visible_yet_is_not_unhealthy(machine: Machine, api: Api) -> None:
    """If a replica lags, the health check waits for the model."""
    api.turn(Fault(call="model_health", status=404, first=2))
    assert machine.run().create("a", verify_health=True).number


def test_a_health_checks_message_is_shown_without_the_models_keys(machine: Machine, api: Api) -> None:
    key = "stand-in-model-key"
    api.turn(Fault(call="model_health", status=200, body=json.dumps({"status": "failed", "message": f"no {key}"})))
    line = line_of(machine.run().create, "a", verify_health=True, model_config__apikeys=[key])
    assert line.startswith("x/1 does not respond: failed: no ***; ")


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("is_lost_before", [False, True])
def test_a_rejected_adoption_leaves_no_claim(machine: Machine, api: Api, status: int, is_lost_before: bool) -> None:
    """The API's error is raised, the update is sent once, and the registration remains somebody else's."""
    api.register(model_name="theirs")
    lost = [Fault(call="add_model", reset="before", first=1)] * is_lost_before
    api.turn(Fault(call="modify_model", status=status), *lost)
    line = line_of(machine.run().create, "a", adopt_existing=True)
    assert line.startswith(f"update x/1: {status}")
    assert api.calls().count("modify_model x/1") == 1
    api.turn()
    assert isinstance(error_of(machine.run().create, "a"), ModelExists)


def test_a_lost_adoption_is_completed_by_the_same_resource(machine: Machine, api: Api) -> None:
    """The API did the work without a response: the registration is as declared, and recognized by its number."""
    number = api.register(model_name="theirs")["model_id"]
    api.turn(Fault(call="modify_model", reset="after"))
    error_of(machine.run().create, "a", adopt_existing=True)
    api.turn()
    assert machine.run().create("a").number == number


def test_the_advice_for_the_embedded_emulator_needs_no_curl() -> None:
    left = delete_command("", MODEL, Identifier("x", "1"))
    assert left == "declare it again, run `pulumi up`, then remove it from the program"


def test_a_name_is_quoted_in_the_command_that_a_person_copies() -> None:
    words = shlex.split(delete_command("https://h/$(ls)", MODEL, Identifier("it's; $(ls)\nx", "1")))
    assert words == [
        *("curl", "-X", "DELETE", "https://h/$(ls)/models/delete-model", "-H", "apikey: $ENKRYPTAI_API_KEY"),
        *("-H", "X-Enkrypt-Model: it's; $(ls) x", "-H", "X-Enkrypt-Model-Version: 1"),
    ]
    assert "'https://h/$(ls)/" in delete_command("https://h/$(ls)", MODEL, Identifier("x", "1"))
