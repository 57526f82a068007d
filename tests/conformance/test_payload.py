"""What the provider sends in v2 is what the official client sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from documents import BOXAI, at, canonical, minimal
from hypothesis import given, settings
from pydantic import BaseModel

from enkrypt_provider.kinds import codec, model, model_parts
from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PROTOCOLS_V2

from .client import OfficialClient
from .stack import Stack
from .translation import as_written, expressible

Json = Any
MODELS = 300
"""Generated; some may be equal."""
AT_LEAST = 200
"""How many of them must be different."""


def differing(one: Json, other: Json, path: str = "") -> Iterator[str]:
    """Yield the paths at which two JSON documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            yield from differing(one.get(name, ...), other.get(name, ...), f"{path}.{name}".removeprefix("."))
    elif spelt(one) != spelt(other):
        yield path


def spelt(value: Json) -> str:
    """Return the value as JSON, in which 1 is neither 1.0 nor true."""
    return "absent" if value is ... else json.dumps(value, sort_keys=True)


def test_the_client_is_unmodified(official: OfficialClient) -> None:
    found = official("release")
    assert (found["version"], found["changed"]) == ("1.0.47", [])
    assert found["files"] > 50


def test_the_provider_sends_what_the_client_sends(official: OfficialClient) -> None:
    compared = set()

    @settings(max_examples=MODELS, derandomize=True, database=None)
    @given(expressible())
    def agree(inputs: Properties) -> None:
        theirs = official("payload", config=as_written(inputs))
        assert spelt(codec.body(MODEL, inputs, "v2")) == spelt(theirs)
        compared.add(spelt(theirs))

    agree()
    assert len(compared) >= AT_LEAST


# ---- differences between the two


parsed = partial(canonical, dialect="v2")

LEFT_OUT: dict[str, tuple[Json, Json]] = {
    "model_name": ("", "gpt-4o-mini"),
    "model_config.model_source": ("", None),
    "model_config.endpoint.base_path": ("", "/"),
    "model_config.paths.completions": ("/completions", ""),
    "model_config.paths.chat": ("/chat/completions", ""),
}
"""For fields that are not set: what the provider sends, with the document's defaults, and what the client sends."""


def test_defaults_differ_where_the_document_has_its_own(official: OfficialClient) -> None:
    ours = codec.body(MODEL, parsed(minimal()), "v2")
    config = {"model_provider": "openai", "endpoint_url": "https://h"}
    theirs = official("payload", config={"model_saved_name": "small", "model_version": "v1", "model_config": config})
    paths = {path: tuple(path.split(".")) for path in differing(ours, theirs)}
    assert {path: (at(ours, place), at(theirs, place)) for path, place in paths.items()} == LEFT_OUT


CONFIG = "model_config"
BANK = {"system_description": "A bank."}
APART = {"completions": "/a", "chat": "/b"}
INEXPRESSIBLE: list[tuple[str, Properties, Json, set[str]]] = [
    ("several keys", {"apikeys": ["k1", "k2"]}, {"apikeys": ["k1", "k2"]}, {f"{CONFIG}.apikeys"}),
    ("a context", {"context": BANK}, {"context": BANK}, {f"{CONFIG}.context"}),
    ("Box AI", {"auth_data": BOXAI}, {}, {f"{CONFIG}.auth_data.{name}" for name in BOXAI}),
    ("a rate", {"rate_per_min": 30}, {"rate_per_min": 30}, {f"{CONFIG}.rate_per_min"}),
    ("a base path of two parts", {"endpoint": {"host": "h", "base_path": "/openai/v1"}},
     {"endpoint_url": "https://h/openai/v1/chat/completions"},
     {f"{CONFIG}.endpoint.base_path", f"{CONFIG}.paths.chat"}),
    ("no base path", {"endpoint": {"host": "h"}, "paths": {"completions": "", "chat": ""}},
     {"endpoint_url": "https://h"}, {f"{CONFIG}.endpoint.base_path"}),
    ("a host in capitals", {"endpoint": {"host": "Models.Example.COM", "base_path": "/v1"}},
     {"endpoint_url": "https://Models.Example.COM/v1/chat/completions"}, {f"{CONFIG}.endpoint.host"}),
    ("paths that are no end of one URL", {"endpoint": {"host": "h", "base_path": "/v1"}, "paths": APART},
     {"endpoint_url": "https://h/v1", "paths": APART}, {f"{CONFIG}.paths.vision", f"{CONFIG}.paths.embeddings"}),
]  # fmt: skip
"""What the client cannot express: the program's values, the client's nearest ones, and where the payloads differ."""


@pytest.mark.parametrize(("config", "nearest", "paths"), [pytest.param(*row[1:], id=row[0]) for row in INEXPRESSIBLE])
def test_the_provider_can_express_what_the_client_cannot(
    official: OfficialClient, stack: Stack, config: Properties, nearest: Json, paths: set[str]
) -> None:
    """The payloads differ in nothing else, and the API accepts and shows the provider's values."""
    endpoint = {"host": "h", "base_path": "/v1"}
    program = minimal(model_config={"is_compatible_with": "openai", "endpoint": endpoint, **config})
    inputs = parsed(program)
    person = as_written(inputs)
    theirs = official("payload", config={**person, "model_config": {**person["model_config"], **nearest}})
    assert set(differing(codec.body(MODEL, inputs, "v2"), theirs)) == paths
    assert stack.drift(stack.create(program), program) == []


ELSEWHERE = {"endpoint_url", "apikey", "model_name", "testing_for", "model_id", "_extra_fields"}
"""Fields of the client's configuration that are arguments under another name or in another place."""
NEVER_SENT = {"model_api_value", "model_bearer_token", "model_api_key", "model_endpoint_url", "headers"}
"""Fields that the client has and never sends: leftovers of an older API."""
OURS = {"is_compatible_with", "model_version", "conversation_template", "endpoint", "apikeys"}


def test_the_vocabulary_equals_the_clients(official: OfficialClient) -> None:
    """The provider knows exactly the values of the client's closed sets, and has every field that it sends."""
    known = official("vocabulary")
    assert set(known["ModelProviders"]) == {*PROTOCOLS, *PROTOCOLS_V2}
    assert known["InputModality"] == [*MODEL.fields["model_config.input_modalities"].values]
    assert known["OutputModality"] == [*MODEL.fields["model_config.output_modalities"].values]
    assert (known["ModelAuthTypeEnum"], known["ModelJwtMethodEnum"]) == (["apikey", "jwt"], ["POST", "GET"])

    config = {*known["ModelConfigDetails"]}
    assert config - ELSEWHERE - NEVER_SENT == {*model.ModelConfig.model_fields} - OURS
    parts: dict[str, type[BaseModel]] = {
        "PathsConfig": model_parts.Paths, "BoxAIAuthData": model_parts.AuthData, "ModelContext": model_parts.Context,
        "ModelJwtConfig": model_parts.JwtConfig,
    }  # fmt: skip
    for name, document in parts.items():
        assert {*known[name]} - {"_extra_fields"} == {*document.model_fields}
    v2 = {path.rpartition(".")[2] for path, only in MODEL.only_in.items() if only.dialect == "v2"}
    assert v2 <= config | {*known["BoxAIAuthData"]}
    assert not {"conversation_template", "model_type"} & config

    said = {"endpoint_url": "https://h", **dict.fromkeys(NEVER_SENT, "x")}
    found = official("payload", config={"model_saved_name": "small", "model_config": said})
    assert not NEVER_SENT & found["model_config"].keys()
