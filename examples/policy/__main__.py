"""Two models under four rules: three from the library, one of this project's own."""

import pulumi

from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs, policy

config = pulumi.Config()


def priced(model: policy.Model) -> str | None:
    """Every model declares its costs, so that they can be added up."""
    missing = [name for name in ("input_cost", "output_cost") if model[f"model_config.metadata.{name}"] is None]
    return f"model_config.metadata should include {' and '.join(missing)}" if missing else None


policy.enforce(
    policy.https_only,
    policy.owned,
    policy.in_stacks("prod*", policy.certified("SOC 2 Type II")),
    advisory=[priced],
)

chat = EnkryptModel(
    "support-chat",
    model_saved_name="support-chat",
    certifications=config.get_object("certifications") or [],
    model_config=ModelConfigArgs(
        is_compatible_with="openai",
        endpoint=EndpointArgs(host="llm.example.com", base_path="/v1"),
        metadata={"input_cost": 0.5, "output_cost": 1.5},
    ),
)
summaries = EnkryptModel(
    "summaries",
    model_saved_name="summaries",
    certifications=config.get_object("certifications") or [],
    model_config=ModelConfigArgs(
        is_compatible_with="openai",
        hosting_type="Internal",
        endpoint=EndpointArgs(host="summaries.internal", scheme=config.get("summariesScheme") or "https"),
        metadata={"owner": "team-search"},
    ),
)
pulumi.export("models", [chat.id, summaries.id])
