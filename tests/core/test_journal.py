"""journal.py: what was sent and not confirmed, as the next run of the machine sees it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from enkrypt_provider.core.controller import Request
from enkrypt_provider.core.journal import DELETIONS_KEPT
from enkrypt_provider.emulator import Fault
from enkrypt_provider.errors import EnkryptError, ModelExists, RequestRejected

from .machines import KEY, Api, Edit, Machine, Object, hiding, model, unreachable

LOST = Fault(call="modify_model", reset="after")
AGAIN = "warning: x/1: the last update was not confirmed: `pulumi up` sends it again"
ANEW = "warning: x/1 was deleted by an earlier command on this machine: `pulumi up` registers it anew"


def live_name(api: Api) -> str:
    return str(api.registered()["x/1"]["model_name"])


def lost_update(machine: Machine, api: Api, a: Object, **changes: object) -> None:
    """The API does the work, and no response comes."""
    api.turn(LOST)
    with pytest.raises(EnkryptError):
        machine.run().update(a, **{"model_name": "lost", **changes})
    api.turn()
    machine.told()


def killed_update(machine: Machine, api: Api, a: Object) -> None:
    """The engine is killed after the response and before it wrote the state."""
    api.now += timedelta(minutes=1)
    machine.run().update(a, model_name="lost")


@pytest.fixture
def a(machine: Machine) -> Object:
    """A resource that is registered."""
    return machine.run().create("a")


@pytest.mark.parametrize("changes", [{}, {"model_name": "lost"}, {"deletion_protection": True}], ids=str)
@pytest.mark.parametrize("happened", [lost_update, killed_update])
def test_an_update_that_no_state_shows_is_sent_again_once(
    machine: Machine, api: Api, a: Object, happened: Callable[..., None], changes: dict[str, Any]
) -> None:
    """Also where the program is again what the state says, or changes what the API is not told."""
    happened(machine, api, a)
    assert live_name(api) == "lost"
    api.now += timedelta(minutes=1)
    run = machine.run()
    a = run.up(a, **changes)
    assert (live_name(api), machine.told()) == (changes.get("model_name", ""), [AGAIN])
    assert run.diff(a, **changes).changes == machine.run().diff(a, **changes).changes == []
    assert machine.told() == []


def test_a_refresh_in_between_does_not_confirm_what_it_cannot_see(machine: Machine, api: Api, a: Object) -> None:
    """The keys of a killed update are registered, and a refresh sees a mask: the program's are sent again."""
    api.now += timedelta(minutes=1)
    machine.run().update(a, model_config__apikeys=["stand-in-lost"])
    api.turn(Fault(mask_apikeys=True))
    refreshed = machine.run().found(a)
    api.turn()
    machine.run().up(refreshed)
    assert api.registered()["x/1"]["model_config"].get("apikeys", []) == []


def test_what_another_machine_wrote_since_is_not_sent_again(
    machine: Machine, elsewhere: Machine, api: Api, a: Object
) -> None:
    """Two machines take turns at one stack: the later write is in the state."""
    api.now += timedelta(minutes=1)
    a = machine.run().up(a, model_name="ours")
    api.now += timedelta(minutes=1)
    a = elsewhere.run().up(a, model_name="theirs")
    assert not machine.run().diff(a, model_name="theirs").changes
    assert machine.told() == []


@pytest.mark.parametrize("hidden", ["", "updated_at", "model_id", "created_at"])
@pytest.mark.parametrize("is_refreshed", [False, True])
@pytest.mark.parametrize("place", ["", "s3://other"])
def test_a_lost_update_is_sent_again_once_whatever_the_api_does_not_tell(
    machine: Machine, api: Api, hidden: str, is_refreshed: bool, place: str
) -> None:
    """After a refresh too, which says nothing of it, and wherever the state is kept: a number is of the account."""
    api.edit = hiding(hidden)
    a = machine.run().create("a")
    lost_update(machine, api, a)
    if is_refreshed:
        a = machine.run(place=place).refresh(a)
        assert machine.told() == []
    a = machine.run(place=place).up(a)
    assert live_name(api) == ""
    assert not machine.run(place=place).diff(a).changes


@pytest.mark.parametrize("edit", [hiding("updated_at"), lambda found: found.update(updated_at="2030-01-01")])
def test_a_killed_update_is_told_without_the_time_of_the_last_write(machine: Machine, api: Api, edit: Edit) -> None:
    """An API may not tell it, or not change it: what was sent shows which write a state has."""
    api.edit = edit
    a = machine.run().create("a")
    killed_update(machine, api, a)
    a = machine.run().up(a)
    assert (live_name(api), machine.told()) == ("", [AGAIN])
    assert not machine.run().diff(a).changes


def test_what_was_read_since_is_confirmed_without_its_keys(machine: Machine, api: Api) -> None:
    """It is imported after its create, from an API that masks keys: nothing is sent again without them."""
    a = machine.run().create("a", model_config__apikeys=["stand-in-key-1"])
    api.turn(Fault(mask_apikeys=True))
    found = machine.run().controller.read(Request(id=a.id))
    imported = Object("a", found.id, {}, {**found.state, "model_config": {**a.state["model_config"], "apikeys": []}})
    assert machine.run().diff(imported).changes == []


def test_what_a_lagging_read_took_for_gone_is_known_still(machine: Machine, api: Api, a: Object) -> None:
    """A refresh right after the create drops it from the state; the next `up` makes no second one."""
    api.turn(Fault(call="list_models", stale=True), Fault(call="get_model", status=404))
    assert machine.run().read(a) is None
    api.turn()
    assert machine.run().create("a").number == a.number


def test_a_refused_update_is_not_sent_again(machine: Machine, api: Api, a: Object) -> None:
    api.turn(Fault(call="modify_model", status=400))
    with pytest.raises(RequestRejected):
        machine.run().update(a, model_name="new")
    assert not machine.run().diff(a).changes


def test_a_refused_update_does_not_hide_a_lost_one(machine: Machine, api: Api, a: Object) -> None:
    lost_update(machine, api, a)
    api.turn(Fault(call="modify_model", status=400))
    with pytest.raises(RequestRejected):
        machine.run().update(a, model_name="refused")
    api.turn()
    machine.run().up(a)
    assert live_name(api) == ""


def test_a_refused_replacement_does_not_hide_a_lost_update(machine: Machine, api: Api, a: Object) -> None:
    """The program wanted another identity, and does not any more."""
    lost_update(machine, api, a)
    run = machine.run()
    api.turn(Fault(call="add_model", status=400))
    with pytest.raises(RequestRejected):
        run.up(a, "y/1")
    api.turn()
    machine.told()
    machine.run().up(a)
    assert (live_name(api), machine.told()) == ("", [AGAIN])


def test_what_a_replacement_gives_up_is_not_told_as_left_behind(machine: Machine, api: Api, a: Object) -> None:
    """An update of it was lost, so it is noted; the state has it, and the engine deletes it."""
    lost_update(machine, api, a)
    run = machine.run()
    run.up(a, "y/1")
    run.finish()
    assert (machine.told(), set(api.registered())) == ([], {"y/1"})


def test_what_another_resource_wrote_is_sent_again_by_the_one_that_holds_it(
    machine: Machine, api: Api, a: Object
) -> None:
    """Two resources had one registration: nobody could compare the keys that the other one sent."""
    api.now += timedelta(minutes=1)
    machine.run().create("b", model_config__apikeys=["stand-in-b"], adopt_existing=True)
    api.now += timedelta(minutes=1)
    a = machine.run().up(a)
    assert api.registered()["x/1"]["model_config"].get("apikeys", []) == []
    assert not machine.run().diff(a).changes


@pytest.mark.parametrize("who", ["another machine", "another account"])
def test_nobody_else_sends_it_again(
    machine: Machine, elsewhere: Machine, api: Api, there: Api, a: Object, who: str
) -> None:
    lost_update(machine, api, a)
    run = elsewhere.run() if who == "another machine" else machine.run(there)
    assert AGAIN not in [*run.machine.told(), *map(str, [run.diff(a.without("__account"))])]
    assert run.machine.told() == []


@pytest.mark.parametrize("hidden", [(), ("model_id",)])
@pytest.mark.parametrize("who", ["we", "somebody else"])
def test_with_the_registration_goes_what_was_known_of_it(
    machine: Machine, api: Api, who: str, hidden: tuple[str, ...]
) -> None:
    """Whoever deleted it: what somebody registers since is theirs, though it looks the same."""
    api.edit = hiding(*hidden)
    a = machine.run().create("a")
    lost_update(machine, api, a)
    if who == "we":
        machine.run().delete(a)
        api.register()
    else:
        api.make_anew()
        machine.run().delete(a)
    with pytest.raises(EnkryptError, match="is registered already"):
        machine.run().create("a")


def test_nothing_is_kept_of_what_every_state_shows(machine: Machine, api: Api, a: Object) -> None:
    """After an `up` and the next one's diff the file holds no word of the models."""
    api.now += timedelta(minutes=1)
    a = machine.run().up(a, model_name="new")
    machine.run().diff(a, model_name="new")
    with sqlite3.connect(machine.file) as file:
        assert file.execute("SELECT * FROM journal").fetchall() == []


def test_the_file_shows_no_key_and_no_field(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="add_model", reset="after"), Fault(call="get_model", status=500))
    with pytest.raises(EnkryptError):
        machine.run().create("a", model_config__apikeys=["stand-in-secret"], model_name="a field")
    kept = b"".join(file.read_bytes() for file in machine.file.parent.iterdir())
    assert b"x/1" in kept
    assert not any(text in kept for text in (KEY.encode(), b"stand-in-secret", b"a field"))


def test_a_resource_that_nobody_names_is_not_noted(machine: Machine) -> None:
    """Without a URN nobody could be told apart: what was made proves nothing."""
    run = machine.run()
    checked = run.check_whole("", model())
    run.controller.create(Request(inputs=checked.inputs))
    with pytest.raises(ModelExists):
        machine.run().controller.create(Request(inputs=checked.inputs))


def test_an_update_that_is_refused_after_a_lost_response_is_not_forgotten(
    machine: Machine, api: Api, a: Object
) -> None:
    """The first attempt did the work, the second one was refused."""
    api.turn(Fault(call="modify_model", reset="after", nth=1), Fault(call="modify_model", status=400, nth=2))
    with pytest.raises(RequestRejected):
        machine.run().update(a, model_name="lost")
    api.turn()
    assert live_name(api) == "lost"
    machine.run().up(a)
    assert live_name(api) == ""


def test_an_update_that_could_not_be_sent_is_not_sent_again(machine: Machine, api: Api, a: Object) -> None:
    real, api.transport = api.transport, unreachable  # type: ignore[method-assign]  # a stand-in
    run = machine.run()
    api.transport = real  # type: ignore[method-assign]  # a stand-in
    with pytest.raises(EnkryptError, match="cannot be reached"):
        run.update(a, model_name="new")
    assert not machine.run().diff(a).changes


@pytest.mark.parametrize("operation", ["diff", "read"])
def test_a_state_of_another_account_confirms_nothing(
    machine: Machine, api: Api, there: Api, a: Object, operation: str
) -> None:
    """Its number may happen to be that of a registration here, whose update no state shows."""
    there.edit = api.edit = lambda found: found.update(model_id=1)
    there.now += timedelta(hours=1)
    foreign = machine.run(there).create("b")
    a = machine.run().read(a) or a
    killed_update(machine, api, a)
    if operation == "diff":
        assert machine.run().diff(foreign).replaces
    else:
        assert machine.run().read(foreign) == foreign
    machine.run().up(a)
    assert live_name(api) == ""


# ---- deletions


def killed_destroy(machine: Machine, a: Object) -> None:
    """The engine is killed after the response and before it wrote the state."""
    machine.run().delete(a)


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("created_at", "updated_at")])
def test_what_a_killed_destroy_deleted_is_registered_anew_by_a_bare_up(
    machine: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    a = machine.run().create("a")
    killed_destroy(machine, a)
    api.now += timedelta(minutes=1)
    run = machine.run()
    a = run.up(a, model_name="new")
    run.finish()
    assert (live_name(api), machine.told()[0]) == ("new", ANEW)
    assert not machine.run().diff(a, model_name="new").changes


def test_a_deletion_that_was_refused_or_never_done_changes_nothing(machine: Machine, api: Api, a: Object) -> None:
    api.turn(Fault(call="delete_model", reset="before"))
    with pytest.raises(EnkryptError):
        killed_destroy(machine, a)
    api.turn()
    assert not machine.run().diff(a).changes
    machine.run().delete(a)
    assert api.registered() == {}


def test_what_somebody_made_anew_after_a_killed_destroy_is_refused(machine: Machine, api: Api, a: Object) -> None:
    killed_destroy(machine, a)
    api.register("x/1", model_name="theirs")
    with pytest.raises(ModelExists):
        machine.run().up(a)
    assert live_name(api) == "theirs"


def test_a_deletion_is_told_of_the_registration_that_it_was_of(machine: Machine, api: Api) -> None:
    """Without numbers one that was made since has the same key; with another project's key nothing is there."""
    api.edit = hiding("model_id")
    killed_destroy(machine, machine.run().create("a"))
    a = machine.run().create("a")
    api.delete()
    assert not machine.run().diff(a).changes
    killed_destroy(machine, a)
    assert not machine.run(key="stand-in-key-2").diff(a).changes


def test_a_deletion_is_remembered_for_a_month(machine: Machine, a: Object) -> None:
    killed_destroy(machine, a)
    journal = machine.run().controller.registrations.journal
    journal._now = lambda: time.time() + DELETIONS_KEPT + 60
    journal.begin_deletion("another")
    assert not journal.began_deletion(str(a.number))
