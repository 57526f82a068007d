"""However an API tells of one registration, in both dialects, it is read as the same one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from documents import at, everything, leaves, minimal, upside_down

from enkrypt_provider.emulator import create_app
from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.markers import Dialect, Quiet
from enkrypt_provider.kinds.model import MODEL

from .stack import Stack

Json = Any
Edit = Callable[[Json], Json]
DIALECTS: tuple[Dialect, ...] = ("v1", "v2")


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[Dialect, str], Json]:
    """What an API answers that leaves nothing out: the emulator's words, which are not the provider's."""
    found = {}
    for dialect in DIALECTS:
        app = create_app(tmp_path_factory.mktemp("answers") / "models.db", dialect=dialect)
        client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://h", headers={"apikey": "any"})
        for name, program in PROGRAMS[dialect].items():
            inputs = Stack.answered(dialect, _nobody).inputs(program)
            found[dialect, name] = client.post("/models/add-model", json=codec.body(MODEL, inputs, dialect)).json()[
                "data"
            ]
    return found


def _nobody(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is asked of the API")


PROGRAMS: Mapping[Dialect, Mapping[str, Properties]] = {
    dialect: {"least": minimal(), "most": {**everything(dialect), "deletion_protection": False}}
    for dialect in DIALECTS
}


def drift(dialect: Dialect, program: Properties, answer: Json) -> list[str]:
    """What a stack sees of a program whose registration is answered so, by every call: the same each time."""
    stack = Stack.answered(dialect, _api(answer, [answer]))
    held = stack.create(program)
    assert stack.update(stack.holding({**program, "model_name": "before"}), program).outs.items() <= held.outs.items()
    by_list = stack.drift(held, program)
    by_get = Stack.answered(dialect, _api(answer, [{"model_saved_name": answer["model_saved_name"]}])).drift(
        held, program
    )
    assert by_list == by_get
    return by_list


def listed(dialect: Dialect, program: Properties, answer: Json) -> list[str]:
    """The same by a list alone."""
    stack = Stack.answered(dialect, _api(answer, [answer]))
    return stack.drift(stack.holding(program), program)


def _api(answer: Json, items: list[Json]) -> Callable[[httpx.Request], httpx.Response]:
    bodies = {"/models/list-models": {"models": items}, "/models/get-model": answer}

    def respond(request: httpx.Request) -> httpx.Response:
        body = bodies.get(request.url.path, {"message": "done", "data": answer})
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    return respond


# ---- edits


def put(path: str, value: Json) -> Edit:
    """With `value` at a dotted path; `...` takes away what is there."""

    def edited(answer: Json) -> Json:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        holder = at(answer, tuple(parents))
        if value is ...:
            del holder[last]
        else:
            holder[last] = value
        return answer

    return edited


def both(*edits: Edit) -> Edit:
    """One after the other."""

    def edited(answer: Json) -> Json:
        for edit in edits:
            answer = edit(answer)
        return answer

    return edited


def at_the_root(*names: str) -> Edit:
    """With fields of `model_config` at the root in its place; all of them where none is named."""

    def edited(answer: Json) -> Json:
        config = answer["model_config"]
        return {**answer, **{name: config.pop(name) for name in names or [*config]}}

    return edited


def in_the_config(*names: str) -> Edit:
    """With fields of the root in `model_config` in its place."""

    def edited(answer: Json) -> Json:
        answer["model_config"].update({name: answer.pop(name) for name in names})
        return answer

    return edited


def in_floats(value: Json) -> Json:
    """With every whole number as a float."""
    if isinstance(value, dict):
        return {name: item if name == "model_id" else in_floats(item) for name, item in value.items()}
    return float(value) if type(value) is int else value


def swapped_certifications(answer: Json) -> Json:
    return {**answer, "certifications": answer["certifications"][::-1]}


C = "model_config"
IN_BOTH: dict[str, Edit] = {
    "as it is": lambda answer: answer,
    "in another order": upside_down,
    "in floats": in_floats,
    "certifications in another order": swapped_certifications,
    # values at the root or in model_config
    "some fields at the root": at_the_root("system_prompt", "metadata", "auth_data", "paths", "apikeys"),
    "the endpoint at the root": at_the_root("endpoint"),
    "all fields at the root": at_the_root(),
    "no model_config": both(at_the_root(), put(C, ...)),
    "a null model_config": both(at_the_root(), put(C, None)),
    "the root's fields in model_config": in_the_config("testing_for", "model_name", "certifications"),
    "a field in both places": put("system_prompt", "of the root"),
    "nulls at the root": both(put("system_prompt", None), put("metadata", None), put("endpoint", None)),
    # extra fields
    "extra fields": both(
        put("is_sample", False), put("created_by", "me"), put("updated_by", {"id": 1}), put("status", ["active"])
    ),
    "extra fields in model_config": both(put(f"{C}.is_verified", True), put(f"{C}.model_id", 7)),
    "extra fields further in": both(
        put(f"{C}.endpoint.region", "eu"), put(f"{C}.paths.audio", "/a"), put(f"{C}.auth_data._extra_fields", {})
    ),
    "extra nulls": both(put("deleted_at", None), put(f"{C}.headers", None), put(f"{C}.endpoint.region", None)),
    # masked keys
    "masked keys": put(f"{C}.apikeys", ["xxxxx", "xxxxx"]),
    "fewer masked keys": put(f"{C}.apikeys", ["*****"]),
    "more keys": put(f"{C}.apikeys", ["a", "b", "c"]),
    "half masked keys": put(f"{C}.apikeys", ["sk-…1234"]),
    "empty keys": put(f"{C}.apikeys", [""]),
    "no keys": put(f"{C}.apikeys", []),
    "null keys": put(f"{C}.apikeys", None),
    "keys left out": put(f"{C}.apikeys", ...),
    # what the server sets
    "no computed fields": both(*(put(name, ...) for name in MODEL.computed)),
    "null computed fields": both(*(put(name, None) for name in MODEL.computed)),
}
IN_V1: dict[str, Edit] = {
    "the version at the root": at_the_root("model_version"),
    "without the vendor and the template": both(
        put("model_type", ...), put(f"{C}.model_provider", ...), put(f"{C}.conversation_template", ...)
    ),
    "with fields of v2": both(
        put(f"{C}.rate_per_min", 20),
        put(f"{C}.tools", []),
        put(f"{C}.input_modalities", ["text"]),
        put(f"{C}.model_auth_type", "apikey"),
        put(f"{C}.model_jwt_config", {}),
        put(f"{C}.custom_headers", [{"key": "a", "value": "b"}]),
        put(f"{C}.custom_curl_command", ""),
        put(f"{C}.context", {"system_description": ""}),
    ),
}
IN_V2: dict[str, Edit] = {
    "the version in model_config": in_the_config("model_version"),
    "the version in both places": put(f"{C}.model_version", "1"),
    "the protocol at the root": at_the_root("model_provider"),
    "v2's fields at the root": at_the_root("tools", "input_modalities", "custom_payload", "model_jwt_config"),
    "rate_per_min absent": put(f"{C}.rate_per_min", ...),
    "rate_per_min null": put(f"{C}.rate_per_min", None),
    "with a field of v1": put("model_type", "text_2_text"),
    "extra fields in v2's objects": both(
        put(f"{C}.tools.0.id", 7),
        put(f"{C}.model_jwt_config.expires", 60),
        put(f"{C}.custom_headers.0.secret", True),
        put(f"{C}.context.policy_rules", []),
    ),
    "masked values": both(
        put(f"{C}.model_jwt_config.jwt_url", "xxxxx"),
        put(f"{C}.model_jwt_config.jwt_headers.0.value", "xxxxx"),
        put(f"{C}.custom_headers.0.value", "xxxxx"),
        put(f"{C}.custom_curl_command", "xxxxx"),
    ),
    "values left out": both(
        put(f"{C}.model_jwt_config.jwt_url", ...),
        put(f"{C}.model_jwt_config.jwt_headers.0.key", ...),
        put(f"{C}.custom_headers.0.value", ...),
    ),
    "secrets left out": both(
        put(f"{C}.model_jwt_config", ...), put(f"{C}.custom_headers", ...), put(f"{C}.custom_curl_command", ...)
    ),
    "null secrets": both(
        put(f"{C}.model_jwt_config", None), put(f"{C}.custom_headers", None), put(f"{C}.custom_curl_command", None)
    ),
}
EDITS: list[tuple[Dialect, str, Edit]] = [
    *((dialect, name, edit) for dialect in DIALECTS for name, edit in IN_BOTH.items()),
    *(("v1", name, edit) for name, edit in IN_V1.items()),
    *(("v2", name, edit) for name, edit in IN_V2.items()),
]

Answers = Mapping[tuple[Dialect, str], Json]


@pytest.mark.parametrize(
    ("dialect", "edit"), [pytest.param(row[0], row[2], id=f"{row[0]}: {row[1]}") for row in EDITS]
)
def test_it_is_the_same_registration(answers: Answers, dialect: Dialect, edit: Edit) -> None:
    """A program that declares everything sees no drift, whichever call tells of it and in whatever form."""
    assert drift(dialect, PROGRAMS[dialect]["most"], edit(copy.deepcopy(answers[dialect, "most"]))) == []


ADDED: dict[str, Edit] = {
    "a rate": put(f"{C}.rate_per_min", 20),
    "another rate": put(f"{C}.rate_per_min", 60),
    "modalities": both(put(f"{C}.input_modalities", ["text"]), put(f"{C}.output_modalities", ["text"])),
    "tools": put(f"{C}.tools", [{"name": "search", "description": ""}]),
    "paths": both(put(f"{C}.paths.vision", "images"), put(f"{C}.paths.embeddings", "embeddings")),
    "a way to authenticate": put(f"{C}.model_auth_type", "jwt"),
    "an empty JWT configuration": put(f"{C}.model_jwt_config", {}),
    "a whole one": put(f"{C}.model_jwt_config", {"jwt_method": "POST", "jwt_url": "", "jwt_headers": []}),
    "a response format": put(f"{C}.custom_response_format", "."),
    "a payload": put(f"{C}.custom_payload", {"a": 1}),
    "a header": put(f"{C}.custom_headers", [{"key": "a", "value": "b"}]),
    "a command": put(f"{C}.custom_curl_command", "curl"),
    "an empty context": put(f"{C}.context", {}),
    "a context": put(f"{C}.context", {"system_description": "", "policy_description": ""}),
}


@pytest.mark.parametrize("edit", ADDED.values(), ids=ADDED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_server_adds_is_never_drift(answers: Answers, dialect: Dialect, edit: Edit) -> None:
    """A program that declares the least sees nothing of what a server fills in beside it."""
    assert drift(dialect, minimal(), edit(copy.deepcopy(answers[dialect, "least"]))) == []


def test_a_server_may_fill_in_half_an_object(answers: Answers) -> None:
    """Of a context that is declared in part the rest is the server's."""
    program = minimal(model_config__context={"system_description": "A bank."})
    context = {"system_description": "A bank.", "policy_description": ""}
    assert drift("v2", program, put(f"{C}.context", context)(copy.deepcopy(answers["v2", "least"]))) == []


EMPTY: Properties = {
    "model_auth_type": "apikey",
    "tools": [],
    "input_modalities": [],
    "output_modalities": [],
    "custom_headers": [],
    "custom_payload": {},
    "custom_curl_command": "",
    "custom_response_format": "",
    "custom_response_content_type": "",
}


def test_what_is_declared_empty_may_be_left_out(answers: Answers) -> None:
    """A server that keeps no empty values, and one that keeps them, are the same to a program that says them."""
    program = minimal(**{f"model_config__{name}": value for name, value in EMPTY.items()})
    kept = copy.deepcopy(answers["v2", "least"])
    without = both(*(put(f"{C}.{name}", ...) for name in EMPTY if name in kept[C]))(copy.deepcopy(kept))
    assert drift("v2", program, kept) == []
    assert drift("v2", program, without) == []


DEFAULTS: dict[str, Edit] = {
    "nothing": lambda answer: answer,
    "the rate": put(f"{C}.rate_per_min", 20),
    "no endpoint's port": put(f"{C}.endpoint.port", ...),
    "v2's fields, empty": both(*(put(f"{C}.{name}", value) for name, value in EMPTY.items() if value != "")),
    "and null": both(*(put(f"{C}.{name}", None) for name in EMPTY)),
}


@pytest.mark.parametrize("edit", DEFAULTS.values(), ids=DEFAULTS)
def test_what_is_imported_at_its_defaults_needs_no_declaration(answers: Answers, edit: Edit) -> None:
    """Of a model that was imported by its id alone, what a server says though nobody declared it is no difference."""
    answer = edit(copy.deepcopy(answers["v2", "least"]))
    assert Stack.answered("v2", _api(answer, [answer])).imported("small/v1", minimal()) == []


@pytest.mark.parametrize("endpoint", [{}, {"host": "", "port": 443, "scheme": "https", "base_path": ""}, None])
def test_a_model_behind_a_command_has_no_endpoint(answers: Answers, endpoint: Json) -> None:
    """However a server shows the endpoint that was not declared."""
    program = minimal(model_config__custom_curl_command="curl https://h")
    del program["model_config"]["endpoint"]
    answer = put(f"{C}.endpoint", endpoint)(copy.deepcopy(answers["v2", "least"]))
    assert drift("v2", program, put(f"{C}.custom_curl_command", "curl https://h")(answer)) == []


# ---- missing fields

REQUIRED: Mapping[Dialect, tuple[str, ...]] = {
    "v1": ("", "model_saved_name", C, f"{C}.endpoint.host"),
    "v2": ("", "model_saved_name", C, f"{C}.model_provider", f"{C}.endpoint.host"),
}
"""Without these an answer is no registration."""
WITHOUT_DEFAULT = (f"{C}.endpoint", f"{C}.is_compatible_with")


def _places(answer: Json, dialect: Dialect) -> list[str]:
    paths = [".".join(map(str, place)) for place in leaves(answer)]
    return [path for path in paths if path not in REQUIRED[dialect]]


@pytest.mark.parametrize("value", [..., None], ids=["absent", "null"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_missing_field_has_its_default(answers: Answers, dialect: Dialect, value: Json) -> None:
    """Where one field of an answer is missing, or null, a program that has its default there sees no drift."""
    answer = answers[dialect, "least"]
    shown = {
        path: listed(dialect, minimal(), put(path, value)(copy.deepcopy(answer))) for path in _places(answer, dialect)
    }
    # What has no default: an API that leaves it out has lost it.
    assert [path for path, paths in shown.items() if paths] == [path for path in shown if path in WITHOUT_DEFAULT]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_missing_field_is_at_most_drift_of_itself(answers: Answers, dialect: Dialect) -> None:
    """A program that declares everything is told which field is missing, but for secrets and those known as quiet."""
    answer = answers[dialect, "most"]
    silent = (*MODEL.secrets, *MODEL.marked(Quiet), *MODEL.computed, "model_version", f"{C}.model_version")
    for path in _places(answer, dialect):
        if path.rpartition(".")[2].isdigit() or ".tools." in path:
            continue
        is_free = path.startswith((f"{C}.metadata", f"{C}.default_request_options", f"{C}.custom_payload."))
        named = _in_v1(path, dialect)
        shown = listed(dialect, PROGRAMS[dialect]["most"], put(path, ...)(copy.deepcopy(answer)))
        if is_free or path.startswith(silent):
            assert shown == []
        else:
            assert shown
            assert all(it.startswith(named) for it in shown)


def _in_v1(path: str, dialect: Dialect) -> str:
    return path.replace(f"{C}.model_provider", f"{C}.is_compatible_with") if dialect == "v2" else path


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_item_without_a_version_is_no_model_of_the_default_version(answers: Answers, dialect: Dialect) -> None:
    """In a list that says no versions another one's item is not taken for ours: ours is asked for by itself."""
    ours = copy.deepcopy(answers[dialect, "least"])
    another = put(f"{C}.system_prompt", "Of another version.")(copy.deepcopy(ours))
    holder = another[C] if dialect == "v1" else another
    del holder["model_version"]
    stack = Stack.answered(dialect, _api(ours, [another]))
    assert stack.drift(stack.holding(minimal()), minimal()) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_what_makes_it_one_it_is_no_registration(answers: Answers, dialect: Dialect) -> None:
    """A server that leaves out the name, the protocol or the host has broken its contract, and is told so."""
    for path in REQUIRED[dialect][1:]:
        answer = put(path, ...)(copy.deepcopy(answers[dialect, "least"]))
        stack = Stack.answered(dialect, _api(answer, []))
        with pytest.raises(UnexpectedResponse):
            stack.refresh(stack.holding(minimal()))


# ---- and what is drift


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("testing_for", "Copilot"),
        ("certifications", ["GDPR"]),
        (f"{C}.system_prompt", "Be kind."),
        (f"{C}.endpoint.port", 1),
        (f"{C}.paths.vision", "/other"),
        (f"{C}.metadata.max_tokens", 1),
        (f"{C}.default_request_options.temperature", 0.7),
    ],
)
def test_what_differs_is_drift(answers: Answers, dialect: Dialect, path: str, value: Json) -> None:
    """Tolerance hides nothing: a declared field with another value, and an entry in a free map, each show."""
    answer = put(path, value)(copy.deepcopy(answers[dialect, "most"]))
    assert drift(dialect, PROGRAMS[dialect]["most"], answer) == [path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{C}.rate_per_min", 20),
        (f"{C}.tools", []),
        (f"{C}.input_modalities", ["audio"]),
        (f"{C}.custom_response_format", ""),
        (f"{C}.model_auth_type", "apikey"),
        (f"{C}.context.policy_description", "Advice."),
    ],
)
def test_what_differs_in_v2_is_drift(answers: Answers, path: str, value: Json) -> None:
    """That a field is v2's own, or empty now, is no excuse."""
    answer = put(path, value)(copy.deepcopy(answers["v2", "most"]))
    assert drift("v2", PROGRAMS["v2"]["most"], answer) == [path]
