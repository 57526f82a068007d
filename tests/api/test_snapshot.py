"""snapshot.py: one list for many reads, never older than a change of ours, never the last word on what is gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from documents import answer

from enkrypt_provider.api import operation
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.api.snapshot import FRESH, NUMBERS_FRESH, Snapshot
from enkrypt_provider.errors import AuthenticationFailed, EnkryptError, ServiceUnavailable, UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import Key, Settings


class Api:
    """An account whose models a test can change; counts the calls by path."""

    def __init__(self, *models: Any) -> None:
        self.models: list[Any] = list(models)
        self.calls: list[str] = []
        self.listed: Callable[[], httpx.Response] = lambda: _json({"models": self.models})
        self.now = 0.0
        self.client = EnkryptClient(
            Settings(Key("stand-in-key"), "https://h"),
            transport=httpx.MockTransport(self),
            retry=RetryPolicy(0, sleep=lambda _seconds: None),
        )
        self.snapshot = Snapshot(self.client, KIND, clock=lambda: self.now)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path.rpartition("/")[2])
        if self.calls[-1] == "list-models":
            return self.listed()
        name, version = request.headers["X-Enkrypt-Model"], request.headers["X-Enkrypt-Model-Version"]
        wanted = (m for m in self.models if m["model_saved_name"] == name and _version(m) == version)
        found = next(wanted, None)
        return _json({"message": "no such model"}, 404) if found is None else _json(found)


def _version(item: Any) -> Any:
    return item.get("model_version") or item["model_config"]["model_version"]


def _json(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(body).encode()))


def model(name: str, **changed: Any) -> Any:
    return answer(model_saved_name=name, **changed)


def identity(name: str, version: str = "1") -> Identifier:
    return Identifier(name, version)


def test_a_refresh_of_many_models_is_one_call() -> None:
    """One list serves them all."""
    api = Api(*(model(f"m{n}") for n in range(50)))
    found = [api.snapshot.find(identity(f"m{n}")) for n in range(50)]
    assert [live.identity.name for live in found if live] == [f"m{n}" for n in range(50)]
    assert api.calls == ["list-models"]


def test_threads_that_ask_together_wait_for_one_list() -> None:
    """None makes a call of its own."""
    api = Api(*(model(f"m{n}") for n in range(16)))
    together = threading.Barrier(16)

    def find(number: int) -> Any:
        together.wait()
        return api.snapshot.find(identity(f"m{number}"))

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(find, range(16)))
    assert [live.identity.name for live in found] == [f"m{n}" for n in range(16)]
    assert api.calls == ["list-models"]


def test_two_versions_of_one_model_are_two_registrations() -> None:
    """Each is found by its own."""
    api = Api(model("m", model_config__model_version="1"), model("m", model_config__model_version="2"))
    found = api.snapshot.find(identity("m", "2"))
    assert found is not None
    assert found.identity == identity("m", "2")


def test_a_version_at_the_root_is_found_too() -> None:
    """Dialect v2 has it there."""
    item = {**model("m", model_config__model_version=None), "model_version": "7"}
    api = Api(item)
    assert api.snapshot.find(identity("m", "7")) == codec.read(KIND, item)
    assert api.calls == ["list-models"]


def test_a_change_of_ours_makes_the_list_old() -> None:
    """What is read after it was asked for after it."""
    api = Api(model("m", model_name="before"))
    api.snapshot.find(identity("m"))
    api.models = [model("m", model_name="after")]
    api.snapshot.changed()
    found = api.snapshot.find(identity("m"))
    assert found is not None
    assert found.inputs["model_name"] == "after"
    assert api.calls == ["list-models", "list-models"]


def test_a_change_during_the_call_makes_the_list_old_too() -> None:
    """A list that was asked for before the change is read by nobody who asks after it."""
    api = Api(model("m", model_name="before"))

    def listed() -> httpx.Response:
        old = _json({"models": api.models})
        api.models = [model("m", model_name="after")]
        api.snapshot.changed()
        api.listed = lambda: _json({"models": api.models})
        return old

    api.listed = listed
    api.snapshot.find(identity("m"))
    found = api.snapshot.find(identity("m"))
    assert found is not None
    assert found.inputs["model_name"] == "after"


@pytest.mark.parametrize(("later", "calls"), [(0.0, 1), (FRESH, 1), (FRESH + 0.1, 2)])
def test_a_list_is_read_for_a_few_seconds(later: float, calls: int) -> None:
    """Then it is asked for anew."""
    api = Api(model("m"))
    api.snapshot.find(identity("m"))
    api.now += later
    api.snapshot.find(identity("m"))
    assert len(api.calls) == calls


def test_a_model_that_the_list_lacks_is_read_by_itself() -> None:
    """A list may lag: only `get-model` says that a model is gone."""
    api = Api(model("m"))
    api.listed = lambda: _json({"models": []})
    assert api.snapshot.find(identity("m")) == codec.read(KIND, model("m"))
    assert api.snapshot.find(identity("other")) is None
    assert api.calls == ["list-models", "get-model", "get-model"]


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param({"models": [{"model_saved_name": "m", "model_version": "1"}]}, id="names alone"),
        pytest.param({"models": [{**model("m"), "model_config": None}]}, id="no configuration"),
        pytest.param({"models": [{**model("m"), "model_config": {"model_version": "1"}}]}, id="half a configuration"),
        pytest.param({"models": ["m/1", None, 5, []]}, id="no objects"),
        pytest.param({"models": [{"model_config": {"endpoint": {}}}]}, id="no name"),
        pytest.param({"models": {}}, id="no list"),
        pytest.param("ok", id="no object"),
    ],
)
def test_a_list_without_details_costs_one_call_for_each_model(listed: Any) -> None:
    """And the list itself is asked for only once."""
    api = Api(model("m"), model("n"))
    api.listed = lambda: _json(listed)
    assert api.snapshot.find(identity("m")) == codec.read(KIND, model("m"))
    assert api.snapshot.find(identity("n")) == codec.read(KIND, model("n"))
    assert api.calls == ["list-models", "get-model", "get-model"]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (500, ServiceUnavailable)])
def test_all_who_wait_get_the_same_error(status: int, kind: type[EnkryptError]) -> None:
    """Nobody spends the same retries again."""
    api = Api(model("m"))
    api.listed = lambda: _json({"message": "no"}, status)
    for _ in range(3):
        with pytest.raises(kind):
            api.snapshot.find(identity("m"))
    assert api.calls == ["list-models"]


@pytest.mark.parametrize("passed", ["time", "a change"])
def test_an_error_is_kept_as_long_as_a_list(passed: str) -> None:
    """It ends after a while, or with a change of ours."""
    api = Api(model("m"))
    api.listed = lambda: _json({}, 500)
    with pytest.raises(ServiceUnavailable):
        api.snapshot.find(identity("m"))
    api.listed = lambda: _json({"models": api.models})
    if passed == "time":
        api.now += FRESH + 1
    else:
        api.snapshot.changed()
    assert api.snapshot.find(identity("m")) == codec.read(KIND, model("m"))


# ---- numbers


def test_a_number_is_known_from_a_list_that_is_older_than_changes_of_ours() -> None:
    """Only the number is read from it, so that the deletes of a run are one list."""
    api = Api(model("m", model_id=7), model("n", model_id=None))
    assert api.snapshot.has_number(identity("m"), 7)
    for _ in range(3):
        api.snapshot.changed()
        api.now += NUMBERS_FRESH / 4
        assert api.snapshot.has_number(identity("m"), 7)
    assert not api.snapshot.has_number(identity("m"), 8)
    assert not api.snapshot.has_number(identity("n"), None)
    assert not api.snapshot.has_number(identity("gone"), 7)
    assert api.calls == ["list-models"]
    api.now += NUMBERS_FRESH
    assert api.snapshot.has_number(identity("m"), 7)
    assert api.calls == ["list-models", "list-models"]


def test_the_names_are_known_even_where_a_list_has_no_details() -> None:
    """A preview asks for no more."""
    api = Api()
    api.listed = lambda: _json({"models": [{"model_saved_name": "m", "model_version": "1"}, model("n"), "odd"]})
    assert set(api.snapshot.identities()) == {identity("m"), identity("n")}


def test_a_broken_item_is_named_in_its_error() -> None:
    """It is whole, but no registration."""
    api = Api({**model("m"), "certifications": 5})
    with pytest.raises(UnexpectedResponse, match=r"^m/1: "):
        api.snapshot.find(identity("m"))


def test_waiting_for_another_threads_list_is_not_work() -> None:
    """That thread may wait for its turn; a minute of it must not end this operation."""
    api, asked, waiting, go_on = Api(model("m")), threading.Event(), threading.Event(), threading.Event()
    ours = Operation(began=0.0)

    def listed() -> httpx.Response:
        asked.set()
        assert go_on.wait(10)
        return _json({"models": api.models})

    def find() -> Any:
        with operation.running(ours):
            return api.snapshot.find(identity("m"))

    def clock() -> float:
        now = api.now
        if asked.is_set():
            waiting.set()
        return now

    api.listed = listed
    api.snapshot = Snapshot(api.client, KIND, clock=clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(api.snapshot.find, identity("m"))
        assert asked.wait(10)
        second = pool.submit(find)
        assert waiting.wait(10)
        api.now += 61.0
        go_on.set()
        assert second.result(10) == first.result(10)
    assert ours.waited == 61.0
