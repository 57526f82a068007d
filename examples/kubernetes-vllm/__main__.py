"""vLLM on Kubernetes behind a Service, its key in a Secret, registered with Enkrypt AI once it answers.

The Service's public name, or a domain that points there, is the model's host.
"""

import pulumi
from pulumi_kubernetes import apps, core, meta

from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs

config = pulumi.Config()
IMAGE = config.get("image") or "vllm/vllm-openai:v0.9.2"
MODEL = config.get("model") or "Qwen/Qwen2.5-1.5B-Instruct"
PORT = 8000
LABELS = {"app": "vllm"}

key = core.v1.Secret("vllm-key", string_data={"key": config.require_secret("llmKey")})

# ---- the model server

container = core.v1.ContainerArgs(
    name="vllm",
    image=IMAGE,
    args=[f"--model={MODEL}", f"--port={PORT}", "--ssl-certfile=/tls/tls.crt", "--ssl-keyfile=/tls/tls.key"],
    env=[
        core.v1.EnvVarArgs(
            name="VLLM_API_KEY",
            # The Deployment gets the key's location, not the key.
            value_from=core.v1.EnvVarSourceArgs(
                secret_key_ref=core.v1.SecretKeySelectorArgs(name=key.metadata.name, key="key")
            ),
        )
    ],
    ports=[core.v1.ContainerPortArgs(container_port=PORT)],
    resources=core.v1.ResourceRequirementsArgs(limits={"nvidia.com/gpu": "1"}),
    readiness_probe=core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path="/health", port=PORT, scheme="HTTPS"),
        period_seconds=10,
        failure_threshold=90,  # it downloads the model first
    ),
    volume_mounts=[
        core.v1.VolumeMountArgs(name="tls", mount_path="/tls", read_only=True),
        core.v1.VolumeMountArgs(name="shm", mount_path="/dev/shm"),  # noqa: S108 - inside the container
    ],
)
deployment = apps.v1.Deployment(
    "vllm",
    spec=apps.v1.DeploymentSpecArgs(
        replicas=config.get_int("replicas") or 1,
        selector=meta.v1.LabelSelectorArgs(match_labels=LABELS),
        progress_deadline_seconds=1200,
        template=core.v1.PodTemplateSpecArgs(
            metadata=meta.v1.ObjectMetaArgs(labels=LABELS),
            spec=core.v1.PodSpecArgs(
                containers=[container],
                volumes=[
                    core.v1.VolumeArgs(
                        name="tls", secret=core.v1.SecretVolumeSourceArgs(secret_name=config.require("tlsSecret"))
                    ),
                    core.v1.VolumeArgs(name="shm", empty_dir=core.v1.EmptyDirVolumeSourceArgs(medium="Memory")),
                ],
            ),
        ),
    ),
    # Loading the model takes a while; the default is ten minutes.
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="20m", update="20m")),
)
service = core.v1.Service(
    "vllm",
    spec=core.v1.ServiceSpecArgs(
        type="LoadBalancer",
        selector=LABELS,
        ports=[core.v1.ServicePortArgs(port=443, target_port=PORT)],
    ),
)
# Some clouds give load balancers a name, others an address.
public = service.status.load_balancer.ingress[0].apply(lambda ingress: ingress.hostname or ingress.ip)

# ---- its registration, once the server is ready

model = EnkryptModel(
    "vllm",
    model_saved_name=f"vllm-{pulumi.get_stack()}",
    model_name=MODEL,
    model_config=ModelConfigArgs(
        is_compatible_with="openai_compatible",
        hosting_type="Internal",
        model_source="vLLM",
        endpoint=EndpointArgs(host=config.get("domain") or public, base_path="/v1"),
        apikeys=[config.require_secret("llmKey")],
        metadata={"owner": "ml-platform"},
    ),
    opts=pulumi.ResourceOptions(depends_on=[deployment, service, key]),
)
pulumi.export("model", model.id)
pulumi.export("host", public)
