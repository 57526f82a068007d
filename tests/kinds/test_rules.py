"""What a program may not declare for a model: each broken rule is one line, with the field but never its value."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, get_args

import pytest
from documents import MARKER, at, canonical, document, everything, leaves, marked, minimal, put
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.mistakes import SHOWN
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PROTOCOLS_V2, PURPOSES, PURPOSES_V2
from enkrypt_provider.kinds.plain import UNKNOWN

Place = tuple[str | int, ...]
parse = partial(codec.parse, MODEL)
PLACES: list[Place] = [place for place in leaves(everything("v2")) if place]
"""Every path at which a program may set a value."""
V2 = everything("v2")["model_config"].keys() - everything()["model_config"].keys()
NAMES, PURPOSE = ", ".join(PROTOCOLS), "must be one of Copilot, LLM, Chatbot"
CERTIFICATIONS = ", ".join(MODEL.fields["certifications"].values)
STRING = "must be a string (in YAML, quote it)"
NOT_TEXT = "must not contain NUL characters or unpaired surrogates"
PATH = 'must be empty or start with "/" and contain no spaces or scheme, such as "/v1"'
DEEP = "must be nested at most 18 levels deep"


def spelled(place: Place) -> str:
    return re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, place)))


def said(props: dict[str, Any], dialect: Dialect = "v1") -> list[str]:
    return [str(problem) for problem in parse(props, dialect)[1]]


def place_of(path: str) -> Place:
    """Return the place of a path, which may omit `model_config`."""
    place = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path))
    return place if place[0] in everything() else ("model_config", *place)


def broken(place: Place, value: Any) -> list[str]:
    """Return the problems of `value` at a place, in the first dialect that has the field."""
    dialect: Dialect = "v2" if place[1:2] and place[1] in V2 else "v1"
    props = everything(dialect)
    at(props, place[:-1])[place[-1]] = value
    return said(props, dialect)


# By the type of a field: values of other types, and their problem.
WRONG_TYPE: dict[type, list[tuple[Any, str]]] = {
    str: [(5, STRING), (1.0, STRING), (["a"], STRING)],
    dict: [("x", "must be an object"), ([], "must be an object")],
    list: [("x", "must be a list"), ({"x": True}, "must be a list")],
    bool: [("perhaps", "must be true or false"), ([True], "must be true or false")],
    int: [("many", "must be a whole number"), (True, "must be a number, not true or false")],
}
TYPED = [
    place for place in PLACES
    if not {"owner", "input_cost", "output_cost"} & {*place}
    and not {"default_request_options", "custom_payload"} & {*place[:-1]}
]  # fmt: skip


@pytest.mark.parametrize("place", TYPED, ids=spelled)
def test_a_value_of_another_type_is_refused_in_every_field(place: Place) -> None:
    for value, rule in WRONG_TYPE[type(at(everything("v2"), place))]:
        assert broken(place, value) == [f"{spelled(place)}: {rule}"]


def test_the_everything_document_has_every_field() -> None:
    names = {field.name for field in MODEL.fields.values() if field.is_argument}
    assert names <= {part for place in PLACES for part in place}


# The rule, the fields that have it, values that break it. A path may omit `model_config`.
BROKEN: dict[str, dict[str, list[Any]]] = {
    'must be printable ASCII, without "/" and without spaces at its ends, and not be empty': {
        "model_saved_name": ["", "a/b", " a", "a ", "a\n", "modèle"], "model_config.model_version": ["", "1/2"],
    },
    "must be one line, without control characters": {
        "model_name": ["two\nlines"], "model_source": ["a\x7f"], "model_config.model_provider": ["a\tb"],
        "auth_data.header_prefix": ["Bearer\r\n"], "metadata.azure_instance": ["a\nb"],
        "metadata.azure_api_version": ["a\nb"], "metadata.azure_deployment_id": ["a\nb"],
        "metadata.anthropic_version": ["a\nb"], "metadata.gemini.location_id": ["a\nb"],
        "model_jwt_config.jwt_headers[0].key": ["a\nb"], "model_jwt_config.jwt_response_key": ["a\nb"],
        "custom_response_content_type": ["a\nb"], "auth_data.boxai_client_id": ["a\nb"],
    },
    NOT_TEXT: {
        "model_name": ["half \ud800"], "system_prompt": ["a\0b", "a\udfffb"], "conversation_template": ["\0"],
        "apikeys[0]": ["stand-in-\0key"], "metadata.other": ["a\0b"], "custom_headers[0].value": ["a\0b"],
    },
    "is a date: in YAML, quote it": {
        "model_name": ["2024-08-06 00:00:00 +0000 UTC"], "metadata.anthropic_version": ["2023-06-01T00:00:00Z"],
        "model_config.model_version": ["2024-08-06 00:00:00 +0000 UTC", "2024-08-06T00:00:00Z"],
        "metadata.azure_api_version": ["2024-02-01 00:00:00 +0000 UTC"],
    },
    "must be a host name alone, such as api.together.xyz: scheme, port and path have fields of their own": {
        "endpoint.host": ["", "https://api.together.xyz", "api.together.xyz:443", "api.together.xyz/v1",
                          "api together", "h\n", "a" * 254, "ü/x"],
        "metadata.gemini.api_endpoint": ["https://eu.example.com"],
    },
    "must have brackets around an IPv6 address, such as [::1]": {"endpoint.host": ["::1", "2001:db8::1"]},
    "must be a host name in ASCII: write xn--mnchen-3ya.example": {"endpoint.host": ["münchen.example"]},
    PATH: {
        "endpoint.base_path": ["/a b", "/a\n", "https://h/v1"], "paths.completions": ["chat", "https://h/chat"],
        "paths.chat": ["chat"],
        "paths.vision": ["chat"], "paths.embeddings": ["chat"],
    },
    "must not contain a query or fragment: paths are appended to it": {"endpoint.base_path": ["/v1?a=1", "v1#a"]},
    "must not be empty or contain spaces or line breaks (a pasted key?)": {
        "apikeys[0]": ["", "stand-in key", "stand-in-key\n", "stand-in\u200b"],
        "auth_data.boxai_client_secret": ["stand-in key"],
    },
    "must be an HTTP header name": {"auth_data.header_name": ["X Key", "X-Key:"]},
    "must be from 1 to 65535": {"endpoint.port": [0, 65536]},
    "must be 1 or more": {"metadata.max_tokens": [0], "rate_per_min": [0]},
    "must be 0 or more": {"metadata.input_cost": [-0.5], "metadata.output_cost": [-0.5]},
    "must be a number": {"metadata.input_cost": ["dear", []], "metadata.output_cost": ["dear", []]},
    "must be a whole number": {
        "endpoint.port": [443.5, [443]], "metadata.max_tokens": [2048.5], "rate_per_min": [20.5],
    },
    "must be a whole number of a sensible size": {"endpoint.port": ["9" * 5000]},
    "must be a whole number that a double can hold exactly, up to 2**53: give a larger one as a string": {
        "metadata.other": [2**53 + 1, 10**400],
    },
    "must not be NaN or infinity": {
        "metadata.input_cost": [float("nan"), float("inf")], "metadata.output_cost": [float("nan"), float("inf")],
        "metadata.gemini.other": [float("nan")], "default_request_options.temperature": [float("inf")],
        "custom_payload.prompt": [float("nan")],
    },
    "must contain only strings, numbers, true or false, lists and objects": {
        "metadata.other": [object()], "default_request_options.temperature": [{2, 3}],
    },
    "must have strings as field names": {"metadata.other": [{1: "a"}]},
    "must contain at most 10,000 values": {
        "default_request_options": [{"a": list(range(10_000))}], "certifications": [["x"] * 100_000],
        "apikeys": [[1] * 1_000_000],
    },
    "must have at most 100 items, this one has 101": {
        "certifications": [["GDPR"] * 101], "apikeys": [["k"] * 101], "tools": [[{"name": "a"}] * 101],
    },
    "is required": {"model_jwt_config.jwt_url": [None], "tools[0].name": [None], "custom_headers[0].key": [None]},
    'must be one of https, http; did you mean "https"?': {"endpoint.scheme": ["htps"]},
    "must be one of https, http": {"endpoint.scheme": [""]},
    'must be one of External, Internal; did you mean "External"?': {"hosting_type": ["external"]},
    "must be text_2_text": {"model_type": ["text2text"]},
    f'{PURPOSE}; did you mean "LLM"?': {"testing_for": ["llm"]},
    f'{PURPOSE}; did you mean "Chatbot"?': {"testing_for": ["chat bot"]},
    PURPOSE: {"testing_for": ["12"]},
    f"{PURPOSE}; that one exists only in dialect v2": {"testing_for": ["agents"]},
    f'must be one of {CERTIFICATIONS}; did you mean "GDPR"?': {"certifications[0]": ["gpd"]},
    f'must be one of {CERTIFICATIONS}; did you mean "SOC 2 Type II"?': {"certifications[0]": ["soc2 type ii"]},
    f'must be one of {NAMES}; did you mean "openai"?': {"is_compatible_with": ["open-ai"]},
    f"must be one of {NAMES}; that one exists only in dialect v2": {"is_compatible_with": ["sierra"]},
    f"must be one of {NAMES}": {"is_compatible_with": ["x" * 100_000]},
    "must be openai": {"metadata.llama2_format": ["ollama", "opnai"]},
    'must be one of openai, ollama; did you mean "ollama"?': {"metadata.mistral_format": ["llama"]},
    'must be one of apikey, jwt; did you mean "jwt"?': {"model_auth_type": ["JWT"]},
    'must be one of POST, GET; did you mean "POST"?': {"model_jwt_config.jwt_method": ["PUT"]},
    'must be one of text, image, audio; did you mean "image"?': {"input_modalities[0]": ["images"]},
    "must be text": {"output_modalities[0]": ["txt"]},
}  # fmt: skip


def test_a_document_slightly_over_the_size_limit_is_refused() -> None:
    """The limit is applied at lists and objects: the values in the last object are still checked."""
    _, problems = codec.parse(MODEL, {"unknown": dict.fromkeys(map(str, range(10_001)), 1)})
    assert problems


@pytest.mark.parametrize(("rule", "fields"), BROKEN.items(), ids=[rule[:40] for rule in BROKEN])
def test_each_broken_rule_is_reported_in_one_exact_line(rule: str, fields: dict[str, list[Any]]) -> None:
    for path, values in fields.items():
        for value in values:
            assert broken(place_of(path), value) == [f"{spelled(place_of(path))}: {rule}"]


LONGEST = {
    "model_saved_name": 32, "model_name": 4000, "model_config.model_version": 255, "model_source": 4000,
    "model_config.model_provider": 4000, "system_prompt": 200_000, "conversation_template": 200_000,
    "endpoint.base_path": 4000, "apikeys[0]": 8000, "metadata.other": 200_000,
    "context.system_description": 2000, "context.policy_description": 5000,
}  # fmt: skip


@pytest.mark.parametrize(("path", "limit"), LONGEST.items())
def test_a_string_may_be_as_long_as_its_limit(path: str, limit: int) -> None:
    first = "/" if "path" in path else "x"
    assert broken(place_of(path), first + "x" * (limit - 1)) == []
    line = f"{spelled(place_of(path))}: must be at most {limit:,} characters, this one has {limit + 1:,}"
    assert broken(place_of(path), first + "x" * limit) == [line]


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("model_saved_name", "is required"),
        ("model_config", "is required"),
        ("model_config.is_compatible_with", "is required (dialect v2 calls it model_provider)"),
        ("model_config.endpoint", "is required"),
        ("model_config.endpoint.host", "is required"),
    ],
)
@pytest.mark.parametrize("null", [True, False])
def test_required_fields_must_be_set(missing: str, line: str, null: bool) -> None:
    props = document()
    *parents, last = missing.split(".")
    target = at(props, tuple(parents))
    target[last] = None
    if not null:
        del target[last]
    assert said(props) == [f"{missing}: {line}"]


@pytest.mark.parametrize(
    ("place", "name", "hint"),
    [
        ("", "model_safed_name", '; did you mean "model_saved_name"?'),
        ("model_config", "api_keys", '; did you mean "apikeys"?'),
        ("model_config", "meta data", '; did you mean "metadata"?'),
        ("model_config.endpoint", "hostname", '; did you mean "host"?'),
        ("model_config.endpoint", "qq", "; the fields are scheme, host, port, base_path"),
        ("model_config.paths", "chats", '; did you mean "chat"?'),
        ("model_config.auth_data", "header", '; did you mean "header_name"?'),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(place: str, name: str, hint: str) -> None:
    props = everything()
    at(props, tuple(filter(None, place.split("."))))[name] = "x"
    assert said(props) == [f"{place}.{name}: is not a field here{hint}".removeprefix(".")]


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
@pytest.mark.parametrize("path", ["metadata", "metadata.gemini"])
def test_a_field_name_that_json_cannot_carry_is_refused(path: str, name: str) -> None:
    (line,) = broken((*place_of(path), name), 1)
    assert line.startswith(f"model_config.{path}")
    assert line.endswith(NOT_TEXT)


# ---- dialects


OWN = {path: only.dialect for path, only in MODEL.only_in.items() if path != "model_type"}


def foreign(path: str) -> str:
    return f"{path}: exists only in dialect {OWN[path]}: leave it out, or set enkrypt:dialect to {OWN[path]}"


def test_fields_of_the_other_dialect_are_refused_one_by_one() -> None:
    """They are not silently dropped, and each is accepted in its own dialect."""
    assert said(everything("v2"), "v1") == [foreign(path) for path, dialect in OWN.items() if dialect == "v2"]
    template = document(model_config__conversation_template="{{ a }}")
    assert said(template, "v2") == [foreign("model_config.conversation_template")]
    assert said(everything("v2"), "v2") == said(template, "v1") == said(document(), "v2") == []


def test_unknown_values_of_the_other_dialect_are_not_refused() -> None:
    """At preview, another resource's output may still turn out to be absent."""
    unknown = {path.replace(".", "__"): UNKNOWN for path, dialect in OWN.items() if dialect == "v2"}
    assert said(minimal(**unknown), "v1") == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"testing_for": " "}, f"testing_for: must be one of {', '.join(PURPOSES + PURPOSES_V2)}"),
        ({"testing_for": "a\nb"}, f"testing_for: must be one of {', '.join(PURPOSES + PURPOSES_V2)}"),
        (
            {"model_config__is_compatible_with": ""},
            f"model_config.is_compatible_with: must be one of {', '.join(PROTOCOLS + PROTOCOLS_V2)}",
        ),
        ({"model_type": "text"}, "model_type: must be text_2_text"),
        ({"model_config__paths": {"chat": "a b"}}, "model_config.paths.chat: must not contain spaces"),
        ({"model_config__endpoint": None}, "model_config.endpoint: is required"),
    ],
)
def test_v2_has_rules_of_its_own(changes: dict[str, Any], line: str) -> None:
    assert said(minimal(**changes), "v2") == [line]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_config__paths": {"chat": "chat/completions", "vision": "images"}},
        {"model_config__custom_curl_command": "curl h", "model_config__endpoint": None},
    ],
)
def test_v2_accepts_what_the_official_client_sends(changes: dict[str, Any]) -> None:
    """Paths without a slash, and no endpoint if a curl command has the address."""
    assert said(minimal(**changes), "v2") == []
    assert said(minimal(**changes), "v1") != []


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("testing_for", "something_new", ""),
        ("testing_for", "agent", '; did you mean "agents"?'),
        ("testing_for", "Chatbots", '; did you mean "Chatbot"?'),
        ("model_config.is_compatible_with", "siera", '; did you mean "sierra"?'),
        ("model_config.is_compatible_with", "Open AI", '; did you mean "openai"?'),
    ],
)
def test_v2_sends_unknown_values_of_open_sets_with_a_warning(path: str, value: str, hint: str) -> None:
    inputs, problems = parse(document(**{path.replace(".", "__"): value}), "v2")
    doubts = [str(doubt) for doubt in codec.doubts(MODEL, inputs, "v2")]
    assert problems == []
    assert doubts == [f"{path}: is not among the values known to this provider; it is sent unchanged{hint}"]


@pytest.mark.parametrize(
    ("dialect", "protocols", "purposes"),
    [("v1", PROTOCOLS, PURPOSES), ("v2", PROTOCOLS + PROTOCOLS_V2, PURPOSES + PURPOSES_V2)],
)
def test_known_values_cause_no_warning(dialect: Dialect, protocols: list[str], purposes: list[str]) -> None:
    known = [minimal(model_config__is_compatible_with=name) for name in protocols]
    known += [minimal(testing_for=name) for name in (*purposes, UNKNOWN)]
    for props in known:
        inputs, problems = parse(props, dialect)
        assert problems == codec.doubts(MODEL, inputs, dialect) == []


def test_a_pasted_v2_document_gets_hints_where_its_fields_belong() -> None:
    config = {"model_provider": "together", "host": "h"}
    assert said({"model_saved_name": "a", "model_version": "v1", "model_config": config}, "v2") == [
        "model_config.is_compatible_with: is required (dialect v2 calls it model_provider)",
        "model_config.host: is not a field here: use model_config.endpoint.host",
        "model_version: is not a field here: use model_config.model_version",
        "model_config.endpoint: is required",
    ]


def test_problems_of_every_sort_are_reported_together() -> None:
    """One preview reports every mistake, each field once."""
    config = {
        "is_compatible_with": "opnai", "system_prompt": "\0", "model_version": "2024-02-01T00:00:00Z",
        "metadata": {"a": float("nan"), "max_tokens": 0}, "paths": {"chat": {1: 2}}, "tools": [{"name": 5}],
        "rate_per_min": 5, "output_modalities": "text",
    }  # fmt: skip
    lines = said({"model_saved_name": "a", "model_config": config}, "v1")
    assert sorted(lines) == sorted(
        [
            f'model_config.is_compatible_with: must be one of {", ".join(PROTOCOLS)}; did you mean "openai"?',
            "model_config.system_prompt: must not contain NUL characters or unpaired surrogates",
            "model_config.model_version: is a date: in YAML, quote it",
            "model_config.metadata.a: must not be NaN or infinity",
            "model_config.metadata.max_tokens: must be 1 or more",
            "model_config.paths.chat: must have strings as field names",
            "model_config.tools[0].name: must be a string (in YAML, quote it)",
            "model_config.output_modalities: must be a list",
            "model_config.endpoint: is required",
            "model_config.tools: exists only in dialect v2: leave it out, or set enkrypt:dialect to v2",
            "model_config.rate_per_min: exists only in dialect v2: leave it out, or set enkrypt:dialect to v2",
        ]
    )


# ---- hostile input


DIALECTS = st.sampled_from(get_args(Dialect))


@given(st.dictionaries(st.text(), marked(), max_size=4) | st.fixed_dictionaries({"model_config": marked()}), DIALECTS)
def test_any_input_gets_a_bounded_number_of_lines_without_its_values(props: Any, dialect: Dialect) -> None:
    lines = said(props, dialect)
    assert len(lines) <= SHOWN + 1
    assert all(line.isprintable() and MARKER not in line for line in lines)


@given(st.sampled_from(PLACES), marked(), DIALECTS)
def test_no_problem_shows_a_value(place: Place, value: object, dialect: Dialect) -> None:
    """It may be a secret in the wrong field."""
    assert not any(MARKER in line for line in said(put(everything("v2"), place, value), dialect))


def _deep(levels: int, inner: Any) -> Any:
    return inner if not levels else _deep(levels - 1, {"a": [inner]})


CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = CIRCLE


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("metadata", {"a": _deep(400, 1)}, f": {DEEP}"),
        ("metadata", CIRCLE, f": {DEEP}"),
        ("default_request_options", CIRCLE, f": {DEEP}"),
        (
            "paths",
            {"x\ny" * 100: "a"},
            f".{'x y' * 19}x …: is not a field here; the fields are completions, chat, vision, embeddings",
        ),
    ],
)
def test_hostile_input_is_one_line(field: str, value: Any, line: str) -> None:
    assert said(document(**{f"model_config__{field}": value})) == [f"model_config.{field}{line}"]


def test_a_field_name_that_is_not_a_string_is_refused() -> None:
    odd: dict[Any, Any] = {1: "a"}
    assert said({**document(), **odd}) == ["must have strings as field names"]


def test_problems_after_the_first_twenty_are_counted() -> None:
    lines = said({**document(), **{f"q{n}": n for n in range(30)}})
    assert len(lines) == 21
    assert lines[-1] == "and 10 more problems"
    assert said({**document(), **{f"q{n}": n for n in range(21)}})[-1] == "and 1 more problem"


def test_invalid_properties_are_returned_unchanged() -> None:
    props = document(model_config__endpoint__port="https")
    assert parse(props)[0] == props


# ---- unknown values


@pytest.mark.parametrize("place", PLACES, ids=spelled)
def test_an_unknown_value_stays_in_place(place: Place) -> None:
    inputs, problems = parse(put(everything("v2"), place, UNKNOWN), "v2")
    assert problems == []
    assert at(inputs, place) is UNKNOWN


def test_the_default_port_is_left_out_while_the_scheme_is_unknown() -> None:
    inputs = canonical(minimal(model_config__endpoint={"host": "h", "scheme": UNKNOWN}))
    assert "port" not in inputs["model_config"]["endpoint"]


@pytest.mark.parametrize("field", ["model_saved_name", "model_config", "model_config__model_version"])
def test_an_identity_may_be_unknown(field: str) -> None:
    assert MODEL.known_identity(canonical(document(**{field: UNKNOWN}))) is None
