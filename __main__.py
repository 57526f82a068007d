"""Registers the models of this stack's catalogue, `enkrypt:models` in stacks/Pulumi.STACK.yaml."""

import os
import sys

import pulumi

from enkrypt_provider import EnkryptModel, catalogue

models = {name: EnkryptModel(name, **arguments) for name, arguments in catalogue.load().items()}

# What others need, through a stack reference: NAME/VERSION, by which Enkrypt AI's other products use each model.
pulumi.export("models", {name: model.id for name, model in models.items()})

# The API's own numbers, for support requests.
pulumi.export("model_ids", {name: model.model_id for name, model in models.items()})

if pulumi.Config("enkrypt").get("endpoint") == "embedded" and not pulumi.runtime.is_dry_run():
    pulumi.log.info(f"A page shows what is registered: {os.path.relpath(sys.executable)} -m enkrypt_provider serve")
