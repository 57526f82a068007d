"""journal.py: how the next run on the machine treats writes that were sent and not confirmed."""

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
DELETED = "warning: x/1 was deleted by an earlier command on this machine: `pulumi up` registers it again"


def live_name(api: Api) -> str:
    return str(api.registered()["x/1"]["model_name"])


def lost_update(machine: Machine, api: Api, a: Object, **changes: object) -> None:
    """The API does the work, but no response arrives."""
    api.turn(LOST)
    with pytest.raises(EnkryptError):
        machine.run().update(a, **{"model_name": "lost", **changes})
    api.turn()
    machine.new_lines()


def killed_update(machine: Machine, api: Api, a: Object) -> None:
    """The engine is killed after the response and before it writes the state."""
    api.now += timedelta(minutes=1)
    machine.run().update(a, model_name="lost")


@pytest.fixture
def a(machine: Machine) -> Object:
    """A resource that is registered."""
    return machine.run().create("a")


@pytest.mark.parametrize("changes", [{}, {"model_name": "lost"}, {"deletion_protection": True}], ids=str)
@pytest.mark.parametrize("happened", [lost_update, killed_update])
def test_an_unconfirmed_update_is_sent_again_once(
    machine: Machine, api: Api, a: Object, happened: Callable[..., None], changes: dict[str, Any]
) -> None:
    """Even if the program is back to what the state says, or changes only an option of the provider."""
    happened(machine, api, a)
    assert live_name(api) == "lost"
    api.now += timedelta(minutes=1)
    run = machine.run()
    a = run.up(a, **changes)
    assert (live_name(api), machine.new_lines()) == (changes.get("model_name", ""), [AGAIN])
    assert run.diff(a, **changes).changes == machine.run().diff(a, **changes).changes == []
    assert machine.new_lines() == []


def test_a_refresh_does_not_confirm_keys_that_it_cannot_see(machine: Machine, api: Api, a: Object) -> None:
    """The API has the keys of a killed update, but a refresh sees only a mask: the program's are sent again."""
    api.now += timedelta(minutes=1)
    machine.run().update(a, model_config__apikeys=["stand-in-lost"])
    api.turn(Fault(mask_apikeys=True))
    refreshed = machine.run().found(a)
    api.turn()
    machine.run().up(refreshed)
    assert api.registered()["x/1"]["model_config"].get("apikeys", []) == []


def test_an_update_is_not_sent_again_after_a_later_write_of_another_machine(
    machine: Machine, elsewhere: Machine, api: Api, a: Object
) -> None:
    """Two machines take turns at one stack: the later write is in the state."""
    api.now += timedelta(minutes=1)
    a = machine.run().up(a, model_name="ours")
    api.now += timedelta(minutes=1)
    a = elsewhere.run().up(a, model_name="theirs")
    assert not machine.run().diff(a, model_name="theirs").changes
    assert machine.new_lines() == []


@pytest.mark.parametrize("hidden", ["", "updated_at", "model_id", "created_at"])
@pytest.mark.parametrize("is_refreshed", [False, True])
@pytest.mark.parametrize("place", ["", "s3://other"])
def test_a_lost_update_is_sent_again_once_whatever_the_api_leaves_out(
    machine: Machine, api: Api, hidden: str, is_refreshed: bool, place: str
) -> None:
    """Even after a refresh, which does not mention it, and with any backend, as numbers belong to the account."""
    api.edit = hiding(hidden)
    a = machine.run().create("a")
    lost_update(machine, api, a)
    if is_refreshed:
        a = machine.run(place=place).refresh(a)
        assert machine.new_lines() == []
    a = machine.run(place=place).up(a)
    assert live_name(api) == ""
    assert not machine.run(place=place).diff(a).changes


@pytest.mark.parametrize("edit", [hiding("updated_at"), lambda found: found.update(updated_at="2030-01-01")])
def test_a_killed_update_is_recognized_without_the_time_of_the_write(machine: Machine, api: Api, edit: Edit) -> None:
    """An API may leave it out or not change it: the checksum shows which write a state reflects."""
    api.edit = edit
    a = machine.run().create("a")
    killed_update(machine, api, a)
    a = machine.run().up(a)
    assert (live_name(api), machine.new_lines()) == ("", [AGAIN])
    assert not machine.run().diff(a).changes


def test_an_import_after_the_create_sends_nothing_again(machine: Machine, api: Api) -> None:
    """The API masks keys, so the imported state has none: nothing is sent again without them."""
    a = machine.run().create("a", model_config__apikeys=["stand-in-key-1"])
    api.turn(Fault(mask_apikeys=True))
    found = machine.run().controller.read(Request(id=a.id))
    imported = Object("a", found.id, {}, {**found.state, "model_config": {**a.state["model_config"], "apikeys": []}})
    assert machine.run().diff(imported).changes == []


def test_a_registration_that_a_lagging_read_missed_is_still_known(machine: Machine, api: Api, a: Object) -> None:
    """A refresh right after the create drops it from the state; the next `up` creates no second one."""
    api.turn(Fault(call="list_models", stale=True), Fault(call="get_model", status=404))
    assert machine.run().read(a) is None
    api.turn()
    assert machine.run().create("a").number == a.number


def test_a_rejected_update_is_not_sent_again(machine: Machine, api: Api, a: Object) -> None:
    api.turn(Fault(call="modify_model", status=400))
    with pytest.raises(RequestRejected):
        machine.run().update(a, model_name="new")
    assert not machine.run().diff(a).changes


def test_a_rejected_update_does_not_hide_a_lost_one(machine: Machine, api: Api, a: Object) -> None:
    lost_update(machine, api, a)
    api.turn(Fault(call="modify_model", status=400))
    with pytest.raises(RequestRejected):
        machine.run().update(a, model_name="refused")
    api.turn()
    machine.run().up(a)
    assert live_name(api) == ""


def test_a_rejected_replacement_does_not_hide_a_lost_update(machine: Machine, api: Api, a: Object) -> None:
    """The program wanted another identity, but no longer does."""
    lost_update(machine, api, a)
    run = machine.run()
    api.turn(Fault(call="add_model", status=400))
    with pytest.raises(RequestRejected):
        run.up(a, "y/1")
    api.turn()
    machine.new_lines()
    machine.run().up(a)
    assert (live_name(api), machine.new_lines()) == ("", [AGAIN])


def test_no_warning_about_a_registration_that_a_replacement_releases(machine: Machine, api: Api, a: Object) -> None:
    """A lost update left an entry for it, but the state has it, and the engine deletes it."""
    lost_update(machine, api, a)
    run = machine.run()
    run.up(a, "y/1")
    run.finish()
    assert (machine.new_lines(), set(api.registered())) == ([], {"y/1"})


def test_the_holder_overwrites_an_unconfirmed_write_of_another_resource(
    machine: Machine, api: Api, a: Object
) -> None:
    """Two resources had one registration: the keys that the other one sent cannot be compared."""
    api.now += timedelta(minutes=1)
    machine.run().create("b", model_config__apikeys=["stand-in-b"], adopt_existing=True)
    api.now += timedelta(minutes=1)
    a = machine.run().up(a)
    assert api.registered()["x/1"]["model_config"].get("apikeys", []) == []
    assert not machine.run().diff(a).changes


@pytest.mark.parametrize("who", ["another machine", "another account"])
def test_other_machines_and_accounts_do_not_send_it_again(
    machine: Machine, elsewhere: Machine, api: Api, there: Api, a: Object, who: str
) -> None:
    lost_update(machine, api, a)
    run = elsewhere.run() if who == "another machine" else machine.run(there)
    assert AGAIN not in [*run.machine.new_lines(), *map(str, [run.diff(a.without("__account"))])]
    assert run.machine.new_lines() == []


@pytest.mark.parametrize("hidden", [(), ("model_id",)])
@pytest.mark.parametrize("who", ["we", "somebody else"])
def test_the_entries_of_a_deleted_registration_are_dropped(
    machine: Machine, api: Api, who: str, hidden: tuple[str, ...]
) -> None:
    """Whoever deleted it: a later registration of somebody else is theirs, although it looks the same."""
    api.edit = hiding(*hidden)
    a = machine.run().create("a")
    lost_update(machine, api, a)
    if who == "we":
        machine.run().delete(a)
        api.register()
    else:
        api.register_again()
        machine.run().delete(a)
    with pytest.raises(EnkryptError, match="is registered already"):
        machine.run().create("a")


def test_the_journal_is_empty_once_the_state_reflects_everything(machine: Machine, api: Api, a: Object) -> None:
    """After an `up` and the next one's diff, the table has no rows."""
    api.now += timedelta(minutes=1)
    a = machine.run().up(a, model_name="new")
    machine.run().diff(a, model_name="new")
    with sqlite3.connect(machine.file) as file:
        assert file.execute("SELECT * FROM journal").fetchall() == []


def test_the_file_contains_no_key_and_no_field(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="add_model", reset="after"), Fault(call="get_model", status=500))
    with pytest.raises(EnkryptError):
        machine.run().create("a", model_config__apikeys=["stand-in-secret"], model_name="a field")
    kept = b"".join(file.read_bytes() for file in machine.file.parent.iterdir())
    assert b"x/1" in kept
    assert not any(text in kept for text in (KEY.encode(), b"stand-in-secret", b"a field"))


def test_a_resource_without_a_urn_has_no_entries(machine: Machine) -> None:
    """Without a URN, resources cannot be distinguished, so an earlier create proves nothing."""
    run = machine.run()
    checked = run.check_whole("", model())
    run.controller.create(Request(inputs=checked.inputs))
    with pytest.raises(ModelExists):
        machine.run().controller.create(Request(inputs=checked.inputs))


def test_an_update_rejected_after_a_lost_response_is_sent_again(machine: Machine, api: Api, a: Object) -> None:
    """The first attempt did the work, the second one was rejected."""
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
    """Its number may equal that of a registration in this account with an unconfirmed update."""
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
    """The engine is killed after the response and before it writes the state."""
    machine.run().delete(a)


@pytest.mark.parametrize("hidden", [(), ("model_id",), ("created_at", "updated_at")])
def test_up_registers_again_what_a_killed_destroy_deleted(
    machine: Machine, api: Api, hidden: tuple[str, ...]
) -> None:
    api.edit = hiding(*hidden)
    a = machine.run().create("a")
    killed_destroy(machine, a)
    api.now += timedelta(minutes=1)
    run = machine.run()
    a = run.up(a, model_name="new")
    run.finish()
    assert (live_name(api), machine.new_lines()[0]) == ("new", DELETED)
    assert not machine.run().diff(a, model_name="new").changes


def test_a_deletion_that_was_never_done_changes_nothing(machine: Machine, api: Api, a: Object) -> None:
    api.turn(Fault(call="delete_model", reset="before"))
    with pytest.raises(EnkryptError):
        killed_destroy(machine, a)
    api.turn()
    assert not machine.run().diff(a).changes
    machine.run().delete(a)
    assert api.registered() == {}


def test_a_name_taken_after_a_killed_destroy_is_refused(machine: Machine, api: Api, a: Object) -> None:
    killed_destroy(machine, a)
    api.register("x/1", model_name="theirs")
    with pytest.raises(ModelExists):
        machine.run().up(a)
    assert live_name(api) == "theirs"


def test_a_deletion_counts_only_for_its_own_registration(machine: Machine, api: Api) -> None:
    """Without numbers, a later registration has the same key; with another project's API key there is none."""
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
