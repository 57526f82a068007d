"""Registers this stack's catalogue: `enkrypt:models`, `:policies` and `:deployments` in stacks/Pulumi.STACK.yaml."""

import os
import sys

import pulumi

from enkrypt_provider import catalogue

declared = catalogue.declare()

# For other stacks, through a stack reference: NAME/VERSION of a model, NAME of a policy or a deployment.
pulumi.export("models", {name: model.id for name, model in declared.models.items()})
pulumi.export("policies", {name: policy.id for name, policy in declared.policies.items()})
pulumi.export("deployments", {name: deployment.id for name, deployment in declared.deployments.items()})

# The API's own ids, for support requests.
pulumi.export("model_ids", {name: model.model_id for name, model in declared.models.items()})

if pulumi.Config("enkrypt").get("endpoint") == "embedded" and not pulumi.runtime.is_dry_run():
    pulumi.log.info(f"The registrations in a browser: {os.path.relpath(sys.executable)} -m enkrypt_provider serve")
