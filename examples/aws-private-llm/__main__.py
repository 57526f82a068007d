"""A model server on Fargate behind a load balancer, its key in Secrets Manager, registered with Enkrypt AI.

The load balancer's name is the model's host; the secret's value is its key.
"""

import json

import pulumi
import pulumi_aws as aws

from enkrypt_provider import EndpointArgs, EnkryptModel, ModelConfigArgs

config = pulumi.Config()
IMAGE = config.get("image") or "ghcr.io/ggml-org/llama.cpp:server"
MODEL = config.get("model") or "ggml-org/gemma-3-1b-it-GGUF"
PORT = 8000

# ---- the account's default network

vpc = aws.ec2.get_vpc(default=True)
subnets = aws.ec2.get_subnets(filters=[aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc.id])])

everywhere = ["0.0.0.0/0"]
outbound = aws.ec2.SecurityGroupEgressArgs(protocol="-1", from_port=0, to_port=0, cidr_blocks=everywhere)
public = aws.ec2.SecurityGroup(
    "public",
    vpc_id=vpc.id,
    ingress=[aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=443, to_port=443, cidr_blocks=everywhere)],
    egress=[outbound],
)
private = aws.ec2.SecurityGroup(
    "private",
    vpc_id=vpc.id,
    ingress=[
        aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=PORT, to_port=PORT, security_groups=[public.id])
    ],
    egress=[outbound],
)

# ---- the key

key = aws.secretsmanager.Secret("llm-key", description="Key for calling the model server")
key_value = aws.secretsmanager.SecretVersion(
    "llm-key", secret_id=key.id, secret_string=config.require_secret("llmKey")
)

# ---- the load balancer

balancer = aws.lb.LoadBalancer(
    "llm", load_balancer_type="application", security_groups=[public.id], subnets=subnets.ids
)
targets = aws.lb.TargetGroup(
    "llm",
    port=PORT,
    protocol="HTTP",
    target_type="ip",
    vpc_id=vpc.id,
    health_check=aws.lb.TargetGroupHealthCheckArgs(path="/health"),
)
listener = aws.lb.Listener(
    "llm",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    certificate_arn=config.require("certificateArn"),
    default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
)

# ---- the model server

role = aws.iam.Role(
    "llm",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
    managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"],
)
may_read_key = aws.iam.RolePolicy(
    "read-key",
    role=role.id,
    policy=key.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}],
            }
        )
    ),
)
task = aws.ecs.TaskDefinition(
    "llm",
    family="llm",
    requires_compatibilities=["FARGATE"],
    network_mode="awsvpc",
    cpu="4096",
    memory="16384",
    execution_role_arn=role.arn,
    container_definitions=key.arn.apply(
        lambda arn: json.dumps(
            [
                {
                    "name": "llm",
                    "image": IMAGE,
                    "command": ["-hf", MODEL, "--host", "0.0.0.0", "--port", str(PORT)],  # noqa: S104 - in the task
                    "portMappings": [{"containerPort": PORT}],
                    # The task gets the key's location, not the key.
                    "secrets": [{"name": "LLAMA_API_KEY", "valueFrom": arn}],
                }
            ]
        )
    ),
)
service = aws.ecs.Service(
    "llm",
    cluster=aws.ecs.Cluster("llm").arn,
    launch_type="FARGATE",
    desired_count=1,
    task_definition=task.arn,
    network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
        subnets=subnets.ids, security_groups=[private.id], assign_public_ip=True
    ),
    load_balancers=[
        aws.ecs.ServiceLoadBalancerArgs(target_group_arn=targets.arn, container_name="llm", container_port=PORT)
    ],
    health_check_grace_period_seconds=900,  # loading the model takes a while
    wait_for_steady_state=True,
    opts=pulumi.ResourceOptions(depends_on=[listener, may_read_key, key_value]),
)

# ---- its registration, once the server is healthy

model = EnkryptModel(
    "llm",
    model_saved_name=f"private-llm-{pulumi.get_stack()}",
    model_name=MODEL,
    model_config=ModelConfigArgs(
        is_compatible_with="openai",
        hosting_type="Internal",
        endpoint=EndpointArgs(host=config.get("domain") or balancer.dns_name, base_path="/v1"),
        apikeys=[key_value.secret_string],
        metadata={"owner": "platform"},
    ),
    opts=pulumi.ResourceOptions(depends_on=[service]),
)
pulumi.export("model", model.id)
pulumi.export("host", balancer.dns_name)
