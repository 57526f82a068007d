"""account.py: what is made of a registration that may or may not be ours."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import canonical, document
from enkrypt_provider.schema import Identifier

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import Patience
from enkrypt_provider.core.journal import Journal
from enkrypt_provider.core.reconcile import Account, illness
from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.errors import (
    AuthenticationFailed,
    EnkryptError,
    ModelExists,
    ModelUnhealthy,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.settings import Key, Settings

MODEL = Identifier("Test_Model", "1")
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


class Machine:
    """One machine with one stack: what it is told, its journal, and the API, out of order as a test wants it."""

    def __init__(self, folder: Path, owner: str = "p/s/m", name: str = "here") -> None:
        self.said: list[str] = []
        self._folder = folder
        self._owner = owner
        self._journal = Journal("https://h", folder / name, self._seconds)
        self.api_now = NOW
        self.now = NOW

    def _seconds(self) -> float:
        return self.now.timestamp()

    def account(self, *faults: Fault, owner: str | None = None) -> Account:
        """A run of the engine, in which a resource declares the document's model."""
        app = create_app(self._folder / "a.sqlite", faults=faults, record=True, clock=lambda: self.api_now)
        client = EnkryptClient(
            Settings(Key("stand-in-key"), "http://127.0.0.1"),
            transport=httpx.WSGITransport(app=app),
            patience=Patience(1, sleep=lambda _seconds: None),
        )
        account = Account(client, journal=self._journal, tell=self.said.append, now=self._seconds)
        account.ledger.declare(MODEL, self._owner if owner is None else owner)
        return account


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine beside an empty account."""
    return Machine(tmp_path)


BODY = canonical(document())


def refusal(account: Account, **changed: Any) -> EnkryptError:
    """The error of a create."""
    with pytest.raises(EnkryptError) as caught:
        account.create(canonical(document(**changed)))
    return caught.value


# ---- a create that was interrupted


def test_the_same_resource_takes_its_interrupted_create_up(machine: Machine) -> None:
    """What this resource had made before its process was killed is its own, in the next run."""
    made = machine.account().create(BODY)
    machine.now = machine.api_now = NOW + timedelta(hours=1)
    assert machine.account().create(BODY).computed["model_id"] == made.computed["model_id"]
    assert machine.said == ["Test_Model/1 is registered: this resource had made it"]


def test_what_this_resource_made_becomes_what_is_declared(machine: Machine) -> None:
    """What has the number that this resource was given is its own, though it differs by now, and is updated."""
    made = machine.account().create(BODY)
    live = machine.account().create(canonical(document(model_name="x")))
    assert (live.inputs["model_name"], live.computed["model_id"]) == ("x", made.computed["model_id"])


def test_a_create_that_was_cut_off_is_known_by_what_it_sent(machine: Machine) -> None:
    """Without its number a registration is taken up where it is what was declared, and not where it differs."""
    lost = Fault(call="add_model", reset="after"), Fault(call="get_model", status=500)
    assert isinstance(refusal(machine.account(*lost)), ServiceUnavailable)
    error = refusal(machine.account(), model_name="x")
    assert "it differs in model_name." in str(error)
    machine.account().create(BODY)
    assert machine.said == ["Test_Model/1 is registered: this resource had made it"]


def test_a_create_that_never_arrived_leaves_no_claim(machine: Machine) -> None:
    """Where nothing was sent, what somebody registers afterwards is not ours."""
    unsent = machine.account()
    unsent.client._wire()._http._transport = httpx.MockTransport(_refused)
    assert isinstance(refusal(unsent), ServiceUnavailable)
    Machine.account(machine, owner="p/s/other").create(BODY)
    assert isinstance(refusal(machine.account()), ModelExists)


def _refused(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("owner", "said"),
    [("p/s/other", ", by p/s/m on this machine) and was not made by this create; it looks the same."), ("", "")],
)
def test_another_resource_does_not_take_it(machine: Machine, owner: str, said: str) -> None:
    """Another resource of this machine is told whose the registration is."""
    machine.account().create(BODY)
    error = refusal(machine.account(owner=owner))
    assert isinstance(error, ModelExists)
    assert said in str(error)


def test_another_machine_does_not_take_it(machine: Machine, tmp_path: Path) -> None:
    """A machine whose journal does not know the create takes nothing."""
    machine.account().create(BODY)
    assert isinstance(refusal(Machine(tmp_path, name="elsewhere").account()), ModelExists)


def test_a_refused_create_leaves_no_claim(machine: Machine) -> None:
    """After a refusal the journal claims nothing: what somebody registers later is not ours."""
    refused = machine.account(Fault(call="add_model", status=400))
    assert isinstance(refusal(refused), RequestRejected)
    machine.now = machine.api_now = NOW + timedelta(hours=1)
    machine.account(owner="p/s/other").create(BODY)
    assert isinstance(refusal(machine.account()), ModelExists)


@pytest.mark.parametrize("ahead", [timedelta(hours=-5), timedelta(0), timedelta(hours=5)])
def test_a_lost_create_is_told_by_the_apis_own_clock(tmp_path: Path, ahead: timedelta) -> None:
    """Where one of the two clocks is wrong by hours, a machine still knows what it has just made."""
    said: list[str] = []
    lost = [Fault(call="add_model", reset="after", first=1)]
    app = create_app(tmp_path / "a.sqlite", faults=lost, clock=lambda: datetime.now(timezone.utc) + ahead)
    client = EnkryptClient(
        Settings(Key("stand-in-key"), "http://127.0.0.1"),
        transport=Dated(httpx.WSGITransport(app=app), ahead),
        patience=Patience(1, sleep=lambda _seconds: None),
    )
    Account(client, journal=Journal("https://h", tmp_path), tell=said.append).create(BODY)
    assert said == ["Test_Model/1 is registered: its answer was lost, the work was done"]


class Dated(httpx.BaseTransport):
    """Answers with the header `Date`, as every real server does."""

    def __init__(self, inner: httpx.BaseTransport, ahead: timedelta) -> None:
        self._inner = inner
        self._ahead = ahead

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        response.headers["date"] = format_datetime(datetime.now(timezone.utc) + self._ahead, usegmt=True)
        return response


def test_what_was_there_before_a_lost_create_is_not_ours(machine: Machine, tmp_path: Path) -> None:
    """A registration older than the create, though it looks the same, is somebody else's."""
    Machine(tmp_path, name="elsewhere").account().create(BODY)
    machine.now = machine.api_now = NOW + timedelta(hours=1)
    error = refusal(machine.account(Fault(call="add_model", reset="before", first=1)))
    assert "it looks the same" in str(error)


@pytest.mark.parametrize(("keys", "differs"), [("stand-in-other-key", True), ("xxxxx", False)])
def test_what_another_made_in_the_same_second_is_told_by_its_keys(
    machine: Machine, tmp_path: Path, keys: str, differs: bool
) -> None:
    """Younger than a lost create and otherwise the same: keys that the API shows decide, a mask says nothing."""
    ours = document(model_config__apikeys=["stand-in-key-of-ours"])
    Machine(tmp_path, name="elsewhere").account().create(canonical(document(model_config__apikeys=[keys])))
    account = machine.account(Fault(call="add_model", reset="before", first=1))
    if not differs:
        account.create(canonical(ours))
        return
    error = refusal(account, model_config__apikeys=["stand-in-key-of-ours"])
    assert "it differs in model_config.apikeys." in str(error)
    assert account.create(canonical({**ours, "adopt_existing": True})).inputs["model_config"]["apikeys"] == [
        "stand-in-key-of-ours"
    ]


# ---- a taken name


@pytest.mark.parametrize("status", [400, 409, 422])
def test_whatever_the_status_a_taken_name_is_looked_up(machine: Machine, tmp_path: Path, status: int) -> None:
    """Which status a taken name has is not documented: what is there decides."""
    Machine(tmp_path, name="elsewhere").account().create(BODY)
    error = refusal(machine.account(Fault(call="add_model", status=status)))
    assert isinstance(error, ModelExists)
    assert str(error).startswith("Test_Model/1 is registered already (model_id ")
    assert "project default, since 2030-01-01T00:00:00" in str(error)


def test_a_refusal_of_a_free_name_stays_what_it_was(machine: Machine) -> None:
    """A 400 with nothing registered is about the body, and is shown as it came."""
    error = refusal(machine.account(Fault(call="add_model", status=400)))
    assert type(error) is RequestRejected
    assert str(error).startswith("create Test_Model/1: 400: Bad Request")


def test_a_name_that_is_taken_by_nothing_says_so(machine: Machine) -> None:
    """A 409 with nothing registered may be a deleted name that is kept for a while."""
    error = refusal(machine.account(Fault(call="add_model", status=409)))
    assert isinstance(error, ModelExists)
    assert "Test_Model/1 is taken, but no such model is there" in str(error)


@pytest.mark.parametrize("status", [401, 403, 404, 418])
def test_other_refusals_are_not_looked_up(machine: Machine, status: int) -> None:
    """A refused key says nothing of the name."""
    error = refusal(machine.account(Fault(call="add_model", status=status), Fault(call="get_model", status=500)))
    assert isinstance(error, RequestRejected)
    assert error.status == status


HALF = '{"data": {"model_saved_name": "Test_Model"}}'


def test_half_an_answer_to_a_create_is_none(machine: Machine) -> None:
    """What comes back of a create, but is not whole, is looked up as if it had been lost."""
    machine.account(Fault(call="add_model", status=200, work=True, body=HALF)).create(BODY)
    assert machine.said == ["Test_Model/1 is registered: its answer was lost, the work was done"]


def test_half_an_answer_to_an_update_names_the_model(machine: Machine) -> None:
    """What comes back of an update, but is not whole, is the server's mistake, with the model's name."""
    machine.account().create(BODY)
    wrong = Fault(call="modify_model", status=200, work=True, body=HALF)
    with pytest.raises(UnexpectedResponse, match=r"^update Test_Model/1: .* returned a model that is not whole: "):
        machine.account(wrong).update(MODEL, BODY)


# ---- gone


def test_what_is_gone_is_deleted(machine: Machine) -> None:
    """A registration that somebody else deleted needs no delete."""
    machine.account().delete(MODEL, "token")


def test_a_404_is_not_believed_where_the_list_says_otherwise(machine: Machine) -> None:
    """A registration that the API still shows is not let go."""
    machine.account().create(BODY)
    with pytest.raises(UnexpectedResponse, match="but the API shows it still"):
        machine.account(Fault(call="delete_model", status=404)).delete(MODEL, "token")


def test_where_there_is_no_api_nothing_is_gone(machine: Machine) -> None:
    """An address that answers 404 to everything is not the API: no registration is let go."""
    with pytest.raises(RequestRejected, match="the API's address"):
        machine.account(Fault(status=404)).delete(MODEL, "token")


def test_a_model_that_is_not_visible_yet_is_not_ill(machine: Machine) -> None:
    """Where a replica lags, the health check waits for the model."""
    machine.account().create(BODY)
    machine.account(Fault(call="model_health", status=404, first=2)).verify_health(MODEL, BODY)


# ---- what a preview would meet


def test_a_preview_asks_once_for_all(machine: Machine) -> None:
    """However many resources ask, one list answers, taken when the first asked."""
    account = machine.account()
    assert account.meet(MODEL, adopt=False) == ""
    machine.account(owner="p/s/other").create(BODY)
    assert account.meet(MODEL, adopt=False) == ""
    assert machine.account().meet(MODEL, adopt=False).startswith("Test_Model/1 is registered already: ")


def test_an_adoption_is_announced_once(machine: Machine, tmp_path: Path) -> None:
    """With `adopt_existing` a preview says what will be taken over, once."""
    Machine(tmp_path, name="elsewhere").account().create(BODY)
    account = machine.account()
    for _ in range(2):
        assert account.meet(MODEL, adopt=True) == ""
    assert machine.said == ["Test_Model/1 is registered already: it will be adopted and updated to what is declared"]


def test_what_an_interrupted_create_left_is_no_problem(machine: Machine) -> None:
    """What this very resource had begun to make is not held against it."""
    machine.account().create(BODY)
    assert machine.account().meet(MODEL, adopt=False) == ""


def test_a_refused_key_is_a_problem_of_the_preview(machine: Machine) -> None:
    """A key that the API does not accept is told before anything is tried."""
    said = machine.account(Fault(call="list_models", status=401)).meet(MODEL, adopt=False)
    assert "does not accept the API key" in said


def test_an_api_that_is_down_is_only_a_warning(machine: Machine) -> None:
    """A preview does not fail because the API does."""
    account = machine.account(Fault(call="list_models", status=500))
    assert [account.meet(MODEL, adopt=False) for _ in range(3)] == [""] * 3
    assert machine.said == [
        "warning: enkrypt:checkOnline: list the models: 500: Internal Server Error; tried 2 times"
    ]


# ---- health


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "healthy"}, ""),
        ({"status": "OK"}, ""),
        ({"status": "Success"}, ""),
        ({"status": "up"}, ""),
        ({"status": 200}, ""),
        ({"message": "fine"}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
        ({"status": "unhealthy"}, "unhealthy: no reason given"),
        ({"status": "failed", "message": "no\nroute"}, "failed: no route"),
        ({"status": "failed", "error": "timeout"}, "failed: timeout"),
    ],
)
def test_only_a_clear_no_is_an_illness(answer: Any, said: str) -> None:
    """The shape of a health check is not documented: what does not say that it failed is taken for well."""
    assert illness(answer) == said


def test_an_ill_model_is_named_without_its_keys(machine: Machine) -> None:
    """What the health check says of a failed call is shown, the model's keys are not."""
    key = "stand-in-model-key"
    ill = Fault(call="model_health", status=200, body=f'{{"status": "failed", "message": "401 for {key}"}}')
    account = machine.account(ill)
    with pytest.raises(ModelUnhealthy) as caught:
        account.verify_health(MODEL, canonical(document(model_config__apikeys=[key])))
    assert str(caught.value) == "Test_Model/1 is registered, but does not answer: failed: 401 for ***"


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (500, ServiceUnavailable)])
def test_a_list_that_fails_is_the_error_of_a_read(machine: Machine, status: int, kind: type[EnkryptError]) -> None:
    """What cannot be read has not gone."""
    with pytest.raises(kind):
        machine.account(Fault(call="list_models", status=status)).find(MODEL)


@pytest.mark.parametrize("created_at", [None, "", "yesterday", "2030-13-01T00:00:00"])
def test_a_time_that_is_none_proves_nothing(machine: Machine, created_at: str | None) -> None:
    """A registration without a readable `created_at` is not taken for the one that was lost."""
    found = json.dumps({**BODY, "model_id": 7, "created_at": created_at})
    lost = Fault(call="add_model", reset="before", first=1)
    assert isinstance(refusal(machine.account(lost, Fault(call="get_model", status=200, body=found))), ModelExists)


def test_a_listed_model_that_is_not_whole_is_named(machine: Machine) -> None:
    """An item of a list that is no registration is the server's mistake, with the model's name."""
    half = {"model_saved_name": "Test_Model", "model_config": {"model_version": "1", "endpoint": {"port": 443}}}
    broken = machine.account(Fault(call="list_models", status=200, body=json.dumps({"models": [half]})))
    with pytest.raises(UnexpectedResponse, match=r"^Test_Model/1: returned a model that is not whole: "):
        broken.find(MODEL)
