"""Tests for every kind of registration: its life cycle, who owns it, and the messages that users see."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from enkrypt_provider.core.controller import Request
from enkrypt_provider.emulator import spelled_fault
from enkrypt_provider.errors import DeletionProtected, EnkryptError, ModelExists, ModelNotFound, RequestRejected
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.model import MODEL

from .machines import DEPLOYMENTS, KEY, MODELS, NUMBERS, POLICIES, Api, Machine, Object, Run, Sample, urn


def calls(api: Api) -> list[str]:
    """Return the calls since the last time, without the kind."""
    return [call.partition("_")[0] for call in api.calls()]


def renamed(sample: Sample, name: str = "y") -> str:
    return sample.id.replace("x", name)


# ---- life cycle


def test_it_is_created_once_and_then_unchanged(sample: Sample, machine: Machine, api: Api) -> None:
    run = machine.run()
    a = run.create("a", sample.id)
    assert calls(api) == ["add"]
    assert (a.id, a.number) == (sample.id, api.registered()[sample.id][sample.kind.number])
    assert run.diff(a).changes == machine.run().diff(a).changes == []
    assert calls(api) == []
    found = machine.run().found(a)
    assert (found.id, found.state) == (a.id, a.state)


@pytest.mark.parametrize("form", [int, str, float, lambda number: f"id-{number}", lambda _number: 10**400])
def test_its_number_may_be_larger_than_a_double_holds(
    sample: Sample, machine: Machine, elsewhere: Machine, api: Api, form: Callable[[int], Any]
) -> None:
    """It need not even be a number: the registration is still recognized."""

    def large(found: Any) -> None:
        found.update({name: form(2**60 + 2 * number + 1) for name, number in found.items() if name in NUMBERS})

    api.edit = large
    a = machine.run().create("a", sample.id)
    run = elsewhere.run()
    found = run.refresh(a)
    assert run.diff(found).changes == []
    updated = run.up(found, **sample.change)
    elsewhere.run().delete(updated)
    assert (api.registered(), machine.new_lines(), elsewhere.new_lines()) == ({}, [], [])


def test_a_server_may_return_strings_of_digits_as_numbers(sample: Sample, machine: Machine, api: Api) -> None:
    """Its name and version too."""

    def as_numbers(value: Any) -> Any:
        if isinstance(value, list):
            return [as_numbers(item) for item in value]
        if isinstance(value, dict):
            return {name: as_numbers(item) for name, item in value.items()}
        return int(value) if isinstance(value, str) and value.isdigit() else value

    api.edit = lambda found: found.update(as_numbers(found))
    id_ = renamed(sample, "7")
    a = machine.run().create("a", id_)
    run = machine.run()
    found = run.refresh(a)
    assert (found.id, found.state, run.diff(found).changes) == (id_, a.state, [])
    machine.run().delete(run.up(found, **sample.change))
    assert (api.registered(), machine.new_lines()) == ({}, [])


def test_drift_is_shown_and_corrected(sample: Sample, machine: Machine, api: Api) -> None:
    """A manual change shows after a refresh; the update keeps the registration."""
    a = machine.run().create("a", sample.id)
    api.change(sample.id, **sample.change)
    api.now += timedelta(hours=1)
    run = machine.run()
    drifted = run.found(a)
    assert [change.path for change in run.diff(drifted).changes] == [sample.path]
    updated = run.up(drifted)
    assert run.diff(updated).changes == []
    found = run.found(updated)
    assert (found.number, found.state) == (a.number, updated.state)


@pytest.mark.parametrize("asks_diff", [False, True])
def test_it_is_deleted_and_can_be_created_again(sample: Sample, machine: Machine, api: Api, asks_diff: bool) -> None:
    """`pulumi up --replace` brings no diff. `replace_on_changes` brings one if something changes, then a check."""
    a = machine.run().create("a", sample.id)
    run = machine.run()
    if asks_diff:
        run.diff(a, **sample.change)
        run.check("a", sample.id, **sample.change)
    api.calls()
    run.delete(a)
    assert calls(api)[-1] == "delete"
    assert run.read(a) is None
    run.delete(a)
    machine.run().delete(a)
    assert (api.registered(), len(machine.new_lines())) == ({}, 1)
    assert run.create("a", sample.id).number != a.number


def test_a_refresh_does_not_prevent_the_deletion(sample: Sample, machine: Machine, api: Api) -> None:
    """`pulumi up --refresh` of a resource that is no longer declared, or `pulumi destroy --refresh`: one run reads,
    diffs without a check, and deletes."""
    a = machine.run().create("a", sample.id)
    run = machine.run()
    run.delete(run.refresh(a))
    assert (api.registered(), machine.new_lines()) == ({}, [])


@pytest.mark.parametrize("names_resources", [True, False])
def test_a_refresh_does_not_prevent_a_hand_over(
    sample: Sample, machine: Machine, api: Api, names_resources: bool
) -> None:
    """`pulumi up --refresh --run-program`: another resource declares the name before its holder is read."""
    api.names_resources = names_resources
    a = machine.run().create("a", sample.id)
    run = machine.run()
    checked = run.check("b", sample.id)
    a = run.up(run.refresh(a), renamed(sample))
    named = urn("b", kind=sample.kind) if names_resources else ""
    b = run.controller.create(Request(urn=named, inputs=checked.inputs))
    run.finish()
    held = {id_: it[sample.kind.number] for id_, it in api.registered().items()}
    assert held == {sample.id: b.state[sample.kind.number], renamed(sample): a.number}


def missing(it: Object, sample: Sample) -> str:
    """Return the warning of a deletion that finds nothing."""
    return (
        f"warning: {it.id} ({sample.kind.number} {it.number}) is not registered at http://127.0.0.1, so nothing was "
        "deleted: it was deleted before, or the API key belongs to another project"
    )


def test_a_deletion_that_finds_nothing_warns(sample: Sample, machine: Machine, api: Api) -> None:
    """Otherwise a destroy with the key of another project would succeed silently and leave the registration."""
    a = machine.run().create("a", sample.id)
    machine.run(key="another-project").delete(a)
    assert sample.id in api.registered()
    assert machine.new_lines() == [missing(a, sample)]
    api.delete(sample.id)
    machine.run().delete(a)
    assert machine.new_lines() == [missing(a, sample)]


def test_a_deletion_that_finds_another_resources_registration_warns(
    sample: Sample, machine: Machine, api: Api
) -> None:
    """Two keys of one endpoint were swapped: each belongs to the other project than the state says."""
    a = machine.run().create("a", sample.id)
    b = machine.run(key="another-project").create("b", sample.id)
    run = machine.run(key="another-project")
    run.diff(b)
    run.delete(a)
    assert [len(api.registered()), len(api.registered("another-project"))] == [1, 1]
    assert machine.new_lines() == [missing(a, sample)]


def test_an_old_object_refreshed_to_equal_the_new_one_is_dropped(sample: Sample, machine: Machine, api: Api) -> None:
    """A replacement was killed before the old object was deleted; both are refreshed, then an `up` follows."""
    old = machine.run().create("a", sample.id)
    api.now += timedelta(minutes=1)
    new = machine.run().create("a", sample.id, adopt_existing=True)
    run = machine.run()
    old, new = run.found(old), run.found(new)
    assert old.state["updated_at"] == new.state["updated_at"]
    run = machine.run()
    new = run.up(new, adopt_existing=True)
    run.delete(old)
    assert api.registered()[sample.id][sample.kind.number] == new.number


def test_an_older_object_is_dropped_although_the_new_one_is_created_again(
    sample: Sample, machine: Machine, api: Api
) -> None:
    """A replacement was killed before the old object was deleted; one with `delete_before_replace` follows, and its
    delete reads a list from before the new create."""
    old = machine.run().create("a", sample.id)
    new = machine.run().create("a", sample.id, adopt_existing=True)
    api.now += timedelta(minutes=1)
    machine.new_lines()
    run = machine.run()
    run.check("a", sample.id)
    run.delete(new)
    newest = run.create("a", sample.id)
    run.delete(old)
    assert api.registered()[sample.id][sample.kind.number] == newest.number
    assert machine.new_lines() == []


def test_no_warning_about_somebody_else_if_another_resource_registered_it_again(
    sample: Sample, machine: Machine, api: Api
) -> None:
    """It was deleted manually, and the program gave its name to another resource."""
    a = machine.run().create("a", sample.id)
    api.delete(sample.id)
    run = machine.run()
    b = run.create("b", sample.id)
    run.delete(a)
    assert api.registered()[sample.id][sample.kind.number] == b.number
    assert machine.new_lines() == [missing(a, sample)]


def test_a_rename_replaces(sample: Sample, machine: Machine) -> None:
    """The new registration is created first; only a deployment is deleted first."""
    run = machine.run()
    found = run.diff(run.create("a", sample.id), renamed(sample))
    assert (found.replaces, found.deletes_first) == ([next(iter(sample.kind.identity))], sample.kind is DEPLOYMENT)


# ---- ownership


def test_a_lost_response_is_looked_up_before_a_retry(sample: Sample, machine: Machine, api: Api) -> None:
    """The registration is recognized as this resource's, and created once."""
    api.turn(spelled_fault(f"add_{sample.kind.noun}:status=503,work,first=1"))
    a = machine.run().create("a", sample.id)
    assert calls(api).count("add") == 1
    assert a.number == api.registered()[sample.id][sample.kind.number]
    assert machine.new_lines()[-1] == f"{sample.id} is registered: the response was lost, but the create succeeded"


def test_a_lost_update_is_sent_again(sample: Sample, machine: Machine, api: Api) -> None:
    """Also by the next run, if this one never learned the outcome."""
    a = machine.run().create("a", sample.id)
    api.turn(spelled_fault(f"modify_{sample.kind.noun}:status=503,work,first=9"))
    with pytest.raises(EnkryptError):
        machine.run().update(a, **sample.change)
    api.turn()
    run = machine.run()
    updated = run.up(a)
    assert updated is not a
    assert run.diff(updated).changes == []
    found = machine.run().found(updated)
    assert found.state == updated.state


def test_a_taken_identity_is_described_in_the_error_and_can_be_adopted(
    sample: Sample, machine: Machine, api: Api
) -> None:
    theirs = api.register(sample.id, **sample.change)
    before = api.live(sample.id)
    with pytest.raises(ModelExists) as caught:
        machine.run().create("a", sample.id)
    message, number = str(caught.value), sample.kind.number
    assert f"{sample.id} is registered already ({number} {theirs[number]}, project default, since 20" in message
    assert f"it differs in {sample.path}." in message
    assert f"to have both, another {sample.kind.distinction};" in message
    assert ("model" in message) is (sample is MODELS)
    assert api.live(sample.id) == before

    run = machine.run()
    a = run.create("a", sample.id, adopt_existing=True)
    assert a.number == theirs[number]
    assert machine.new_lines() == [f"{sample.id} was registered already: adopted and updated to match the program"]
    found = run.found(a)
    assert run.diff(found, adopt_existing=True).changes == []


def test_a_deleted_name_that_the_api_keeps_is_explained(sample: Sample, machine: Machine, api: Api) -> None:
    """The name is taken, but nothing is registered: some servers may keep a deleted name."""
    api.turn(spelled_fault(f"add_{sample.kind.noun}:status=409"))
    with pytest.raises(ModelExists) as caught:
        machine.run().create("a", sample.id)
    assert str(caught.value).startswith(
        f"{sample.id} is taken, but the API shows no such {sample.kind.noun}: another project may hold it, or the "
        f"API keeps a deleted name for a while; choose another {sample.kind.distinction}, or try later"
    )


def test_a_registration_registered_again_by_somebody_else_is_left_alone(
    sample: Sample, machine: Machine, api: Api
) -> None:
    """It is neither changed nor deleted, since its number differs."""
    a = machine.run().create("a", sample.id)
    number = sample.kind.number
    theirs = api.register_again(sample.id)
    before = api.live(sample.id)
    shown = (
        f"({number} {theirs[number]}, project default, since 2030-01-01T01:00:00; the state has {number} {a.number})"
    )
    run = machine.run()
    with pytest.raises(ModelNotFound) as caught:
        run.update(a, **sample.change)
    assert str(caught.value) == (
        f"{sample.id} was deleted and registered again by somebody else {shown}: nothing was changed. Run `pulumi "
        "refresh` to see the new registration, then `pulumi up`"
    )
    run.delete(a)
    assert api.live(sample.id) == before
    assert machine.new_lines() == [f"warning: {sample.id} was registered again by somebody else {shown}: it is kept"]
    assert run.found(a).number == theirs[number]
    line = f"warning: {sample.id} is now a different registration {shown}: the state refers to it from now on"
    assert machine.new_lines() == [line]


@pytest.mark.parametrize("moment", ["find", "modify"])
@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_create_survives_a_simultaneous_deletion_by_the_former_holder(
    sample: Sample, machine: Machine, api: Api, moment: str, is_before: bool, adopt: bool, is_lost: bool
) -> None:
    """A deployment, or a model with `delete_before_replace`, is renamed: it is deleted beside the create of the other
    resource, whose next response may be lost."""
    a = machine.run().create("a", sample.id)
    if is_lost:
        api.turn(spelled_fault(f"add_{sample.kind.noun}:reset=after,nth=2"))
    run = machine.run()
    run.diff(a, renamed(sample))
    client = run.controller.registrations.client
    call, waiting = getattr(client, moment), [a]

    def beside(*arguments: Any) -> Any:
        if is_before and waiting:
            run.delete(waiting.pop())
        found = call(*arguments)
        if waiting:
            run.delete(waiting.pop())
        return found

    setattr(client, moment, beside)
    b = run.create("b", sample.id, adopt_existing=adopt)
    assert api.registered()[sample.id][sample.kind.number] == b.number
    assert not waiting


def test_a_registration_taken_over_while_its_deletion_looks_it_up_is_kept(
    sample: Sample, machine: Machine, api: Api
) -> None:
    a = machine.run().create("a", sample.id)
    run = machine.run()
    run.diff(a, renamed(sample))
    snapshot = run.controller.registrations.snapshot
    listed, taken = snapshot.listed, []

    def beside(identity: Any) -> Any:
        taken.append(run.create("b", sample.id))
        return listed(identity)

    snapshot.listed = beside  # type: ignore[method-assign]  # a stand-in
    run.delete(a)
    assert [it.number for it in taken] == [a.number]
    assert set(api.registered()) == {sample.id}


def test_a_create_waits_for_a_deletion_that_has_begun(sample: Sample, machine: Machine, api: Api) -> None:
    a = machine.run().create("a", sample.id)
    run = machine.run()
    run.diff(a, renamed(sample))
    client = run.controller.registrations.client
    delete, began, goes_on, is_done = client.delete, Event(), Event(), Event()

    def slow(kind: Any, identity: Any, is_gone: Any, on_turn: Any) -> None:
        def sent() -> None:
            on_turn()
            began.set()
            assert goes_on.wait(5)

        delete(kind, identity, is_gone, sent)
        is_done.set()

    def while_waiting() -> None:
        goes_on.set()
        assert is_done.wait(5)

    client.delete = slow  # type: ignore[method-assign, assignment]  # a stand-in
    machine.while_waiting = while_waiting  # type: ignore[method-assign]  # a stand-in
    with ThreadPoolExecutor(1) as beside:
        deleted = beside.submit(run.delete, a)
        assert began.wait(5)
        b = run.create("b", sample.id)
        deleted.result()
    assert api.registered()[sample.id][sample.kind.number] == b.number != a.number


@pytest.mark.parametrize("is_updated", [False, True])
def test_a_deletion_fails_if_another_object_turns_out_to_hold_the_registration(
    sample: Sample, machine: Machine, elsewhere: Machine, api: Api, is_updated: bool
) -> None:
    """One of two objects is deleted, and the diff of the other comes while the request is on its way."""
    a = machine.run().create("a", sample.id)
    b = elsewhere.run().create("b", sample.id, adopt_existing=True)
    run = machine.run()
    client = run.controller.registrations.client
    delete = client.delete

    def slow(kind: Any, identity: Any, is_gone: Any, on_turn: Any) -> None:
        def sent() -> None:
            on_turn()
            run.up(a, **sample.change if is_updated else {})

        delete(kind, identity, is_gone, sent)

    run.diff(b, renamed(sample))
    client.delete = slow  # type: ignore[method-assign, assignment]  # a stand-in
    with pytest.raises(EnkryptError, match=r"run `pulumi up` to register it again"):
        run.delete(b)
    again = machine.run()
    assert again.up(a).number != a.number
    again.delete(b)
    assert set(api.registered()) == {sample.id}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_that_is_sent_again_spares_the_resource_that_took_the_name(
    sample: Sample, machine: Machine, api: Api, moment: str
) -> None:
    """The connection broke before or after the work was done. Before the next attempt, another resource of the run
    takes over the registration, or registers the name again."""
    a = machine.run().create("a", sample.id)
    run = machine.run()
    run.diff(a, renamed(sample))
    api.turn(spelled_fault(f"delete_{sample.kind.noun}:reset={moment},first=1"))
    numbers: list[int] = []

    def while_waiting() -> None:
        machine.while_waiting = lambda: None  # type: ignore[method-assign]  # a stand-in
        numbers.append(run.create("b", sample.id).number)

    machine.while_waiting = while_waiting  # type: ignore[method-assign]  # a stand-in
    run.delete(a)
    assert numbers == [it[sample.kind.number] for it in api.registered().values()]


@pytest.mark.parametrize("is_declared", [False, True])
def test_a_deletion_is_sent_again_although_a_replica_lags(
    sample: Sample, machine: Machine, api: Api, is_declared: bool
) -> None:
    """It was rate limited, and one look-up does not show the registration."""
    a = machine.run().create("a", sample.id)
    run = machine.run()
    if is_declared:
        run.check("b", sample.id)
    noun = sample.kind.noun
    api.turn(*map(spelled_fault, (f"delete_{noun}:status=429,first=1", f"get_{noun}:status=404,first=1")))
    run.delete(a)
    assert api.registered() == {}


# ---- messages


def test_a_missing_registration_is_reported_with_the_nearest_name(sample: Sample, run: Run, api: Api) -> None:
    """`get` and an import bring no state: the registration is not gone, the name is wrong."""
    api.register(right := renamed(sample, "guarded"))
    wrong = renamed(sample, "gaurded")
    with pytest.raises(ModelNotFound) as caught:
        run.controller.read(Request(id=wrong))
    noun = sample.kind.noun
    assert str(caught.value) == f'no {noun} {wrong} is registered with this account; did you mean "{right}"?'


def test_an_identity_can_be_declared_only_once(sample: Sample, machine: Machine) -> None:
    run = machine.run()
    assert run.check("a", sample.id).problems == run.check("a", sample.id, **sample.change).problems == []
    assert run.check("b", sample.id).problems == [
        f"{sample.id} is declared twice, here and as 'a': give one of them another {sample.kind.distinction}"
    ]
    assert run.check("b", renamed(sample)).problems == machine.run().check("b", sample.id).problems == []


@pytest.mark.parametrize("operation", ["replace", "delete"])
def test_a_protected_registration_is_neither_deleted_nor_replaced(
    sample: Sample, machine: Machine, api: Api, operation: str
) -> None:
    """The error comes before any change, and says how to lift the protection."""
    a = machine.run().create("a", sample.id, deletion_protection=True)
    run = machine.run()
    with pytest.raises(DeletionProtected) as caught:
        run.delete(a) if operation == "delete" else run.diff(a, renamed(sample))
    assert str(caught.value) == (
        f"{sample.id} is protected from deletion and replacement: set deletion_protection=False, run `pulumi up`, "
        "then try again"
    )
    assert set(api.registered()) == {sample.id}


def test_a_protected_old_object_is_dropped(sample: Sample, machine: Machine, api: Api) -> None:
    """Nothing is deleted for it. As no update could lift its protection, each later `up` would fail otherwise."""
    old = machine.run().create("a", sample.id, deletion_protection=True)
    run = machine.run()
    run.create("a", sample.id, deletion_protection=True, adopt_existing=True)
    run.delete(old)
    assert set(api.registered()) == {sample.id}


INTERRUPTED = "an earlier `pulumi up` was interrupted, unless this is a forced replacement"


def test_a_left_behind_registration_is_reported_with_its_delete_call(
    sample: Sample, machine: Machine, api: Api
) -> None:
    """A create whose response and look-up are lost; the next run, under another name, prints the command."""
    kind = sample.kind
    api.turn(spelled_fault(f"add_{kind.noun}:status=503,work"), spelled_fault(f"get_{kind.noun}:status=503,first=99"))
    with pytest.raises(EnkryptError) as caught:
        machine.run().create("a", sample.id)
    named = "".join(f" -H '{name}: {value}'" for name, value in kind.headers(kind.identity_from(sample.id)).items())
    path = kind.calls.path(kind.calls.delete)
    left = (
        f"{sample.id} may be registered at http://127.0.0.1: the next `pulumi up` on this machine completes it; to "
        f'remove it instead: curl -X DELETE http://127.0.0.1{path} -H "apikey: $ENKRYPTAI_API_KEY"{named}'
    )
    assert str(caught.value).endswith(left)
    assert KEY not in str(caught.value)
    api.turn()
    machine.new_lines()
    machine.run().create("a", renamed(sample))
    assert machine.new_lines() == [f"warning: {INTERRUPTED}: {left}"]
    assert set(api.registered()) == {sample.id, renamed(sample)}


def test_the_interruption_warning_allows_for_a_forced_replacement(sample: Sample, machine: Machine, api: Api) -> None:
    """After `pulumi state taint` or `up --replace` just after the create, no diff shows that the state has it."""
    a = machine.run().create("a", sample.id)
    run = machine.run()
    run.create("a", renamed(sample))
    assert [line.partition(": ")[2].partition(": ")[0] for line in machine.new_lines()] == [INTERRUPTED]
    run.delete(a)
    assert set(api.registered()) == {renamed(sample)}


def test_a_rejection_mentions_dialects_only_if_the_kind_has_some(sample: Sample, machine: Machine, api: Api) -> None:
    api.turn(spelled_fault(f"add_{sample.kind.noun}:status=422,first=1"))
    with pytest.raises(RequestRejected) as caught:
        machine.run().create("a", sample.id)
    assert ("dialect" in str(caught.value)) is (sample.kind is MODEL)


# ---- kinds side by side


def test_kinds_share_names_but_nothing_else(machine: Machine) -> None:
    """A policy x and a deployment x on one machine, in one database."""
    policies, deployments = machine.run(kind=POLICIES.kind), machine.run(kind=DEPLOYMENTS.kind)
    policy, deployment = policies.create("a", "x"), deployments.create("a", "x")
    assert machine.run(kind=POLICIES.kind).diff(policy).changes == []
    assert machine.run(kind=DEPLOYMENTS.kind).diff(deployment).changes == []
    policies.delete(policy)
    assert deployments.read(deployment)


@pytest.mark.parametrize("quirks", ["echo", "merge", "echo,merge,revive"])
@pytest.mark.parametrize("turn_off", [lambda it: it.pop("bias"), lambda it: it.update(bias={"enabled": False})])
def test_a_detector_that_is_no_longer_declared_is_disabled(
    tmp_path: Path, quirks: str, turn_off: Callable[[Any], object]
) -> None:
    """However a server treats fields that a PATCH leaves out."""
    api = Api(tmp_path / "api.sqlite", quirks=quirks)
    api.sample = POLICIES
    run = Machine(tmp_path / "here", api).run()
    detectors: Any = {"nsfw": {"enabled": True}, "bias": {"enabled": True}}
    a = run.create("a", "x", detectors=detectors)
    assert api.live("x")["detectors"]["bias"] == {"enabled": True}
    turn_off(detectors)
    updated = run.update(a, detectors=detectors)
    assert api.live("x")["detectors"]["bias"] == {"enabled": False}
    found = run.found(updated)
    assert run.diff(found, detectors=detectors).changes == []
