"""A model, the guardrails policy that protects it, and the deployment that combines them."""

import pulumi

from enkrypt_provider import (
    BlockingDetectorArgs,
    DetectorsArgs,
    EndpointArgs,
    EnkryptDeployment,
    EnkryptGuardrailsPolicy,
    EnkryptModel,
    InjectionAttackDetectorArgs,
    InputAdditionalConfigArgs,
    InputPolicyArgs,
    ModelConfigArgs,
    OutputPolicyArgs,
    PiiDetectorArgs,
    TopicDetectorArgs,
)

config = pulumi.Config()

chat = EnkryptModel(
    "chat",
    model_saved_name="support-chat",
    model_config=ModelConfigArgs(
        is_compatible_with="openai",
        endpoint=EndpointArgs(host="llm.example.com", base_path="/v1"),
    ),
)
guardrails = EnkryptGuardrailsPolicy(
    "guardrails",
    name="support",
    description="What the support chat may be asked and may say",
    detectors=DetectorsArgs(
        injection_attack=InjectionAttackDetectorArgs(enabled=True),
        pii=PiiDetectorArgs(enabled=True, entities=["pii", "secrets"]),
        toxicity=BlockingDetectorArgs(enabled=True, block_message="Let us stay polite."),
        topic_detector=TopicDetectorArgs(enabled=True, topic=config.get_object("topics") or ["medical advice"]),
    ),
)
# The names are outputs, so the deployment is created after both and deleted before them.
deployment = EnkryptDeployment(
    "deployment",
    name="support",
    model_saved_name=chat.model_saved_name,
    model_version=chat.model_version,
    input_guardrails_policy=InputPolicyArgs(
        policy_name=guardrails.name,
        enabled=True,
        block=["injection_attack", "topic_detector"],
        additional_config=InputAdditionalConfigArgs(pii_redaction=True),
    ),
    output_guardrails_policy=OutputPolicyArgs(policy_name=guardrails.name, enabled=True, block=["toxicity"]),
)
pulumi.export("deployment", deployment.name)
