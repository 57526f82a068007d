"""Every document shape, as pydantic models: the rules of a value and of a field, and what their mistakes are called.

Only schema.py asks here, and only where something has to be parsed: what is not touched needs no pydantic. No message
here shows a value: any may be a secret.

[P] proven, [I] inferred, [G] guessed: what is known of the API and how, see docs/api.md.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .errors import Problem, near_match, plain
from .fields import (
    CERTIFICATIONS,
    DEFAULT_VERSION,
    MODALITIES_IN,
    MODALITIES_OUT,
    OPTIONS,
    PROTOCOLS,
    PROTOCOLS_V2,
    PURPOSES,
    PURPOSES_V2,
    Dialect,
)
from .marks import is_unknown

Json: TypeAlias = Any

NAME_LIMIT: Final = 32  # [P] a check in the API's database
VERSION_LIMIT: Final = 255  # [G]
TEXT_LIMIT: Final = 200_000  # ours: characters of one text
FREE_DEPTH: Final = 16  # ours: nesting of metadata and other free maps
FREE_NODES: Final = 10_000  # ours: values in one free map
PROBLEMS_SHOWN: Final = 20


@dataclass(frozen=True)
class Mode:
    """How a document is parsed: as what will be sent in `dialect`, or, `reading`, as what a server answered."""

    dialect: Dialect = "v1"
    reading: bool = False


_SENDING: Final = Mode()


def _mode(info: ValidationInfo) -> Mode:
    return info.context if isinstance(info.context, Mode) else _SENDING


def _known(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if is_unknown(value) else handler(value)


Known: Final = WrapValidator(_known)


# ---- rules of one value; each fails with the rule, never with the value


def _rule(kind: str, message: str) -> PydanticCustomError:
    # pydantic formats "{…}" in the template: pass the text as a value, so that braces in it stay harmless.
    return PydanticCustomError(kind, "{rule}", {"rule": message})


@dataclass(frozen=True)
class OneOf:
    """A closed set of values; in v2 it has `more`, and of what matches `open_in_v2` the server is the judge."""

    values: tuple[str, ...]
    more: tuple[str, ...] = ()
    open_in_v2: re.Pattern[str] | None = None

    def allowed(self, dialect: Dialect) -> tuple[str, ...]:
        return self.values + self.more if dialect == "v2" else self.values

    def __call__(self, value: str, info: ValidationInfo) -> str:
        mode = _mode(info)
        allowed = self.allowed(mode.dialect)
        is_open = mode.dialect == "v2" and self.open_in_v2 and self.open_in_v2.fullmatch(value)
        if mode.reading or value in allowed or is_open:
            return value
        hint = near_match(value, allowed)
        if self.more and value in self.more:
            hint = "; that one is of dialect v2"
        raise _rule("one_of", f"must be one of {', '.join(allowed)}{hint}")


# Half a surrogate pair is no text: it could not be encoded.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_NOT_TEXT: Final = "must not hold NUL characters or half surrogate pairs"
_HOST = re.compile(r"\A(?=.{1,253}\Z)(?:[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])\Z")
_IDENTITY = re.compile(r"\A[!-.0-~]([ -.0-~]*[!-.0-~])?\Z")


def _matches(
    pattern: re.Pattern[str],
    message: str,
    *,
    wanted: bool = True,
    only: Dialect | None = None,
    limit: int | None = None,
) -> AfterValidator:
    """A rule that holds for what is sent, in one dialect or in both, and a limit, in characters; what a server
    answers is taken as it is."""

    def check(value: str, info: ValidationInfo) -> str:
        mode = _mode(info)
        if mode.reading or only not in (None, mode.dialect):
            return value
        if bool(pattern.search(value)) is not wanted:
            raise _rule("pattern", message)
        return _limited(value, limit)

    return AfterValidator(check)


def _within(lowest: int, highest: int | None = None) -> AfterValidator:
    rule = f"must be from {lowest} to {highest}" if highest else f"must be {lowest} or more"

    def check(value: float, info: ValidationInfo) -> float:
        if not _mode(info).reading and (value < lowest or (highest is not None and value > highest)):
            raise _rule("range", rule)
        return value

    return AfterValidator(check)


def _at_most(items: int) -> BeforeValidator:
    """Judged before the items: a million wrong ones are one problem, at once."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, list) and not _mode(info).reading and len(value) > items:
            raise _rule("too_long", f"must hold at most {items} items, this one holds {len(value):,}")
        return value

    return BeforeValidator(check)


def _limit(characters: int) -> AfterValidator:
    def check(value: str, info: ValidationInfo) -> str:
        return value if _mode(info).reading else _limited(value, characters)

    return AfterValidator(check)


def _limited(value: str, characters: int | None) -> str:
    if characters is not None and len(value) > characters:
        raise _rule("too_long", f"must be at most {characters:,} characters, this one has {len(value):,}")
    return value


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise _rule("number", "must be a number, not true or false")
    return value


def _free(value: Any) -> Any:
    """A free map, copied: whole numbers as int, nulls left out, nothing that JSON cannot say."""
    budget = iter(range(FREE_NODES))
    return _plain_json(value, FREE_DEPTH, budget)


def _plain_json(value: Any, depth: int, budget: Iterator[int]) -> Any:
    if next(budget, None) is None:
        raise _rule("free", f"must hold at most {FREE_NODES:,} values")
    if is_unknown(value) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _plain_number(value)
    if isinstance(value, str):
        return _plain_text(value)
    if not depth:
        raise _rule("free", f"must be nested at most {FREE_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {_plain_text(k): _plain_json(v, depth - 1, budget) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain_json(v, depth - 1, budget) for v in value]
    raise _rule("free", "must hold only strings, numbers, true or false, lists and objects")


def _plain_number(value: int | float) -> int | float:
    if isinstance(value, int):
        if abs(value) > sys.float_info.max:  # the engine's numbers are doubles
            raise _rule("free", "must hold numbers of a sensible size")
        return value
    if not math.isfinite(value):
        raise _rule("free", "must not hold NaN or infinity")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _plain_text(value: Any) -> str:
    if not isinstance(value, str):
        raise _rule("free", "must have strings as the names of its fields")
    if _NO_TEXT.search(value):
        raise _rule("free", _NOT_TEXT)
    if len(value) > TEXT_LIMIT:
        raise _rule("too_long", f"must hold texts of at most {TEXT_LIMIT:,} characters")
    return value


# ---- the types of one value

Text = Annotated[str, _matches(_NO_TEXT, _NOT_TEXT, wanted=False, limit=TEXT_LIMIT)]
Line = Annotated[str, _matches(_CONTROL, "must be one line, without control characters", wanted=False, limit=4_000)]
Identity = Annotated[
    str,
    # [G] it travels in an HTTP header and in the resource's id, NAME/VERSION
    _matches(_IDENTITY, 'must be printable ASCII, without "/" and without spaces at its ends, and not be empty'),
]
# What YAML and Pulumi make of a date without quotes.
_DATE = _matches(re.compile(r"\d{4}-\d\d-\d\d[T ]00:00:00"), "is a date: in YAML, quote it", wanted=False)
Name = Annotated[Identity, _limit(NAME_LIMIT)]
Version = Annotated[Identity, _DATE, _limit(VERSION_LIMIT)]
_ANY_LINE: Final = re.compile(rf"(?=.*\S){_CONTROL.pattern.replace('[', '[^', 1)}+")
_HOST_ALONE: Final = (
    "must be a host name alone, such as api.together.xyz: scheme, port and path have fields of their own"
)
Host = Annotated[str, _matches(_HOST, _HOST_ALONE)]
HostOrEmpty = Annotated[str, _matches(re.compile(rf"\A\Z|{_HOST.pattern}"), _HOST_ALONE)]
"""Empty, as the document's own example is."""
_PATH: Final = re.compile(r"\A(/\S*)?\Z"), 'must be empty or start with "/" and hold no spaces, such as "/v1"'
Path = Annotated[Line, _matches(*_PATH)]
Route = Annotated[
    Line,
    _matches(*_PATH, only="v1"),
    # [P] the official client's own defaults, such as "chat/completions", do not start with "/"
    _matches(re.compile(r"\s"), "must hold no spaces", wanted=False),
]
Key = Annotated[
    str,
    _matches(
        re.compile(r"\A[^\s\x00-\x1f\x7f\ud800-\udfff]+\Z"),
        "must not be empty or hold spaces or line breaks (a pasted key?)",
        limit=8_000,
    ),
]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Number = Annotated[
    float,
    BeforeValidator(_not_bool),
    Field(allow_inf_nan=False),
    _within(0),
    AfterValidator(_plain_number),
]
Option = Annotated[bool | None, AfterValidator(lambda value: value or None)]  # false is the default: absent
FreeMap = Annotated[dict[str, Any], BeforeValidator(_free)]


class Document(BaseModel):
    """What every object of the API shares: nulls are absent, unknown values pass, unknown fields are refused.

    When `reading`, unknown fields are left out instead: what a server adds is never drift.
    """

    # Inputs hidden: a chained ValidationError, printed by whoever holds our error, must not show a key.
    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        populate_by_name=False,
        hide_input_in_errors=True,
        defer_build=True,  # see `_without_plugins`
    )

    blank: ClassVar[Mapping[str, str]] = {}
    """What is required, but read as empty where an answer leaves it out, as the official client does [P]."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_nulls(
        cls, value: Any, handler: ModelWrapValidatorHandler[Document], info: ValidationInfo
    ) -> Document:
        if isinstance(value, (dict, Mapping)):  # a dict first: what is none takes long to tell
            names = _names(cls)
            reading = _mode(info).reading
            tolerant = reading and cls.model_config["extra"] == "forbid"
            found = {k: v for k, v in value.items() if v is not None and (not tolerant or k in names)}
            value = {**cls.blank, **found} if reading else found
        return handler(value)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_unknown(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return _known(value, handler)


_NAMES: dict[type[Document], tuple[str, ...]] = {}


def _names(cls: type[Document]) -> tuple[str, ...]:
    if cls not in _NAMES:
        _NAMES[cls] = tuple(f.alias or name for name, f in cls.model_fields.items())
    return _NAMES[cls]


# ---- the shapes, in the order of the document


class Endpoint(Document):
    """Where the model answers: `scheme://host:port/base_path`."""

    scheme: Annotated[str, AfterValidator(OneOf(("https", "http")))] = "https"
    host: Host
    port: Annotated[Whole, _within(1, 65535)] | None = None
    base_path: Path = ""

    @model_validator(mode="after")
    def _port_of_the_scheme(self) -> Endpoint:
        if self.port is None and not is_unknown(self.scheme):
            self.port = 80 if self.scheme == "http" else 443
        return self


class Paths(Document):
    """What is appended to the endpoint's `base_path` for each kind of request."""

    completions: Route = "/completions"
    chat: Route = "/chat/completions"
    vision: Route | None = None  # [P] known to the official client, not to the document
    embeddings: Route | None = None


class AuthData(Document):
    """How a key is presented to the model: `HEADER_NAME: PREFIX KEY`."""

    header_name: Annotated[
        Line,
        _matches(re.compile(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]*\Z"), "must be an HTTP header's name"),
    ] = "Authorization"
    header_prefix: Line = "Bearer"
    space_after_prefix: bool = True


class Gemini(Document):
    """Gemini on Vertex: the names are Kong ai-proxy's [I]."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_plain_text)], Annotated[Any, AfterValidator(_free)]]

    api_endpoint: HostOrEmpty | None = None
    project_id: Line | None = None
    location_id: Line | None = None


class Metadata(Document):
    """Options of the model's runtime, named as in Kong's ai-proxy [I]; their place here is a guess [G].

    Any other field passes through as it is.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_plain_text)], Annotated[Any, AfterValidator(_free)]]

    max_tokens: Annotated[Whole, _within(1)] | None = None
    input_cost: Number | None = None
    output_cost: Number | None = None
    azure_instance: Line | None = None
    azure_api_version: Annotated[Line, _DATE] | None = None
    azure_deployment_id: Line | None = None
    anthropic_version: Annotated[Line, _DATE] | None = None
    llama2_format: Annotated[str, AfterValidator(OneOf(("openai",)))] | None = None
    mistral_format: Annotated[str, AfterValidator(OneOf(("openai", "ollama")))] | None = None
    gemini: Gemini | None = None


class Header(Document):
    """One HTTP header, or another pair of a key and a value."""

    blank = {"key": ""}

    key: Line
    value: Text = ""


class JwtConfig(Document):
    """How Enkrypt AI fetches the token with which it calls the model."""

    blank = {"jwt_url": ""}

    jwt_method: Annotated[str, AfterValidator(OneOf(("POST", "GET")))] = "POST"
    jwt_url: Line
    jwt_headers: Annotated[list[Annotated[Header, Known]], _at_most(100)] = []
    jwt_body: Text = ""
    jwt_response_key: Line = ""


class Tool(Document):
    """A tool that the model may call, as a tester should know it."""

    blank = {"name": ""}

    name: Line
    description: Text = ""


class Context(Document):
    """What grounds the tests of this model [P: both limits]."""

    system_description: Annotated[Text, _limit(2000)] | None = None
    policy_description: Annotated[Text, _limit(5000)] | None = None


class ModelConfig(Document):
    """How the model is reached and what it is. What has no default is absent unless declared."""

    is_compatible_with: Annotated[str, AfterValidator(OneOf(PROTOCOLS, PROTOCOLS_V2, _ANY_LINE))]
    model_version: Version = DEFAULT_VERSION
    hosting_type: Annotated[str, AfterValidator(OneOf(("External", "Internal")))] = "External"
    model_source: Line = ""
    model_provider: Line = ""
    system_prompt: Text = ""
    conversation_template: Text = ""
    # Before `endpoint`, which is not required beside it.
    custom_curl_command: Text | None = None
    endpoint: Annotated[Endpoint | None, Field(validate_default=True)] = None
    paths: Paths = Field(default_factory=Paths.model_construct)
    auth_data: AuthData = Field(default_factory=AuthData.model_construct)
    apikeys: Annotated[list[Annotated[Key, Known]], _at_most(100)] = []
    metadata: Metadata = Field(default_factory=Metadata.model_construct)
    default_request_options: FreeMap = {}
    model_auth_type: Annotated[str, AfterValidator(OneOf(("apikey", "jwt")))] | None = None
    model_jwt_config: JwtConfig | None = None
    tools: Annotated[list[Annotated[Tool, Known]], _at_most(100)] | None = None
    input_modalities: (
        Annotated[list[Annotated[str, AfterValidator(OneOf(MODALITIES_IN)), Known]], _at_most(100)] | None
    ) = None
    output_modalities: (
        Annotated[list[Annotated[str, AfterValidator(OneOf(MODALITIES_OUT)), Known]], _at_most(100)] | None
    ) = None
    custom_headers: Annotated[list[Annotated[Header, Known]], _at_most(100)] | None = None
    custom_payload: FreeMap | None = None
    custom_response_format: Text | None = None
    custom_response_content_type: Line | None = None
    rate_per_min: Annotated[Whole, _within(1)] | None = None
    context: Context | None = None

    @field_validator("endpoint", mode="after")
    @classmethod
    def _endpoint_is_required(cls, value: Any, info: ValidationInfo) -> Any:
        # [P] a custom curl command says itself where the model answers, in v2
        if value is None and not _mode(info).reading and not info.data.get("custom_curl_command"):
            raise _rule("missing", "is required")
        return value


class Registration(Document):
    """A model as the API registers it."""

    model_saved_name: Name
    testing_for: Annotated[str, AfterValidator(OneOf(PURPOSES, PURPOSES_V2, _ANY_LINE))] = "LLM"
    # `model_` is pydantic's; the field of that very name needs an alias.
    model_name: Line = ""
    model_type: Annotated[str, AfterValidator(OneOf(("text_2_text",)))] = "text_2_text"
    certifications: Annotated[list[Annotated[str, AfterValidator(OneOf(CERTIFICATIONS)), Known]], _at_most(100)] = []
    config: ModelConfig = Field(alias="model_config")
    adopt_existing: Option = None
    deletion_protection: Option = None
    verify_health: Option = None


class _Computed(BaseModel):
    """What the server sets: outputs, never inputs. A server that leaves one out is read all the same."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), hide_input_in_errors=True, defer_build=True)

    model_id: int | None = None
    project_name: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


@contextmanager
def _without_plugins() -> Iterator[None]:
    """pydantic's plugins, tracers such as Logfire's, are handed what is validated by what is built: keys, here."""
    before = os.environ.get("PYDANTIC_DISABLE_PLUGINS")
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    try:
        yield
    finally:
        del os.environ["PYDANTIC_DISABLE_PLUGINS"]
        if before is not None:
            os.environ["PYDANTIC_DISABLE_PLUGINS"] = before


with _without_plugins():
    for _shape in (Registration, _Computed):  # those that anything is validated by
        _shape.model_rebuild()


# ---- in and out


def canonical(document: Mapping[str, Json], mode: Mode) -> dict[str, Json]:
    """The canonical form of a registration. Raises `ValidationError`."""
    return dict(_canonical(Registration.model_validate(document, context=mode)))


def computed(answer: Mapping[str, Json]) -> dict[str, Json]:
    """What the server itself set. Raises `ValidationError`."""
    return _Computed.model_validate(dict(answer)).model_dump(exclude_none=True)


_LEAVES: Final = (str, int, float, dict, type(None))


def _canonical(value: Any) -> Any:
    # pydantic's own model_dump would turn an unknown object into {}.
    if isinstance(value, _LEAVES):  # first: to ask whether something is a `Document` takes long
        return value
    if isinstance(value, list):
        return [_canonical(v) for v in value]
    if not isinstance(value, Document):
        return value
    fields = zip(_names(type(value)), vars(value).values(), strict=True)
    found = {alias: _canonical(held) for alias, held in fields if held is not None}
    return found | {k: v for k, v in (value.model_extra or {}).items() if v is not None}


CONFIG_NAMES: Final = frozenset(ModelConfig.model_fields)
ROOT_NAMES: Final = frozenset(_names(Registration)) - {"model_config", *OPTIONS}


# ---- what a person reads

_MESSAGES: Final[dict[str, str]] = {
    "missing": "is required",
    "string_type": "must be a string (in YAML, quote it)",
    "string_unicode": "must be valid Unicode",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of a sensible size",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "invalid_key": "must have strings as the names of its fields",
}


def problems(error: ValidationError) -> list[Problem]:
    errors = error.errors(include_url=False, include_input=False)
    found = [Problem(_path(e["loc"]), _message(e["type"], e["msg"], e["loc"])) for e in errors[:PROBLEMS_SHOWN]]
    more = len(errors) - len(found)
    return [*found, Problem("", f"and {more} more problems")] if more else found


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{plain(part, 60)}"
    return path.removeprefix(".")


def _message(kind: str, message: str, loc: tuple[int | str, ...]) -> str:
    if kind != "extra_forbidden":
        return _MESSAGES.get(kind, message)
    names = _siblings(loc)
    hint = near_match(str(loc[-1]), names) or f"; there are {', '.join(names)}"
    return f"is not a field here{hint}"


def _siblings(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    shape: type[Document] = Registration
    for part in loc[:-1]:
        shape = _shape_of(shape, part) or shape
    return _names(shape)


def _shape_of(shape: type[Document], part: int | str) -> type[Document] | None:
    for name, field in shape.model_fields.items():
        if (field.alias or name) == part:
            kinds = (field.annotation, *get_args(field.annotation))
            return next((k for k in kinds if isinstance(k, type) and issubclass(k, Document)), None)
    return None
