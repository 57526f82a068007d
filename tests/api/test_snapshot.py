"""snapshot.py: one list call for many reads, never older than our own changes, never proof of a deletion."""

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
from enkrypt_provider.api.client import VISIBILITY_WAITS, EnkryptClient
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.api.snapshot import FRESH, STILL_FRESH, Snapshot
from enkrypt_provider.errors import AuthenticationFailed, EnkryptError, ServiceUnavailable, UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.settings import Key, Settings


class Api:
    """An account whose models a test can change; records the calls."""

    def __init__(self, *models: Any) -> None:
        self.models: list[Any] = list(models)
        self.calls: list[str] = []
        self.listed: Callable[[], httpx.Response] = lambda: _json({"models": self.models})
        self.read: Callable[[], list[Any]] = lambda: self.models
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
        wanted = Identifier(request.headers["X-Enkrypt-Model"], request.headers["X-Enkrypt-Model-Version"])
        found = next((item for item in self.read() if KIND.identity_in(item) == wanted), None)
        return _json({"message": "no such model"}, 404) if found is None else _json(found)

    def find(self, name: str, version: str = "1") -> Any:
        return self.snapshot.find(identity(name, version))

    def seen(self) -> Any:
        """Return the `model_name` of model `m`."""
        return self.find("m").inputs["model_name"]


def _json(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(body).encode()))


def model(name: str, **changed: Any) -> Any:
    return answer(model_saved_name=name, **changed)


def identity(name: str, version: str = "1") -> Identifier:
    return Identifier(name, version)


@pytest.mark.parametrize("threads", [1, 16])
def test_reading_many_models_takes_one_call(threads: int) -> None:
    api = Api(*(model(f"m{n}") for n in range(48)))
    together = threading.Barrier(threads)

    def find(number: int) -> Any:
        if number < threads:
            together.wait()
        return api.find(f"m{number}")

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(find, range(48)))
    assert [live.identity.name for live in found] == [f"m{n}" for n in range(48)]
    assert api.calls == ["list-models"]


@pytest.mark.parametrize("at_the_root", [False, True])
def test_two_versions_of_one_model_are_two_registrations(at_the_root: bool) -> None:
    items = [model("m", model_config__model_version=version) for version in ("1", "2")]
    if at_the_root:
        items = [{**item, "model_version": item["model_config"].pop("model_version")} for item in items]
    api = Api(*items)
    assert [api.find("m", version) for version in ("1", "2")] == [codec.read(KIND, item) for item in items]
    assert api.calls == ["list-models"]


def test_our_own_change_outdates_the_list() -> None:
    """A read after a change uses a list requested after it, even if the change happens during the list call."""
    api = Api(model("m", model_name="before"))
    assert api.seen() == "before"
    api.models = [model("m", model_name="after")]
    api.snapshot.changed(identity("m"))
    assert api.seen() == "after"
    assert api.calls == ["list-models", "list-models"]

    def listed() -> httpx.Response:
        old = _json({"models": api.models})
        api.models = [model("m", model_name="at last")]
        api.snapshot.changed(identity("m"))
        api.listed = lambda: _json({"models": api.models})
        return old

    api.snapshot.changed(identity("m"))
    api.listed = listed
    assert (api.seen(), api.seen()) == ("after", "at last")


@pytest.mark.parametrize(("later", "calls"), [(0.0, 1), (FRESH, 1), (FRESH + 0.1, 2)])
def test_a_list_is_used_for_a_few_seconds(later: float, calls: int) -> None:
    api = Api(model("m"))
    api.find("m")
    api.now += later
    api.find("m")
    assert len(api.calls) == calls


def test_a_model_missing_from_the_list_is_read_individually() -> None:
    """A list may lag: only `get-model` shows that a model is gone."""
    api = Api(model("m"))
    api.listed = lambda: _json({"models": []})
    assert api.find("m") == codec.read(KIND, model("m"))
    assert api.find("other") is None
    assert api.calls == ["list-models", "get-model", "get-model"]


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param({"models": [{"model_saved_name": "m", "model_version": "1"}]}, id="names alone"),
        pytest.param({"models": [{**model("m"), "model_config": None}]}, id="no configuration"),
        pytest.param({"models": [{**model("m"), "model_config": {"model_version": "1"}}]}, id="half a configuration"),
        pytest.param({"models": [model("m", model_config__endpoint="h")]}, id="an odd configuration"),
        pytest.param({"models": ["m/1", None, 5, []]}, id="no objects"),
        pytest.param({"models": [{"model_config": {"endpoint": {}}}]}, id="no name"),
        pytest.param({"models": {}}, id="no list"),
        pytest.param("ok", id="no object"),
    ],
)
def test_a_list_without_details_costs_one_call_for_each_model(listed: Any) -> None:
    api = Api(model("m"), model("n"))
    api.listed = lambda: _json(listed)
    assert api.find("m") == codec.read(KIND, model("m"))
    assert api.find("n") == codec.read(KIND, model("n"))
    assert api.calls == ["list-models", "get-model", "get-model"]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (500, ServiceUnavailable)])
@pytest.mark.parametrize("passed", ["time", "a change"])
def test_waiting_threads_get_the_same_error_while_the_list_is_fresh(
    status: int, kind: type[EnkryptError], passed: str
) -> None:
    """Nobody repeats the same retries; the error expires after a while, or with one of our own changes."""
    api = Api(model("m"))
    api.listed = lambda: _json({"message": "no"}, status)
    for _ in range(3):
        with pytest.raises(kind):
            api.find("m")
    assert api.calls == ["list-models"]
    api.listed = lambda: _json({"models": api.models})
    if passed == "time":
        api.now += FRESH + 1
    else:
        api.snapshot.changed(identity("m"))
    assert api.find("m") == codec.read(KIND, model("m"))


# ---- older lists


def test_unchanged_registrations_are_read_from_a_list_older_than_our_changes() -> None:
    """So all deletes of a run need only one list."""
    api = Api(model("m"), model("n"), half := {"model_saved_name": "half", "model_version": "1"})
    listed = api.snapshot.listed
    assert listed(identity("m")) == codec.read(KIND, model("m"))
    for _ in range(3):
        api.snapshot.changed(identity("m"))
        api.now += STILL_FRESH / 4
        assert listed(identity("m")) is listed(identity("gone")) is listed(identity(half["model_saved_name"])) is None
        assert listed(identity("n"))
    assert api.calls == ["list-models"]
    api.now += STILL_FRESH
    assert listed(identity("n"))
    assert api.calls == ["list-models", "list-models"]


def test_identities_are_known_even_if_a_list_has_no_details() -> None:
    """A preview needs no more."""
    api = Api()
    api.listed = lambda: _json({"models": [{"model_saved_name": "m", "model_version": "1"}, model("n"), "odd"]})
    assert set(api.snapshot.identities()) == {identity("m"), identity("n")}


@pytest.mark.parametrize("is_listed_again", [True, False])
def test_a_listed_registration_is_not_gone_because_of_one_read(is_listed_again: bool) -> None:
    """A second list decides, since the first may have been older than a deletion."""
    api = Api()
    summaries = iter([["a"], ["a"] if is_listed_again else []])
    api.listed = lambda: _json(
        {"models": [{"model_saved_name": name, "model_version": "1"} for name in next(summaries)]}
    )
    if is_listed_again:
        with pytest.raises(UnexpectedResponse, match="a/1: the API lists it but does not return it"):
            api.snapshot.find(identity("a"))
    else:
        assert api.snapshot.find(identity("a")) is None
    again = ["get-model"] * len(VISIBILITY_WAITS) * is_listed_again
    assert api.calls == ["list-models", "get-model", "list-models", *again]


def test_a_read_that_lags_behind_the_list_is_repeated() -> None:
    api = Api(model("a"))
    api.listed = lambda: _json({"models": [{"model_saved_name": "a", "model_version": "1"}]})
    lagging = iter([[], api.models])
    api.read = lambda: next(lagging)
    found = api.snapshot.find(identity("a"))
    assert found is not None
    assert found.identity == identity("a")
    assert api.calls == ["list-models", "get-model", "list-models", "get-model"]


def test_the_error_for_a_broken_item_names_it() -> None:
    api = Api({**model("m"), "certifications": 5})
    with pytest.raises(UnexpectedResponse, match=r"^m/1: "):
        api.find("m")


def test_waiting_for_another_threads_list_is_not_work() -> None:
    """The other thread may wait for its turn for a minute, which must not end this operation."""
    api, asked, waiting, go_on = Api(model("m")), threading.Event(), threading.Event(), threading.Event()
    ours = Operation(began=0.0)

    def listed() -> httpx.Response:
        asked.set()
        assert go_on.wait(10)
        return _json({"models": api.models})

    def find() -> Any:
        with operation.running(ours):
            return api.find("m")

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
