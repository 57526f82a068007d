"""kinds/codec.py: what a program may declare, what a response may say, and the one canonical form of both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from documents import (
    ANSWER,
    COMPUTED,
    DOCUMENT,
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
from enkrypt_provider.kinds.mistakes import SHOWN
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PROTOCOLS_V2, PURPOSES, PURPOSES_V2
from enkrypt_provider.kinds.plain import UNKNOWN

parse, read, is_whole = partial(codec.parse, MODEL), partial(codec.read, MODEL), partial(codec.is_whole, MODEL)
from_state, body = partial(codec.from_state, MODEL), partial(codec.body, MODEL)

ROOT = Path(__file__).resolve().parents[2]
NAMES = ", ".join(PROTOCOLS)
CERTIFICATIONS = ", ".join(MODEL.fields["certifications"].values)
STRING = "must be a string (in YAML, quote it)"
LINE = "must be one line, without control characters"
NOT_TEXT = "must not hold NUL characters or half surrogate pairs"
IDENTITY = 'must be printable ASCII, without "/" and without spaces at its ends, and not be empty'
FINITE = "must not be NaN or infinity"
INEXACT = "must be a whole number that a double holds exactly, up to 2**53: give a larger one as a text"
HOST = "must be a host name alone, such as api.together.xyz: scheme, port and path have fields of their own"
PATH = 'must be empty or start with "/" and hold no spaces, such as "/v1"'
KEY = "must not be empty or hold spaces or line breaks (a pasted key?)"
JSON_ONLY = "must hold only strings, numbers, true or false, lists and objects"
DATE = "is a date: in YAML, quote it"
TOO_MANY = "must hold at most 100 items, this one holds 101"

# The field (by its path), a value that breaks one rule, and the exact line that says so.
BROKEN: list[tuple[str, Any, str]] = [
    ("model_saved_name", 5, STRING),
    ("model_saved_name", "", IDENTITY),
    ("model_saved_name", "a/b", IDENTITY),
    ("model_saved_name", " a", IDENTITY),
    ("model_saved_name", "a ", IDENTITY),
    ("model_saved_name", "a\n", IDENTITY),
    ("model_saved_name", "modèle", IDENTITY),
    ("model_saved_name", "x" * 33, "must be at most 32 characters, this one has 33"),
    ("testing_for", True, STRING),
    ("testing_for", "llm", 'must be one of Copilot, LLM, Chatbot; did you mean "LLM"?'),
    ("testing_for", "chat bot", 'must be one of Copilot, LLM, Chatbot; did you mean "Chatbot"?'),
    ("testing_for", "12", "must be one of Copilot, LLM, Chatbot"),
    ("testing_for", "agents", "must be one of Copilot, LLM, Chatbot; that one is of dialect v2"),
    ("model_name", ["a"], STRING),
    ("model_name", "two\nlines", LINE),
    ("model_name", "2024-08-06 00:00:00 +0000 UTC", DATE),
    ("model_name", "half \ud800", NOT_TEXT),
    ("model_name", "x" * 4001, "must be at most 4,000 characters, this one has 4,001"),
    ("model_type", 1.0, STRING),
    ("model_type", "text2text", 'must be one of text_2_text; did you mean "text_2_text"?'),
    ("certifications", "GDPR", "must be a list"),
    ("certifications", {"GDPR": True}, "must be a list"),
    ("certifications", ["GDPR"] * 101, TOO_MANY),
    ("certifications[0]", 1, STRING),
    ("certifications[0]", "gpd", f'must be one of {CERTIFICATIONS}; did you mean "GDPR"?'),
    ("certifications[0]", "soc2 type ii", f'must be one of {CERTIFICATIONS}; did you mean "SOC 2 Type II"?'),
    ("model_config", "openai", "must be an object"),
    ("model_config", [], "must be an object"),
    ("model_config.is_compatible_with", 1, STRING),
    ("model_config.is_compatible_with", "open-ai", f'must be one of {NAMES}; did you mean "openai"?'),
    ("model_config.is_compatible_with", "sierra", f"must be one of {NAMES}; that one is of dialect v2"),
    ("model_config.model_version", 1, STRING),
    ("model_config.model_version", 1.0, STRING),
    ("model_config.model_version", "", IDENTITY),
    ("model_config.model_version", "1/2", IDENTITY),
    ("model_config.model_version", "2024-08-06 00:00:00 +0000 UTC", DATE),
    ("model_config.model_version", "2024-08-06T00:00:00Z", DATE),
    ("model_config.model_version", "x" * 256, "must be at most 255 characters, this one has 256"),
    ("model_config.hosting_type", 1, STRING),
    ("model_config.hosting_type", "external", 'must be one of External, Internal; did you mean "External"?'),
    ("model_config.model_source", 1, STRING),
    ("model_config.model_source", "a\x7f", LINE),
    ("model_config.model_source", "x" * 4001, "must be at most 4,000 characters, this one has 4,001"),
    ("model_config.model_provider", 1, STRING),
    ("model_config.model_provider", "a\tb", LINE),
    ("model_config.model_provider", "x" * 4001, "must be at most 4,000 characters, this one has 4,001"),
    ("model_config.system_prompt", 1, STRING),
    ("model_config.system_prompt", "a\0b", NOT_TEXT),
    ("model_config.system_prompt", "a\udfffb", NOT_TEXT),
    ("model_config.system_prompt", "x" * 200_001, "must be at most 200,000 characters, this one has 200,001"),
    ("model_config.conversation_template", {}, STRING),
    ("model_config.conversation_template", "\0", NOT_TEXT),
    ("model_config.conversation_template", "x" * 200_001, "must be at most 200,000 characters, this one has 200,001"),
    ("model_config.endpoint", "https://h/v1", "must be an object"),
    ("model_config.endpoint.scheme", 1, STRING),
    ("model_config.endpoint.scheme", "htps", 'must be one of https, http; did you mean "https"?'),
    ("model_config.endpoint.scheme", "", "must be one of https, http"),
    ("model_config.endpoint.host", 1, STRING),
    ("model_config.endpoint.host", "", HOST),
    ("model_config.endpoint.host", "https://api.together.xyz", HOST),
    ("model_config.endpoint.host", "api.together.xyz:443", HOST),
    ("model_config.endpoint.host", "api.together.xyz/v1", HOST),
    ("model_config.endpoint.host", "api together", HOST),
    ("model_config.endpoint.host", "h\n", HOST),
    ("model_config.endpoint.host", "a" * 254, HOST),
    ("model_config.endpoint.host", "münchen.example", "must be a host name in ASCII: write xn--mnchen-3ya.example"),
    ("model_config.endpoint.host", "ü/x", HOST),
    ("model_config.endpoint.port", 0, "must be from 1 to 65535"),
    ("model_config.endpoint.port", 65536, "must be from 1 to 65535"),
    ("model_config.endpoint.port", 443.5, "must be a whole number"),
    ("model_config.endpoint.port", "https", "must be a whole number"),
    ("model_config.endpoint.port", [443], "must be a whole number"),
    ("model_config.endpoint.port", "9" * 5000, "must be a whole number of a sensible size"),
    ("model_config.endpoint.port", True, "must be a number, not true or false"),
    ("model_config.endpoint.base_path", 1, STRING),
    ("model_config.endpoint.base_path", "/a b", PATH),
    ("model_config.endpoint.base_path", "/a\n", PATH),
    ("model_config.endpoint.base_path", "/" + "x" * 4000, "must be at most 4,000 characters, this one has 4,001"),
    ("model_config.paths", "/chat", "must be an object"),
    *((f"model_config.paths.{name}", "chat", PATH) for name in ("completions", "chat", "vision", "embeddings")),
    *((f"model_config.paths.{name}", 1, STRING) for name in ("completions", "chat", "vision", "embeddings")),
    ("model_config.auth_data", [], "must be an object"),
    ("model_config.auth_data.header_name", 1, STRING),
    ("model_config.auth_data.header_name", "X Key", "must be an HTTP header's name"),
    ("model_config.auth_data.header_name", "X-Key:", "must be an HTTP header's name"),
    ("model_config.auth_data.header_prefix", 1, STRING),
    ("model_config.auth_data.header_prefix", "Bearer\r\n", LINE),
    ("model_config.auth_data.space_after_prefix", "perhaps", "must be true or false"),
    ("model_config.auth_data.space_after_prefix", [True], "must be true or false"),
    ("model_config.apikeys", "stand-in-key", "must be a list"),
    ("model_config.apikeys", ["k"] * 101, TOO_MANY),
    ("model_config.apikeys[0]", 1, STRING),
    ("model_config.apikeys[0]", "", KEY),
    ("model_config.apikeys[0]", "stand-in key", KEY),
    ("model_config.apikeys[0]", "stand-in-key\n", KEY),
    ("model_config.apikeys[0]", "stand-in-\0key", NOT_TEXT),
    ("model_config.apikeys[0]", "k" * 8001, "must be at most 8,000 characters, this one has 8,001"),
    ("model_config.metadata", [], "must be an object"),
    ("model_config.metadata.max_tokens", 0, "must be 1 or more"),
    ("model_config.metadata.max_tokens", 2048.5, "must be a whole number"),
    ("model_config.metadata.max_tokens", True, "must be a number, not true or false"),
    ("model_config.metadata.max_tokens", "many", "must be a whole number"),
    *((f"model_config.metadata.{name}", -0.5, "must be 0 or more") for name in ("input_cost", "output_cost")),
    *((f"model_config.metadata.{name}", "dear", "must be a number") for name in ("input_cost", "output_cost")),
    *((f"model_config.metadata.{name}", [], "must be a number") for name in ("input_cost", "output_cost")),
    *(
        (f"model_config.metadata.{name}", float(odd), FINITE)
        for name in ("input_cost", "output_cost")
        for odd in ("nan", "inf")
    ),
    *(
        (f"model_config.metadata.{name}", value, rule)
        for name in ("azure_instance", "azure_api_version", "azure_deployment_id", "anthropic_version")
        for value, rule in ((1, STRING), ("a\nb", LINE))
    ),
    ("model_config.metadata.azure_api_version", "2024-02-01 00:00:00 +0000 UTC", DATE),
    ("model_config.metadata.anthropic_version", "2023-06-01T00:00:00Z", DATE),
    ("model_config.metadata.llama2_format", "ollama", "must be one of openai"),
    ("model_config.metadata.llama2_format", "opnai", 'must be one of openai; did you mean "openai"?'),
    ("model_config.metadata.mistral_format", "llama", 'must be one of openai, ollama; did you mean "ollama"?'),
    ("model_config.metadata.gemini", "eu", "must be an object"),
    ("model_config.metadata.gemini.api_endpoint", "https://eu.example.com", HOST),
    ("model_config.metadata.gemini.project_id", 5, STRING),
    ("model_config.metadata.gemini.location_id", "a\nb", LINE),
    ("model_config.metadata.gemini.other", float("nan"), FINITE),
    ("model_config.metadata.other", {1: "a"}, "must have strings as the names of its fields"),
    ("model_config.metadata.other", "a\0b", NOT_TEXT),
        ("model_config.metadata.other", object(), JSON_ONLY),
    ("model_config.metadata.other", "x" * 200_001, "must be at most 200,000 characters, this one has 200,001"),
    ("model_config.metadata.other", 2**53 + 1, INEXACT),
    ("model_config.metadata.other", 10**400, INEXACT),
    ("model_config.default_request_options", ["temperature"], "must be an object"),
    ("model_config.default_request_options.temperature", float("inf"), FINITE),
    ("model_config.default_request_options", {"a": list(range(10_000))}, "must hold at most 10,000 values"),
    ("model_config.default_request_options.temperature", {2, 3}, JSON_ONLY),
    *((name, "perhaps", "must be true or false") for name in MODEL.options),
]  # fmt: skip

# The same for the fields that dialect v2 alone has.
BROKEN_V2: list[tuple[str, Any, str]] = [
    ("model_config.model_auth_type", 1, STRING),
    ("model_config.model_auth_type", "JWT", 'must be one of apikey, jwt; did you mean "jwt"?'),
    ("model_config.model_jwt_config", "POST", "must be an object"),
    ("model_config.model_jwt_config.jwt_method", "PUT", 'must be one of POST, GET; did you mean "POST"?'),
    ("model_config.model_jwt_config.jwt_url", 1, STRING),
    ("model_config.model_jwt_config.jwt_url", None, "is required"),
    ("model_config.model_jwt_config.jwt_headers", {}, "must be a list"),
    ("model_config.model_jwt_config.jwt_headers[0]", "a: b", "must be an object"),
    ("model_config.model_jwt_config.jwt_headers[0].key", "a\nb", LINE),
    ("model_config.model_jwt_config.jwt_headers[0].value", 1, STRING),
    ("model_config.model_jwt_config.jwt_body", {"a": "b"}, STRING),
    ("model_config.model_jwt_config.jwt_response_key", "a\nb", LINE),
    ("model_config.tools", "search", "must be a list"),
    ("model_config.tools", [{"name": "a"}] * 101, TOO_MANY),
    ("model_config.tools[0]", "search", "must be an object"),
    ("model_config.tools[0].name", None, "is required"),
    ("model_config.tools[0].description", 1, STRING),
    ("model_config.input_modalities", "text", "must be a list"),
    ("model_config.input_modalities[0]", "images", 'must be one of text, image, audio; did you mean "image"?'),
    ("model_config.output_modalities", "text", "must be a list"),
    ("model_config.output_modalities[0]", "txt", 'must be one of text; did you mean "text"?'),
    ("model_config.custom_headers", {"a": "b"}, "must be a list"),
    ("model_config.custom_headers[0]", "a: b", "must be an object"),
    ("model_config.custom_headers[0].key", None, "is required"),
    ("model_config.custom_headers[0].value", "a\0b", NOT_TEXT),
    ("model_config.custom_payload", "{}", "must be an object"),
    ("model_config.custom_payload.prompt", float("nan"), FINITE),
    ("model_config.custom_curl_command", ["curl"], STRING),
    ("model_config.custom_response_format", 1, STRING),
    ("model_config.custom_response_content_type", "a\nb", LINE),
    ("model_config.rate_per_min", 0, "must be 1 or more"),
    ("model_config.rate_per_min", 20.5, "must be a whole number"),
    ("model_config.context", "bank", "must be an object"),
    ("model_config.context.system_description", "x" * 2001, "must be at most 2,000 characters, this one has 2,001"),
    ("model_config.context.policy_description", "x" * 5001, "must be at most 5,000 characters, this one has 5,001"),
    ("testing_for", 5, STRING),
    ("testing_for", " ", f"must be one of {', '.join(PURPOSES + PURPOSES_V2)}"),
    ("testing_for", "a\nb", f"must be one of {', '.join(PURPOSES + PURPOSES_V2)}"),
    (
        "model_config.is_compatible_with",
        "",
        f"must be one of {', '.join(PROTOCOLS + PROTOCOLS_V2)}",
    ),
    ("model_config.is_compatible_with", 5, STRING),
]


PLACES = [place for place in leaves(everything("v2")) if place]
"""Where a program may put a value."""


def _place(path: str) -> list[str | int]:
    return [int(p) if p.isdigit() else p for p in re.split(r"[.\[\]]+", path.removesuffix("]"))]


def _broken(path: str, value: Any, dialect: Dialect = "v1") -> dict[str, Any]:
    """A whole registration with `value` at `path`."""
    props = everything(dialect)
    *parents, last = _place(path)
    at(props, tuple(parents))[last] = value
    return props


def _said(props: dict[str, Any], dialect: Dialect = "v1") -> list[str]:
    return [str(problem) for problem in parse(props, dialect)[1]]


def _named(table: list[tuple[str, Any, str]]) -> list[Any]:
    return [pytest.param(*row, id=f"{number}-{row[0]}-{row[2][:25]}") for number, row in enumerate(table)]


@pytest.mark.parametrize(("path", "value", "rule"), _named(BROKEN))
def test_each_broken_rule_is_one_exact_line(path: str, value: Any, rule: str) -> None:
    """One wrong value is one line: its path and its rule, nothing else."""
    assert _said(_broken(path, value)) == [f"{path}: {rule}"]


@pytest.mark.parametrize(("path", "value", "rule"), _named(BROKEN_V2))
def test_each_broken_rule_of_v2_is_one_exact_line(path: str, value: Any, rule: str) -> None:
    """The fields that v2 alone has are held to their rules as strictly."""
    assert _said(_broken(path, value, "v2"), "v2") == [f"{path}: {rule}"]


def test_the_tables_have_a_row_for_every_field() -> None:
    """No field that a program may set goes without a rule that can fail."""
    rows = {re.sub(r"\[\d+\]", "", path) for path, _, _ in BROKEN + BROKEN_V2}
    fields = {".".join(str(p) for p in place if isinstance(p, str)) for place in PLACES}
    free = ("metadata.owner", "default_request_options.", "custom_payload.")
    assert {f for f in fields if not f.startswith(tuple(f"model_config.{name}" for name in free))} <= rows | {
        "model_config.model_jwt_config.jwt_headers"
    }


def test_everything_means_every_field() -> None:
    """The example that the tables start from leaves no field of any document out."""
    names = {field.name for field in MODEL.fields.values() if field.is_argument}
    assert names <= {part for place in PLACES for part in place}


@pytest.mark.parametrize("path", [path for path, only in MODEL.only_in.items() if only.dialect == "v2"])
def test_what_only_v2_can_say_is_refused_in_v1(path: str) -> None:
    """A field that the declared dialect cannot say is not silently dropped."""
    lines = _said(put(document(), ("model_config",), {**document()["model_config"], **_only(path)}))
    assert lines == [f"{path}: is of dialect v2: leave it out, or set enkrypt:dialect to v2"]


def _only(path: str) -> dict[str, Any]:
    name = path.removeprefix("model_config.")
    return {name: everything("v2")["model_config"][name]}


def test_what_only_v1_can_say_is_refused_in_v2() -> None:
    """The conversation template has no field in v2, so it must be empty there."""
    lines = _said(document(model_config__conversation_template="{{ a }}"), "v2")
    assert lines == [
        "model_config.conversation_template: is of dialect v1: leave it out, or set enkrypt:dialect to v1"
    ]


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("model_saved_name", "model_saved_name: is required"),
        ("model_config", "model_config: is required"),
        (
            "model_config.is_compatible_with",
            "model_config.is_compatible_with: is required (dialect v2 calls it model_provider)",
        ),
        ("model_config.endpoint", "model_config.endpoint: is required"),
        ("model_config.endpoint.host", "model_config.endpoint.host: is required"),
    ],
)
@pytest.mark.parametrize("null", [True, False])
def test_what_is_required_must_be_there(missing: str, line: str, null: bool) -> None:
    """A required field that is left out, or null, is named."""
    props = document()
    *parents, last = missing.split(".")
    target = at(props, tuple(parents))
    target[last] = None
    if not null:
        del target[last]
    assert _said(props) == [line]


@pytest.mark.parametrize(
    ("place", "name", "hint"),
    [
        ("", "model_safed_name", '; did you mean "model_saved_name"?'),
        ("model_config", "api_keys", '; did you mean "apikeys"?'),
        ("model_config", "meta data", '; did you mean "metadata"?'),
        ("model_config.endpoint", "hostname", '; did you mean "host"?'),
        ("model_config.endpoint", "qq", "; there are scheme, host, port, base_path"),
        ("model_config.paths", "chats", '; did you mean "chat"?'),
        ("model_config.paths", "qq", "; there are completions, chat, vision, embeddings"),
        ("model_config.auth_data", "header", '; did you mean "header_name"?'),
        ("model_config.auth_data", "qq", "; there are header_name, header_prefix, space_after_prefix"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(place: str, name: str, hint: str) -> None:
    """A misspelt field is an error that knows better, at every level."""
    props = everything()
    at(props, tuple(filter(None, place.split("."))))[name] = "x"
    assert _said(props) == [f"{place}.{name}: is not a field here{hint}".removeprefix(".")]


@pytest.mark.parametrize(
    ("path", "name"), [("model_config.metadata", "metadta"), ("model_config.metadata.gemini", "region")]
)
def test_metadata_passes_on_what_it_does_not_know(path: str, name: str) -> None:
    """The names in metadata are inferred, so a user who knows better is not refused."""
    props = everything()
    at(props, tuple(path.split(".")))[name] = {"any": ["thing", 1, None]}
    assert at(canonical(props), tuple(path.split(".")))[name] == {"any": ["thing", 1, None]}


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
@pytest.mark.parametrize("path", ["model_config.metadata", "model_config.metadata.gemini"])
def test_a_name_that_json_cannot_carry_is_refused(path: str, name: str) -> None:
    """Names of fields obey the rules of texts: both are sent as JSON."""
    props = everything()
    at(props, tuple(path.split(".")))[name] = 1
    (line,) = _said(props)
    assert line.startswith(path)
    assert line.endswith(NOT_TEXT)


# ---- the canonical form


def test_the_documents_payload_is_its_own_canonical_form() -> None:
    """What the document sends is what is sent, byte for byte and in its order."""
    sent = body(canonical(document()))
    assert json.dumps(sent, indent=2) == DOCUMENT


def test_defaults_are_those_of_the_document() -> None:
    """The least that can be declared stands for a whole object; nothing is left to the server."""
    assert canonical(minimal()) == {
        "model_saved_name": "small",
        "testing_for": "LLM",
        "model_name": "",
        "model_type": "text_2_text",
        "certifications": [],
        "model_config": {
            "is_compatible_with": "openai",
            "model_version": "v1",
            "hosting_type": "External",
            "model_source": "",
            "model_provider": "",
            "system_prompt": "",
            "conversation_template": "",
            "endpoint": {"scheme": "https", "host": "h", "port": 443, "base_path": ""},
            "paths": {"completions": "/completions", "chat": "/chat/completions"},
            "auth_data": {"header_name": "Authorization", "header_prefix": "Bearer", "space_after_prefix": True},
            "apikeys": [],
            "metadata": {},
            "default_request_options": {},
        },
    }


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_the_port_is_the_schemes(scheme: str, port: int) -> None:
    """A port that is not declared is the one that the scheme means."""
    inputs = canonical(minimal(model_config__endpoint={"host": "h", "scheme": scheme}))
    assert inputs["model_config"]["endpoint"]["port"] == port


@pytest.mark.parametrize(("said", "sent"), [("v1", "/v1"), ("/v1/", "/v1"), ("v1//", "/v1"), ("/", ""), ("", "")])
def test_a_base_path_has_a_slash_before_it_and_none_behind(said: str, sent: str) -> None:
    """So that no URL has two slashes in a row, or none."""
    inputs = canonical(minimal(model_config__endpoint={"host": "h", "base_path": said}))
    assert inputs["model_config"]["endpoint"]["base_path"] == sent


@pytest.mark.parametrize(
    ("path", "said", "kept"),
    [
        ("model_config.endpoint.port", "8443", 8443),
        ("model_config.metadata.max_tokens", "2048", 2048),
        ("model_config.metadata.input_cost", "2.5", 2.5),
        ("model_config.metadata.output_cost", "10", 10),
        ("model_config.auth_data.space_after_prefix", "false", False),
        ("model_config.rate_per_min", "30", 30),
        ("deletion_protection", "true", True),
    ],
)
def test_a_number_given_as_a_text_is_a_number(path: str, said: str, kept: Any) -> None:
    """`pulumi config set --path` may give one: it is what the field wants, with its type."""
    inputs, problems = parse(_broken(path, said, "v2"), "v2")
    assert not problems
    found = at(inputs, tuple(path.split(".")))
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize("place", [("context",), ("metadata", "gemini")], ids=".".join)
def test_an_empty_object_is_absent(place: tuple[str, ...]) -> None:
    """To say nothing about an object is not to say it."""
    inputs, problems = parse(put(everything("v2"), ("model_config", *place), {}), "v2")
    assert not problems
    assert place[-1] not in at(inputs, ("model_config", *place[:-1]))


def test_the_json_of_a_service_account_is_a_key() -> None:
    """The only key that has spaces and line breaks."""
    key = json.dumps({"type": "service_account", "private_key": "stand-in"}, indent=2)
    assert canonical(minimal(model_config__apikeys=[key]))["model_config"]["apikeys"] == [key]


@pytest.mark.parametrize(("dialect", "purpose"), [("v1", "LLM"), ("v2", "foundationModels")])
def test_what_a_model_is_tested_as_has_the_dialects_own_default(dialect: Dialect, purpose: str) -> None:
    """In v2 it is the official client's, also where a response leaves it out."""
    inputs, _ = parse(minimal(), dialect)
    sent = body(inputs, dialect)
    assert inputs["testing_for"] == sent.pop("testing_for") == read(sent).inputs["testing_for"] == purpose


def test_a_pasted_document_of_v2_is_told_where_its_fields_stand() -> None:
    """What the API's newer documents show, written as arguments."""
    config = {"model_provider": "together", "host": "h"}
    assert _said({"model_saved_name": "a", "model_version": "v1", "model_config": config}, "v2") == [
        "model_config.is_compatible_with: is required (dialect v2 calls it model_provider)",
        "model_config.host: is not a field here: it is model_config.endpoint.host",
        "model_version: is not a field here: it is model_config.model_version",
    ]


def test_a_date_in_a_free_map_is_a_text() -> None:
    """There nobody knows whether a date is meant."""
    day = {"since": "2024-08-06T00:00:00Z"}
    assert canonical(minimal(model_config__metadata=day))["model_config"]["metadata"] == day


def test_what_a_response_says_breaks_no_rule_of_a_program() -> None:
    """A midnight, a long text and a large number are what they are."""
    found = answer(created_at="2024-10-15T00:00:00Z", model_config__metadata={"n": 2**53 + 1, "t": "x" * 200_001})
    assert read(found).computed["created_at"] == "2024-10-15T00:00:00Z"
    assert read(found).inputs["model_config"]["metadata"] == {"n": 2**53 + 1, "t": "x" * 200_001}


@given(registrations())
def test_parsing_twice_is_parsing_once(props: dict[str, Any]) -> None:
    """The canonical form is a fixed point: what is in the state never looks changed."""
    assert canonical(canonical(props)) == canonical(props)


@given(registrations())
def test_the_engine_changes_nothing(props: dict[str, Any]) -> None:
    """What comes back from the engine, floats and all, is the canonical form again, type for type."""
    inputs = canonical(props)
    back = from_state(through_engine(inputs))
    assert back == inputs
    assert json.dumps(back, sort_keys=True) == json.dumps(inputs, sort_keys=True)


@given(registrations())
def test_the_engines_check_parses_as_the_program_would(props: dict[str, Any]) -> None:
    """Whether numbers came as int or float, and maps in which order, makes no other registration."""
    assert canonical(through_engine(props)) == canonical(props)


@given(registrations())
def test_null_is_absent(props: dict[str, Any]) -> None:
    """A field that is null is as if it were not there, at every level of the known fields."""

    def without(value: Any) -> Any:
        return {k: without(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value

    assert canonical(without(props)) == canonical(props)


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ({"a": None, "b": {"c": None}}, {"b": {}}),
        ({"a": [None, 1.0]}, {"a": [None, 1]}),
        ({"a": 2.0**53}, {"a": 2.0**53}),
        ({"a": -0.0}, {"a": 0}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": False, "b": 0.5}, {"a": False, "b": 0.5}),
    ],
)
def test_a_free_map_is_plain_json(declared: Any, kept: Any) -> None:
    """A free map is copied as JSON means it: whole numbers whole, null fields absent, items of lists in place."""
    inputs = canonical(minimal(model_config__default_request_options=declared))
    assert json.dumps(inputs["model_config"]["default_request_options"]) == json.dumps(kept)


@given(st.dictionaries(TEXT, FREE))
def test_a_free_map_is_not_the_callers_own(options: dict[str, Any]) -> None:
    """The canonical form shares nothing mutable with what a program passed in."""
    before = json.dumps(options)
    inputs = canonical(minimal(model_config__default_request_options=options))
    inputs["model_config"]["default_request_options"]["added"] = 1
    assert json.dumps(options) == before


@pytest.mark.parametrize("name", [*MODEL.computed, "__provider"])
def test_what_is_not_the_programs_is_no_input(name: str) -> None:
    """Outputs of the server and the engine's own entries are not taken for arguments."""
    assert name not in canonical({**document(), name: "x"})


@pytest.mark.parametrize(("said", "kept"), [(True, True), (False, None), (None, None)])
def test_adopting_is_an_option_of_ours(said: bool | None, kept: bool | None) -> None:
    """`adopt_existing` is kept where it is true, and never sent to the API."""
    inputs = canonical(document(adopt_existing=said))
    assert inputs.get("adopt_existing") is kept
    assert "adopt_existing" not in body(inputs)


@given(registrations())
def test_what_is_accepted_here_is_accepted_by_the_api(
    tmp_path_factory: pytest.TempPathFactory, props: dict[str, Any]
) -> None:
    """No registration passes `check` only to be refused by `add-model`, as the emulator has it."""
    status, said = _add(tmp_path_factory, body(canonical(props)))
    assert status in (200, 409), said


ODD = ["", " ", "\0", "x" * 40, "Ünï", 0, -1, 1.5, 70_000, True, None, [], {}, [1], {"a": 1}]


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_what_the_api_refuses_is_refused_here(tmp_path_factory: pytest.TempPathFactory, dialect: Dialect) -> None:
    """Of all odd values in all places, those that the emulator refuses never get that far: `check` is first."""
    whole = everything(dialect)
    places = [place for place in leaves(whole) if place]
    tried = [(place, odd, *parse(put(whole, place, odd), dialect)) for place in places for odd in ODD]
    sent = [(place, odd, body(inputs, dialect)) for place, odd, inputs, problems in tried if not problems]
    responses = [(place, odd, _add(tmp_path_factory, body, dialect)) for place, odd, body in sent]
    assert len(sent) > len(ODD)
    assert [row for row in responses if row[2][0] not in (200, 409)] == []


_APPS: dict[str, httpx.Client] = {}


def _add(factory: pytest.TempPathFactory, body: Any, dialect: Dialect = "v1") -> tuple[int, str]:
    """The emulator's response to `add-model`; one database for a whole run."""
    if dialect not in _APPS:
        app = create_app(factory.getbasetemp() / f"{dialect}.sqlite", dialect=dialect)
        transport = httpx.WSGITransport(app=app)
        _APPS[dialect] = httpx.Client(transport=transport, base_url="http://h", headers={"apikey": "stand-in-key"})
    content = json.dumps(body, ensure_ascii=False).encode()
    found = _APPS[dialect].post("/models/add-model", content=content, headers={"Content-Type": "application/json"})
    return found.status_code, found.text


# ---- what is not known yet


@pytest.mark.parametrize("place", PLACES, ids=lambda p: ".".join(map(str, p)))
def test_an_unknown_value_stays_where_it_is(place: tuple[str | int, ...]) -> None:
    """At preview any value may be another resource's output: it breaks no rule and moves nowhere."""
    inputs, problems = parse(put(everything("v2"), place, UNKNOWN), "v2")
    assert problems == []
    assert at(inputs, place) is UNKNOWN


def test_nothing_follows_from_what_is_unknown() -> None:
    """The default of a port waits for its scheme."""
    inputs = canonical(minimal(model_config__endpoint={"host": "h", "scheme": UNKNOWN}))
    assert "port" not in inputs["model_config"]["endpoint"]


@pytest.mark.parametrize(
    "props",
    [
        document(model_saved_name=UNKNOWN),
        document(model_config=UNKNOWN),
        document(model_config__model_version=UNKNOWN),
    ],
)
def test_an_identity_may_be_unknown(props: dict[str, Any]) -> None:
    """Where a part of the identity is not known yet, there is none."""
    assert MODEL.known_identity(canonical(props)) is None


def test_an_identity_is_name_and_version() -> None:
    """The identity of canonical properties is the document's name and version."""
    assert MODEL.known_identity(canonical(document())) == Identifier("Test_Model", "1")


# ---- hostile input


DIALECTS = st.sampled_from(get_args(Dialect))


@given(st.dictionaries(st.text(), marked(), max_size=4) | st.fixed_dictionaries({"model_config": marked()}), DIALECTS)
def test_any_input_gets_a_bounded_number_of_lines(props: Any, dialect: Dialect) -> None:
    """Whatever a program passes in, there is a bounded number of lines, none of which shows a value."""
    lines = _said(props, dialect)
    assert len(lines) <= SHOWN + 1
    assert all(line.isprintable() and MARKER not in line for line in lines)


@given(st.sampled_from(PLACES), marked(), DIALECTS)
def test_no_problem_shows_a_value(place: tuple[str | int, ...], value: object, dialect: Dialect) -> None:
    """A value that breaks a rule may be a secret in the wrong field: no line repeats it."""
    assert not any(MARKER in line for line in _said(put(everything("v2"), place, value), dialect))


def _deep(levels: int, inner: Any) -> Any:
    return inner if not levels else _deep(levels - 1, {"a": [inner]})


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    return circle


_DEEP = "must be nested at most 18 levels deep"
_LONG = "must hold at most 10,000 values"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("model_config__metadata", {"a": _deep(400, 1)}, f"model_config.metadata: {_DEEP}"),
        ("model_config__metadata", _circle(), f"model_config.metadata: {_DEEP}"),
        ("model_config__default_request_options", _circle(), f"model_config.default_request_options: {_DEEP}"),
        ("certifications", ["x"] * 100_000, f"certifications: {_LONG}"),
        ("model_config__apikeys", [1] * 1_000_000, f"model_config.apikeys: {_LONG}"),
        (
            "model_config__is_compatible_with",
            "x" * 100_000,
            f"model_config.is_compatible_with: must be one of {NAMES}",
        ),
        (
            "model_config__paths",
            {"x\ny" * 100: "a"},
            f"model_config.paths.{'x y' * 19}x …: is not a field here; "
            "there are completions, chat, vision, embeddings",
        ),
    ],
)
def test_hostile_input_is_one_line(field: str, value: Any, line: str) -> None:
    """Depth, size, circles and odd names are each told in one line of bounded length."""
    assert _said(document(**{field: value})) == [line]


def test_a_name_that_is_no_text_is_refused() -> None:
    """Not even a program that bypasses every type gets past with a field named by a number."""
    odd: dict[Any, Any] = {1: "a"}
    assert _said({**document(), **odd}) == ["must have strings as the names of its fields"]


def test_many_problems_are_counted() -> None:
    """A person sees the first twenty problems and how many there are besides."""
    lines = _said({**document(), **{f"q{n}": n for n in range(30)}})
    assert len(lines) == 21
    assert lines[-1] == "and 10 more problems"


def test_broken_properties_come_back_as_they_were() -> None:
    """Where a rule is broken, nothing is made of the properties: what a person typed is what is talked about."""
    props = document(model_config__endpoint__port="https")
    assert parse(props)[0] == props


def test_the_chained_error_shows_no_value_either() -> None:
    """Not even the error behind an error, which a crash reporter may print, shows a value."""
    broken = answer(model_config__apikeys=[{"key": "stand-in-key"}])
    with pytest.raises(UnexpectedResponse) as caught:
        read(broken)
    behind = caught.value.__context__
    assert behind is not None
    assert "stand-in-key" not in f"{behind!s}{behind!r}"


# ---- what a response says


def test_the_documents_response_reads_as_what_was_sent() -> None:
    """The document's response, in its other order, is the payload plus what the server sets."""
    live = read(json.loads(ANSWER))
    assert (live.inputs, live.computed) == (canonical(document()), COMPUTED)
    assert str(live.identity) == "Test_Model/1"


@given(registrations())
def test_what_was_sent_reads_back_the_same(props: dict[str, Any]) -> None:
    """A server that echoes a registration shows no drift, in any order."""
    inputs = canonical(props)
    echo = upside_down({**inputs, **COMPUTED})
    assert read(echo).inputs == inputs


def _without(*path: str) -> dict[str, Any]:
    found = answer()
    del at(found, path[:-1])[path[-1]]
    return found


def _at_the_root(*names: str) -> dict[str, Any]:
    found = answer()
    return {**found, **{name: found["model_config"].pop(name) for name in names}}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(answer(is_sample=False, created_by={"id": 1}), id="an extra field"),
        pytest.param(answer(model_config__is_verified=True), id="an extra field in model_config"),
        pytest.param(answer(model_config__endpoint__region="eu"), id="an extra field further in"),
        pytest.param(answer(model_config__model_jwt_config=None), id="an extra null"),
        pytest.param(_without("certifications"), id="no certifications"),
        pytest.param(_without("model_config", "metadata"), id="no metadata"),
        pytest.param(_without("model_config", "paths"), id="no paths"),
        pytest.param(_without("model_config", "auth_data", "header_prefix"), id="no header_prefix"),
        pytest.param(_without("model_config", "endpoint", "port"), id="no port"),
        pytest.param(answer(certifications=None), id="null certifications"),
        pytest.param(answer(model_config__metadata=None), id="null metadata"),
        pytest.param(_at_the_root("model_version"), id="the version at the root"),
        pytest.param(_at_the_root("model_version", "metadata", "auth_data", "paths"), id="fields at the root"),
        pytest.param(answer(metadata={"of": "the root"}), id="one field in both places"),
        pytest.param({**_at_the_root("model_version"), "metadata": None}, id="a null at the root"),
    ],
)
def test_reading_is_tolerant(found: dict[str, Any]) -> None:
    """What a server adds, leaves out, nulls or moves to the root is no difference."""
    assert read(found).inputs == canonical(document())


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
    ],
)
def test_reading_takes_values_that_we_would_not_send(field: str, value: Any) -> None:
    """What someone else registered is shown, even where we would not have declared it."""
    assert at(read(answer(**{field: value})).inputs, tuple(field.split("__"))) == value


@pytest.mark.parametrize("name", MODEL.computed)
def test_what_the_server_sets_may_be_missing(name: str) -> None:
    """A registration without one of the server's own fields is still one."""
    expected = {k: v for k, v in COMPUTED.items() if k != name}
    assert read(_without(name)).computed == expected
    assert read(answer(**{name: None})).computed == expected


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (None, "expected a model, got nothing"),
        ([answer()], "expected a model, got a list"),
        ("ok", "expected a model, got a text"),
        (5, "expected a model, got a number"),
        (True, "expected a model, got true or false"),
        ({}, "returned a model that is not whole: model_saved_name: is required; model_config: is required"),
        (_without("model_config"), "returned a model that is not whole: model_config: is required"),
        (answer(model_config="x"), "returned a model that is not whole: model_config: must be an object"),
        (
            answer(model_config={}),
            "returned a model that is not whole: model_config.is_compatible_with: is required "
            "(dialect v2 calls it model_provider)",
        ),
        (
            _without("model_config", "endpoint", "host"),
            "returned a model that is not whole: model_config.endpoint.host: is required",
        ),
        (answer(model_saved_name=5), f"returned a model that is not whole: model_saved_name: {STRING}"),
        (answer(model_id="many"), "returned a model that is not whole: model_id: must be a whole number"),
        (answer(created_at=5), f"returned a model that is not whole: created_at: {STRING}"),
    ],
)
def test_what_is_no_registration_is_said(found: Any, line: str) -> None:
    """A response that is no registration is the server's mistake, named by its fields."""
    with pytest.raises(UnexpectedResponse) as caught:
        read(found)
    assert str(caught.value) == line


@given(marked() | st.fixed_dictionaries({"model_saved_name": marked(), "model_config": marked()}))
def test_any_response_is_read_or_refused(found: Any) -> None:
    """Whatever a server returns, it is read or refused in one line without a value of it."""
    said = _refusal(found)
    assert said.isprintable()
    assert MARKER not in said


def _refusal(found: Any) -> str:
    try:
        read(found)
    except UnexpectedResponse as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("item", "whole"),
    [
        (json.loads(ANSWER), True),
        (_at_the_root("model_version"), True),
        (_without("model_config", "model_version"), False),
        ({"model_saved_name": "a", "model_version": "1"}, False),
        (answer(model_config=None), False),
        (answer(model_config={"is_compatible_with": "openai"}), False),
        (answer(model_config__endpoint="h"), False),
        ("Test_Model", False),
        (None, False),
    ],
)
def test_a_summary_is_told_from_a_whole_item(item: Any, whole: bool) -> None:
    """An item of a list that lacks its configuration is asked for by itself."""
    assert is_whole(item) is whole


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"model_saved_name": "a"},
        {**document(), "model_config": "x"},
        document(model_config__endpoint__port="https"),
    ],
)
def test_from_state_gives_back_what_is_no_registration(held: dict[str, Any]) -> None:
    """A state that another version wrote, or none, is still compared rather than refused."""
    assert from_state({**held, "__provider": "x", "model_id": 1.0}) == held


@pytest.mark.parametrize(
    ("id_", "name", "version"),
    [
        ("Test_Model/1", "Test_Model", "1"),
        ("Test_Model", "Test_Model", "v1"),
        ("Test_Model/", "Test_Model", "v1"),
        ("a b/v 2", "a b", "v 2"),
    ],
)
def test_an_id_names_a_model_and_its_version(id_: str, name: str, version: str) -> None:
    """An id is NAME/VERSION; a name alone means the default version."""
    assert Identifier.parse(id_) == Identifier(name, version)


@given(registrations())
def test_an_id_reads_back(props: dict[str, Any]) -> None:
    """Every identity that can be declared survives as a resource's id."""
    identity = MODEL.identity_of(canonical(props))
    assert Identifier.parse(str(identity)) == identity


# ---- dialect v2


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("testing_for", "something_new", ""),
        ("testing_for", "agent", '; did you mean "agents"?'),
        ("model_config__is_compatible_with", "siera", '; did you mean "sierra"?'),
    ],
)
def test_v2_leaves_open_sets_to_the_server_with_a_doubt(field: str, value: str, hint: str) -> None:
    """Where v2 is open, an unknown value is sent as it is, and doubted aloud."""
    inputs, problems = parse(document(**{field: value}), "v2")
    doubts = [str(doubt) for doubt in codec.doubts(MODEL, inputs, "v2")]
    path = field.replace("__", ".")
    assert problems == []
    assert doubts == [f"{path}: is none of the values known to this provider and is sent as it is{hint}"]


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_what_is_known_raises_no_doubt(dialect: Dialect) -> None:
    """Nobody is warned of the document's own values, or of those that are not known yet."""
    assert codec.doubts(MODEL, canonical(document()), dialect) == []
    assert codec.doubts(MODEL, canonical(document(model_config=UNKNOWN, testing_for=UNKNOWN)), dialect) == []


def test_v2_is_sent_as_the_official_client_sends_it() -> None:
    """In v2 the protocol is `model_provider`, the version is at the root, and what v1 alone can say is gone."""
    sent = body(canonical(document()), "v2")
    config = sent["model_config"]
    assert (sent["model_version"], config["model_provider"]) == ("1", "openai")
    gone = {"is_compatible_with", "model_version", "conversation_template"}
    assert not gone & config.keys()
    assert "model_type" not in sent


@pytest.mark.parametrize("endpoint", [None, {}, {"host": "", "port": 443}])
def test_a_curl_command_needs_no_endpoint(endpoint: Any) -> None:
    """A model that is called by a command has no endpoint, however a server shows that."""
    inputs, problems = parse(minimal(model_config__endpoint=None, model_config__custom_curl_command="curl h"), "v2")
    assert problems == []
    sent = body(inputs, "v2")
    live = read({**sent, "model_config": {**sent["model_config"], "endpoint": endpoint}})
    assert "endpoint" not in live.inputs["model_config"]
    assert differing(inputs, live, MODEL) == []


@given(registrations("v2"))
def test_v2_reads_back_what_it_can_say(props: dict[str, Any]) -> None:
    """A server that echoes a body of v2 gives the same registration, but for what v2 cannot say."""
    inputs, problems = parse(props, "v2")
    assert problems == []
    live = read(body(inputs, "v2"))
    assert differing(inputs, live, MODEL) == []
    assert live.identity == MODEL.identity_of(inputs)


@given(registrations("v2"))
def test_v2_too_is_accepted_by_the_api(tmp_path_factory: pytest.TempPathFactory, props: dict[str, Any]) -> None:
    """No v2 registration passes `check` only to be refused by `add-model`, as the emulator has it."""
    inputs, problems = parse(props, "v2")
    assert problems == []
    status, said = _add(tmp_path_factory, body(inputs, "v2"), "v2")
    assert status in (200, 409), said


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
def test_no_plugin_of_pydantics_sees_a_document(tmp_path: Path, setting: str | None) -> None:
    """A tracer that is installed beside this package is handed what others validate, never a model with its keys."""
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
