"""A server on this machine, and its registration: address and key flow from one to the other."""

import pulumi
from local_server import LocalServer

from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs

serves = pulumi.Config().get("serves") or "echo-1"

server = LocalServer("server", serves=serves)

model = EnkryptModel(
    "echo",
    model_saved_name="echo",
    model_name=serves,
    testing_for="Chatbot",
    model_config=ModelConfigArgs(
        is_compatible_with="openai_compatible",
        hosting_type="Internal",
        endpoint=EndpointArgs(scheme="http", host=server.host, port=server.port, base_path="/v1"),
        apikeys=[server.key],
    ),
)

pulumi.export("url", server.url)
pulumi.export("key", server.key)
pulumi.export("model", model.id)
