"""The deployment kind: a model, and the guardrails policies that protect it.

[P] proven, [I] inferred, [G] guessed: how well each fact about the API is known, see docs/api.md. Anything unmarked
is proven by the official client, `enkryptai-sdk`.
"""

# ruff: noqa: RUF012 - pydantic copies a default before it is used

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from .document import Document
from .guardrails_policy import GUARDRAILS_POLICY
from .kind import Calls, Kind, Reference
from .managed import Managed
from .markers import Note, Quiet, ReadAs, Replaces, SentWhereAbsent, ServerSet, Unordered
from .model import DEFAULT_VERSION, MODEL
from .values import Once, SavedName, Version

InputBlock = Literal[
    "topic_detector", "nsfw", "toxicity", "pii", "injection_attack", "keyword_detector", "policy_violation", "bias",
    "system_prompt", "copyright_ip", "sponge_attack",
]  # fmt: skip
OutputBlock = Literal[InputBlock, "hallucination", "adherence", "relevancy"]


ORDER: Final = Note("[G] that their order does not matter")


class InputAdditionalConfig(Document):
    """Additional processing of requests."""

    pii_redaction: bool = False
    """Whether to redact personal data before the model sees it."""


class OutputAdditionalConfig(Document):
    """Additional checks of responses."""

    hallucination: bool = False
    """Whether to check responses for hallucinations."""
    adherence: bool = False
    """Whether to check responses for adherence to the context."""
    relevancy: bool = False
    """Whether to check responses for relevancy."""


class UsedPolicy(Document):
    """A guardrails policy that a deployment uses."""

    policy_name: Annotated[SavedName, ReadAs(""), Field(examples=["my-policy"])]
    """The name of the policy, such as the output `name` of an `EnkryptGuardrailsPolicy`."""
    enabled: Annotated[bool, ReadAs(value=False), Field(examples=[True])]
    """Whether the policy is applied. The API's own default is false, so a program must set it explicitly."""


class InputPolicy(UsedPolicy):
    """The guardrails policy for requests."""

    block: Annotated[list[InputBlock], Once, Unordered(), ORDER] = []
    """The detectors whose findings block a request; the others only report their findings."""
    additional_config: Annotated[InputAdditionalConfig, Field(default_factory=InputAdditionalConfig)]
    """Additional processing of requests."""


class OutputPolicy(UsedPolicy):
    """The guardrails policy for responses."""

    block: Annotated[list[OutputBlock], Once, Unordered(), ORDER] = []
    """The detectors whose findings block a response; the others only report their findings."""
    additional_config: Annotated[OutputAdditionalConfig, Field(default_factory=OutputAdditionalConfig)]
    """Additional checks of responses."""


NO_POLICY: Final = {"policy_name": "", "enabled": False, "block": []}
NO_INPUT: Final = {**NO_POLICY, "additional_config": {"pii_redaction": False}}
NO_OUTPUT: Final = {
    **NO_POLICY, "additional_config": {"hallucination": False, "adherence": False, "relevancy": False}
}  # fmt: skip


class Deployment(Managed):
    """A deployment registered with Enkrypt AI: a model, and the guardrails policies that protect it."""

    name: Annotated[
        SavedName, Replaces(), Note("the length [P], the characters [G]"), Field(examples=["my-deployment"])
    ]
    """The name by which callers refer to the deployment; its identity. Unique across all projects of the account."""
    model_saved_name: Annotated[SavedName, ReadAs(""), Field(examples=["my-model"])]
    """The name of the model, such as the output `model_saved_name` of an `EnkryptModel`."""
    model_version: Annotated[Version, Quiet()] = DEFAULT_VERSION
    """The version of the model. Always sent, although older documents omit it."""
    input_guardrails_policy: Annotated[InputPolicy | None, SentWhereAbsent(NO_INPUT, is_ours=True)] = None
    """The guardrails policy for requests."""
    output_guardrails_policy: Annotated[OutputPolicy | None, SentWhereAbsent(NO_OUTPUT, is_ours=True)] = None
    """The guardrails policy for responses. It may be the same policy as for requests."""
    deployment_id: Annotated[int | None, ServerSet()] = None
    """The API's own id for the deployment; nothing refers to a deployment by it."""


def _placed(response: dict[str, Any]) -> dict[str, Any]:
    """Drop a policy without a name, which is what the official client sends for none, and an empty version."""
    policies = ("input_guardrails_policy", "output_guardrails_policy")
    unset = {it for it in policies if isinstance(response.get(it), dict) and not response[it].get("policy_name")}
    unset |= {"model_version"} if response.get("model_version") == "" else set()
    return {name: value for name, value in response.items() if name not in unset}


DEPLOYMENT: Final = Kind(
    name="EnkryptDeployment",
    noun="deployment",
    document=Deployment,
    calls=Calls(
        "/deployments", "add-deployment", "get-deployment", "list-deployments", "modify-deployment",
        "delete-deployment", listed="deployments",
    ),
    identity={"name": "X-Enkrypt-Deployment"},
    number="deployment_id",
    whole_with=("input_guardrails_policy",),
    placed=_placed,
    deletes_first=True,
    references=(
        Reference(MODEL, ("model_saved_name", "model_version")),
        Reference(GUARDRAILS_POLICY, ("input_guardrails_policy.policy_name",)),
        Reference(GUARDRAILS_POLICY, ("output_guardrails_policy.policy_name",)),
    ),
)  # fmt: skip
"""[P] A name is unique across all projects of an account: a replacement is created after the old one is deleted."""
