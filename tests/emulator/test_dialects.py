"""One database, two dialects: what each shows of the other's models, and what each must preserve."""

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


def test_a_patch_replaces_the_fields_of_its_dialect_and_keeps_the_rest(old: httpx.Client, new: httpx.Client) -> None:
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


def test_box_ai_fields_are_accepted_in_v2_and_never_shown(old: httpx.Client, new: httpx.Client) -> None:
    """The official client's reader breaks on them, and they may be secret."""
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
