"""The official client and the provider on guardrails policies and deployments: one life, one set of payloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.core.diff import differing
from enkrypt_provider.emulator import create_app, serve_in_thread
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.deployment import DEPLOYMENT, InputBlock, OutputBlock
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY, Detectors, RiskCategory
from enkrypt_provider.kinds.kind import Identifier, Kind
from enkrypt_provider.settings import Key, Settings

from .client import OfficialClient, Raised
from .conftest import KEY

Json = Any
EXAMPLES, AT_LEAST = 300, 200
"""Generated payloads, and how many of them are different ones."""
DETECTORS = {"nsfw": {"enabled": True}, "topic_detector": {"enabled": True, "topic": ["science"]}}
USED = {"policy_name": "x", "enabled": True, "block": ["pii"], "additional_config": {}}
DEPLOYED = {
    "name": "x", "model_saved_name": "m", "model_version": "v1", "input_guardrails_policy": USED,
    "output_guardrails_policy": USED,
}  # fmt: skip


@pytest.fixture(params=["", "echo", "merge", "revive"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The API, as servers of any kind may be."""
    with serve_in_thread(create_app(tmp_path / "api.db", quirks=request.param, keys={KEY: "default"})) as url:
        yield url


# ---- a life


def test_the_client_leads_a_policy_through_its_life(official: OfficialClient, api: str) -> None:
    def ask(step: str, **arguments: Json) -> Json:
        return official("policy_life", url=api, key=KEY, step=step, **arguments)

    added = ask("add", policy_name="x", config=DETECTORS)
    assert added["message"] == "Policy details added successfully"
    seen = ask("get", policy_name="x")
    assert seen == added["data"]
    assert (seen["detectors"]["nsfw"], seen["detectors"]["bias"]) == ({"enabled": True}, {"enabled": False})
    listed = ask("list")["policies"]
    assert [(it["name"], it["policy_id"]) for it in listed] == [("x", seen["policy_id"])]

    off = {name: {"enabled": False} for name in DETECTORS}
    changed = ask("modify", policy_name="x", new_policy_name="y", config={**off, "bias": {"enabled": True}})
    assert changed["message"] == "Policy details updated successfully"
    on = [name for name, it in ask("get", policy_name="y")["detectors"].items() if it["enabled"]]
    assert on == ["bias"]
    gone = ask("delete", policy_name="y")
    assert (gone["message"], gone["data"]["policy_id"]) == ("Policy details deleted successfully", seen["policy_id"])
    assert ask("list")["policies"] == []
    assert ask("add", policy_name="y", config=DETECTORS)["data"]["name"] == "y"


def test_the_client_leads_a_deployment_through_its_life(official: OfficialClient, api: str) -> None:
    def ask(step: str, **arguments: Json) -> Json:
        return official("deployment_life", url=api, key=KEY, step=step, **arguments)

    added = ask("add", config=DEPLOYED)
    assert added["message"] == "Deployment details added successfully"
    seen = ask("get", deployment_name="x", refresh_cache=True)
    assert seen == added["data"]
    assert (seen["model_version"], seen["output_guardrails_policy"]["block"]) == ("v1", ["pii"])
    (listed,) = ask("list")["deployments"]
    assert {listed[name] == seen[name] for name in ("name", "deployment_id", "model_saved_name")} == {True}

    changed = ask("modify", deployment_name="x", config={**DEPLOYED, "name": "y", "model_version": "2"})
    assert changed["message"] == "Deployment details updated successfully"
    assert ask("get", deployment_name="y")["model_version"] == "2"
    gone = ask("delete", deployment_name="y")
    assert gone["message"] == "Deployment details deleted successfully"
    assert gone["data"] == {"deployment_id": seen["deployment_id"]}
    assert ask("list") == {"deployments": []}
    assert ask("add", config=DEPLOYED)["data"]["name"] == "x"


@pytest.mark.parametrize(("call", "name"), [("policy_life", "policy_name"), ("deployment_life", "deployment_name")])
def test_the_client_is_told_what_is_not_there(official: OfficialClient, url: str, call: str, name: str) -> None:
    noun = call.partition("_")[0]
    with pytest.raises(Raised, match=f"no {noun} nobody is registered"):
        official(call, url=url, key=KEY, step="get", **{name: "nobody"})


def test_the_provider_reads_what_the_client_added(official: OfficialClient, api: str) -> None:
    official("policy_life", url=api, key=KEY, step="add", policy_name="x", config=DETECTORS, description="d")
    official("deployment_life", url=api, key=KEY, step="add", config=DEPLOYED)
    client = EnkryptClient(Settings(Key(KEY), api))
    declared: list[tuple[Kind, Json]] = [
        (GUARDRAILS_POLICY, {"name": "x", "description": "d", "detectors": DETECTORS}),
        (DEPLOYMENT, DEPLOYED),
    ]
    for kind, program in declared:
        inputs, problems = codec.parse(kind, program)
        assert problems == []
        assert differing(inputs, client.get(kind, Identifier("x", "")), kind) == []
    client.close()


# ---- payloads

texts = st.text("abc xyz", min_size=1, max_size=8).map(str.strip).filter(bool)
lists = st.lists(texts, max_size=3, unique=True)
messages = {"block_message": texts}


def detector(optional: dict[str, st.SearchStrategy[Json]] | None = None, **required: Any) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"enabled": st.booleans(), **required}, optional=optional or {})


rules = st.fixed_dictionaries(
    {"text": texts},
    optional={
        "id": texts, "display_text": texts, "risk_category": st.sampled_from(get_args(RiskCategory)),
        "applicability": st.sampled_from(["assistant", "user", "user_assistant"]), "source": texts,
        "severity": st.sampled_from(["critical", "high", "medium", "low"]), "frameworks": lists,
        "mappings": st.lists(st.fixed_dictionaries({"framework": texts, "clause": texts}), max_size=2),
        "suggested": st.booleans(),
    },
)  # fmt: skip
violations = {"policy_text": texts, "coc_policy_name": texts, "rules": st.lists(rules, min_size=1, max_size=2)}
policies = st.fixed_dictionaries(
    {},
    optional={
        "topic_detector": detector(messages, topic=lists),
        "pii": detector(entities=lists),
        "keyword_detector": detector(banned_keywords=lists),
        "bias": detector(),
        "injection_attack": detector(messages, need_explanation=st.booleans()),
        "policy_violation": detector({**messages, **violations}, need_explanation=st.booleans()),
        "system_prompt": detector(messages, index=texts),
        **{name: detector(messages) for name in ("nsfw", "toxicity", "copyright_ip", "sponge_attack")},
    },
)


def used(blocks: tuple[str, ...], *additional: str) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "policy_name": texts,
            "enabled": st.booleans(),
            "block": st.lists(st.sampled_from(blocks), unique=True),
            "additional_config": st.fixed_dictionaries({name: st.booleans() for name in additional}),
        }
    )


deployments = st.fixed_dictionaries(
    {"name": texts, "model_saved_name": texts, "model_version": texts},
    optional={
        "input_guardrails_policy": used(get_args(InputBlock), "pii_redaction"),
        "output_guardrails_policy": used(get_args(OutputBlock), "hallucination", "adherence", "relevancy"),
    },
)


def body(kind: Kind, program: Json) -> Json:
    inputs, problems = codec.parse(kind, program)
    assert problems == []
    return codec.body(kind, inputs)


def spelt(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def said(value: Json) -> Json:
    """Without what says nothing: empty texts, and an explanation of attacks that is not wanted."""
    if isinstance(value, list):
        return [said(item) for item in value]
    if not isinstance(value, dict):
        return value
    nothing = ("", "system")
    return {
        name: said(item)
        for name, item in value.items()
        if item not in nothing and (name, item) != ("need_explanation", False)
    }


def test_the_detectors_sent_are_the_clients(official: OfficialClient) -> None:
    compared = set()

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(policies)
    def agree(detectors: Json) -> None:
        ours = body(GUARDRAILS_POLICY, {"name": "x", "detectors": detectors})["detectors"]
        assert set(ours) == set(Detectors.model_fields)
        assert spelt(said(ours)) == spelt(said(official("detectors", detectors=detectors)))
        compared.add(spelt(ours))

    agree()
    assert len(compared) >= AT_LEAST


def test_the_deployment_sent_is_the_clients(official: OfficialClient) -> None:
    compared = set()

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(deployments)
    def agree(deployment: Json) -> None:
        ours = body(DEPLOYMENT, deployment)
        assert spelt(ours) == spelt(official("deployment", config=deployment))
        compared.add(spelt(ours))

    agree()
    assert len(compared) >= AT_LEAST


def test_the_blocks_are_the_clients(official: OfficialClient) -> None:
    assert official("blocks") == [list(get_args(InputBlock)), list(get_args(OutputBlock))]


def test_what_is_not_declared_is_sent_as_in_the_clients_presets(official: OfficialClient) -> None:
    """But for the text of a policy violation, which is the vendor's own example."""
    preset = official("preset", name="nsfw")
    del preset["policy_violation"]["policy_text"]
    assert spelt(
        body(GUARDRAILS_POLICY, {"name": "x", "detectors": {"nsfw": {"enabled": True}}})["detectors"]
    ) == spelt(preset)
