"""`EnkryptModel` and its `…Args`: what a program writes.

Only shapes, their meaning, and what must be secret. Limits and defaults are enforced in schema.py, and a
test holds both to the same fields.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast, overload

import pulumi
from pulumi.dynamic import Resource
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from typing_extensions import dataclass_transform

from . import outputs
from .fields import COMPUTED, OPTIONS, OWNER, SECRETS
from .provider import EnkryptModelProvider

T = TypeVar("T")


@dataclass_transform(kw_only_default=True)
def _input_type(cls: type[T]) -> type[T]:
    """`pulumi.input_type`, which writes an `__init__` that type checkers do not know of."""
    return pulumi.input_type(cls)


@_input_type
class EndpointArgs:
    """Where the model answers: `scheme://host:port/base_path`."""

    host: pulumi.Input[str]
    """The host name alone, such as `api.together.xyz`. Required."""
    scheme: pulumi.Input[str] | None = None
    """`https` or `http`. Default: `https`."""
    port: pulumi.Input[int] | None = None
    """1 to 65535. Default: 443, or 80 where the scheme is `http`."""
    base_path: pulumi.Input[str] | None = None
    """What every path begins with, such as `/v1`: empty, or starting with `/`. Default: empty."""


@_input_type
class PathsArgs:
    """What is appended to the endpoint's `base_path` for each kind of request."""

    completions: pulumi.Input[str] | None = None
    """Default: `/completions`."""
    chat: pulumi.Input[str] | None = None
    """Default: `/chat/completions`."""
    vision: pulumi.Input[str] | None = None
    """No default. Known to the official client, not to the API's document."""
    embeddings: pulumi.Input[str] | None = None
    """No default. Known to the official client, not to the API's document."""


@_input_type
class AuthDataArgs:
    """How a key of `apikeys` is presented to the model: `HEADER_NAME: PREFIX KEY`."""

    header_name: pulumi.Input[str] | None = None
    """Default: `Authorization`."""
    header_prefix: pulumi.Input[str] | None = None
    """Default: `Bearer`."""
    space_after_prefix: pulumi.Input[bool] | None = None
    """Whether a space stands between prefix and key. Default: true."""


@_input_type
class GeminiArgs:
    """Gemini on Vertex. The API's document describes these fields without naming them: the names are inferred."""

    api_endpoint: pulumi.Input[str] | None = None
    """The regional API endpoint, host name only."""
    project_id: pulumi.Input[str] | None = None
    """The project's id."""
    location_id: pulumi.Input[str] | None = None
    """The location's id."""


@_input_type
class MetadataArgs:
    """Options of the model's runtime.

    The API's document describes these fields without naming them: the names are inferred, their place in
    `metadata` is a guess. A plain dict may hold any other field besides; it passes through as it is.
    """

    max_tokens: pulumi.Input[int] | None = None
    """The most tokens of one answer, at least 1; the document's example is 2048."""
    input_cost: pulumi.Input[float] | None = None
    """Cost of the tokens sent, 0 or more; the document's example is 2.5. Its unit is not documented."""
    output_cost: pulumi.Input[float] | None = None
    """Cost of the tokens answered, 0 or more; the document's example is 10. Its unit is not documented."""
    azure_instance: pulumi.Input[str] | None = None
    """If Azure: the instance."""
    azure_api_version: pulumi.Input[str] | None = None
    """If Azure: the API version, such as `2024-02-01`."""
    azure_deployment_id: pulumi.Input[str] | None = None
    """If Azure: the deployment's id."""
    anthropic_version: pulumi.Input[str] | None = None
    """If Anthropic: the API's version."""
    llama2_format: pulumi.Input[str] | None = None
    """If Llama 2: `openai`."""
    mistral_format: pulumi.Input[str] | None = None
    """If Mistral: `openai` or `ollama`."""
    gemini: pulumi.Input[pulumi.InputType[GeminiArgs]] | None = None
    """If Gemini on Vertex."""


@_input_type
class HeaderArgs:
    """One HTTP header. Dialect v2."""

    key: pulumi.Input[str]
    """Its name. Required."""
    value: pulumi.Input[str] | None = None
    """Its value. Default: empty."""


@_input_type
class JwtConfigArgs:
    """How Enkrypt AI fetches the token with which it calls the model: secret as a whole. Dialect v2."""

    jwt_url: pulumi.Input[str]
    """Where the token is fetched. Required."""
    jwt_method: pulumi.Input[str] | None = None
    """`POST` or `GET`. Default: `POST`."""
    jwt_headers: pulumi.Input[Sequence[pulumi.Input[pulumi.InputType[HeaderArgs]]]] | None = None
    """Sent when the token is fetched. Default: none."""
    jwt_body: pulumi.Input[str] | None = None
    """Sent when the token is fetched. Default: empty."""
    jwt_response_key: pulumi.Input[str] | None = None
    """Which field of the answer is the token. Default: empty."""


@_input_type
class ToolArgs:
    """A tool that the model may call. Dialect v2."""

    name: pulumi.Input[str]
    """Its name. Required."""
    description: pulumi.Input[str] | None = None
    """What it does. Default: empty."""


@_input_type
class ContextArgs:
    """What grounds the tests of this model. Dialect v2."""

    system_description: pulumi.Input[str] | None = None
    """What the system is, for those who attack it: at most 2000 characters. It is not sent to the model."""
    policy_description: pulumi.Input[str] | None = None
    """What it must keep to: at most 5000 characters."""


@_input_type
class ModelConfigArgs:
    """How the model is reached and what it is."""

    is_compatible_with: pulumi.Input[str]
    """The request and response format that the model speaks. Required. One of `openai`, `together`,
    `huggingface`, `groq`, `azure_openai`, `anthropic`, `cohere`, `bedrock`, `gemini`, `ai21`, `fireworks`,
    `alibaba`, `portkey`, `deepseek`, `mistral`, `llama`, `openai_compatible`, `cohere_compatible`,
    `anthropic_compatible`. Dialect v2 calls it `model_provider` and takes any other value too."""
    endpoint: pulumi.Input[pulumi.InputType[EndpointArgs]] | None = None
    """Where the model answers. Required, but beside a `custom_curl_command`."""
    model_version: pulumi.Input[str] | None = None
    """Your own identifier of this version, part of the identity: a change replaces the registration.
    Printable ASCII without `/`, at most 255 characters. Default: `v1`."""
    hosting_type: pulumi.Input[str] | None = None
    """`External` or `Internal`. Default: `External`."""
    model_source: pulumi.Input[str] | None = None
    """Where the model comes from, such as `https://together.ai`. Default: empty."""
    model_provider: pulumi.Input[str] | None = None
    """The model's vendor, free text such as `Mistral AI`. Dialect v2 has no field for it: there it is kept in
    Pulumi's state alone. Default: empty."""
    system_prompt: pulumi.Input[str] | None = None
    """Sent to the model before each conversation. Default: empty."""
    conversation_template: pulumi.Input[str] | None = None
    """Dialect v1. Default: empty."""
    paths: pulumi.Input[pulumi.InputType[PathsArgs]] | None = None
    """The path of each kind of request."""
    auth_data: pulumi.Input[pulumi.InputType[AuthDataArgs]] | None = None
    """How a key is presented to the model."""
    apikeys: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """The keys with which the model is called: always secret. Never compared with what the API answers, which
    may mask them. Default: none."""
    metadata: pulumi.Input[pulumi.InputType[MetadataArgs]] | None = None
    """Options of the model's runtime; as a plain dict it takes any other field too. Default: empty."""
    default_request_options: pulumi.Input[Mapping[str, Any]] | None = None
    """Sent with every request to the model: any JSON object. Default: empty."""
    model_auth_type: pulumi.Input[str] | None = None
    """`apikey` or `jwt`. Dialect v2, where the default is `apikey`."""
    model_jwt_config: pulumi.Input[pulumi.InputType[JwtConfigArgs]] | None = None
    """How the model's token is fetched: always secret. Dialect v2."""
    tools: pulumi.Input[Sequence[pulumi.Input[pulumi.InputType[ToolArgs]]]] | None = None
    """The tools that the model may call. Dialect v2."""
    input_modalities: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Any of `text`, `image`, `audio`. Dialect v2."""
    output_modalities: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """`text`. Dialect v2."""
    custom_headers: pulumi.Input[Sequence[pulumi.Input[pulumi.InputType[HeaderArgs]]]] | None = None
    """Sent with every request to the model: always secret. Dialect v2."""
    custom_payload: pulumi.Input[Mapping[str, Any]] | None = None
    """The body of a request to a model that speaks no known protocol: any JSON object. Dialect v2."""
    custom_curl_command: pulumi.Input[str] | None = None
    """A request to the model as a curl command: always secret. Dialect v2."""
    custom_response_format: pulumi.Input[str] | None = None
    """Where the text stands in the model's answer, as a jq expression. Dialect v2."""
    custom_response_content_type: pulumi.Input[str] | None = None
    """The content type of the model's answer. Dialect v2."""
    rate_per_min: pulumi.Input[int] | None = None
    """How many requests a minute the model is sent, at least 1. Dialect v2, where the default is 20. The API
    does not show it, so that drift of it is not seen."""
    context: pulumi.Input[pulumi.InputType[ContextArgs]] | None = None
    """What grounds the tests of this model. Dialect v2."""


@_input_type
class EnkryptModelArgs:
    """A model as Enkrypt AI registers it."""

    model_saved_name: pulumi.Input[str]
    """The name by which all that uses the model refers to it, part of the identity: a change replaces the
    registration. Required. At most 32 characters of printable ASCII, without `/`."""
    model_config: pulumi.Input[pulumi.InputType[ModelConfigArgs]]
    """How the model is reached and what it is. Required."""
    model_name: pulumi.Input[str] | None = None
    """The model's own name, such as `mistralai/Mixtral-8x7B-Instruct-v0.1`. Default: empty."""
    testing_for: pulumi.Input[str] | None = None
    """What it is tested as: `Copilot`, `LLM` or `Chatbot`. Dialect v2 takes `foundationModels`,
    `chatbotsAndCopilots`, `agents`, `URL` and any other value too. Default: `LLM`."""
    model_type: pulumi.Input[str] | None = None
    """`text_2_text`, the only type that the document knows, and the default. Dialect v1."""
    certifications: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Any of `GDPR`, `CCPA`, `HIPAA`, `SOC 2 Type II`, `SOC 3`; their order says nothing. Default: none."""
    adopt_existing: pulumi.Input[bool] | None = None
    """Whether create takes over a registration of the same name and version that is there already, and updates
    it to what is declared. Otherwise that is an error. Not sent to the API. Default: false."""
    deletion_protection: pulumi.Input[bool] | None = None
    """Whether a delete or a replacement of this registration is refused, before anything is changed. Implies the
    resource option `protect`. To lift it set it to false, run `pulumi up`, then delete. Default: false."""
    verify_health: pulumi.Input[bool] | None = None
    """Whether the model must answer after it was registered, or after its endpoint, paths or keys changed. If it
    does not, the registration stays and the error says what failed. Default: false."""


def _with_getters(cls: type[T]) -> type[T]:
    """Makes properties of annotated outputs: the SDK works out their types once, those of annotations anew for
    each resource."""
    for name, shape in inspect.get_annotations(cls).items():
        setattr(cls, name, property(_getter(name, shape)))
    cls.__annotations__ = {}
    return cls


def _getter(name: str, shape: Any) -> Callable[[pulumi.Resource], Any]:
    def get(self: pulumi.Resource) -> Any:
        found = pulumi.get(self, name)
        return pulumi.Output.from_input(None) if found is None else found

    get.__annotations__["return"] = shape
    return pulumi.getter(name=name)(get)


@_with_getters
class EnkryptModel(Resource, module="enkrypt", name="EnkryptModel"):
    """A model registered with Enkrypt AI.

    Its id is `NAME/VERSION`. A change of either registers the new model before the old one is deleted; every
    other field changes in place. Since its keys are secret, Pulumi treats the output `model_config` as a
    secret as a whole.
    """

    model_saved_name: pulumi.Output[str]
    """The name by which all that uses the model refers to it."""
    model_config: pulumi.Output[outputs.ModelConfig]
    """How the model is reached and what it is."""
    model_name: pulumi.Output[str]
    """The model's own name."""
    testing_for: pulumi.Output[str]
    """What it is tested as."""
    model_type: pulumi.Output[str]
    """The model's type."""
    certifications: pulumi.Output[Sequence[str]]
    """Its certifications."""
    model_id: pulumi.Output[int]
    """The API's own number of the registration; nothing refers to a model by it."""
    project_name: pulumi.Output[str]
    """The project that the API key belongs to."""
    created_at: pulumi.Output[str]
    """When it was registered, in ISO 8601."""
    updated_at: pulumi.Output[str]
    """When it was last changed, in ISO 8601."""
    adopt_existing: pulumi.Output[bool | None]
    """Whether create may take over what is there."""
    deletion_protection: pulumi.Output[bool | None]
    """Whether a delete or a replacement is refused."""
    verify_health: pulumi.Output[bool | None]
    """Whether the model must answer."""

    @overload
    def __init__(
        self, resource_name: str, args: EnkryptModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        *,
        opts: pulumi.ResourceOptions | None = None,
        model_saved_name: pulumi.Input[str],
        model_config: pulumi.Input[pulumi.InputType[ModelConfigArgs]],
        model_name: pulumi.Input[str] | None = None,
        testing_for: pulumi.Input[str] | None = None,
        model_type: pulumi.Input[str] | None = None,
        certifications: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        adopt_existing: pulumi.Input[bool] | None = None,
        deletion_protection: pulumi.Input[bool] | None = None,
        verify_health: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(
        self,
        resource_name: str,
        args: EnkryptModelArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **properties: Any,
    ) -> None:
        """Declares a model: by `EnkryptModelArgs`, or by the same arguments as keywords.

        Raises `TypeError` for an argument that does not exist; every other mistake is found by `check`, at
        preview.
        """
        if args is None:
            args = EnkryptModelArgs(**properties)
        elif properties:
            raise TypeError("give either args or keywords, not both")
        given = {name: value for name, value in vars(args).items() if value is not None}
        properties = {**given, "model_config": _with_secrets(args.model_config)}
        if args.deletion_protection is True:
            # The engine refuses before anything is changed; the provider could do so only in the middle.
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(protect=True), opts)
        type_ = f"pulumi-python:{self._resource_type_name}"
        properties[OWNER] = _urn(resource_name, type_, opts)
        # Not `super()`: the SDK takes the line that calls the third `__init__` for the program's.
        pulumi.CustomResource.__init__(
            self,
            type_,
            resource_name,
            {**_outputs(), **properties, PROVIDER_KEY: _serialized()},
            opts,
        )

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> EnkryptModel:
        """A registration that exists and that another stack, or nobody, manages: read, never changed.

        `id` is `NAME/VERSION`, or `NAME` for version `v1`. `model_config` is secret as a whole.
        """
        ours = pulumi.ResourceOptions(id=id, additional_secret_outputs=["model_config"])
        found = EnkryptModel.__new__(EnkryptModel)
        Resource.__init__(
            found,
            EnkryptModelProvider(),
            resource_name,
            _outputs(),
            pulumi.ResourceOptions.merge(opts, ours),
        )
        return found


def _urn(name: str, type_: str, opts: pulumi.ResourceOptions | None) -> pulumi.Output[Any]:
    """Return the resource's URN, with the organization before it, for `check`, which the host does not tell it."""
    urn = pulumi.create_urn(name, type_, opts.parent if opts else None)
    organization = pulumi.get_organization()
    # A future: an output of a parent would make the resource depend on it, and so on itself.
    known: pulumi.Output[Any] = pulumi.Output.from_input(cast(Any, urn.future()))
    return known.apply(lambda text: f"{organization}/{text}" if text else None)


@functools.cache
def _serialized() -> str:
    """What every state holds of the provider, as `Resource` of the SDK makes it for each resource anew."""
    serialized: str = serialize_provider(EnkryptModelProvider())
    return serialized


def _outputs() -> dict[str, Any]:
    """Every output that has a value also where no argument gives it: it must be named to exist, and the engine fills
    it in. Each takes a part of a program's time, so an option that is not given is not among them."""
    return {name: None for name in (*EnkryptModelArgs.__annotations__, *COMPUTED) if name not in OPTIONS}


class EnkryptProvider(pulumi.ProviderResource):
    """One account of the API, for `ResourceOptions(provider=…)` and the look-ups of lookup.py.

    What is not given here has the default, or comes from the environment, never from the stack's configuration.
    A changed key shows as an update of the provider. A model's provider is part of its identity to Pulumi: to
    move a model to another account is to replace it.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        api_key: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        dialect: pulumi.Input[str] | None = None,
        timeout: pulumi.Input[float] | None = None,
        max_retries: pulumi.Input[int] | None = None,
        check_online: pulumi.Input[bool] | None = None,
        require_https: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Each argument is the setting of that name, see settings.py; `api_key` is always secret."""
        given = {
            "apiKey": None if api_key is None else pulumi.Output.secret(api_key),
            "endpoint": endpoint,
            "dialect": dialect,
            "timeout": timeout,
            "maxRetries": max_retries,
            "checkOnline": check_online,
            "requireHttps": require_https,
        }
        # The engine takes a provider's settings as strings.
        self.settings = {
            f"enkrypt:{name}": pulumi.Output.from_input(value).apply(_as_setting)
            for name, value in given.items()
            if value is not None
        }
        super().__init__("pulumi-python", resource_name, dict(self.settings), opts)


def _as_setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SECRET: Final = [path.rpartition(".")[2] for path in SECRETS]


def _with_secrets(model_config: Any) -> Any:
    """`model_config` with what can hold a secret made secret, wherever it comes from and whatever its shape."""
    if isinstance(model_config, Awaitable):
        model_config = pulumi.Output.from_input(model_config)
    if isinstance(model_config, pulumi.Output):
        return model_config.apply(_with_secrets)
    if isinstance(model_config, ModelConfigArgs):
        model_config = {k: v for k, v in vars(model_config).items() if v is not None}
    if not isinstance(model_config, Mapping):
        return model_config
    hidden = {k: _secret(model_config[k]) for k in _SECRET if model_config.get(k) is not None}
    return {**model_config, **hidden}


def _secret(value: Any) -> pulumi.Output[Any]:
    """`Output.secret`, which makes an output of every item too: of plain keys that is a part of a program's time."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = [*value]
    elif not isinstance(value, str):
        return pulumi.Output.secret(value)
    return pulumi.Output(set(), _done(value), _done(True), _done(True))


def _done(value: T) -> asyncio.Future[T]:
    done: asyncio.Future[T] = asyncio.Future()
    done.set_result(value)
    return done
