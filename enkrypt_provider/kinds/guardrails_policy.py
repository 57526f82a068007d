"""The guardrails policy kind: a named set of detectors.

[P] proven, [I] inferred, [G] guessed: how well each fact about the API is known, see docs/api.md. Anything unmarked
is proven by the official client, `enkryptai-sdk`. The API's document calls these policies legacy, next to its newer
guardrails.
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
UNORDERED: Final = Note("[G] that their order does not matter")
Words = Annotated[UpTo1000[Line], Unordered(), UNORDERED]


class Detector(Document):
    """A detector without options."""

    enabled: Annotated[bool, ReadAs(value=False), Field(examples=[True])]
    """Whether the detector is on. The API's own default is false, so a program must set it explicitly."""


class BlockingDetector(Detector):
    """A detector with a message of its own for blocked content."""

    block_message: Text | None = None
    """The message returned in place of blocked content."""


class TopicDetector(BlockingDetector):
    """Detects content about the given topics."""

    topic: Words = []
    """The topics, such as `science`."""


class PiiDetector(Detector):
    """Detects personal data."""

    entities: Words = []
    """The entities to detect, such as `pii`, `secrets`, `ip_address`, `url`, `email`; no complete list is known."""


class InjectionAttackDetector(BlockingDetector):
    """Detects prompt injection."""

    need_explanation: bool = False
    """Whether to explain a detected attack, at the cost of another model call."""


class KeywordDetector(Detector):
    """Detects the given words."""

    banned_keywords: Words = []
    """The banned words."""


class RuleMapping(Document):
    """The clause of a framework that requires a rule."""

    framework: Line = ""
    """The framework."""
    clause: Line = ""
    """The clause."""


class PolicyRule(Document):
    """A rule, as the vendor's policy wizard writes it."""

    id: Line | None = None
    """The id of the rule."""
    display_text: Text | None = None
    """The text that people see."""
    text: Annotated[Text, ReadAs(""), Field(examples=["Give no medical advice."])]
    """The text used for checking."""
    risk_category: RiskCategory | None = None
    """The risk that the rule addresses."""
    applicability: Literal["assistant", "user", "user_assistant"] | None = None
    """Whose messages the rule applies to."""
    severity: Literal["critical", "high", "medium", "low"] | None = None
    """How severe a violation is."""
    frameworks: Annotated[list[Line], Unordered(), UNORDERED] = []
    """The frameworks that require the rule, such as `gdpr`."""
    mappings: Annotated[list[RuleMapping], Unordered(), UNORDERED] = []
    """The clauses that require the rule."""
    source: Line | None = None
    """Where the rule comes from: `document`, `catalog`, `document/catalog` or `user`."""
    suggested: bool = False
    """Whether the wizard suggested the rule."""


class PolicyViolationDetector(BlockingDetector):
    """Detects violations of natural-language rules. Which option wins if several are given is not documented."""

    policy_text: Text | None = None
    """The rules as one text."""
    need_explanation: bool = False
    """Whether to explain a violation. Always sent: the documentation is contradictory about the API's own default."""
    coc_policy_name: Line | None = None
    """The name of a code of conduct that is stored with Enkrypt AI."""
    rules: Annotated[UpTo1000[PolicyRule] | None, Unordered(), UNORDERED] = None
    """The rules as a list."""


class SystemPromptDetector(BlockingDetector):
    """Detects leaks of the system prompt."""

    index: Line = "system"
    """The official client's default is `system`; other values are not documented."""


def off(**options: Any) -> SentWhereAbsent:
    """Mark a detector to be sent switched off, with these options, if it is absent."""
    return SentWhereAbsent({"enabled": False, **options})


class Detectors(Document):
    """The detectors of the policy. Only those that are declared are compared with what the API returns."""

    # An absent one is sent switched off, as in the official client's presets: that PATCH replaces the whole set is a
    # guess [G], and a server that merges would leave on a detector that is no longer declared.
    topic_detector: Annotated[TopicDetector | None, off(topic=[])] = None
    """Topics."""
    nsfw: Annotated[BlockingDetector | None, off()] = None
    """Content that is not safe for work."""
    toxicity: Annotated[BlockingDetector | None, off()] = None
    """Toxic language."""
    pii: Annotated[PiiDetector | None, off(entities=[])] = None
    """Personal data."""
    injection_attack: Annotated[InjectionAttackDetector | None, off()] = None
    """Prompt injection."""
    keyword_detector: Annotated[KeywordDetector | None, off(banned_keywords=[])] = None
    """Banned words."""
    policy_violation: Annotated[PolicyViolationDetector | None, off(need_explanation=False)] = None
    """Violations of natural-language rules."""
    bias: Annotated[Detector | None, off()] = None
    """Bias."""
    copyright_ip: Annotated[BlockingDetector | None, off()] = None
    """Copyrighted content and other intellectual property."""
    system_prompt: Annotated[SystemPromptDetector | None, off(index="system")] = None
    """Leaks of the system prompt."""
    sponge_attack: Annotated[BlockingDetector | None, off()] = None
    """Attempts to exhaust the model."""


class GuardrailsPolicy(Managed):
    """A guardrails policy registered with Enkrypt AI: a named set of detectors.

    A detector that is not declared is switched off when the policy is written, and is not compared with what the API
    returns.
    """

    name: Annotated[SavedName, Replaces(), Note("the length [P], the characters [G]"), Field(examples=["my-policy"])]
    """The name by which deployments and callers refer to the policy; its identity."""
    description: Annotated[Description, Note("that it may be empty is inferred [I]")] = ""
    """What the policy is for."""
    detectors: Detectors
    """The detectors of the policy."""
    policy_id: Annotated[int | None, ServerSet()] = None
    """The API's own id for the policy; nothing refers to a policy by it."""


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
