"""The official client and the provider on guardrails policies and deployments: life cycle and payloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from documents import canonical
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
"""Generated payloads, and how many of them must be different."""
DETECTORS = {"nsfw": {"enabled": True}, "topic_detector": {"enabled": True, "topic": ["science"]}}
USED = {"policy_name": "x", "enabled": True, "block": ["pii"], "additional_config": {}}
DEPLOYED = {
    "name": "x", "model_saved_name": "m", "model_version": "v1", "input_guardrails_policy": USED,
    "output_guardrails_policy": USED,
}  # fmt: skip


@pytest.fixture(params=["", "echo", "merge", "revive"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The API, with each quirk that a server may have."""
    with serve_in_thread(create_app(tmp_path / "api.db", quirks=request.param, keys={KEY: "default"})) as url:
        yield url


# ---- life cycle


@dataclass(frozen=True)
class Life:
    """How the client names a kind, and what it adds and then changes."""

    noun: str
    plural: str
    added: Json
    changed: Json

    def ask(self, official: OfficialClient, url: str, step: str, name: str = "", **arguments: Json) -> Json:
        named = {f"{self.noun}_name": name} if name else {}
        return official(f"{self.noun}_life", url=url, key=KEY, step=step, **named, **arguments)


OFF = {name: {"enabled": False} for name in DETECTORS}
LIVES = [
    Life(
        "policy", "policies", {"policy_name": "x", "config": DETECTORS},
        {"new_policy_name": "y", "config": {**OFF, "bias": {"enabled": True}}},
    ),
    Life(
        "deployment", "deployments", {"config": DEPLOYED},
        {"config": {**DEPLOYED, "name": "y", "model_version": "2"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.noun)
def test_the_client_completes_the_life_cycle(official: OfficialClient, api: str, life: Life) -> None:
    def ask(step: str, name: str = "", **arguments: Json) -> Json:
        return life.ask(official, api, step, name, **arguments)

    added = ask("add", **life.added)
    assert added["message"] == f"{life.noun.capitalize()} details added successfully"
    seen = ask("get", "x")
    assert seen == added["data"]
    number = f"{life.noun}_id"
    assert [(it["name"], it[number]) for it in ask("list")[life.plural]] == [("x", seen[number])]
    changed = ask("modify", "x", **life.changed)
    assert changed["message"] == f"{life.noun.capitalize()} details updated successfully"
    after = ask("get", "y")
    if life.noun == "policy":
        assert (seen["detectors"]["nsfw"], seen["detectors"]["bias"]) == ({"enabled": True}, {"enabled": False})
        assert [name for name, it in after["detectors"].items() if it["enabled"]] == ["bias"]
    else:
        assert (seen["model_version"], seen["output_guardrails_policy"]["block"]) == ("v1", ["pii"])
        assert after["model_version"] == "2"
    gone = ask("delete", "y")
    assert (gone["message"], gone["data"][number]) == (
        f"{life.noun.capitalize()} details deleted successfully",
        seen[number],
    )
    assert ask("list")[life.plural] == []
    assert ask("add", **life.added)["data"]["name"] == "x"
    with pytest.raises(Raised, match=f"no {life.noun} nobody is registered"):
        ask("get", "nobody")


def test_the_provider_reads_what_the_client_added(official: OfficialClient, api: str) -> None:
    official("policy_life", url=api, key=KEY, step="add", policy_name="x", config=DETECTORS, description="d")
    official("deployment_life", url=api, key=KEY, step="add", config=DEPLOYED)
    client = EnkryptClient(Settings(Key(KEY), api))
    declared: list[tuple[Kind, Json]] = [
        (GUARDRAILS_POLICY, {"name": "x", "description": "d", "detectors": DETECTORS}),
        (DEPLOYMENT, DEPLOYED),
    ]
    for kind, program in declared:
        assert differing(canonical(program, kind), client.get(kind, Identifier("x", "")), kind) == []
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
    return codec.body(kind, canonical(program, kind))


def spelt(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def said(value: Json) -> Json:
    """Leave out what has no effect: empty texts, the default index, and explanations that are off."""
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


def sent_detectors(detectors: Json) -> Json:
    ours = body(GUARDRAILS_POLICY, {"name": "x", "detectors": detectors})["detectors"]
    assert set(ours) == set(Detectors.model_fields)
    return said(ours)


@pytest.mark.parametrize(
    ("call", "programs", "sent", "read"),
    [
        ("detectors", policies, sent_detectors, said),
        ("deployment", deployments, partial(body, DEPLOYMENT), lambda theirs: theirs),
    ],
)
def test_the_payloads_equal_the_clients(
    official: OfficialClient, call: str, programs: st.SearchStrategy[Json], sent: Any, read: Any
) -> None:
    """For at least 200 generated ones, type for type, including detectors that are not declared."""
    compared = set()

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(programs)
    def agree(program: Json) -> None:
        ours = spelt(sent(program))
        assert ours == spelt(read(official(call, **{"detectors" if call == "detectors" else "config": program})))
        compared.add(ours)

    agree()
    assert len(compared) >= AT_LEAST


def test_the_blocks_equal_the_clients(official: OfficialClient) -> None:
    assert official("blocks") == [list(get_args(InputBlock)), list(get_args(OutputBlock))]


def test_undeclared_detectors_are_sent_as_in_the_clients_presets(official: OfficialClient) -> None:
    """Except for the text of a policy violation, which is the vendor's own example."""
    preset = official("preset", name="nsfw")
    del preset["policy_violation"]["policy_text"]
    assert spelt(
        body(GUARDRAILS_POLICY, {"name": "x", "detectors": {"nsfw": {"enabled": True}}})["detectors"]
    ) == spelt(preset)
