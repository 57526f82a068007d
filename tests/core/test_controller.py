"""controller.py: check, diff, create, read, update and delete, as an engine asks them."""

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
    """What a state holds of a resource that was created as a program says."""
    checked = run.check_whole(urn(name), dict(arguments))
    assert checked.problems == []
    created = run.controller.create(Request(inputs=through_engine(checked.inputs)))
    return Object(name, created.id, checked.inputs, through_engine(created.state))


# ---- check


def test_check_returns_the_canonical_form_and_calls_nothing(run: Run, api: Api) -> None:
    found = run.check_whole(urn("a"), through_engine(document()) | {"__provider": "x"})
    assert (found.inputs, found.problems) == (canonical(document()), [])
    assert api.calls() == []


def test_check_names_each_problem_by_its_path(run: Run) -> None:
    """Every broken rule is a problem of its own; the arguments come back as they were."""
    arguments = document(testing_for="llm", model_config__endpoint__port=0)
    found = run.check_whole(urn("a"), arguments)
    assert found.problems == [
        'testing_for: must be one of Copilot, LLM, Chatbot; did you mean "LLM"?',
        "model_config.endpoint.port: must be from 1 to 65535",
    ]
    assert found.inputs == arguments


def test_wrong_settings_are_a_problem_of_each_check_and_an_error_of_the_rest() -> None:
    wrong = Controller.configured({"enkrypt:apiKey": KEY, "enkrypt:timeout": "soon"}.get)
    line = "enkrypt:timeout must be a number of seconds from 0.1 to 3600"
    assert [wrong.check(Request(inputs=it)).problems for it in (document(), {"model_saved_name": 5})] == [[line]] * 2
    with pytest.raises(ConfigurationError, match="enkrypt:timeout"):
        wrong.read(Request(id="x/1"))


def test_a_database_that_cannot_be_is_a_problem_of_the_check(tmp_path: Path) -> None:
    wrong = Controller.configured({"enkrypt:endpoint": f"embedded:{tmp_path}"}.get)
    (line,) = wrong.check(Request(inputs=document())).problems
    assert line.startswith(f"enkrypt:endpoint: {tmp_path} cannot be the emulator's database")


def test_an_unusual_value_of_v2_is_doubted_aloud(machine: Machine) -> None:
    run = machine.run(dialect="v2")
    assert run.check("a", testing_for="agent").problems == []
    (line,) = machine.told()
    assert line.startswith(
        "warning: x/1: testing_for: is none of the values known to this provider and is sent as it"
    )


# ---- one identity, one resource


def test_children_of_two_components_are_two_resources(run: Run) -> None:
    """Both are called `chat`; the message says where the first is."""
    assert run.check("chat", parents="team:index:Bot$").problems == []
    assert run.check("chat", parents="team:index:Shop$team:index:Bot$").problems == [
        "x/1 is declared twice, here and as 'chat' in team:index:Bot: give one of them another model_version"
    ]


@pytest.mark.parametrize(
    ("key", "url", "is_refused"),
    [(KEY, "", True), ("stand-in-key-2", "", False), (KEY, "http://127.0.0.2", False)],
    ids=["the same account", "another key", "another address"],
)
def test_two_providers_of_a_run_are_compared_where_they_have_one_account(
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
    """A run whose preview asks."""
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
def test_a_preview_may_ask_what_a_create_would_meet(
    online: Run, api: Api, changed: Properties, problems: list[str]
) -> None:
    api.register()
    assert online.check("a", **changed).problems == problems


def test_a_preview_asks_once_for_all(online: Run, api: Api) -> None:
    for name in "abc":
        assert online.check(name, f"{name}/1").problems == []
    assert api.calls().count("list_models") == 1


def test_an_adoption_is_announced_once(machine: Machine, online: Run, api: Api) -> None:
    api.register()
    for _ in range(2):
        online.check("a", adopt_existing=True)
    line = "warning: x/1 is registered already: it will be adopted and updated to match the program"
    assert machine.told().count(line) == 1


def test_a_preview_does_not_ask_for_what_the_state_has(machine: Machine, online: Run, api: Api) -> None:
    a = machine.run().create("a")
    api.calls()
    assert online.check("a", old=a).problems == []
    assert api.calls() == []


def test_what_a_killed_create_left_is_no_problem_of_the_preview(machine: Machine, online: Run) -> None:
    machine.run().create("a")
    assert online.check("a").problems == []


def test_what_another_resource_gives_up_is_no_problem_of_the_preview(machine: Machine, online: Run) -> None:
    a = machine.run().create("a")
    online.diff(a, "y/1")
    assert online.check("b").problems == []


def test_a_refused_key_is_a_problem_of_the_preview(online: Run, api: Api) -> None:
    api.turn(Fault(call="list_models", status=401))
    (line,) = online.check("a").problems
    assert "does not accept the API key" in line


def test_an_api_that_is_down_is_only_a_warning_and_told_once(machine: Machine, online: Run, api: Api) -> None:
    api.turn(Fault(call="list_models", status=500))
    assert [online.check(name, f"{name}/1").problems for name in "abc"] == [[], [], []]
    warnings = [line for line in machine.told() if line.startswith("warning: ")]
    assert warnings == ["warning: enkrypt:checkOnline: list the models: 500: Internal Server Error; tried 3 times"]


def test_a_preview_shows_the_keys_project_once(machine: Machine, online: Run) -> None:
    online.check("a")
    online.check("b", "y/1")
    assert machine.told() == ["the API key belongs to project default"]


# ---- diff


def test_changed_keys_are_named_not_shown(machine: Machine, run: Run) -> None:
    """The engine shows `[secret]` on both sides: the console says whose and which."""
    run.diff(run.create("a"), model_config__apikeys=["stand-in-new"])
    assert machine.told() == ["x/1: its keys change (model_config.apikeys)"]


# ---- create


def test_a_create_sends_what_it_is_given_whatever_was_checked(run: Run, api: Api) -> None:
    checked = run.check("a").inputs
    run.controller.create(Request(inputs=through_engine({**checked, "model_name": "another"})))
    assert api.registered()["x/1"]["model_name"] == "another"


def test_an_engine_that_names_each_resource_is_believed(machine: Machine) -> None:
    """The plugin's engine gives the URN with each request."""
    inputs = canonical(model())
    request = Request(urn=urn("a"), inputs=inputs)
    first = machine.run().controller.create(request)
    assert machine.run().controller.create(request).state["model_id"] == first.state["model_id"]


def test_a_server_that_masks_keys_does_not_reach_the_state(run: Run, api: Api) -> None:
    api.turn(Fault(mask_apikeys=True))
    keys = ["stand-in-1", "stand-in-2"]
    assert run.create("a", model_config__apikeys=keys).state["model_config"]["apikeys"] == keys


# ---- read


def test_read_returns_inputs_so_that_drift_shows(run: Run, api: Api, elsewhere: Machine) -> None:
    """What somebody changed is in the inputs that a refresh keeps, and only that."""
    a = run.create("a", model_config__apikeys=["stand-in-1"])
    api.change(model_config__hosting_type="Internal", model_config__apikeys=["stand-in-1"])
    found = elsewhere.run().found(a)
    assert found.inputs == put(a.inputs, ("model_config", "hosting_type"), "Internal")
    assert found.state["model_config"]["hosting_type"] == "Internal"


def test_read_of_what_somebody_made_anew_does_not_take_its_keys_for_ours(
    run: Run, api: Api, machine: Machine
) -> None:
    """The API masks keys: those that were declared would otherwise look registered."""
    a = run.create("a", model_config__apikeys=["stand-in-ours"])
    api.make_anew(model_config__apikeys=["stand-in-theirs"])
    api.turn(Fault(mask_apikeys=True))
    found = machine.run().found(a)
    assert [change.path for change in machine.run().diff(found, model_config__apikeys=["stand-in-ours"]).changes] == [
        "model_config.apikeys"
    ]


def test_a_get_shows_what_is_there(run: Run, api: Api) -> None:
    """Without a state, the inputs are the live registration."""
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
            "x/1: returned a model that is not whole: ",
        ),
    ],
)
def test_what_cannot_be_read_is_not_gone(
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
def test_an_option_of_ours_is_not_sent(run: Run, api: Api, option: str) -> None:
    """It costs no call, and what the server set stays."""
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
def test_health_is_asked_where_it_may_have_changed(run: Run, api: Api, changed: Properties, asked: int) -> None:
    a = run.create("a")
    api.calls()
    run.up(a, verify_health=True, **changed)
    assert api.calls().count("model_health x/1") == asked


# ---- a state belongs to an account


def test_another_endpoint_replaces_and_says_why(machine: Machine, api: Api, there: Api) -> None:
    a = machine.run().create("a")
    run = machine.run(there)
    for _ in range(2):
        found = run.diff(a)
    assert [(change.path, change.rule) for change in found.changes] == [(ACCOUNT, Rule.REPLACE)]
    assert machine.told() == [
        "warning: x/1 is registered at http://127.0.0.1; it is replaced by one at http://127.0.0.2"
    ]
    moved = run.up(a)
    run.finish()
    assert moved.state[ACCOUNT] == "http://127.0.0.2"
    assert (set(api.registered()), set(there.registered())) == ({"x/1"}, {"x/1"})
    assert machine.told() == [
        f"warning: x/1 (model_id {a.number}) stays registered at http://127.0.0.1: only the account "
        "http://127.0.0.2 is known here. Delete it there if nobody needs it"
    ]
    assert not machine.run(there).diff(moved).changes


def test_what_moved_is_deleted_where_its_provider_is_known_still(machine: Machine, api: Api, there: Api) -> None:
    """The engine asks the provider that the old object names."""
    a = machine.run().create("a")
    new = machine.run(there, run="a run")
    new.up(a)
    machine.run(run="a run").delete(a)
    assert (set(api.registered()), set(there.registered())) == (set(), {"x/1"})


def test_a_model_of_the_same_name_at_the_new_endpoint_is_not_taken(machine: Machine, there: Api) -> None:
    a = machine.run().create("a")
    there.register(model_name="theirs")
    with pytest.raises(EnkryptError, match="is registered already"):
        machine.run(there).up(a)
    machine.run(there).delete(a)
    assert there.registered()["x/1"]["model_name"] == "theirs"


def test_the_same_registration_at_another_address_is_no_diff(machine: Machine, api: Api) -> None:
    """Only the address changed: number and time show that, however fine. The next refresh notes the new one."""
    a = machine.run().create("a")
    api.url = "http://127.0.0.3"
    api.edit = lambda found: found.update(created_at=f"{found['created_at'][:19]}.872Z")
    run = machine.run()
    assert not run.diff(a).changes
    found = run.found(a)
    assert found.state[ACCOUNT] == "http://127.0.0.3"
    assert run.up(a, model_name="new").state[ACCOUNT] == "http://127.0.0.3"
    machine.run().delete(a)
    assert (api.registered(), machine.told()) == ({}, [])


def test_equal_numbers_of_two_accounts_are_no_proof(machine: Machine, api: Api, there: Api) -> None:
    """A stack's state meets another account's model of the same name and number, made at another time."""
    api.edit = there.edit = lambda found: found.update(model_id=1)
    a = machine.run().create("a")
    there.now = there.now.replace(year=2031)
    there.register(model_name="theirs")
    assert machine.run(there).diff(a).replaces == [ACCOUNT]
    machine.run(there).delete(a)
    assert there.registered()["x/1"]["model_name"] == "theirs"


def test_what_a_refresh_drops_from_the_state_is_told_once(machine: Machine, api: Api) -> None:
    """The key may be of another project: the next `up` would register all of it there, and leave the old ones."""
    a, b = machine.run().create("a"), machine.run().create("b", "y/1")
    run = machine.run(api, key="another")
    assert run.read(a) is run.read(b) is None
    assert machine.told() == [
        "warning: registrations that http://127.0.0.1 does not show are dropped from the state: they were deleted, "
        "or the API key belongs to another project"
    ]


def test_a_refresh_at_another_endpoint_does_not_say_that_it_is_gone(machine: Machine, there: Api) -> None:
    a = machine.run().create("a")
    there.register(model_name="theirs")
    assert machine.run(there).refresh(a) == a
    assert machine.told() == [
        "warning: x/1 is registered at http://127.0.0.1, and enkrypt:endpoint is http://127.0.0.2: it was not read; "
        "`pulumi up` moves it"
    ]


def test_a_state_from_before_is_of_the_present_account(machine: Machine, api: Api) -> None:
    """It says no account: the next refresh or write notes it."""
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


def test_the_emulators_moved_folder_is_the_same_account(machine: Machine, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    a = embedded(before / "models.sqlite", machine).create("a")
    before.rename(after)
    assert not embedded(after / "models.sqlite", machine).diff(a).changes
    assert embedded(tmp_path / "other.sqlite", machine).diff(a).replaces == [ACCOUNT]
    assert machine.told()[-1].startswith(
        "warning: x/1 is registered at another emulator; it is replaced by one at the "
    )


def test_an_account_is_no_key(machine: Machine) -> None:
    """A rotated key is the same account."""
    a = machine.run().create("a")
    assert KEY not in str(a.state[ACCOUNT])
    assert not machine.run(key="stand-in-rotated").diff(a).changes


# ---- both dialects


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_life_without_drift(tmp_path: Path, dialect: Any, whole: bool) -> None:
    """What can be declared is created, read back as it is, changed and deleted; defaults are no drift."""
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


# ---- what a person sees

SECRET = "stand-in-model-key-7f3a"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500, 503])
@pytest.mark.parametrize("call", ["add_model", "modify_model", "model_health"])
def test_no_operation_repeats_a_model_key(machine: Machine, api: Api, call: Any, status: int) -> None:
    """Whatever the API says of it, neither the error, its chain nor the console shows it."""
    a = machine.run().create("a", model_config__apikeys=[SECRET])
    api.turn(Fault(call=call, status=status, body=f'{{"message": "no: {SECRET}"}}'))
    run = machine.run()
    changes: Properties = {"model_config__apikeys": [SECRET, "stand-in-second"]}
    create, update = partial(run.create, "b", "y/1", **changes), partial(run.up, a, verify_health=True, **changes)
    with pytest.raises(EnkryptError) as caught:
        (create if call == "add_model" else update)()
    assert SECRET not in "".join([printed(caught.value), *machine.told()])


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("call", ["list_models", "modify_model", "delete_model"])
def test_no_operation_repeats_a_key_that_the_state_holds(machine: Machine, api: Api, call: Any, status: int) -> None:
    """This process has sent none: it reads, updates and deletes what another run has registered."""
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
    assert SECRET not in "".join([printed(caught.value), *machine.told()]).lower()


def printed(error: BaseException) -> str:
    """All that anyone could print of an error: itself, its chain, its traceback."""
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
def test_only_a_clear_no_is_an_illness(health: Any, said: str) -> None:
    """The shape of a health check is not documented: what does not say that it failed is taken for well."""
    assert illness(health) == said


def test_an_illness_is_told_without_the_accounts_key(machine: Machine, api: Api) -> None:
    api.turn(Fault(call="model_health", status=200, body=f'{{"status": "failed", "message": "401 for {KEY}"}}'))
    with pytest.raises(ModelUnhealthy, match=r"failed: 401 for \*\*\*"):
        machine.run().create("a", verify_health=True)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_a_front_end_may_keep_a_model_that_does_not_answer(machine: Machine, api: Api, operation: str) -> None:
    """The plugin's engine can: it has the state, with the problem; nothing is undone, nothing is sent again."""
    a = machine.run().create("a")
    api.turn(Fault(call="model_health", status=200, body='{"status": "failed"}'))
    id_ = "y/1" if operation == "create" else a.id
    inputs = canonical(model(id_, verify_health=True, model_config__apikeys=["stand-in-new"]))
    run = machine.run()
    request = Request(urn=urn("a"), id=id_, state=a.state, inputs=inputs, keeps_unhealthy=True)
    found = (run.controller.create if operation == "create" else run.controller.update)(request)
    assert found.problem == f"{id_} does not answer: failed: no reason given"
    assert api.registered()[id_]["model_config"]["apikeys"] == ["stand-in-new"]
    state = through_engine(found.state)
    assert machine.run().controller.diff(Request(urn=urn("a"), id=id_, state=state, inputs=inputs)).changes == []


def test_a_name_that_is_not_known_yet_does_not_meet_the_protection(run: Run) -> None:
    """At preview nobody can say yet that a protected model would be replaced."""
    a = run.create("a", deletion_protection=True)
    inputs = {**a.inputs, "model_saved_name": NOT_KNOWN}
    assert run.controller.diff(Request(id=a.id, state=a.state, inputs=inputs)).replaces == ["model_saved_name"]
    with pytest.raises(DeletionProtected):
        run.controller.diff(Request(id=a.id, state=a.state, inputs={**a.inputs, "model_saved_name": "other"}))


def test_a_refused_key_is_told_in_full_once(machine: Machine, api: Api) -> None:
    """A refresh of many models says once what to do; the others name the cause alone."""
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
