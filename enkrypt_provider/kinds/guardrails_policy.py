"""A guardrails policy as Enkrypt AI registers it: a named set of detectors.

[P] proven, [I] inferred, [G] guessed: what is known of the API and how, see docs/api.md. What is not marked is proven
by the official client, `enkryptai-sdk`. The API's document calls these policies legacy, beside its newer guardrails.
"""

# ruff: noqa: RUF012 - pydantic copies a default before it is used

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from .document import Document
from .kind import Calls, Kind
from .managed import Managed
from .markers import Note, ReadAs, Replaces, SentWhereAbsent, ServerSet, Unordered
from .values import Line, SavedName, Text, UpTo1000

RiskCategory = Literal[
    "security_fraud", "safety_harm", "privacy_data_protection", "brand_reputation_trust", "bias_fairness_ethical",
    "legal_ip_liability", "product_misuse_abuse", "performance_reliability_quality",
]  # fmt: skip
Description = Annotated[str, StringConstraints(max_length=128)]
UNORDERED: Final = Note("[G] that their order means nothing")
Words = Annotated[UpTo1000[Line], Unordered(), UNORDERED]


class Detector(Document):
    """A detector without options."""

    enabled: Annotated[bool, ReadAs(value=False), Field(examples=[True])]
    """Whether it is on. The API's own default is false, so a program must say it."""


class BlockingDetector(Detector):
    """A detector with a text of its own for what it blocks."""

    block_message: Text | None = None
    """Returned in the place of what is blocked."""


class TopicDetector(BlockingDetector):
    """Finds what is about given topics."""

    topic: Words = []
    """The topics, such as `science`."""


class PiiDetector(Detector):
    """Finds personal data."""

    entities: Words = []
    """What it looks for, such as `pii`, `secrets`, `ip_address`, `url`, `email`; no closed list is known."""


class InjectionAttackDetector(BlockingDetector):
    """Finds attempts to inject a prompt."""

    need_explanation: bool = False
    """Whether a found attack is explained, at the cost of another call of a model."""


class KeywordDetector(Detector):
    """Finds given words."""

    banned_keywords: Words = []
    """The words."""


class RuleMapping(Document):
    """Which clause of a framework a rule is for."""

    framework: Line = ""
    """The framework."""
    clause: Line = ""
    """The clause."""


class PolicyRule(Document):
    """One rule, as the vendor's policy wizard writes it."""

    id: Line | None = None
    """Its id."""
    display_text: Text | None = None
    """What a person reads."""
    text: Annotated[Text, ReadAs(""), Field(examples=["Give no medical advice."])]
    """What is checked."""
    risk_category: RiskCategory | None = None
    """The risk that it is about."""
    applicability: Literal["assistant", "user", "user_assistant"] | None = None
    """Whose words it is about."""
    severity: Literal["critical", "high", "medium", "low"] | None = None
    """How bad a violation is."""
    frameworks: Annotated[list[Line], Unordered(), UNORDERED] = []
    """The frameworks that ask for it, such as `gdpr`."""
    mappings: Annotated[list[RuleMapping], Unordered(), UNORDERED] = []
    """The clauses that ask for it."""
    source: Line | None = None
    """Where it comes from: `document`, `catalog`, `document/catalog` or `user`."""
    suggested: bool = False
    """Whether the wizard suggested it."""


class PolicyViolationDetector(BlockingDetector):
    """Finds what violates rules in words. What holds where several of its options are given is not documented."""

    policy_text: Text | None = None
    """The rules as one text."""
    need_explanation: bool = False
    """Whether a violation is explained. Always sent: the API's own default is documented in two ways."""
    coc_policy_name: Line | None = None
    """The name of a code of conduct that is stored with Enkrypt AI."""
    rules: Annotated[UpTo1000[PolicyRule] | None, Unordered(), UNORDERED] = None
    """The rules one by one."""


class SystemPromptDetector(BlockingDetector):
    """Finds leaks of the system prompt."""

    index: Line = "system"
    """The official client's default is `system`; what else there may be is not documented."""


def off(**options: Any) -> SentWhereAbsent:
    """Say that an absent detector is sent switched off, with these options."""
    return SentWhereAbsent({"enabled": False, **options})


class Detectors(Document):
    """What the policy looks for. Only the detectors that are declared are compared with what the API says."""

    # An absent one is sent switched off, as the official client's presets do: that PATCH replaces the whole set is
    # a guess [G], and a server that merges would leave on what a program no longer declares.
    topic_detector: Annotated[TopicDetector | None, off(topic=[])] = None
    """Topics."""
    nsfw: Annotated[BlockingDetector | None, off()] = None
    """What is not safe for work."""
    toxicity: Annotated[BlockingDetector | None, off()] = None
    """Toxic words."""
    pii: Annotated[PiiDetector | None, off(entities=[])] = None
    """Personal data."""
    injection_attack: Annotated[InjectionAttackDetector | None, off()] = None
    """Attempts to inject a prompt."""
    keyword_detector: Annotated[KeywordDetector | None, off(banned_keywords=[])] = None
    """Words."""
    policy_violation: Annotated[PolicyViolationDetector | None, off(need_explanation=False)] = None
    """Violations of rules in words."""
    bias: Annotated[Detector | None, off()] = None
    """Bias."""
    copyright_ip: Annotated[BlockingDetector | None, off()] = None
    """What others own."""
    system_prompt: Annotated[SystemPromptDetector | None, off(index="system")] = None
    """Leaks of the system prompt."""
    sponge_attack: Annotated[BlockingDetector | None, off()] = None
    """Attempts to exhaust the model."""


class GuardrailsPolicy(Managed):
    """A guardrails policy as Enkrypt AI registers it: a named set of detectors.

    A detector that is not declared is switched off when the policy is written, and not compared with what the API
    says.
    """

    name: Annotated[SavedName, Replaces(), Note("the length [P], the characters [G]"), Field(examples=["my-policy"])]
    """The name by which deployments and callers refer to it, its identity."""
    description: Annotated[Description, Note("that it may be empty [I]")] = ""
    """What it is for."""
    detectors: Detectors
    """What it looks for."""
    policy_id: Annotated[int | None, ServerSet()] = None
    """The API's own number of the policy; nothing refers to a policy by it."""


GUARDRAILS_POLICY: Final = Kind(
    name="EnkryptGuardrailsPolicy",
    noun="policy",
    document=GuardrailsPolicy,
    calls=Calls(
        "/guardrails",
        "add-policy",
        "get-policy",
        "list-policies",
        "modify-policy",
        "delete-policy",
        listed="policies",
    ),
    identity={"name": "X-Enkrypt-Policy"},
    number="policy_id",
    whole_with=("detectors",),
)
