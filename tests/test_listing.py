"""listing.py: one list for many reads, never older than a write of ours, never the last word on what is gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from documents import answer

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import Patience
from enkrypt_provider.api.snapshot import FRESH, Listing
from enkrypt_provider.errors import AuthenticationFailed, EnkryptError, ServiceUnavailable
from enkrypt_provider.schema import Identifier, read
from enkrypt_provider.settings import Key, Settings


class Api:
    """An account whose models a test can change; counts the calls by path."""

    def __init__(self, *models: Any) -> None:
        self.models: list[Any] = list(models)
        self.calls: list[str] = []
        self.listed: Callable[[], httpx.Response] = lambda: _json({"models": self.models})
        self.now = 0.0
        client = EnkryptClient(
            Settings(Key("stand-in-key"), "https://h"),
            transport=httpx.MockTransport(self),
            patience=Patience(0, sleep=lambda _seconds: None),
        )
        self.listing = Listing(client, clock=lambda: self.now)

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


def test_one_list_answers_for_every_model() -> None:
    """A refresh of many models costs one call."""
    api = Api(*(model(f"m{n}") for n in range(50)))
    found = [api.listing.find(identity(f"m{n}")) for n in range(50)]
    assert [live.identity.name for live in found if live] == [f"m{n}" for n in range(50)]
    assert api.calls == ["list-models"]


def test_one_list_answers_for_all_threads_at_once() -> None:
    """Threads that ask together wait for one call, rather than making one each."""
    api = Api(*(model(f"m{n}") for n in range(16)))
    together = threading.Barrier(16)

    def find(number: int) -> Any:
        together.wait()
        return api.listing.find(identity(f"m{number}"))

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(find, range(16)))
    assert [live.identity.name for live in found] == [f"m{n}" for n in range(16)]
    assert api.calls == ["list-models"]


def test_a_version_is_part_of_the_name() -> None:
    """Two versions of one model are two registrations."""
    api = Api(model("m", model_config__model_version="1"), model("m", model_config__model_version="2"))
    found = api.listing.find(identity("m", "2"))
    assert found is not None
    assert found.identity == identity("m", "2")


def test_the_version_of_dialect_v2_is_found_at_the_root() -> None:
    """An item with its version at the root is found by it."""
    item = {**model("m", model_config__model_version=None), "model_version": "7"}
    api = Api(item)
    assert api.listing.find(identity("m", "7")) == read(item)
    assert api.calls == ["list-models"]


def test_a_write_ends_the_list() -> None:
    """What is read after a write of ours was asked for after it."""
    api = Api(model("m", model_name="before"))
    api.listing.find(identity("m"))
    api.models = [model("m", model_name="after")]
    api.listing.forget()
    found = api.listing.find(identity("m"))
    assert found is not None
    assert found.inputs["model_name"] == "after"
    assert api.calls == ["list-models", "list-models"]


def test_a_write_that_ends_while_the_list_comes_ends_it_too() -> None:
    """A list that was asked for before a write ended answers nobody who asks after it."""
    api = Api(model("m", model_name="before"))

    def listed() -> httpx.Response:
        old = _json({"models": api.models})
        api.models = [model("m", model_name="after")]
        api.listing.forget()
        api.listed = lambda: _json({"models": api.models})
        return old

    api.listed = listed
    api.listing.find(identity("m"))
    found = api.listing.find(identity("m"))
    assert found is not None
    assert found.inputs["model_name"] == "after"


@pytest.mark.parametrize(("later", "calls"), [(0.0, 1), (FRESH, 1), (FRESH + 0.1, 2)])
def test_a_list_grows_old(later: float, calls: int) -> None:
    """A list is read for a few seconds and then asked for anew."""
    api = Api(model("m"))
    api.listing.find(identity("m"))
    api.now += later
    api.listing.find(identity("m"))
    assert len(api.calls) == calls


def test_a_model_that_the_list_lacks_is_asked_for_by_itself() -> None:
    """A list may lag: only `get-model` says that a model is gone."""
    api = Api(model("m"))
    api.listed = lambda: _json({"models": []})
    assert api.listing.find(identity("m")) == read(model("m"))
    assert api.listing.find(identity("other")) is None
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
    """What a list does not say in full is asked for one by one, and the list itself only once."""
    api = Api(model("m"), model("n"))
    api.listed = lambda: _json(listed)
    assert api.listing.find(identity("m")) == read(model("m"))
    assert api.listing.find(identity("n")) == read(model("n"))
    assert api.calls == ["list-models", "get-model", "get-model"]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (500, ServiceUnavailable)])
def test_an_error_is_shared_too(status: int, kind: type[EnkryptError]) -> None:
    """Where the list is refused, all who wait hear it at once: nobody spends the same retries again."""
    api = Api(model("m"))
    api.listed = lambda: _json({"message": "no"}, status)
    for _ in range(3):
        with pytest.raises(kind):
            api.listing.find(identity("m"))
    assert api.calls == ["list-models"]


@pytest.mark.parametrize("passed", ["time", "a write"])
def test_an_error_is_not_for_ever(passed: str) -> None:
    """An error is forgotten as a list is: after a while, or after a write."""
    api = Api(model("m"))
    api.listed = lambda: _json({}, 500)
    with pytest.raises(ServiceUnavailable):
        api.listing.find(identity("m"))
    api.listed = lambda: _json({"models": api.models})
    if passed == "time":
        api.now += FRESH + 1
    else:
        api.listing.forget()
    assert api.listing.find(identity("m")) == read(model("m"))
