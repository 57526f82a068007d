"""Whatever the form of the response, in both dialects, it is read as the same registration."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from documents import at, canonical, everything, leaves, minimal, upside_down

from enkrypt_provider.emulator import create_app
from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.markers import Dialect, Quiet
from enkrypt_provider.kinds.model import MODEL

from .stack import Stack

Json = Any
Form = Callable[[Json], Json] | dict[str, Json]
"""A change to a response: a function, or values by dotted path; `...` removes the field."""
Responses = Mapping[tuple[Dialect, str], Json]
DIALECTS: tuple[Dialect, ...] = ("v1", "v2")
in_both = pytest.mark.parametrize("dialect", DIALECTS)
PROGRAMS: Mapping[Dialect, Mapping[str, Properties]] = {
    dialect: {"least": minimal(), "most": {**everything(dialect), "deletion_protection": False}}
    for dialect in DIALECTS
}


@pytest.fixture(scope="session")
def responses(tmp_path_factory: pytest.TempPathFactory) -> Responses:
    """Complete responses, from the emulator, which shares no code with the provider."""
    found = {}
    for dialect in DIALECTS:
        app = create_app(tmp_path_factory.mktemp("responses") / "models.db", dialect=dialect)
        client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://h", headers={"apikey": "any"})
        for name, program in PROGRAMS[dialect].items():
            inputs = canonical(program, dialect=dialect)
            added = client.post("/models/add-model", json=codec.body(MODEL, inputs, dialect))
            found[dialect, name] = added.json()["data"]
    return found


def api(response: Json, items: list[Json]) -> Callable[[httpx.Request], httpx.Response]:
    bodies = {"/models/list-models": {"models": items}, "/models/get-model": response}

    def respond(request: httpx.Request) -> httpx.Response:
        body = bodies.get(request.url.path, {"message": "done", "data": response})
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    return respond


def drift(dialect: Dialect, program: Properties, response: Json) -> list[str]:
    """Return the drift that a stack sees if every call returns this response; get and list must agree."""
    stack = Stack.answered(dialect, api(response, [response]))
    held = stack.create(program)
    assert stack.update(stack.holding({**program, "model_name": "before"}), program).outs.items() <= held.outs.items()
    by_list = stack.drift(held, program)
    name_alone = {"model_saved_name": response["model_saved_name"]}
    by_get = Stack.answered(dialect, api(response, [name_alone])).drift(held, program)
    assert by_list == by_get
    return by_list


def listed(dialect: Dialect, program: Properties, response: Json) -> list[str]:
    """Return the drift that a list alone shows."""
    stack = Stack.answered(dialect, api(response, [response]))
    return stack.drift(stack.holding(program), program)


# ---- forms


def formed(response: Json, *forms: Form) -> Json:
    """Return a copy of a response, changed by each form in turn."""
    response = copy.deepcopy(response)
    for form in forms:
        if isinstance(form, dict):
            for path, value in form.items():
                _put(response, path, value)
        else:
            response = form(response)
    return response


def _put(response: Json, path: str, value: Json) -> None:
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    holder = at(response, tuple(parents))
    if value is ...:
        del holder[last]
    else:
        holder[last] = value


def at_the_root(*names: str, **more: Json) -> Form:
    """Move fields of `model_config` to the root; all of them if none is named."""

    def form(response: Json) -> Json:
        config = response["model_config"]
        return {**response, **{name: config.pop(name) for name in names or [*config]}, **more}

    return form


def in_the_config(*names: str) -> Form:
    """Move fields of the root into `model_config`."""

    def form(response: Json) -> Json:
        response["model_config"].update({name: response.pop(name) for name in names})
        return response

    return form


def in_floats(value: Json) -> Json:
    """Return the value with every whole number but `model_id` as a float."""
    if isinstance(value, dict):
        return {name: item if name == "model_id" else in_floats(item) for name, item in value.items()}
    return float(value) if type(value) is int else value


C = "model_config"
IN_BOTH: dict[str, Form] = {
    "as it is": {},
    "in another order": upside_down,
    "in floats": in_floats,
    "certifications in another order": lambda it: {**it, "certifications": it["certifications"][::-1]},
    # values at the root or in model_config
    "some fields at the root": at_the_root("system_prompt", "metadata", "auth_data", "paths", "apikeys"),
    "the endpoint at the root": at_the_root("endpoint"),
    "all fields at the root": at_the_root(),
    "no model_config": lambda it: {**{name: item for name, item in it.items() if name != C}, **it[C]},
    "a null model_config": at_the_root(model_config=None),
    "the root's fields in model_config": in_the_config("testing_for", "model_name", "certifications"),
    "a field in both places": {"system_prompt": "of the root"},
    "nulls at the root": {"system_prompt": None, "metadata": None, "endpoint": None},
    "extra fields": {"is_sample": False, "created_by": "me", "updated_by": {"id": 1}, "status": ["active"]},
    "extra fields in model_config": {f"{C}.is_verified": True, f"{C}.model_id": 7},
    "extra fields further in": {
        f"{C}.endpoint.region": "eu", f"{C}.paths.audio": "/a", f"{C}.auth_data._extra_fields": {},
    },
    "extra nulls": {"deleted_at": None, f"{C}.headers": None, f"{C}.endpoint.region": None},
    "masked keys": {f"{C}.apikeys": ["xxxxx", "xxxxx"]},
    "fewer masked keys": {f"{C}.apikeys": ["*****"]},
    "more keys": {f"{C}.apikeys": ["a", "b", "c"]},
    "half masked keys": {f"{C}.apikeys": ["sk-…1234"]},
    "empty keys": {f"{C}.apikeys": [""]},
    "no keys": {f"{C}.apikeys": []},
    "null keys": {f"{C}.apikeys": None},
    "keys left out": {f"{C}.apikeys": ...},
    "no computed fields": dict.fromkeys(MODEL.computed, ...),
    "null computed fields": dict.fromkeys(MODEL.computed),
}  # fmt: skip
SECRETS = (f"{C}.model_jwt_config", f"{C}.custom_headers", f"{C}.custom_curl_command")
FORMS: dict[Dialect, dict[str, Form]] = {
    "v1": {
        **IN_BOTH,
        "the version at the root": at_the_root("model_version"),
        "without the vendor and the template": dict.fromkeys(
            ("model_type", f"{C}.model_provider", f"{C}.conversation_template"), ...
        ),
        "with fields of v2": {
            f"{C}.rate_per_min": 20, f"{C}.tools": [], f"{C}.input_modalities": ["text"],
            f"{C}.model_auth_type": "apikey", f"{C}.model_jwt_config": {},
            f"{C}.custom_headers": [{"key": "a", "value": "b"}], f"{C}.custom_curl_command": "",
            f"{C}.context": {"system_description": ""},
        },
    },
    "v2": {
        **IN_BOTH,
        "the version in model_config": in_the_config("model_version"),
        "the version in both places": {f"{C}.model_version": "1"},
        "the protocol at the root": at_the_root("model_provider"),
        "v2's fields at the root": at_the_root("tools", "input_modalities", "custom_payload", "model_jwt_config"),
        "rate_per_min absent": {f"{C}.rate_per_min": ...},
        "rate_per_min null": {f"{C}.rate_per_min": None},
        "with a field of v1": {"model_type": "text_2_text"},
        "extra fields in v2's objects": {
            f"{C}.tools.0.id": 7, f"{C}.model_jwt_config.expires": 60, f"{C}.custom_headers.0.secret": True,
            f"{C}.context.policy_rules": [],
        },
        "masked values": dict.fromkeys(
            (f"{C}.model_jwt_config.jwt_url", f"{C}.model_jwt_config.jwt_headers.0.value",
             f"{C}.custom_headers.0.value", f"{C}.custom_curl_command"), "xxxxx"
        ),
        "values left out": dict.fromkeys(
            (f"{C}.model_jwt_config.jwt_url", f"{C}.model_jwt_config.jwt_headers.0.key",
             f"{C}.custom_headers.0.value"), ...
        ),
        "secrets left out": dict.fromkeys(SECRETS, ...),
        "null secrets": dict.fromkeys(SECRETS),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        pytest.param(dialect, form, id=f"{dialect}: {name}")
        for dialect in DIALECTS
        for name, form in FORMS[dialect].items()
    ],
)
def test_every_form_is_the_same_registration(responses: Responses, dialect: Dialect, form: Form) -> None:
    assert drift(dialect, PROGRAMS[dialect]["most"], formed(responses[dialect, "most"], form)) == []


ADDED: dict[str, Form] = {
    "a rate": {f"{C}.rate_per_min": 20},
    "another rate": {f"{C}.rate_per_min": 60},
    "modalities": {f"{C}.input_modalities": ["text"], f"{C}.output_modalities": ["text"]},
    "tools": {f"{C}.tools": [{"name": "search", "description": ""}]},
    "paths": {f"{C}.paths.vision": "images", f"{C}.paths.embeddings": "embeddings"},
    "a way to authenticate": {f"{C}.model_auth_type": "jwt"},
    "an empty JWT configuration": {f"{C}.model_jwt_config": {}},
    "a whole one": {f"{C}.model_jwt_config": {"jwt_method": "POST", "jwt_url": "", "jwt_headers": []}},
    "a response format": {f"{C}.custom_response_format": "."},
    "a payload": {f"{C}.custom_payload": {"a": 1}},
    "a header": {f"{C}.custom_headers": [{"key": "a", "value": "b"}]},
    "a command": {f"{C}.custom_curl_command": "curl"},
    "an empty context": {f"{C}.context": {}},
    "a context": {f"{C}.context": {"system_description": "", "policy_description": ""}},
}


@pytest.mark.parametrize("form", ADDED.values(), ids=ADDED)
@in_both
def test_fields_that_the_server_adds_are_never_drift(responses: Responses, dialect: Dialect, form: Form) -> None:
    assert drift(dialect, minimal(), formed(responses[dialect, "least"], form)) == []


BANK = {"system_description": "A bank."}
EMPTY: Properties = {
    "model_auth_type": "apikey", "tools": [], "input_modalities": [], "output_modalities": [], "custom_headers": [],
    "custom_payload": {}, "custom_curl_command": "", "custom_response_format": "", "custom_response_content_type": "",
}  # fmt: skip
CURL = {"custom_curl_command": "curl https://h", "endpoint": None}
NOWHERE = {"host": "", "port": 443, "scheme": "https", "base_path": ""}
DECLARED: list[tuple[Properties, Form]] = [
    ({"context": BANK}, {f"{C}.context": {**BANK, "policy_description": ""}}),
    (EMPTY, {}),
    (EMPTY, lambda it: {**it, C: {name: item for name, item in it[C].items() if name not in EMPTY}}),
    *((CURL, {f"{C}.custom_curl_command": "curl https://h", f"{C}.endpoint": it}) for it in ({}, NOWHERE, None)),
]
"""Part of a context, empty values that a server keeps or leaves out, a model behind a curl command."""


@pytest.mark.parametrize(("config", "form"), DECLARED)
def test_partial_and_empty_declarations_are_not_drift(responses: Responses, config: Properties, form: Form) -> None:
    program = minimal(**{f"{C}__{name}": value for name, value in config.items()})
    assert drift("v2", program, formed(responses["v2", "least"], form)) == []


DEFAULTS: dict[str, Form] = {
    "nothing": {},
    "the rate": {f"{C}.rate_per_min": 20},
    "no endpoint's port": {f"{C}.endpoint.port": ...},
    "v2's fields, empty": {f"{C}.{name}": value for name, value in EMPTY.items() if value != ""},
    "and null": {f"{C}.{name}": None for name in EMPTY},
}


@pytest.mark.parametrize("form", DEFAULTS.values(), ids=DEFAULTS)
def test_imported_defaults_need_no_declaration(responses: Responses, form: Form) -> None:
    response = formed(responses["v2", "least"], form)
    assert Stack.answered("v2", api(response, [response])).imported("small/v1", minimal()) == []


# ---- missing fields

REQUIRED: Mapping[Dialect, tuple[str, ...]] = {
    "v1": ("", "model_saved_name", C, f"{C}.endpoint.host"),
    "v2": ("", "model_saved_name", C, f"{C}.model_provider", f"{C}.endpoint.host"),
}
"""Without these a response is not a registration."""
WITHOUT_DEFAULT = (f"{C}.endpoint", f"{C}.is_compatible_with")


def _places(response: Json, dialect: Dialect) -> list[str]:
    paths = [".".join(map(str, place)) for place in leaves(response)]
    return [path for path in paths if path not in REQUIRED[dialect]]


@pytest.mark.parametrize("value", [..., None], ids=["absent", "null"])
@in_both
def test_a_missing_field_has_its_default(responses: Responses, dialect: Dialect, value: Json) -> None:
    response = responses[dialect, "least"]
    shown = {path: listed(dialect, minimal(), formed(response, {path: value})) for path in _places(response, dialect)}
    # These have no default: an API that leaves them out has lost them.
    assert [path for path, paths in shown.items() if paths] == [path for path in shown if path in WITHOUT_DEFAULT]


@in_both
def test_a_missing_field_is_at_most_drift_of_itself(responses: Responses, dialect: Dialect) -> None:
    """If a program declares everything, a missing field shows as drift, except secrets, fields marked as quiet, and
    values declared as off: some servers leave those out."""
    response = responses[dialect, "most"]
    off = f"{C}.auth_data.space_after_prefix"
    silent = (*MODEL.secrets, *MODEL.marked(Quiet), *MODEL.computed, off, "model_version", f"{C}.model_version")
    for path in _places(response, dialect):
        if path.rpartition(".")[2].isdigit() or ".tools." in path:
            continue
        is_free = path.startswith((f"{C}.metadata", f"{C}.default_request_options", f"{C}.custom_payload."))
        named = _in_v1(path, dialect)
        shown = listed(dialect, PROGRAMS[dialect]["most"], formed(response, {path: ...}))
        if is_free or path.startswith(silent):
            assert shown == []
        else:
            assert shown
            assert all(it.startswith(named) for it in shown)


def _in_v1(path: str, dialect: Dialect) -> str:
    return path.replace(f"{C}.model_provider", f"{C}.is_compatible_with") if dialect == "v2" else path


@in_both
def test_an_item_without_a_version_does_not_have_the_default_version(responses: Responses, dialect: Dialect) -> None:
    """In a list without versions, another model is not mistaken for this one, which is then read by itself."""
    mine = responses[dialect, "least"]
    version = f"{C}.model_version" if dialect == "v1" else "model_version"
    another = formed(mine, {f"{C}.system_prompt": "Of another version.", version: ...})
    stack = Stack.answered(dialect, api(mine, [another]))
    assert stack.drift(stack.holding(minimal()), minimal()) == []


@in_both
def test_a_response_without_a_required_field_is_not_a_registration(responses: Responses, dialect: Dialect) -> None:
    for path in REQUIRED[dialect][1:]:
        response = formed(responses[dialect, "least"], {path: ...})
        stack = Stack.answered(dialect, api(response, []))
        with pytest.raises(UnexpectedResponse):
            stack.refresh(stack.holding(minimal()))


# ---- drift


DIFFERENT = {
    "testing_for": "Copilot", "certifications": ["GDPR"], f"{C}.system_prompt": "Be kind.", f"{C}.endpoint.port": 1,
    f"{C}.paths.vision": "/other", f"{C}.metadata.max_tokens": 1, f"{C}.default_request_options.temperature": 0.7,
}  # fmt: skip
IN_V2 = {
    f"{C}.rate_per_min": 20, f"{C}.tools": [], f"{C}.input_modalities": ["audio"], f"{C}.custom_response_format": "",
    f"{C}.model_auth_type": "apikey", f"{C}.context.policy_description": "Advice.",
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "path", "value"), [
    *((dialect, *row) for dialect in DIALECTS for row in DIFFERENT.items()),
    *(("v2", *row) for row in IN_V2.items()),
])  # fmt: skip
def test_a_difference_is_drift(responses: Responses, dialect: Dialect, path: str, value: Json) -> None:
    """Another value, an entry in a free map, a field of v2 that became empty: each shows by its path."""
    response = formed(responses[dialect, "most"], {path: value})
    assert drift(dialect, PROGRAMS[dialect]["most"], response) == [path]
