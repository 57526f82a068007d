"""The fault dial: valid faults, their notation, when they fire, and that all processes share one dial."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator import Fault, spelled_fault
from enkrypt_provider.emulator.faults import faults_in

from .conftest import CALLS, Connect, ask
from .document import IDENTITY, v1
from .processes import get_with_failures, together

DOWN = Fault(call="get_model", status=503)


def statuses(client: httpx.Client, calls: int, call: str = "get-model", **more: Any) -> list[int]:
    return [ask(client, call, **{"headers": IDENTITY, **more}).status_code for _ in range(calls)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, [503] * 5),
        ({"nth": 3}, [404, 404, 503, 404, 404]),
        ({"first": 2}, [503, 503, 404, 404, 404]),
        ({"probability": 0}, [404] * 5),
        ({"probability": 1}, [503] * 5),
        ({"probability": 1, "first": 1}, [503, 404, 404, 404, 404]),
        ({"model": "Test_Model"}, [503] * 5),
        ({"model": "Test_Model/1"}, [503] * 5),
        ({"model": "Test_Model/2"}, [404] * 5),
        ({"model": "Test"}, [404] * 5),
    ],
)
def test_a_fault_fires_if_its_conditions_hold(connect: Connect, when: dict[str, Any], expected: list[int]) -> None:
    client = connect(faults=[Fault(call="get_model", status=503, **when)])
    assert statuses(client, 5) == expected
    assert statuses(client, 1, "list-models") == [200]


def test_a_star_matches_any_call(connect: Connect) -> None:
    client = connect(faults=[Fault(status=500)])
    assert [statuses(client, 1, call) for call in CALLS] == [[500]] * len(CALLS)


def test_a_list_matches_no_model(connect: Connect) -> None:
    client = connect(faults=[Fault(model="Test_Model", status=503)])
    assert statuses(client, 1, "list-models") == [200]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (v1("one"), 503),
        (v1("two"), 200),
        ({"model_saved_name": "one", "model_version": "1"}, 503),
        ({}, 400),
        ([], 400),
        (5, 400),
        (v1("one", model_version=["1"]), 400),
    ],
)
def test_an_add_matches_the_model_in_its_body(connect: Connect, body: Any, status: int) -> None:
    """In either dialect; a body without a name matches no fault for a model."""
    client = connect(faults=[Fault(call="add_model", model="one/1", status=503)])
    assert ask(client, "add-model", json=body).status_code == status


def test_a_call_counts_for_every_matching_fault(connect: Connect) -> None:
    """It counts even if another fault sets the response."""
    client = connect(faults=[Fault(status=503, first=1), Fault(call="get_model", status=418, nth=2)])
    assert statuses(client, 3) == [503, 418, 404]
    assert [fault["met"] for fault in client.get("/_emulator/faults").json()] == [3, 3]


def test_probability_follows_the_seed(connect: Connect) -> None:

    def run(fault: dict[str, Any], seed: int) -> list[int]:
        client = connect(faults=[], seed=seed)
        client.post("/_emulator/faults", json=[{"status": 503, "probability": 0.5, **fault}])
        return statuses(client, 40)

    runs = [run({}, seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(503) < 35
    assert run({"seed": 7}, 1) == run({"seed": 7}, 2)


def test_two_faults_of_one_dial_fire_independently(connect: Connect) -> None:
    faults = [Fault(status=503, probability=0.5), Fault(delay=1, probability=0.5)]
    client = connect(faults=faults, sleep=lambda _: None, record=True)
    statuses(client, 40)
    assert 1 in [len(entry["faults"]) for entry in client.get("/_emulator/requests").json()]


def test_a_call_without_a_key_reads_sets_and_clears_the_dial(connect: Connect) -> None:
    client = connect(apikey="")
    fault = {"call": "get_model", "status": 503, "retry_after": 2}
    expected = [{"fault": {**fault, "retry_after": "2"}, "spelled": "get_model:status=503,retry_after=2", "met": 0}]
    assert client.get("/_emulator/faults").json() == []
    assert client.post("/_emulator/faults", json=[fault]).json() == expected
    assert client.get("/_emulator/faults").json() == expected
    assert statuses(client, 2) == [503, 503]
    assert client.get("/_emulator/faults").json()[0]["met"] == 2
    assert client.post("/_emulator/faults", json=[fault]).json() == expected
    assert client.delete("/_emulator/faults").json() == []
    assert statuses(client, 1, headers={"apikey": "k", **IDENTITY}) == [404]


def test_setting_the_same_faults_again_keeps_the_counts(connect: Connect) -> None:
    """Other faults reset them; None leaves the dial as it is."""
    faults = [Fault(call="get_model", status=503, first=2)]
    assert statuses(connect(faults=faults), 1) == [503]
    assert statuses(connect(faults=faults), 2) == [503, 404]
    assert statuses(connect(), 1) == [404]
    assert statuses(connect(faults=[Fault(call="get_model", status=500, first=1)]), 2) == [500, 404]
    assert statuses(connect(faults=[]), 1) == [404]


BAD_FAULTS = [
    ({"status": 503}, "the faults: must be a list"),
    ([{"call": "add-model", "status": 503}], "[0].call: must be one of add_model, get_model"),
    ([{"status": 503}, {"status": 99}], "[1].status: must be 200 or more"),
    ([{"status": "503"}], "[0].status: must be a whole number"),
    ([{"statuses": 503}], "[0].statuses: is not a known field"),
    ([{"call": "get_model"}], "[0]: has no effect; set one of status, location, delay, reset,"),
    ([{"delay": 0, "status": None}], "[0]: has no effect"),
    ([{"delay": 1, "retry_after": 2}], "[0]: retry_after, body and work need status or location"),
    ([{"status": 503, "nth": 0}], "[0].nth: must be 1 or more"),
    ([{"status": 503, "probability": 1.5}], "[0].probability: must be 1 or less"),
    ([{"reset": True}], "[0].reset: must be one of before or after"),
    ([{"garbage": "jpeg"}], "[0].garbage: must be one of html, empty, wrong_types"),
    (
        [{"status": 503, "retry_after": "1\r\nX-A: b"}],
        "[0].retry_after: must be printable ASCII",
    ),
    ([{"location": ""}], "[0].location: must be printable ASCII"),
]


@pytest.mark.parametrize(("faults", "message"), BAD_FAULTS)
def test_an_invalid_fault_is_refused_with_its_field(connect: Connect, faults: Any, message: str) -> None:
    client = connect(faults=[DOWN])
    response = client.post("/_emulator/faults", json=faults)
    assert response.status_code == 400
    assert response.json()["message"].startswith(message)
    assert [fault["spelled"] for fault in client.get("/_emulator/faults").json()] == ["get_model:status=503"]


@pytest.mark.parametrize(
    ("spelled", "fault"),
    [
        ("add_model:status=503,first=3", Fault(call="add_model", status=503, first=3)),
        ("get_model:stale,nth=2", Fault(call="get_model", stale=True, nth=2)),
        ("get_model: reset=after, model=a/1", Fault(call="get_model", reset="after", model="a/1")),
        ("*:location=https://other:8443/x", Fault(location="https://other:8443/x")),
    ],
)
def test_a_fault_can_be_typed(spelled: str, fault: Fault) -> None:
    assert spelled_fault(spelled) == fault


WORDS = st.text("abcXYZ019/_-:. ", min_size=1, max_size=8).map(str.strip).filter(len)
FAULTS = st.builds(
    Fault, call=st.sampled_from(["*", "add_model", "get_model"]), model=st.none() | WORDS,
    nth=st.none() | st.integers(1, 2**70), first=st.none() | st.integers(1, 9), seed=st.none() | st.integers(),
    probability=st.none() | st.floats(0, 1), delay=st.floats(0, 3600),
    reset=st.sampled_from([None, "before", "after"]),
    status=st.integers(200, 599), location=st.none() | WORDS, retry_after=st.none() | WORDS, body=st.none() | WORDS,
    work=st.booleans(), truncate=st.booleans(), garbage=st.sampled_from([None, "html", "deep"]),
    size=st.integers(1, 2**20), stale=st.booleans(), mask_apikeys=st.booleans(), without_details=st.booleans(),
)  # fmt: skip


@settings(deadline=None)
@given(FAULTS)
def test_the_notation_of_a_fault_reads_back_as_that_fault(fault: Fault) -> None:
    assert spelled_fault(fault.spelled()) == fault
    assert faults_in([fault.model_dump(exclude_defaults=True)]) == [fault]


def test_threads_are_counted_exactly(connect: Connect) -> None:
    client = connect(faults=[Fault(call="get_model", status=503, first=20)])
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: statuses(client, 1)[0], range(60)))
    assert sorted(responses) == [404] * 40 + [503] * 20


def test_processes_are_counted_exactly(database: Path) -> None:
    responses = together(get_with_failures, [database] * 3, [20] * 3, [20] * 3)
    assert sorted(chain(*responses)) == [404] * 40 + [503] * 20
