"""One database, two dialects: what each sees of the other's models, and what neither can destroy."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from documents import DOCUMENT, document
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator.dialects import as_jsonb

from .conftest import Connect, ask
from .document import IDENTITY, v1, v2
from .test_validation import WHOLE_V2

# What the official client's dataclasses have: its reader breaks on any other name.
READ_BY_THE_CLIENT = {
    "": {
        "created_at", "updated_at", "created_by", "updated_by", "model_id", "model_saved_name", "model_version",
        "testing_for", "project_name", "model_name", "certifications", "model_config", "is_sample",
    },
    "model_config": {
        "model_id", "model_source", "model_provider", "model_api_value", "model_bearer_token", "model_auth_type",
        "model_api_key", "model_endpoint_url", "rate_per_min", "testing_for", "headers", "system_prompt",
        "hosting_type", "endpoint_url", "model_name", "apikey", "paths", "tools", "model_jwt_config", "auth_data",
        "input_modalities", "output_modalities", "custom_curl_command", "custom_headers", "custom_payload",
        "custom_response_content_type", "custom_response_format", "context", "metadata", "default_request_options",
        "apikeys", "endpoint",
    },
    "auth_data": {"header_name", "header_prefix", "space_after_prefix"},
}  # fmt: skip


@pytest.fixture
def old(connect: Connect) -> httpx.Client:
    return connect(dialect="v1")


@pytest.fixture
def new(connect: Connect) -> httpx.Client:
    return connect(dialect="v2")


def read(client: httpx.Client) -> dict[str, Any]:
    response: dict[str, Any] = ask(client, "get-model", headers=IDENTITY).json()
    return response


def test_v2_reads_what_v1_registered(old: httpx.Client, new: httpx.Client) -> None:
    ask(old, "add-model", content=DOCUMENT)
    seen = read(new)
    assert (seen["model_version"], seen["model_config"]["model_provider"]) == ("1", "openai")
    assert "model_type" not in seen
    assert not {"is_compatible_with", "conversation_template", "model_version"} & seen["model_config"].keys()


def test_v1_reads_what_v2_registered(old: httpx.Client, new: httpx.Client) -> None:
    ask(new, "add-model", json=v2(tools=[{"name": "web"}], rate_per_min=3, model_provider="hr"))
    seen = read(old)
    config = document()["model_config"]
    assert set(seen) == set(document()) | {"model_id", "project_name", "created_at", "updated_at"}
    assert set(seen["model_config"]) == set(config)
    assert seen["model_config"]["is_compatible_with"] == "hr"
    assert seen["model_config"]["model_version"] == "1"
    assert (seen["model_type"], seen["model_config"]["model_provider"]) == ("text_2_text", "")


def test_a_patch_replaces_what_its_dialect_can_say_and_keeps_the_rest(old: httpx.Client, new: httpx.Client) -> None:
    only_v2: dict[str, Any] = {
        "tools": [{"name": "web", "description": ""}],
        "rate_per_min": 3,
        "context": {"system_description": "a"},
    }
    ask(old, "add-model", json=v1(model_provider="Mistral AI", conversation_template="chatml", system_prompt="a"))
    ask(new, "modify-model", headers=IDENTITY, json=v2(model_provider="groq", **only_v2))
    config = read(old)["model_config"]
    assert (config["model_provider"], config["conversation_template"]) == ("Mistral AI", "chatml")
    assert (config["is_compatible_with"], config["system_prompt"]) == ("groq", "")
    ask(old, "modify-model", headers=IDENTITY, json=v1())
    assert only_v2.items() <= read(new)["model_config"].items()
    ask(new, "modify-model", headers=IDENTITY, json=v2())
    assert not only_v2.keys() & read(new)["model_config"].keys()


def test_the_official_clients_reader_knows_all_that_v2_tells(old: httpx.Client, new: httpx.Client) -> None:
    ask(old, "add-model", json=v1("Of_v1", paths={"vision": "/v"}, metadata={"a": 1}))
    ask(new, "add-model", json=v2("Of_v2", model_jwt_config=None, custom_curl_command=None, tools=None))
    whole = ask(new, "add-model", json={**WHOLE_V2, "model_saved_name": "Whole"}).json()["data"]
    assert {**whole, "model_saved_name": "Test_Model"}.items() >= WHOLE_V2.items()
    models = ask(new, "list-models").json()["models"]
    assert len(models) == 3
    for model in models:
        config = model["model_config"]
        for path, holder in (("", model), ("model_config", config), ("auth_data", config["auth_data"])):
            assert set(holder) <= READ_BY_THE_CLIENT[path]
            assert None not in holder.values()


def test_what_is_for_box_ai_is_taken_in_v2_and_shown_to_nobody(old: httpx.Client, new: httpx.Client) -> None:
    """The official client's reader breaks on it; it may be a secret."""
    auth_data = {"header_name": "X-Key", "boxai_client_id": "stand-in-id", "boxai_client_secret": "stand-in-secret"}
    ask(new, "add-model", json=v2(auth_data=auth_data))
    shown = {"header_name": "X-Key", "header_prefix": "Bearer", "space_after_prefix": True}
    for client in (old, new):
        assert read(client)["model_config"]["auth_data"] == shown
        assert "stand-in" not in ask(client, "list-models").text
    assert ask(old, "add-model", json=v1("b", auth_data=auth_data)).status_code == 400


SMALL = st.dictionaries(st.text(max_size=4), st.integers(), max_size=4)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), st.integers() | SMALL, max_size=6))
def test_keys_are_ordered_as_jsonb_orders_them(value: dict[str, Any]) -> None:
    ordered = as_jsonb([value])[0]
    assert ordered == value
    for holder in (ordered, *(item for item in ordered.values() if isinstance(item, dict))):
        assert list(holder) == sorted(holder, key=lambda name: (len(name), name))
