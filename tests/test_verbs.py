"""verbs.py: the life of a resource, on an embedded emulator of its own."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import COMPUTED, canonical, document, everything, minimal, put, through_engine, upside_down
from enkrypt_provider.fields import COMPUTED as COMPUTED_NAMES
from enkrypt_provider.fields import OWNER, TOKEN
from enkrypt_provider.schema import Identifier
from pulumi.output import UNKNOWN

from enkrypt_provider import schema
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import Patience
from enkrypt_provider.core.controller import Verbs
from enkrypt_provider.core.reconcile import Account
from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.errors import (
    ConfigurationError,
    DeletionProtected,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    ModelUnhealthy,
    UnexpectedResponse,
)
from enkrypt_provider.settings import Key, Settings

Properties = dict[str, Any]
Make = Callable[..., Verbs]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The emulator's file."""
    return tmp_path / "emulator.sqlite"


@pytest.fixture
def make(database: Path) -> Make:
    """Makes the verbs of one run of the engine on the emulator, which may be out of order."""

    def made(*faults: Fault, dialect: str = "v1", **settings: Any) -> Verbs:
        app = create_app(database, dialect="v2" if dialect == "v2" else "v1", faults=faults, record=True)
        given = Settings(
            Key("stand-in-key"), "http://127.0.0.1", dialect="v2" if dialect == "v2" else "v1", **settings
        )
        patience = Patience(2, sleep=lambda _seconds: None)
        return Verbs(Account(EnkryptClient(given, transport=httpx.WSGITransport(app=app), patience=patience)))

    return made


@pytest.fixture
def verbs(make: Make) -> Verbs:
    """The verbs, on an emulator that works."""
    return make()


def calls(database: Path) -> list[str]:
    """The calls that reached the API so far."""
    app = create_app(database, record=True)
    found = (
        httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://h").get("/_emulator/requests").json()
    )
    return [entry["call"] for entry in found]


def created(verbs: Verbs, **changed: Any) -> Properties:
    """A registration, as the engine's state has it."""
    inputs = canonical(document(**changed))
    return through_engine(verbs.create(through_engine(inputs)).outs or {})


def read(verbs: Verbs, state: Properties) -> Properties:
    """The outputs that a refresh finds."""
    return verbs.read("Test_Model/1", state).outs or {}


def failures(verbs: Verbs, news: Properties, olds: Properties | None = None) -> list[str]:
    """What `check` finds wrong; no failure may name a property, or the engine would print its value."""
    found = verbs.check(olds or {}, news).failures
    assert {failure.property for failure in found} <= {""}
    return [failure.reason for failure in found]


# ---- check


def test_check_gives_the_canonical_form(verbs: Verbs) -> None:
    """What the engine keeps as inputs is the canonical form, in a dict of its own."""
    news = through_engine({**document(), OWNER: "p/s/m"}) | {"__provider": "x"}
    found = verbs.check({}, news).inputs
    assert found == canonical(document())
    assert found is not news


def test_check_names_each_problem_by_its_path(verbs: Verbs) -> None:
    """Every broken rule is a failure of its own; the properties come back as they were."""
    news = document(testing_for="llm", model_config__endpoint__port=0)
    assert failures(verbs, news) == [
        'testing_for: must be one of Copilot, LLM, Chatbot; did you mean "LLM"?',
        "model_config.endpoint.port: must be from 1 to 65535",
    ]
    assert verbs.check({}, news).inputs == news


def test_check_calls_nothing(verbs: Verbs, database: Path) -> None:
    """A preview needs no network."""
    failures(verbs, document())
    assert calls(database) == []


def test_check_takes_what_is_not_known_yet(verbs: Verbs) -> None:
    """At preview an identity may be unknown, and so may all else."""
    assert failures(verbs, document(model_saved_name=UNKNOWN, model_config=UNKNOWN)) == []


def test_wrong_settings_fail_each_check_once() -> None:
    """A stack with wrong settings is told so by each resource's check, without an exception."""
    wrong = Verbs.configured({"enkrypt:apiKey": "stand-in-key", "enkrypt:timeout": "soon"}.get)
    line = "enkrypt:timeout must be a number of seconds from 0.1 to 3600"
    assert failures(wrong, document()) == failures(wrong, {"model_saved_name": 5}) == [line]
    with pytest.raises(ConfigurationError, match="enkrypt:timeout"):
        _ = wrong.account


def test_a_database_that_cannot_be_fails_the_check(tmp_path: Path) -> None:
    """A wrong path of the embedded emulator is a wrong setting, not a crash of the provider."""
    wrong = Verbs.configured({"enkrypt:endpoint": f"embedded:{tmp_path}"}.get)
    (line,) = failures(wrong, document())
    assert line.startswith(f"enkrypt:endpoint: {tmp_path} cannot be the emulator's database")


def test_an_identity_declared_twice_is_found_in_the_preview(verbs: Verbs) -> None:
    """Two resources of one identity would fight over one registration: the second is refused by its check."""
    assert failures(verbs, {**document(), OWNER: "p/s/one"}) == []
    assert failures(verbs, {**document(), OWNER: "p/s/one"}) == []
    assert failures(verbs, {**document(model_name="x"), OWNER: "p/s/two"}) == [
        "Test_Model/1 is declared twice, here and as 'one'"
    ]
    assert failures(verbs, {**document(model_config__model_version="2"), OWNER: "p/s/two"}) == []


def test_an_unusual_value_of_v2_is_doubted_aloud(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """In v2 a value that nobody knows is sent, with a warning in the console."""
    assert failures(make(dialect="v2"), document(testing_for="agent")) == []
    assert capsys.readouterr().err == (
        "warning: Test_Model/1: testing_for: is none of the values known to this provider and is sent as it is; "
        'did you mean "agents"?\n'
    )


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({}, ["Test_Model/1 is registered already: to take it over set adopt_existing=True"]),
        ({"adopt_existing": True}, []),
        ({"model_saved_name": "another"}, []),
        ({"model_saved_name": UNKNOWN}, []),
    ],
)
def test_a_preview_may_ask_what_it_would_meet(make: Make, changed: Properties, lines: list[str]) -> None:
    """With `enkrypt:checkOnline` a create that would meet a registration is refused by the preview."""
    created(make())
    online = make(check_online=True)
    assert failures(online, {**document(), **changed, OWNER: "p/s/other"}) == lines


def test_a_preview_does_not_ask_for_what_the_state_has(make: Make, database: Path) -> None:
    """What is registered by this very resource is no surprise."""
    state = created(make())
    assert failures(make(check_online=True), document(), state) == []
    assert "list_models" not in calls(database)


# ---- diff


def test_without_an_edit_there_is_no_diff(verbs: Verbs) -> None:
    """An `up` without an edit changes nothing, whatever the engine made of the numbers."""
    state = created(verbs)
    found = verbs.diff("Test_Model/1", state, through_engine(canonical(document())))
    assert (found.changes, found.replaces) == (False, [])


def test_what_was_not_touched_is_not_parsed(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most diffs are of models that nobody touched: they need no schema, in whatever order the engine gives names."""
    state, news = through_engine(created(verbs)), through_engine(canonical(document()))
    monkeypatch.setattr(schema, "from_engine", None)
    assert verbs.diff("Test_Model/1", upside_down(state), news).changes is False


@pytest.mark.parametrize(("was", "is_"), [(True, 1.0), ([1.0, 2.0], [2.0, 1.0]), ({"a": 1.0}, {}), ("1", 1.0)])
def test_what_only_looks_the_same_is_a_difference(verbs: Verbs, was: Any, is_: Any) -> None:
    state = canonical(document(model_config__metadata={"mine": was}))
    news = canonical(document(model_config__metadata={"mine": is_}))
    assert verbs.diff("Test_Model/1", state, news).changes is True


@pytest.mark.parametrize(
    ("changed", "replaces"),
    [
        ({"model_name": "x"}, []),
        ({"model_config__endpoint__port": 8443}, []),
        ({"model_config__apikeys": ["stand-in-key"]}, []),
        ({"model_saved_name": "x"}, ["model_saved_name"]),
        ({"model_config__model_version": "2"}, ["model_config.model_version"]),
        ({"model_saved_name": UNKNOWN}, ["model_saved_name"]),
    ],
)
def test_only_the_identity_replaces(verbs: Verbs, changed: Properties, replaces: list[str]) -> None:
    """A changed name or version replaces, made before the old one is deleted; all else is changed in place."""
    found = verbs.diff("Test_Model/1", through_engine(canonical(document())), canonical(document(**changed)))
    assert (found.changes, found.replaces, found.delete_before_replace) == (True, replaces, False)


def test_changed_keys_are_named_not_shown(verbs: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    """Where keys alone change, the engine shows `[secret]` twice: the console says whose and which."""
    verbs.diff("Test_Model/1", canonical(document()), canonical(document(model_config__apikeys=["stand-in-key"])))
    assert capsys.readouterr().err == "Test_Model/1: its keys change (model_config.apikeys)\n"


# ---- create


def test_create_gives_what_was_declared_and_what_the_server_set(verbs: Verbs) -> None:
    """The outputs are the inputs, with what the server sets beside them."""
    inputs = canonical(everything())
    found = verbs.create(through_engine({**inputs, "verify_health": None}))
    outs = found.outs or {}
    assert found.id == "Test_Model/1"
    assert {k: v for k, v in outs.items() if k in inputs} == {k: v for k, v in inputs.items() if k != "verify_health"}
    assert set(outs) - set(inputs) == {*COMPUTED_NAMES, TOKEN}
    assert isinstance(outs["model_id"], int)


def test_a_create_registers_what_it_is_given_whatever_was_checked(verbs: Verbs) -> None:
    """What `check` saw of an identity is not taken for what `create` is told."""
    verbs.check({}, document())
    checked = verbs.check({}, document()).inputs
    state = verbs.create(through_engine({**checked, "model_name": "another"})).outs or {}
    assert read(verbs, state)["model_name"] == state["model_name"] == "another"


def test_a_create_keeps_what_was_checked_from_what_the_engine_makes_of_it(verbs: Verbs) -> None:
    """The engine's host writes into what `check` gives, and makes whole numbers floats: neither is registered."""
    checked = verbs.check({}, document()).inputs
    checked["__provider"] = "of the host"
    outs = verbs.create(through_engine(checked)).outs or {}
    assert isinstance(outs["model_config"]["endpoint"]["port"], int)
    assert "__provider" not in outs


def test_a_server_that_masks_keys_does_not_reach_the_state(make: Make) -> None:
    """The state keeps the keys that were declared, not what the server shows of them."""
    state = created(make(Fault(mask_apikeys=True)), model_config__apikeys=["stand-in-key-1", "stand-in-key-2"])
    assert state["model_config"]["apikeys"] == ["stand-in-key-1", "stand-in-key-2"]


def test_create_of_a_taken_identity_says_what_to_do(verbs: Verbs, make: Make) -> None:
    """A registration that this create did not make is an error that names it and the ways out."""
    created(verbs)
    with pytest.raises(ModelExists) as caught:
        make().create(canonical(document(model_name="x")))
    line = str(caught.value)
    assert line.startswith("Test_Model/1 is registered already (model_id ")
    assert "it differs in model_name." in line
    assert "adopt_existing=True" in line


def test_create_may_adopt(verbs: Verbs, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """With `adopt_existing` a registration that is there is taken over, and updated to what is declared."""
    before = created(verbs)
    after = through_engine(make().create(canonical(document(model_name="x", adopt_existing=True))).outs or {})
    assert (after["model_id"], after["model_name"]) == (before["model_id"], "x")
    assert verbs.read("Test_Model/1", after).inputs == canonical(document(model_name="x", adopt_existing=True))
    assert "adopted, and updated to what is declared" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fault",
    [
        Fault(call="add_model", reset="after", first=1),
        Fault(call="add_model", truncate=True, first=1),
        Fault(call="add_model", status=502, work=True, first=1),
        Fault(call="add_model", garbage="empty", first=1),
    ],
    ids=Fault.spelled,
)
def test_a_create_whose_answer_is_lost_is_not_done_twice(make: Make, database: Path, fault: Fault) -> None:
    """A create that was done, but not answered, is found, not repeated and not an error."""
    state = created(make(fault))
    assert calls(database).count("add_model") == 1
    assert state["model_id"] == read(make(), state)["model_id"]


def test_a_model_that_does_not_answer_is_said_and_stays(make: Make) -> None:
    """With `verify_health` a registration whose model is ill is an error, and is registered all the same."""
    ill = make(Fault(call="model_health", status=500))
    with pytest.raises(ModelUnhealthy, match=r"Test_Model/1 is registered, but its health could not be verified: "):
        ill.create(canonical(document(verify_health=True)))
    assert make().read("Test_Model/1", document()).id == "Test_Model/1"


# ---- read


def test_read_gives_inputs_so_that_drift_shows(verbs: Verbs, make: Make) -> None:
    """What somebody changed behind our back is in the inputs that a refresh keeps, and only that."""
    state = created(verbs)
    make().update("Test_Model/1", state, canonical(document(model_config__hosting_type="Internal")))
    found = make().read("Test_Model/1", state)
    assert found.inputs == canonical(document(model_config__hosting_type="Internal"))
    outs = found.outs or {}
    assert (outs["model_config"]["hosting_type"], outs[TOKEN]) == ("Internal", state[TOKEN])


def test_read_of_what_is_gone_says_so(verbs: Verbs) -> None:
    """A registration that is gone has no id: the engine drops it."""
    found = verbs.read("Test_Model/1", document())
    assert (found.id, found.outs) == ("", {})


def test_reads_share_one_list(verbs: Verbs, make: Make, database: Path) -> None:
    """A refresh costs one call for all models."""
    states = [created(verbs, model_saved_name=f"m{n}") for n in range(5)]
    reading = make()
    before = len(calls(database))
    assert [reading.read(f"m{n}/1", state).id for n, state in enumerate(states)] == [f"m{n}/1" for n in range(5)]
    assert calls(database)[before:] == ["list_models"]


def test_a_get_shows_what_is_there(verbs: Verbs, make: Make) -> None:
    """Without arguments, the inputs are the live registration."""
    created(verbs)
    found = make().read("Test_Model/1", {"__provider": "x"})
    assert found.inputs == canonical(document())
    assert set(found.outs or {}) == {*canonical(document()), *COMPUTED_NAMES}


def test_an_answer_that_is_no_model_is_said_with_its_name(make: Make) -> None:
    """A server that answers half a model breaks its contract, and which model is said."""
    created(make())
    broken = make(Fault(call="list_models", status=404), Fault(call="get_model", garbage="missing_data"))
    with pytest.raises(EnkryptError, match=r"read Test_Model/1: |list the models: "):
        broken.read("Test_Model/1", document())


# ---- update


def test_update_sends_the_whole_object(verbs: Verbs, make: Make) -> None:
    """After an update the registration is exactly what is declared."""
    state = created(verbs)
    wanted = canonical({**everything(), "verify_health": None})
    found = verbs.update("Test_Model/1", state, through_engine(wanted))
    outs = found.outs or {}
    assert {k: outs[k] for k in wanted} == wanted
    assert (outs["model_id"], outs[TOKEN]) == (state["model_id"], state[TOKEN])
    assert make().read("Test_Model/1", outs).inputs == wanted


def test_what_another_resource_took_over_is_sent_again(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Two resources had one registration: the one that has it again sends its keys, which nobody could compare."""

    def run(name: str, **changes: Any) -> tuple[Verbs, Properties]:
        verbs = make()
        news = verbs.check({}, {**document(adopt_existing=True, **changes), OWNER: f"p/s/{name}"}).inputs
        return verbs, dict(news)

    verbs, a = run("a", model_config__apikeys=["stand-in-key-a"])
    held = through_engine(verbs.create(a).outs or {})
    verbs, b = run("b", model_config__apikeys=["stand-in-key-b"])
    verbs.create(b)

    verbs, a = run("a", model_config__apikeys=["stand-in-key-a"])
    assert verbs.diff("Test_Model/1", held, a).changes
    verbs.update("Test_Model/1", held, a)

    assert "its keys change (model_config.apikeys)" in capsys.readouterr().err
    live = verbs.account.find(Identifier("Test_Model", "1"))
    assert live is not None
    assert live.inputs["model_config"]["apikeys"] == ["stand-in-key-a"]
    assert not verbs.diff("Test_Model/1", held, a).changes


@pytest.mark.parametrize("option", ["adopt_existing", "deletion_protection", "verify_health"])
def test_an_option_of_ours_is_not_sent(verbs: Verbs, database: Path, option: str) -> None:
    """A change that only this provider understands costs no call, and keeps what the server set."""
    state = created(verbs)
    before = calls(database)
    outs = verbs.update("Test_Model/1", state, canonical(document(**{option: True}))).outs or {}
    assert calls(database) == before
    assert outs[option] is True
    assert {name: outs[name] for name in COMPUTED} == {name: state[name] for name in COMPUTED}


def test_update_of_what_is_gone_says_what_to_do(verbs: Verbs) -> None:
    """A registration that is gone cannot be updated: a refresh is the way out."""
    with pytest.raises(ModelNotFound) as caught:
        verbs.update("Test_Model/1", document(), document(model_name="x"))
    assert str(caught.value).startswith(
        "Test_Model/1 is gone: run `pulumi refresh`, then `pulumi up` to register it again (request id "
    )


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"model_config__endpoint__host": "other"}, 1),
        ({"model_config__paths__chat": "/other"}, 1),
        ({"model_config__apikeys": ["stand-in-key"]}, 1),
        ({"model_name": "x"}, 0),
        ({"model_config__system_prompt": "x"}, 0),
    ],
)
def test_health_is_asked_where_it_may_have_changed(
    verbs: Verbs, database: Path, changed: Properties, asked: int
) -> None:
    """After an update the model must answer, if what changed is how it is reached."""
    state = created(verbs)
    verbs.update("Test_Model/1", state, canonical(document(verify_health=True, **changed)))
    assert calls(database).count("model_health") == asked


# ---- delete


def test_delete_of_what_is_gone_is_done(verbs: Verbs) -> None:
    """Somebody else's deletion is no error."""
    state = created(verbs)
    verbs.delete("Test_Model/1", state)
    verbs.delete("Test_Model/1", state)
    assert verbs.read("Test_Model/1", state).id == ""


def test_an_older_object_of_the_state_does_not_take_the_registration_along(
    verbs: Verbs, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a forced replacement that adopted itself, the engine deletes the older object: the registration stays."""
    old = created(verbs)
    replacing = make()
    new = through_engine(replacing.create(canonical(document(adopt_existing=True))).outs or {})
    replacing.delete("Test_Model/1", old)
    assert make().read("Test_Model/1", new).id == "Test_Model/1"
    assert "Test_Model/1 is kept: it is declared still" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["replace", "delete"])
def test_what_is_protected_is_neither_deleted_nor_replaced(verbs: Verbs, verb: str) -> None:
    """Protection refuses before anything is changed, and says how to lift it."""
    state = created(verbs, deletion_protection=True)
    call: Callable[[], object] = {
        "delete": lambda: verbs.delete("Test_Model/1", state),
        "replace": lambda: verbs.diff("Test_Model/1", state, canonical(document(model_saved_name="x"))),
    }[verb]
    with pytest.raises(DeletionProtected) as caught:
        call()
    assert str(caught.value) == (
        "Test_Model/1 is protected from deletion and replacement: set deletion_protection=False, run `pulumi up`, "
        "then try again"
    )
    assert verbs.read("Test_Model/1", state).id == "Test_Model/1"


# ---- both dialects


def test_v2_lives_as_v1_does(make: Make) -> None:
    """Everything that v2 can say is created, read back without drift, changed and deleted."""
    verbs = make(dialect="v2")
    whole = {**everything("v2"), "deletion_protection": None}
    inputs = verbs.check({}, whole).inputs
    state = through_engine(verbs.create(through_engine(inputs)).outs or {})
    assert make(dialect="v2").read("Test_Model/1", state).inputs == inputs
    changed = verbs.check({}, put(whole, ("model_config", "tools"), [{"name": "other"}])).inputs
    assert (verbs.update("Test_Model/1", state, changed).outs or {})["model_config"]["tools"][0]["name"] == "other"
    verbs.delete("Test_Model/1", state)
    assert verbs.read("Test_Model/1", state).id == ""


def test_the_least_that_can_be_declared_shows_no_drift(make: Make) -> None:
    """Defaults are ours: what a server fills in for them is the same."""
    for dialect in ("v1", "v2"):
        verbs = make(dialect=dialect)
        inputs = verbs.check({}, minimal(model_saved_name=f"small-{dialect}")).inputs
        state = through_engine(verbs.create(through_engine(inputs)).outs or {})
        assert make(dialect=dialect).read(f"small-{dialect}/v1", state).inputs == inputs


def test_no_error_of_the_listing_is_mistaken_for_gone(make: Make) -> None:
    """An API that cannot be read has not lost the model."""
    state = created(make())
    with pytest.raises(EnkryptError):
        make(Fault(call="list_models", status=500)).read("Test_Model/1", state)
    with pytest.raises(UnexpectedResponse):
        make(Fault(call="*", garbage="html")).read("Test_Model/1", state)


# ---- no key in what a person sees

SECRET = "stand-in-model-key-7f3a"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 503])
@pytest.mark.parametrize("call", ["*", "modify_model", "model_health"])
def test_no_verb_repeats_a_model_key(make: Make, capsys: pytest.CaptureFixture[str], call: Any, status: int) -> None:
    """Whatever the API says of a model's key, neither the error, its chain, nor the console shows it."""
    state = created(make(), model_saved_name="other", model_config__apikeys=[SECRET])
    echoing = make(Fault(call=call, status=status, body=f'{{"message": "no: {SECRET}"}}'))
    wanted = document(model_saved_name="other", model_config__apikeys=[SECRET, "b"], verify_health=True)
    verb: Callable[[], object] = {
        "*": lambda: echoing.create(canonical(document(model_config__apikeys=[SECRET]))),
        "modify_model": lambda: echoing.update("other/1", state, canonical(wanted)),
        "model_health": lambda: echoing.update("other/1", state, canonical(wanted)),
    }[call]
    with pytest.raises(EnkryptError) as caught:
        verb()
    chain: list[BaseException] = [caught.value]
    while (behind := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(behind)
    shown = "".join(f"{error!s}{error!r}{''.join(traceback.format_exception(error))}" for error in chain)
    assert SECRET not in shown + capsys.readouterr().err
