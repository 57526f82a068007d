"""kinds/codec.py: the one canonical form of a model, and how responses and states are converted to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from documents import (
    COMPUTED,
    FREE,
    MARKER,
    TEXT,
    answer,
    at,
    canonical,
    document,
    everything,
    leaves,
    marked,
    minimal,
    put,
    registrations,
    through_engine,
    upside_down,
)
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.core.diff import differing
from enkrypt_provider.emulator import create_app
from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL

parse, read, body = partial(codec.parse, MODEL), partial(codec.read, MODEL), partial(codec.body, MODEL)
from_state = partial(codec.from_state, MODEL)
ROOT = Path(__file__).resolve().parents[2]


# ---- the canonical form


def test_defaults_match_the_api_document() -> None:
    """A minimal declaration is filled in to a whole object; no default is left to the server."""
    filled = document(model_saved_name="small", model_name="", model_config__model_version="v1")
    filled["model_config"].update(model_source="", model_provider="", apikeys=[])
    filled["model_config"]["endpoint"].update(host="h", base_path="")
    assert canonical(minimal()) == filled


SERVICE_ACCOUNT = json.dumps({"type": "service_account", "private_key": "stand-in"}, indent=2)


@pytest.mark.parametrize(
    ("path", "said", "kept"),
    [
        (
            "endpoint",
            {"host": "h", "scheme": "https"},
            {"scheme": "https", "host": "h", "port": 443, "base_path": ""},
        ),
        ("endpoint", {"host": "h", "scheme": "http"}, {"scheme": "http", "host": "h", "port": 80, "base_path": ""}),
        *(("endpoint.base_path", said, "/v1") for said in ("v1", "/v1/", "v1//", "//v1")),
        *(("endpoint.base_path", said, "") for said in ("/", "")),
        ("apikeys", [SERVICE_ACCOUNT], [SERVICE_ACCOUNT]),  # the only key that may contain spaces and line breaks
        # `pulumi config set --path` may pass strings
        ("endpoint.port", "8443", 8443),
        ("metadata.max_tokens", "2048", 2048),
        ("metadata.input_cost", "2.5", 2.5),
        ("metadata.output_cost", "10", 10),
        ("auth_data.space_after_prefix", "false", False),
        ("rate_per_min", "30", 30),
        ("context", {}, None),
        ("metadata.gemini", {}, None),
    ],
)
def test_declared_values_are_normalized(path: str, said: Any, kept: Any) -> None:
    """A port follows its scheme, a path has one leading slash, a number is a number, an empty object is absent."""
    place = ("model_config", *path.split("."))
    inputs = canonical(put(everything("v2"), place, said), dialect="v2")
    assert json.dumps(at(inputs, place[:-1]).get(place[-1])) == json.dumps(kept)


@pytest.mark.parametrize(("dialect", "purpose"), [("v1", "LLM"), ("v2", "foundationModels")])
def test_testing_for_has_a_default_per_dialect(dialect: Dialect, purpose: str) -> None:
    """In v2 it is the official client's, even if a response omits it."""
    inputs, _ = parse(minimal(), dialect)
    sent = body(inputs, dialect)
    assert inputs["testing_for"] == sent.pop("testing_for") == read(sent).inputs["testing_for"] == purpose


@given(registrations())
def test_the_canonical_form_is_a_fixed_point_and_survives_the_engine(props: dict[str, Any]) -> None:

    def without(value: Any) -> Any:
        return {k: without(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value

    inputs = canonical(props)
    for same in (inputs, through_engine(props), without(props)):
        assert canonical(same) == inputs
    assert json.dumps(from_state(through_engine(inputs)), sort_keys=True) == json.dumps(inputs, sort_keys=True)


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ({"a": None, "b": {"c": None}}, {"b": {}}),
        ({"a": [None, 1.0]}, {"a": [None, 1]}),
        ({"a": 2.0**53}, {"a": 2.0**53}),
        ({"a": -0.0}, {"a": 0}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": False, "b": 0.5}, {"a": False, "b": 0.5}),
        ({"since": "2024-08-06T00:00:00Z"}, {"since": "2024-08-06T00:00:00Z"}),
        ({"metadta": {"any": ["thing", 1, None]}}, {"metadta": {"any": ["thing", 1, None]}}),
    ],
)
@pytest.mark.parametrize("place", [("default_request_options",), ("metadata",), ("metadata", "gemini")])
def test_a_free_map_is_plain_json(place: tuple[str, ...], declared: Any, kept: Any) -> None:
    """Whole numbers are int, null fields are dropped, list items stay in place; names and dates are not checked."""
    inputs = canonical(put(everything(), ("model_config", *place), declared))
    assert json.dumps(at(inputs, ("model_config", *place))) == json.dumps(kept)


@given(st.dictionaries(TEXT, FREE))
def test_a_free_map_is_copied(options: dict[str, Any]) -> None:
    before = json.dumps(options)
    inputs = canonical(minimal(model_config__default_request_options=options))
    inputs["model_config"]["default_request_options"]["added"] = 1
    assert json.dumps(options) == before


@pytest.mark.parametrize("name", [*MODEL.computed, "__provider"])
def test_server_outputs_and_engine_entries_are_not_inputs(name: str) -> None:
    assert name not in canonical({**document(), name: "x"})


@pytest.mark.parametrize(("said", "kept"), [(True, True), ("true", True), (False, None), (None, None)])
@pytest.mark.parametrize("option", MODEL.options)
def test_a_provider_option_is_kept_if_true_and_never_sent(option: str, said: Any, kept: bool | None) -> None:
    inputs = canonical(document(**{option: said}))
    assert inputs.get(option) is kept
    assert option not in body(inputs)


# ---- the emulated API and `check` accept the same


Registered = Callable[[Any, Dialect], tuple[int, str]]


@pytest.fixture(scope="module")
def add(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    """Call `add-model` in a dialect; returns its status and text."""
    with ExitStack() as stack:

        def client(dialect: Dialect) -> httpx.Client:
            app = create_app(tmp_path_factory.getbasetemp() / f"{dialect}.sqlite", dialect=dialect)
            headers = {"apikey": "stand-in-key", "Content-Type": "application/json"}
            transport = httpx.WSGITransport(app=app)
            return stack.enter_context(httpx.Client(transport=transport, base_url="http://h", headers=headers))

        clients = {dialect: client(dialect) for dialect in get_args(Dialect)}

        def add(body: Any, dialect: Dialect) -> tuple[int, str]:
            content = json.dumps(body, ensure_ascii=False).encode()
            response = clients[dialect].post("/models/add-model", content=content)
            return response.status_code, response.text

        yield add


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_the_api_accepts_whatever_check_accepts(add: Registered, dialect: Dialect) -> None:
    """No registration passes `check` only to be refused by `add-model`."""

    @given(registrations(dialect))
    def agree(props: dict[str, Any]) -> None:
        status, said = add(body(canonical(props, dialect=dialect), dialect), dialect)
        assert status in (200, 409), said

    agree()


ODD = ["", " ", "\0", "x" * 40, "Ünï", 0, -1, 1.5, 70_000, True, None, [], {}, [1], {"a": 1}]


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_check_refuses_whatever_the_api_refuses(add: Registered, dialect: Dialect) -> None:
    """Of all odd values in all fields, `check` lets none through that the emulator refuses."""
    whole = everything(dialect)
    places = [place for place in leaves(whole) if place]
    tried = [(place, odd, *parse(put(whole, place, odd), dialect)) for place in places for odd in ODD]
    sent = [(place, odd, body(inputs, dialect)) for place, odd, inputs, problems in tried if not problems]
    responses = [(place, odd, add(body, dialect)) for place, odd, body in sent]
    assert len(sent) > len(ODD)
    assert [row for row in responses if row[2][0] not in (200, 409)] == []


# ---- reading a response


@given(registrations())
def test_an_echoed_registration_reads_back_the_same(props: dict[str, Any]) -> None:
    """An echo in any order shows no drift, and its id identifies the same model."""
    inputs = canonical(props)
    live = read(upside_down({**inputs, **COMPUTED}))
    assert live.inputs == inputs
    assert Identifier.parse(str(live.identity)) == live.identity == MODEL.identity_of(inputs)


@given(registrations("v2"))
def test_an_echoed_v2_body_shows_no_drift(props: dict[str, Any]) -> None:
    inputs, _ = parse(props, "v2")
    live = read(body(inputs, "v2"))
    assert differing(inputs, live, MODEL) == []
    assert live.identity == MODEL.identity_of(inputs)


@pytest.mark.parametrize("endpoint", [None, {}, {"host": "", "port": 443}])
def test_a_model_with_a_curl_command_has_no_endpoint_however_a_server_returns_it(endpoint: Any) -> None:
    inputs, _ = parse(minimal(model_config__endpoint=None, model_config__custom_curl_command="curl h"), "v2")
    sent = body(inputs, "v2")
    sent["model_config"]["endpoint"] = endpoint
    live = read(sent)
    assert "endpoint" not in live.inputs["model_config"]
    assert differing(inputs, live, MODEL) == []


def without(*path: str) -> dict[str, Any]:
    """Return the document's response without a field."""
    found = answer()
    del at(found, path[:-1])[path[-1]]
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("testing_for", "foundationModels"),
        ("certifications", ["ISO 27001"]),
        ("model_type", "text_2_image"),
        ("model_config__is_compatible_with", "something_new"),
        ("model_config__hosting_type", "Hybrid"),
        ("model_config__endpoint__port", 0),
        ("model_config__endpoint__base_path", "v1"),
        ("model_config__endpoint__host", ""),
        ("model_config__apikeys", [""] * 200),
        ("model_config__metadata", {"n": 2**53 + 1, "t": "x" * 200_001}),
    ],
)
def test_reading_accepts_values_that_check_would_refuse(field: str, value: Any) -> None:
    """A registration created elsewhere is shown even if this provider would not accept it."""
    assert at(read(answer(**{field: value})).inputs, tuple(field.split("__"))) == value


def test_a_midnight_in_a_response_is_not_an_unquoted_date() -> None:
    assert read(answer(created_at="2024-10-15T00:00:00Z")).computed["created_at"] == "2024-10-15T00:00:00Z"


@pytest.mark.parametrize("name", MODEL.computed)
def test_server_set_fields_may_be_missing(name: str) -> None:
    expected = {k: v for k, v in COMPUTED.items() if k != name}
    assert read(without(name)).computed == read(answer(**{name: None})).computed == expected


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (None, "expected a model, got nothing"),
        ([answer()], "expected a model, got a list"),
        ("ok", "expected a model, got a string"),
        (5, "expected a model, got a number"),
        (True, "expected a model, got true or false"),
        ({}, "model_saved_name: is required; model_config: is required"),
        (without("model_config"), "model_config: is required"),
        (answer(model_config="x"), "model_config: must be an object"),
        (
            answer(model_config={}),
            "model_config.is_compatible_with: is required (dialect v2 calls it model_provider)",
        ),
        (without("model_config", "endpoint", "host"), "model_config.endpoint.host: is required"),
        (answer(model_saved_name=[5]), "model_saved_name: must be a string"),
    ],
)
def test_a_response_that_is_not_a_registration_is_reported(found: Any, line: str) -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        read(found)
    prefix = "" if line.startswith("expected") else "returned an invalid model: "
    assert str(caught.value) == prefix + line


@given(marked() | st.fixed_dictionaries({"model_saved_name": marked(), "model_config": marked()}))
def test_any_response_is_read_or_refused_without_showing_a_value(found: Any) -> None:
    said, behind = "", None
    try:
        read(found)
    except UnexpectedResponse as error:
        said, behind = str(error), error.__context__
    assert said.isprintable()
    assert MARKER not in f"{said}{behind!s}{behind!r}"


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"model_saved_name": "a"},
        {**document(), "model_config": "x"},
        document(model_config__endpoint__port="https"),
    ],
)
def test_a_state_that_is_not_a_registration_is_returned_unchanged(held: dict[str, Any]) -> None:
    """An empty state or one written by another version is still compared rather than refused."""
    assert from_state({**held, "__provider": "x", "model_id": 1.0}) == held


@pytest.mark.parametrize(
    ("id_", "name", "version"),
    [("Test_Model/1", "Test_Model", "1"), ("Test_Model", "Test_Model", "v1"), ("Test_Model/", "Test_Model", "v1"),
     ("a b/v 2", "a b", "v 2")],
)  # fmt: skip
def test_an_id_is_a_name_and_a_version_with_v1_as_the_default(id_: str, name: str, version: str) -> None:
    assert Identifier.parse(id_) == Identifier(name, version)


SPY = """
SEEN = []

class Handler:
    def on_enter(self, value, **options):
        SEEN.append(repr(value))

class Spy:
    def new_schema_validator(self, *about):
        return Handler(), None, None

spy = Spy()
"""

WATCHED = """
import json, os, sys
import spy
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.model import MODEL
document = json.load(sys.stdin)
inputs, problems = codec.parse(MODEL, document)
codec.read(MODEL, codec.body(MODEL, inputs))
import pydantic
pydantic.create_model("Theirs", id=int).model_validate({"id": 12345})
assert not problems
print(json.dumps([spy.SEEN, os.environ.get("PYDANTIC_DISABLE_PLUGINS")]))
"""


@pytest.mark.parametrize("setting", [None, "another"])
def test_pydantic_plugins_never_see_a_document(tmp_path: Path, setting: str | None) -> None:
    """A tracer installed next to this package sees what others validate, but never a model with its keys."""
    described = tmp_path / "spy-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[pydantic]\nspy = spy:spy\n")
    (tmp_path / "spy.py").write_text(SPY)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    environment |= {} if setting is None else {"PYDANTIC_DISABLE_PLUGINS": setting}
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env=environment,
        input=json.dumps(everything()),
        capture_output=True,
        text=True,
        check=True,
    )
    seen, after = json.loads(ran.stdout)
    assert "12345" in seen[-1]
    assert set(seen[:-1]) <= {"{}"}
    assert after == setting
