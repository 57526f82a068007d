"""One database, two dialects: what each sees of the other's models, and what neither can destroy."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.emulator.dialects import as_jsonb

from .conftest import Connect
from .document import IDENTITY, REQUEST, v1, v2
from .test_app import ask
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


def both(connect: Connect) -> tuple[httpx.Client, httpx.Client]:
    return connect(dialect="v1"), connect(dialect="v2")


def read(client: httpx.Client, identity: dict[str, str] = IDENTITY) -> dict[str, Any]:
    response: dict[str, Any] = ask(client, "get-model", headers=identity).json()
    return response


def test_v2_answers_what_v2_was_told(connect: Connect) -> None:
    """Every field of the other dialect comes back, with the version at the root."""
    _, client = both(connect)
    data = ask(client, "add-model", json=WHOLE_V2).json()["data"]
    assert {name: data[name] for name in WHOLE_V2} == WHOLE_V2


def test_v2_reads_what_v1_registered(connect: Connect) -> None:
    """is_compatible_with is v2's model_provider, the version moves to the root, and v1's own fields stay unseen."""
    old, new = both(connect)
    ask(old, "add-model", content=REQUEST)
    seen = read(new)
    assert seen["model_config"]["model_provider"] == "openai"
    assert seen["model_version"] == "1"
    assert "model_type" not in seen
    assert not {"is_compatible_with", "conversation_template", "model_version"} & seen["model_config"].keys()


def test_v1_reads_what_v2_registered(connect: Connect) -> None:
    """model_provider is v1's is_compatible_with, no field of v2 alone is seen, and v1's own have their defaults."""
    old, new = both(connect)
    ask(new, "add-model", json=v2(tools=[{"name": "web"}], rate_per_min=3, model_provider="hr"))
    seen = read(old)
    assert set(seen) == set(json.loads(REQUEST)) | {"model_id", "project_name", "created_at", "updated_at"}
    assert set(seen["model_config"]) == set(json.loads(REQUEST)["model_config"])
    assert seen["model_config"]["is_compatible_with"] == "hr"
    assert seen["model_config"]["model_version"] == "1"
    assert (seen["model_type"], seen["model_config"]["model_provider"]) == ("text_2_text", "")


def test_a_patch_in_v2_keeps_what_only_v1_can_say(connect: Connect) -> None:
    """The vendor's name and the conversation template survive a client that does not know them."""
    old, new = both(connect)
    ask(old, "add-model", json=v1(model_provider="Mistral AI", conversation_template="chatml", system_prompt="a"))
    ask(new, "modify-model", headers=IDENTITY, json=v2(model_provider="groq"))
    config = read(old)["model_config"]
    assert (config["model_provider"], config["conversation_template"]) == ("Mistral AI", "chatml")
    assert (config["is_compatible_with"], config["system_prompt"]) == ("groq", "")


def test_a_patch_in_v1_keeps_what_only_v2_can_say(connect: Connect) -> None:
    """Tools, headers, context and rate survive a client of the document; what both can say is replaced."""
    old, new = both(connect)
    only_v2: dict[str, Any] = {
        "tools": [{"name": "web", "description": ""}],
        "rate_per_min": 3,
        "custom_headers": [{"key": "a", "value": "b"}],
        "context": {"system_description": "a shop"},
    }
    ask(new, "add-model", json=v2(**only_v2, system_prompt="a"))
    ask(old, "modify-model", headers=IDENTITY, json=v1())
    config = read(new)["model_config"]
    assert {name: config[name] for name in only_v2} == only_v2
    assert config["system_prompt"] == ""


def test_a_patch_in_v2_takes_away_what_v2_left_out(connect: Connect) -> None:
    """A full-object replacement in the same dialect keeps nothing."""
    _, client = both(connect)
    ask(client, "add-model", json=v2(tools=[{"name": "web"}], rate_per_min=3))
    ask(client, "modify-model", headers=IDENTITY, json=v2())
    assert not {"tools", "rate_per_min"} & read(client)["model_config"].keys()


def test_the_official_clients_reader_knows_all_that_v2_answers(connect: Connect) -> None:
    """No response of v2 holds a null or a name that its reader would break on, whoever registered the model."""
    old, new = both(connect)
    ask(old, "add-model", json=v1("Of_v1", paths={"vision": "/v"}, metadata={"a": 1}))
    ask(new, "add-model", json=v2("Of_v2", model_jwt_config=None, custom_curl_command=None, tools=None))
    ask(new, "add-model", json={**WHOLE_V2, "model_saved_name": "Whole"})
    models = ask(new, "list-models").json()["models"]
    assert len(models) == 3
    for model in models:
        config = model["model_config"]
        for path, holder in (("", model), ("model_config", config), ("auth_data", config["auth_data"])):
            assert set(holder) <= READ_BY_THE_CLIENT[path]
            assert None not in holder.values()


def test_what_is_for_box_ai_is_taken_in_v2_and_shown_to_nobody(connect: Connect) -> None:
    """The official client's reader breaks on it; it may be a secret."""
    old, new = both(connect)
    auth_data = {"header_name": "X-Key", "boxai_client_id": "stand-in-id", "boxai_client_secret": "stand-in-secret"}
    ask(new, "add-model", json=v2(auth_data=auth_data))
    for client in both(connect):
        assert read(client)["model_config"]["auth_data"] == {
            "header_name": "X-Key",
            "header_prefix": "Bearer",
            "space_after_prefix": True,
        }
        assert "stand-in" not in ask(client, "list-models").text
    assert ask(old, "add-model", json=v1("b", auth_data=auth_data)).status_code == 400


def test_each_dialect_refuses_the_others_body(connect: Connect) -> None:
    """Over the wire too, the wrong dialect is a 400 that says which dialect is spoken."""
    old, new = both(connect)
    refused = [ask(new, "add-model", content=REQUEST), ask(old, "add-model", json=WHOLE_V2)]
    assert [response.status_code for response in refused] == [400, 400]
    assert "(dialect v2)" in refused[0].json()["message"]
    assert "(dialect v1)" in refused[1].json()["message"]


SMALL = st.dictionaries(st.text(max_size=4), st.integers(), max_size=4)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), st.integers() | SMALL, max_size=6))
def test_keys_are_ordered_as_jsonb_orders_them(value: dict[str, Any]) -> None:
    """Shorter keys come first, then by character; nothing is lost on the way."""
    ordered = as_jsonb([value])[0]
    assert ordered == value
    for holder in (ordered, *(item for item in ordered.values() if isinstance(item, dict))):
        assert list(holder) == sorted(holder, key=lambda name: (len(name), name))
