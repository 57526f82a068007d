"""controller.py: check, diff, create, read, update and delete, as an engine requests them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from documents import COMPUTED, canonical, document, everything, minimal, put, through_engine
from pulumi.output import UNKNOWN

from enkrypt_provider.core.controller import ACCOUNT, Controller, Request
from enkrypt_provider.core.diff import Rule
from enkrypt_provider.core.health import illness
from enkrypt_provider.emulator import Fault
from enkrypt_provider.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DeletionProtected,
    EnkryptError,
    ModelUnhealthy,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.kinds.plain import UNKNOWN as NOT_KNOWN

from .machines import KEY, Api, Machine, Object, Run, model, urn

Properties = dict[str, Any]


def declared(run: Run, arguments: Mapping[str, Any], name: str = "a") -> Object:
    """Create a resource with a program's arguments, and return its object in the state."""
    checked = run.check_whole(urn(name), dict(arguments))
    assert checked.problems == []
    created = run.controller.create(Request(inputs=through_engine(checked.inputs)))
    return Object(name, created.id, checked.inputs, through_engine(created.state))


# ---- check


def test_check_returns_the_canonical_form_and_calls_nothing(run: Run, api: Api) -> None:
    found = run.check_whole(urn("a"), through_engine(document()) | {"__provider": "x"})
    assert (found.inputs, found.problems) == (canonical(document()), [])
    assert api.calls() == []


def test_check_reports_each_problem_by_its_path(run: Run) -> None:
    """Every broken rule is a problem of its own; the arguments are returned unchanged."""
    arguments = document(testing_for="llm", model_config__endpoint__port=0)
    found = run.check_whole(urn("a"), arguments)
    assert found.problems == [
        'testing_for: must be one of Copilot, LLM, Chatbot; did you mean "LLM"?',
        "model_config.endpoint.port: must be from 1 to 65535",
    ]
    assert found.inputs == arguments


def test_invalid_settings_fail_every_check_and_raise_elsewhere() -> None:
    wrong = Controller.configured({"enkrypt:apiKey": KEY, "enkrypt:timeout": "soon"}.get)
    line = "enkrypt:timeout must be a number of seconds from 0.1 to 3600"
    assert [wrong.check(Request(inputs=it)).problems for it in (document(), {"model_saved_name": 5})] == [[line]] * 2
    with pytest.raises(ConfigurationError, match="enkrypt:timeout"):
        wrong.read(Request(id="x/1"))


def test_an_unusable_database_is_a_problem_of_the_check(tmp_path: Path) -> None:
    wrong = Controller.configured({"enkrypt:endpoint": f"embedded:{tmp_path}"}.get)
    (line,) = wrong.check(Request(inputs=document())).problems
    assert line.startswith(f"enkrypt:endpoint: {tmp_path} cannot be used as the emulator's database")


def test_an_unusual_value_in_v2_is_a_warning(machine: Machine) -> None:
    run = machine.run(dialect="v2")
    assert run.check("a", testing_for="agent").problems == []
    (line,) = machine.new_lines()
    assert line.startswith(
        "warning: x/1: testing_for: is not among the values known to this provider; it is sent unchanged"
    )


# ---- one identity, one resource


def test_children_of_two_components_are_two_resources(run: Run) -> None:
    """Both are called `chat`; the message gives the parent of the first."""
    assert run.check("chat", parents="team:index:Bot$").problems == []
    assert run.check("chat", parents="team:index:Shop$team:index:Bot$").problems == [
        "x/1 is declared twice, here and as 'chat' in team:index:Bot: give one of them another model_version"
    ]


@pytest.mark.parametrize(
    ("key", "url", "is_refused"),
    [(KEY, "", True), ("stand-in-key-2", "", False), (KEY, "http://127.0.0.2", False)],
    ids=["the same account", "another key", "another address"],
)
def test_two_providers_of_a_run_are_compared_only_within_one_account(
    machine: Machine, tmp_path: Path, key: str, url: str, is_refused: bool
) -> None:
    other = Api(tmp_path / "other.sqlite", url) if url else None
    assert machine.run(run="a run").check("one").problems == []
    assert bool(machine.run(other, run="a run", key=key).check("two").problems) is is_refused


# ---- enkrypt:checkOnline

TAKEN = (
    "x/1 is registered already: to take it over set adopt_existing=True; if another resource of this program "
    "gives up the name, declare that one first"
)


@pytest.fixture
def online(machine: Machine) -> Run:
    """A run with `enkrypt:checkOnline`."""
    return machine.run(check_online=True)


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({}, [TAKEN]),
        ({"adopt_existing": True}, []),
        ({"model_saved_name": "y"}, []),
        ({"model_saved_name": UNKNOWN}, []),
    ],
)
def test_check_online_reports_a_taken_identity(
    online: Run, api: Api, changed: Properties, problems: list[str]
) -> None:
    api.register()
    assert online.check("a", **changed).problems == problems


def test_check_online_lists_the_registrations_once(online: Run, api: Api) -> None:
    for name in "abc":
        assert online.check(name, f"{name}/1").problems == []
    assert api.calls().count("list_models") == 1


def test_an_adoption_is_announced_once(machine: Machine, online: Run, api: Api) -> None:
    api.register()
    for _ in range(2):
        online.check("a", adopt_existing=True)
    line = "warning: x/1 is registered already: it will be adopted and updated to match the program"
    assert machine.new_lines().count(line) == 1


def test_check_online_does_not_look_up_a_resource_in_the_state(machine: Machine, online: Run, api: Api) -> None:
    a = machine.run().create("a")
    api.calls()
    assert online.check("a", old=a).problems == []
    assert api.calls() == []


def test_check_online_accepts_the_registration_of_a_killed_create(machine: Machine, online: Run) -> None:
    machine.run().create("a")
    assert online.check("a").problems == []


def test_check_online_accepts_a_name_that_another_resource_releases(machine: Machine, online: Run) -> None:
    a = machine.run().create("a")
    online.diff(a, "y/1")
    assert online.check("b").problems == []


def test_check_online_reports_a_rejected_key(online: Run, api: Api) -> None:
    api.turn(Fault(call="list_models", status=401))
    (line,) = online.check("a").problems
    assert "does not accept the API key" in line


def test_check_online_warns_once_if_the_api_is_down(machine: Machine, online: Run, api: Api) -> None:
    api.turn(Fault(call="list_models", status=500))
    assert [online.check(name, f"{name}/1").problems for name in "abc"] == [[], [], []]
    warnings = [line for line in machine.new_lines() if line.startswith("warning: ")]
    assert warnings == ["warning: enkrypt:checkOnline: list the models: 500: Internal Server Error; tried 3 times"]


def test_check_online_reports_the_keys_project_once(machine: Machine, online: Run) -> None:
    online.check("a")
    online.check("b", "y/1")
    assert machine.new_lines() == ["the API key belongs to project default"]


# ---- diff


def test_changed_keys_are_listed_without_their_values(machine: Machine, run: Run) -> None:
    """The engine shows `[secret]` on both sides, so the console lists the fields."""
    run.diff(run.create("a"), model_config__apikeys=["stand-in-new"])
    assert machine.new_lines() == ["x/1: its keys change (model_config.apikeys)"]


# ---- create


def test_create_sends_its_inputs_even_if_check_saw_others(run: Run, api: Api) -> None:
    checked = run.check("a").inputs
    run.controller.create(Request(inputs=through_engine({**checked, "model_name": "another"})))
    assert api.registered()["x/1"]["model_name"] == "another"


def test_the_urn_of_a_request_is_used(machine: Machine) -> None:
    """The plugin's engine sends it with each request."""
    inputs = canonical(model())
    request = Request(urn=urn("a"), inputs=inputs)
    first = machine.run().controller.create(request)
    assert machine.run().controller.create(request).state["model_id"] == first.state["model_id"]


def test_masked_keys_do_not_reach_the_state(run: Run, api: Api) -> None:
    api.turn(Fault(mask_apikeys=True))
    keys = ["stand-in-1", "stand-in-2"]
    assert run.create("a", model_config__apikeys=keys).state["model_config"]["apikeys"] == keys


# ---- read


def test_read_returns_inputs_so_that_drift_shows(run: Run, api: Api, elsewhere: Machine) -> None:
    """The inputs that a refresh keeps contain what somebody else changed, and no other difference."""
    a = run.create("a", model_config__apikeys=["stand-in-1"])
    api.change(model_config__hosting_type="Internal", model_config__apikeys=["stand-in-1"])
    found = elsewhere.run().found(a)
    assert found.inputs == put(a.inputs, ("model_config", "hosting_type"), "Internal")
    assert found.state["model_config"]["hosting_type"] == "Internal"


def test_read_does_not_assume_the_declared_keys_of_a_new_registration(run: Run, api: Api, machine: Machine) -> None:
    """The API masks keys: the declared ones would otherwise look registered."""
    a = run.create("a", model_config__apikeys=["stand-in-ours"])
    api.register_again(model_config__apikeys=["stand-in-theirs"])
    api.turn(Fault(mask_apikeys=True))
    found = machine.run().found(a)
    assert [change.path for change in machine.run().diff(found, model_config__apikeys=["stand-in-ours"]).changes] == [
        "model_config.apikeys"
    ]


def test_read_without_a_state_returns_the_live_registration(run: Run, api: Api) -> None:
    """As for `get`: the inputs are the live registration's."""
    api.register()
    found = run.controller.read(Request(id="x/1", state={"__provider": "x"}))
    assert found.inputs == canonical(model())
    assert set(found.state) == {*found.inputs, *COMPUTED, ACCOUNT}


HALF: Final = '{"model_saved_name": "x", "model_config": {"model_version": "1", "endpoint": {"port": 443}}}'


@pytest.mark.parametrize(
    ("fault", "kind", "line"),
    [
        (Fault(call="list_models", status=401), AuthenticationFailed, "list the models: 401"),
        (Fault(call="list_models", status=500), ServiceUnavailable, "list the models: 500"),
        (Fault(garbage="html"), UnexpectedResponse, "read x/1: "),
        (Fault(garbage="empty"), UnexpectedResponse, "read x/1: "),
        (
            Fault(call="list_models", status=200, body=f'{{"models": [{HALF}]}}'),
            UnexpectedResponse,
            "x/1: returned an invalid model: ",
        ),
    ],
)
def test_an_unreadable_registration_does_not_count_as_gone(
    run: Run, machine: Machine, api: Api, fault: Fault, kind: type[EnkryptError], line: str
) -> None:
    a = run.create("a")
    api.turn(fault)
    with pytest.raises(kind, match=f"^{line}"):
        machine.run().read(a)


# ---- update


def test_update_sends_the_whole_object(run: Run, api: Api) -> None:
    a = declared(run, minimal(model_saved_name="Test_Model", model_config__model_version="1"))
    wanted = canonical({**everything(), "verify_health": None})
    found = run.controller.update(Request(id=a.id, state=a.state, inputs=through_engine(wanted)))
    assert {name: found.state[name] for name in wanted} == wanted
    assert found.state["model_id"] == a.number
    assert api.registered()["Test_Model/1"]["model_config"]["apikeys"] == wanted["model_config"]["apikeys"]


@pytest.mark.parametrize("option", ["adopt_existing", "deletion_protection", "verify_health"])
def test_a_changed_provider_option_is_not_sent(run: Run, api: Api, option: str) -> None:
    """It costs no call, and the server's outputs stay."""
    a = run.create("a")
    api.calls()
    changes: Properties = {option: True}
    updated = run.up(a, **changes)
    assert api.calls() == []
    assert updated.state == {**a.state, option: True}


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"model_config__endpoint__host": "other"}, 1),
        ({"model_config__paths": {"chat": "/other"}}, 1),
        ({"model_config__apikeys": ["stand-in-key"]}, 1),
        ({"model_name": "x"}, 0),
        ({"model_config__system_prompt": "x"}, 0),
    ],
)
def test_health_is_checked_if_it_may_have_changed(run: Run, api: Api, changed: Properties, asked: int) -> None:
    a = run.create("a")
    api.calls()
    run.up(a, verify_health=True, **changed)
    assert api.calls().count("model_health x/1") == asked


# ---- a state belongs to an account


def test_another_endpoint_replaces_with_a_warning(machine: Machine, api: Api, there: Api) -> None:
    a = machine.run().create("a")
    run = machine.run(there)
    for _ in range(2):
        found = run.diff(a)
    assert [(change.path, change.rule) for change in found.changes] == [(ACCOUNT, Rule.REPLACE)]
    assert machine.new_lines() == [
        "warning: x/1 is registered at http://127.0.0.1; it is replaced by one at http://127.0.0.2"
    ]
    moved = run.up(a)
    run.finish()
    assert moved.state[ACCOUNT] == "http://127.0.0.2"
    assert (set(api.registered()), set(there.registered())) == ({"x/1"}, {"x/1"})
    assert machine.new_lines() == [
        f"warning: x/1 (model_id {a.number}) stays registered at http://127.0.0.1: only the account "
        "http://127.0.0.2 is known here. Delete it there if nobody needs it"
    ]
    assert not machine.run(there).diff(moved).changes


def test_a_moved_registration_is_deleted_by_its_old_provider(machine: Machine, api: Api, there: Api) -> None:
    """The engine sends the delete to the provider of the old object."""
    a = machine.run().create("a")
    new = machine.run(there, run="a run")
    new.up(a)
    machine.run(run="a run").delete(a)
    assert (set(api.registered()), set(there.registered())) == (set(), {"x/1"})


def test_a_model_of_the_same_name_at_the_new_endpoint_is_not_taken_over(machine: Machine, there: Api) -> None:
    a = machine.run().create("a")
    there.register(model_name="theirs")
    with pytest.raises(EnkryptError, match="is registered already"):
        machine.run(there).up(a)
    machine.run(there).delete(a)
    assert there.registered()["x/1"]["model_name"] == "theirs"


def test_the_same_registration_at_another_address_is_no_diff(machine: Machine, api: Api) -> None:
    """Number and time, of any precision, show that only the address changed. The next refresh stores the new one."""
    a = machine.run().create("a")
    api.url = "http://127.0.0.3"
    api.edit = lambda found: found.update(created_at=f"{found['created_at'][:19]}.872Z")
    run = machine.run()
    assert not run.diff(a).changes
    found = run.found(a)
    assert found.state[ACCOUNT] == "http://127.0.0.3"
    assert run.up(a, model_name="new").state[ACCOUNT] == "http://127.0.0.3"
    machine.run().delete(a)
    assert (api.registered(), machine.new_lines()) == ({}, [])


def test_equal_numbers_in_two_accounts_prove_nothing(machine: Machine, api: Api, there: Api) -> None:
    """Another account has a model of the same name and number, created at another time."""
    api.edit = there.edit = lambda found: found.update(model_id=1)
    a = machine.run().create("a")
    there.now = there.now.replace(year=2031)
    there.register(model_name="theirs")
    assert machine.run(there).diff(a).replaces == [ACCOUNT]
    machine.run(there).delete(a)
    assert there.registered()["x/1"]["model_name"] == "theirs"


def test_refresh_warns_once_that_it_drops_registrations_from_the_state(machine: Machine, api: Api) -> None:
    """The key may belong to another project, where the next `up` would register everything a second time."""
    a, b = machine.run().create("a"), machine.run().create("b", "y/1")
    run = machine.run(api, key="another")
    assert run.read(a) is run.read(b) is None
    assert machine.new_lines() == [
        "warning: registrations that http://127.0.0.1 does not show are dropped from the state: they were deleted, "
        "or the API key belongs to another project"
    ]


def test_refresh_at_another_endpoint_keeps_the_state(machine: Machine, there: Api) -> None:
    a = machine.run().create("a")
    there.register(model_name="theirs")
    assert machine.run(there).refresh(a) == a
    assert machine.new_lines() == [
        "warning: x/1 is registered at http://127.0.0.1, and enkrypt:endpoint is http://127.0.0.2: it was not read; "
        "`pulumi up` moves it"
    ]


def test_a_state_without_an_account_belongs_to_the_present_one(machine: Machine, api: Api) -> None:
    """The next refresh or write stores the account."""
    old = machine.run().create("a").without(ACCOUNT)
    run = machine.run()
    assert not run.diff(old).changes
    found = run.found(old)
    assert found.state[ACCOUNT] == "http://127.0.0.1"
    machine.run().delete(old)
    assert api.registered() == {}


def embedded(file: Path, machine: Machine) -> Run:
    """A run on the embedded emulator over a file."""
    controller = Controller.configured({"enkrypt:endpoint": f"embedded:{file}"}.get)
    return Run(machine, controller, run="")


def test_moving_the_emulators_folder_keeps_the_account(machine: Machine, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    a = embedded(before / "models.sqlite", machine).create("a")
    before.rename(after)
    assert not embedded(after / "models.sqlite", machine).diff(a).changes
    assert embedded(tmp_path / "other.sqlite", machine).diff(a).replaces == [ACCOUNT]
    assert machine.new_lines()[-1].startswith(
        "warning: x/1 is registered at another emulator; it is replaced by one at the "
    )


def test_the_account_is_independent_of_the_key(machine: Machine) -> None:
    """A rotated key belongs to the same account."""
    a = machine.run().create("a")
    assert KEY not in str(a.state[ACCOUNT])
    assert not machine.run(key="stand-in-rotated").diff(a).changes


# ---- both dialects


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_whole_life_cycle_shows_no_drift(tmp_path: Path, dialect: Any, whole: bool) -> None:
    """Everything that can be declared is created, read back unchanged, updated and deleted; defaults are no drift."""
    api = Api(tmp_path / "api.sqlite", dialect=dialect)
    machine = Machine(tmp_path / "here", api)
    arguments = {**(everything(dialect) if whole else minimal()), "deletion_protection": None}
    a = declared(machine.run(dialect=dialect), arguments)
    assert {name: value for name, value in a.state.items() if name in a.inputs} == through_engine(a.inputs)
    assert set(a.state) - set(a.inputs) == {*COMPUTED, ACCOUNT}
    assert a.state[ACCOUNT] == "http://127.0.0.1"
    found = machine.run(dialect=dialect).found(a)
    assert found.inputs == through_engine(a.inputs)
    run = machine.run(dialect=dialect)
    changed = run.check_whole(urn("a"), {**arguments, "model_name": "new"}).inputs
    updated = run.controller.update(Request(id=a.id, state=a.state, inputs=changed))
    assert updated.state["model_name"] == "new"
    machine.run(dialect=dialect).delete(replace(a, state=through_engine(updated.state)))
    assert machine.run(dialect=dialect).read(a) is None


# ---- what users see

SECRET = "stand-in-model-key-7f3a"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500, 503])
@pytest.mark.parametrize("call", ["add_model", "modify_model", "model_health"])
def test_no_operation_reveals_a_model_key(machine: Machine, api: Api, call: Any, status: int) -> None:
    """Even if the API repeats it, neither the error, its chain nor the console shows it."""
    a = machine.run().create("a", model_config__apikeys=[SECRET])
    api.turn(Fault(call=call, status=status, body=f'{{"message": "no: {SECRET}"}}'))
    run = machine.run()
    changes: Properties = {"model_config__apikeys": [SECRET, "stand-in-second"]}
    create, update = partial(run.create, "b", "y/1", **changes), partial(run.up, a, verify_health=True, **changes)
    with pytest.raises(EnkryptError) as caught:
        (create if call == "add_model" else update)()
    assert SECRET not in "".join([printed(caught.value), *machine.new_lines()])


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("call", ["list_models", "modify_model", "delete_model"])
def test_no_operation_reveals_a_key_from_the_state(machine: Machine, api: Api, call: Any, status: int) -> None:
    """This process has sent no key: it reads, updates and deletes a registration of another run."""
    a = machine.run().create("a", model_config__apikeys=[SECRET])
    api.turn(Fault(call=call, status=status, body=f'{{"message": "no: {SECRET.upper()}"}}'))
    run = machine.run()
    operations: Mapping[str, Callable[[Object], object]] = {
        "list_models": run.read,
        "modify_model": partial(run.update, model_name="new"),
        "delete_model": run.delete,
    }
    with pytest.raises(EnkryptError, match=r"no: \*\*\*") as caught:
        operations[call](a)
    assert SECRET not in "".join([printed(caught.value), *machine.new_lines()]).lower()


def printed(error: BaseException) -> str:
    """Return everything that could be printed of an error: itself, its chain and its traceback."""
    chain: list[BaseException] = [error]
    while (behind := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(behind)
    return "".join(f"{error!s}{error!r}{''.join(traceback.format_exception(error))}" for error in chain)


@pytest.mark.parametrize(
    ("health", "said"),
    [
        *[({"status": status}, "") for status in ("healthy", "OK", "Success", "up", 200)],
        ({"message": "fine"}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
        ({"status": "unhealthy"}, "unhealthy: no reason given"),
        ({"status": "failed", "message": "no\nroute"}, "failed: no route"),
        ({"status": "failed", "error": "timeout"}, "failed: timeout"),
        ({"error": "timeout"}, "timeout"),
        ({"status": None, "error": {"code": 1}, "message": "no route"}, "no route"),
        ({"status": "healthy", "error": ""}, ""),
        ({"error": None}, ""),
    ],
)
def test_only_an_explicit_failure_is_an_illness(health: Any, said: str) -> None:
    """The shape of a health check is not documented: a response that reports no failure counts as healthy."""
    assert illness(health) == said


def test_an_illness_is_shown_without_the_accounts_key(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="model_health", status=200, body=f'{{"status": "failed", "message": "401 for {KEY}"}}'))
    with pytest.raises(ModelUnhealthy, match=r"failed: 401 for \*\*\*"):
        machine.run().create("a", verify_health=True)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_a_front_end_may_keep_a_model_that_does_not_respond(machine: Machine, api: Api, operation: str) -> None:
    """The plugin does: the engine stores the state with the problem; nothing is undone or sent again."""
    a = machine.run().create("a")
    api.turn(Fault(call="model_health", status=200, body='{"status": "failed"}'))
    id_ = "y/1" if operation == "create" else a.id
    inputs = canonical(model(id_, verify_health=True, model_config__apikeys=["stand-in-new"]))
    run = machine.run()
    request = Request(urn=urn("a"), id=id_, state=a.state, inputs=inputs, keeps_unhealthy=True)
    found = (run.controller.create if operation == "create" else run.controller.update)(request)
    assert found.problem == f"{id_} does not respond: failed: no reason given"
    assert api.registered()[id_]["model_config"]["apikeys"] == ["stand-in-new"]
    state = through_engine(found.state)
    assert machine.run().controller.diff(Request(urn=urn("a"), id=id_, state=state, inputs=inputs)).changes == []


def test_deletion_protection_ignores_a_name_that_is_not_known_yet(run: Run) -> None:
    """At preview it is not known yet whether a protected model would be replaced."""
    a = run.create("a", deletion_protection=True)
    inputs = {**a.inputs, "model_saved_name": NOT_KNOWN}
    assert run.controller.diff(Request(id=a.id, state=a.state, inputs=inputs)).replaces == ["model_saved_name"]
    with pytest.raises(DeletionProtected):
        run.controller.diff(Request(id=a.id, state=a.state, inputs={**a.inputs, "model_saved_name": "other"}))


def test_a_rejected_key_is_explained_once(machine: Machine, api: Api) -> None:
    """A refresh of many models says once what to do; the other errors only give the cause."""
    a, b = machine.run().create("a", "a/1"), machine.run().create("b", "b/1")
    api.turn(Fault(call="list_models", status=401))
    controller = machine.run().controller
    lines = []
    for it in (a, b):
        with pytest.raises(AuthenticationFailed) as caught:
            controller.read(Request(id=it.id, state=it.state))
        lines.append(str(caught.value))
    assert "pulumi config set --secret enkrypt:apiKey" in lines[0]
    assert lines[1] == "b/1: not read, since the API key is refused"
