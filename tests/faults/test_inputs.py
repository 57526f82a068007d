"""Thousands of argument trees: valid, nearly valid, hostile. `check` answers each, and the API agrees."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from documents import FREE, at, everything, leaves, marked, put, registrations, without_secrets
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from pulumi.output import UNKNOWN

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.core.controller import Controller, connect
from enkrypt_provider.core.database import Database
from enkrypt_provider.emulator import create_app
from enkrypt_provider.frontends.dynamic import DynamicFrontend
from enkrypt_provider.frontends.property_values import is_unknown
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.mistakes import SHOWN
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS
from enkrypt_provider.settings import Key, Settings

from .conftest import FULL, Count
from .world import NOWHERE

CHUNKS = 42 if FULL else 4
TREES = 500 if FULL else 125
LINES = SHOWN + 1

HUGE = st.sampled_from(["x", "é", "\U0001f600", "\n", '"']).map(lambda text: text * 300_000)
ODD_TEXTS = st.sampled_from(
    ["", " ", "\0", "\ud800", "\u202e", "e\u0301", "\ufeff", "..", "${x}", "{rule}", "%s", "a/b", "'; --", "null",
     "NaN", "1e999", "\r\nX: y", "\u2028", "١", "ﬃ", "<b>", "-1", "00", "true", "yes"]
)  # fmt: skip
ODD_NUMBERS = st.sampled_from(
    [0, -0.0, -1, 1.5, 1e308, 2**53, 2**53 + 1, 10**400, float("nan"), float("inf"), 65535.0, 65536]
)


def _deep(levels: int) -> Any:
    inner: Any = "end"
    for _ in range(levels):
        inner = {"a": [inner]}
    return inner


ODD = st.one_of(
    ODD_TEXTS, ODD_NUMBERS, HUGE, marked(), FREE, st.booleans(), st.none(), st.just(UNKNOWN), st.binary(max_size=4),
    st.integers(1, 300).map(_deep), st.integers(1, 30_000).map(lambda many: ["x"] * many),
    st.integers(1, 3_000).map(lambda many: {f"f{n}": n for n in range(many)}),
)  # fmt: skip


VALID: dict[Dialect, st.SearchStrategy[Any]] = {
    dialect: st.just(everything(dialect)) | registrations(dialect) for dialect in get_args(Dialect)
}


@st.composite
def nearly_valid(draw: st.DrawFn, dialect: Dialect) -> Any:
    """A valid tree in which one to three places are changed, dropped or renamed."""
    tree: Any = draw(VALID[dialect])
    for _ in range(draw(TIMES)):
        places = [place for place in leaves(tree) if place]
        if not places:
            break
        place = draw(st.sampled_from(places))
        tree = draw(WAYS)(draw, tree, place)
    return tree


Place = tuple[str | int, ...]


def _changed(draw: st.DrawFn, tree: Any, place: Place) -> Any:
    return put(tree, place, draw(ODD))


def _dropped(_draw: st.DrawFn, tree: Any, place: Place) -> Any:
    parent = at(tree, place[:-1])
    kept = {k: v for k, v in parent.items() if k != place[-1]} if isinstance(parent, dict) else parent[: place[-1]]
    return put(tree, place[:-1], kept)


def _renamed(draw: st.DrawFn, tree: Any, place: Place) -> Any:
    parent = at(tree, place[:-1])
    if not isinstance(parent, dict):
        return tree
    name = draw(st.sampled_from([str(place[-1])[:-1], str(place[-1]).upper(), "x", *PROTOCOLS[:1]]) | ODD_TEXTS)
    return put(tree, place[:-1], {(name if k == place[-1] else k): v for k, v in parent.items()})


TIMES = st.integers(1, 3)
WAYS = st.sampled_from([_changed, _changed, _dropped, _renamed])


def trees(dialect: Dialect) -> st.SearchStrategy[Any]:
    """A third each: valid, nearly valid, hostile."""
    hostile = st.dictionaries(ODD_TEXTS | st.sampled_from(["model_saved_name", "model_config"]), ODD, max_size=5)
    return st.one_of(VALID[dialect], nearly_valid(dialect), hostile)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_check_answers_every_tree_and_the_api_agrees(tmp_path: Path, chunk: int, count: Count) -> None:
    """Each tree gets an answer of bounded size; the emulator registers every accepted, fully known tree."""
    dialect: Dialect = "v2" if chunk % 2 else "v1"
    given_ = Settings(Key("stand-in-key"), NOWHERE, dialect=dialect)
    client = EnkryptClient(given_)
    provider = DynamicFrontend(Controller(connect(client, database=Database(tmp_path / "provider.sqlite"))))
    app = create_app(tmp_path / "api.sqlite", dialect=dialect)
    api = httpx.Client(transport=httpx.WSGITransport(app=app), base_url=NOWHERE, headers={"apikey": "stand-in-key"})
    start = (int(os.environ["FAULTS_SEED"]) * 1000 + chunk) * 100
    counted: Counter[str] = Counter()
    slowest = 0.0

    @settings(
        max_examples=TREES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(trees(dialect))
    def answered(tree: Any) -> None:
        nonlocal slowest
        began = time.process_time()
        found = provider.check({}, tree)
        slowest = max(slowest, time.process_time() - began)
        counted["all"] += 1
        if found.failures:
            counted["refused by check"] += 1
            lines = [failure.reason for failure in found.failures]
            assert len(lines) <= LINES
            assert all(line.isprintable() and len(line) < 1000 for line in lines), lines
            return
        if any(is_unknown(at(found.inputs, place)) for place in leaves(found.inputs)):
            counted["accepted, with unknown values"] += 1
            return
        counted["accepted, and registered by the emulator"] += 1
        body = json.dumps(
            codec.body(MODEL, codec.from_state(MODEL, without_secrets(found.inputs)), dialect), ensure_ascii=False
        ).encode()
        answer = api.post("/models/add-model", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 409), answer.text

    # Hypothesis may stop early because its own draws were inconsistent: then continue with another seed.
    for attempt in itertools.count():
        with suppress(FlakyStrategyDefinition):
            seed(start + attempt)(answered)()
        if counted["all"] >= TREES:
            break
    for what, number in counted.items():
        count(f"argument trees: {what}", number)
    count("most:argument trees: slowest check, ms of CPU", round(slowest * 1000))
