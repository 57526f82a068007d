"""Quirks: what a server that normalises changes in every response, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from enkrypt_provider.emulator import QuirkError
from enkrypt_provider.emulator.quirks import NAMES, quirks_in

from .conftest import Connect, ask
from .document import IDENTITY, v1, v2

SENT = {
    **v2(
        endpoint={"host": "API.Together.xyz", "base_path": "/v1"},
        model_source="https://together.ai",
        paths={"chat": "/chat/completions/", "completions": "/completions"},
        input_modalities=["text", "image"],
        tools=[{"name": "web", "description": ""}, {"name": "files", "description": ""}],
        custom_headers=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        model_jwt_config={"jwt_headers": [{"key": "c", "value": "3"}, {"key": "d", "value": "4"}]},
        metadata={"team": "ml", "aws_secret_access_key": "stand-in"},
        default_request_options={"user": "me", "seed": 7},
        custom_payload={"prompt": "{prompt}", "limit": 1},
    ),
    "certifications": ["GDPR", "HIPAA"],
}


@pytest.mark.parametrize(
    ("quirk", "changed"),
    [
        ("host", {"endpoint.host": "api.together.xyz"}),
        ("slash", {"endpoint.base_path": "/v1/", "model_source": "https://together.ai/"}),
        ("noslash", {"paths.chat": "/chat/completions"}),
        ("mask", {"metadata.aws_secret_access_key": "xxxxx", "default_request_options.user": "xxxxx",
                  "custom_payload.prompt": "xxxxx"}),
        ("omit", {"metadata.aws_secret_access_key": None, "default_request_options.seed": None,
                  "custom_payload.limit": None}),
        ("extra", {f"{name}.set_by_the_server": True
                   for name in ("metadata", "default_request_options", "custom_payload")}),
    ],
)  # fmt: skip
def test_a_quirk_changes_only_these_fields(connect: Connect, quirk: str, changed: dict[str, Any]) -> None:
    plain, quirky = connect(dialect="v2"), connect(dialect="v2", quirks=quirk)
    shown = ask(quirky, "add-model", json=SENT).json()["data"]
    assert ask(quirky, "get-model", headers=IDENTITY).json() == shown
    assert ask(quirky, "list-models").json() == {"models": [shown]}
    before, after = (
        leaves(model["model_config"]) for model in (ask(plain, "get-model", headers=IDENTITY).json(), shown)
    )
    assert {path: after.get(path) for path in before.keys() | after if before.get(path) != after.get(path)} == changed
    modified = ask(quirky, "modify-model", headers=IDENTITY, json=SENT).json()["data"]
    assert {**modified, "updated_at": ""} == {**shown, "updated_at": ""}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        name: leaf for key, item in value.items() for name, leaf in leaves(item, f"{path}.{key}".strip(".")).items()
    }


def unordered(model: dict[str, Any]) -> list[Any]:
    config = model["model_config"]
    lists = [config[name] for name in ("input_modalities", "tools", "custom_headers")]
    return [model["certifications"], config["model_jwt_config"]["jwt_headers"], *lists]


def test_order_reverses_unordered_lists(embedded: Connect) -> None:
    shown = ask(embedded(dialect="v2", quirks="order"), "add-model", json=SENT).json()["data"]
    assert unordered(shown) == [each[::-1] for each in unordered(SENT)]


def test_the_documents_odd_forms_are_shown_on_request(connect: Connect) -> None:
    plain, odd = connect(dialect="v2"), connect(dialect="v2", quirks="root,null,envelope")
    usual = ask(plain, "add-model", json=v2()).json()
    assert set(usual) == {"message", "data"}
    shown = ask(odd, "modify-model", headers=IDENTITY, json=v2()).json()
    assert set(shown) == {"message", "data", "error", "request_id"}
    assert set(shown["data"]) - set(usual["data"]) == {"model_provider", "hosting_type", "is_deleted"}
    config = shown["data"]["model_config"]
    assert (config["model_jwt_config"], config["custom_headers"]) == (None, None)
    assert not {"model_jwt_config", "custom_headers"} & usual["data"]["model_config"].keys()


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_every_quirk_works_on_every_document(embedded: Connect, dialect: str) -> None:
    """All together, on a minimal body; the response can be sent back."""
    client, body = embedded(dialect=dialect, quirks=",".join(NAMES[:7])), {"v1": v1(), "v2": v2()}[dialect]
    shown = ask(client, "add-model", json=body).json()["data"]
    again = {**body, "model_config": shown["model_config"]}
    assert ask(client, "modify-model", headers=IDENTITY, json=again).status_code == 200


def test_an_unknown_quirk_is_refused() -> None:
    with pytest.raises(QuirkError, match="unknown quirk 'hosts'; the quirks are host, slash, noslash"):
        quirks_in("hosts")
    assert (quirks_in(" slash , host"), quirks_in("")) == (("host", "slash"), ())
