"""kinds/kind.py: a kind is data. What works for models works for a kind that has no versions, dialects or options."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from enkrypt_provider.core.diff import Rule, changes, differing
from enkrypt_provider.errors import UnexpectedResponse
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.document import Document
from enkrypt_provider.kinds.kind import Calls, Identifier, Kind
from enkrypt_provider.kinds.markers import Replaces, ServerSet
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import UNKNOWN
from enkrypt_provider.kinds.values import SavedName, Text


class Topic(Document):
    """A detector."""

    enabled: bool = False
    topic: list[str] = []  # noqa: RUF012 - pydantic copies it


class Detectors(Document):
    """The detectors of a policy."""

    topic_detector: Topic | None = None


class Policy(Document):
    """A policy."""

    name: Annotated[SavedName, Replaces(), Field(examples=["a-policy"])]
    description: Text = ""
    detectors: Annotated[Detectors, Field(default_factory=Detectors)]
    policy_id: Annotated[int | None, ServerSet()] = None


CALLS = ("add-policy", "get-policy", "list-policies", "modify-policy", "delete-policy")
POLICY = Kind(
    name="EnkryptPolicy",
    noun="policy",
    document=Policy,
    calls=Calls(
        "/guardrails", "add-policy", "get-policy", "list-policies", "modify-policy", "delete-policy", "policies"
    ),
    identity={"name": "X-Enkrypt-Policy"},
    number="policy_id",
    whole_with=("detectors",),
)
DECLARED: dict[str, Any] = {"name": "p", "detectors": {"topic_detector": {"enabled": True, "topic": ["science"]}}}


def test_it_is_parsed_sent_and_read() -> None:
    """Defaults are filled in, and a response that repeats what was sent is no drift."""
    inputs, problems = codec.parse(POLICY, DECLARED)
    assert problems == []
    assert inputs == {"name": "p", "description": "", "detectors": DECLARED["detectors"]}
    live = codec.read(POLICY, {**codec.body(POLICY, inputs), "policy_id": 7, "created_by": "me"})
    assert (live.inputs, live.computed) == (inputs, {"policy_id": 7})
    assert differing(inputs, live, POLICY) == []


def test_its_rules_follow_from_its_fields() -> None:
    """The identity replaces, all else is changed in place, mistakes are told by their path."""
    inputs, _ = codec.parse(POLICY, DECLARED)
    changed = {**inputs, "name": "q", "description": "x"}
    assert [(one.path, one.rule) for one in changes(inputs, changed, POLICY)] == [
        ("name", Rule.REPLACE),
        ("description", Rule.UPDATE),
    ]
    wrong = {"name": "p" * 33, "detectors": {"topic": {}}}
    assert [str(problem) for problem in codec.parse(POLICY, wrong)[1]] == [
        "name: must be at most 32 characters, this one has 33",
        "detectors.topic: is not a field here: it is detectors.topic_detector.topic",
    ]
    with pytest.raises(UnexpectedResponse, match=r"^returned a policy that is not whole: name: is required$"):
        codec.read(POLICY, {})


def test_it_has_an_identity_without_a_version() -> None:
    """Its id is its name."""
    inputs, _ = codec.parse(POLICY, DECLARED)
    identity = POLICY.known_identity(inputs)
    assert identity == POLICY.identity_in({"name": "p"}) == POLICY.identity_from("p") == Identifier("p", "")
    assert str(identity) == "p"
    assert identity.is_sendable
    assert POLICY.headers(identity) == {"X-Enkrypt-Policy": "p"}
    unknown, problems = codec.parse(POLICY, {**DECLARED, "name": UNKNOWN})
    assert (problems, POLICY.known_identity(unknown)) == ([], None)


def test_a_models_identity_is_name_and_version() -> None:
    """Both have a header, and an id without a version means the default one."""
    identity = MODEL.identity_from("a")
    assert identity == Identifier("a", "v1")
    assert MODEL.headers(identity) == {"X-Enkrypt-Model": "a", "X-Enkrypt-Model-Version": "v1"}


def test_a_summary_is_told_from_a_whole_item() -> None:
    """A list that leaves out the detectors is asked about each policy."""
    assert codec.is_whole(POLICY, DECLARED)
    assert not codec.is_whole(POLICY, {"name": "p"})
