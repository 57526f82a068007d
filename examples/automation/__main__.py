"""The models of one environment: stacks differ only in their configuration."""

import pulumi

from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs

domain = pulumi.Config().require("domain")

models = [
    EnkryptModel(
        name,
        model_saved_name=name,
        testing_for="Chatbot",
        model_config=ModelConfigArgs(
            is_compatible_with="openai", endpoint=EndpointArgs(host=f"{name}.{domain}", base_path="/v1")
        ),
    )
    for name in ("support-chat", "sales-chat")
]
pulumi.export("models", [model.id for model in models])
