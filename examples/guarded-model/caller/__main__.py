"""Another team's program: looks up the deployment by name, and the policy that protects it."""

import pulumi

from enkrypt_provider import get_deployment, get_guardrails_policy

support = get_deployment("support")
used = support.input_guardrails_policy
policy = get_guardrails_policy(used.policy_name) if used else None

pulumi.export("model", f"{support.model_saved_name}/{support.model_version}")
pulumi.export("header", {"X-Enkrypt-Deployment": support.name})
pulumi.export("blocks", used.block if used else [])
detectors = policy.detectors if policy else {}
pulumi.export("detectors", sorted(name for name, found in detectors.items() if found and found["enabled"]))
