"""The only mapping between properties, the wire and the state, in documents of the shapes of shapes.py.

A program's arguments are parsed here once, strictly (`parse`); what the API answers is read here, tolerantly
(`read`). Both give the canonical document: defaults filled in, whole numbers as int, absent for null, in the
order of the API's document. It is what the state holds and, in dialect v1, what goes over the wire.
Nothing here calls the network or knows Pulumi's engine. No message here shows a value: any may be a secret.

[P] proven, [I] inferred, [G] guessed: what is known of the API and how, see docs/api.md.
"""

from __future__ import annotations

import functools
import gc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeAlias

from .errors import Problem, UnexpectedResponse, near_match
from .fields import (
    COMPUTED,
    DEFAULT_VERSION,
    ONLY_IN,
    OPTIONS,
    PROTOCOLS,
    PROTOCOLS_V2,
    PURPOSES,
    PURPOSES_V2,
    QUIET,
    Dialect,
)
from .marks import is_unknown

Json: TypeAlias = Any
Properties: TypeAlias = dict[str, Json]
"""A property bag in the shape of `Registration`: the API's names, nested."""

_SENDABLE = re.compile(r"\A[!-~]([ -~]*[!-~])?\Z")


_KINDS: Final[dict[type, str]] = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number",
    float: "a number", type(None): "nothing",
}  # fmt: skip


@dataclass(frozen=True)
class Live:
    """A registration as the server has it: its `inputs`, canonical; what the server itself `computed`; and of
    the `QUIET` fields those that the answer left out, which have their defaults here."""

    inputs: Properties
    computed: Properties
    quiet: frozenset[str] = frozenset()

    @property
    def identity(self) -> Identifier:
        return identity(self.inputs)


@dataclass(frozen=True)
class Identifier:
    """What all that uses a model names it by. `str()`, NAME/VERSION, is the resource's id: a storage format."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    @classmethod
    def parse(cls, id_: str) -> Identifier:
        """The identity in a resource's id; `NAME` alone means the default version."""
        name, _, version = id_.partition("/")
        return cls(name, version or DEFAULT_VERSION)

    @property
    def is_sendable(self) -> bool:
        """Whether it survives in HTTP headers as it is; what does not names no model."""
        return all(_SENDABLE.match(part) for part in (self.name, self.version))


def identity(props: Mapping[str, Json]) -> Identifier:
    """The identity of canonical properties whose identity is known."""
    return Identifier(props["model_saved_name"], props["model_config"]["model_version"])


def identity_in(item: Mapping[str, Json]) -> Identifier:
    """The identity in an answer, in either dialect."""
    config = item.get("model_config")
    version = (config.get("model_version") if isinstance(config, Mapping) else None) or item.get("model_version")
    return Identifier(str(item.get("model_saved_name")), str(version or DEFAULT_VERSION))


def known_identity(props: Mapping[str, Json]) -> Identifier | None:
    """The identity of canonical properties, or None where it is not known yet."""
    name, version = props.get("model_saved_name"), _at(props, "model_config.model_version")
    if not isinstance(name, str) or not isinstance(version, str) or is_unknown(name) or is_unknown(version):
        return None
    return Identifier(name, version)


def declared(props: Mapping[str, Json]) -> Properties:
    """`props` without what is not the program's: outputs of the server, the engine's own `__…` entries."""
    return {k: v for k, v in props.items() if k not in COMPUTED and not str(k).startswith("__")}


def untouched(olds: Mapping[str, Json], news: Mapping[str, Json], dialect: Dialect) -> Properties | None:
    """What `parse` makes of a program's arguments that say, defaults aside, what the state holds; None where only
    `parse` can tell. By far the most frequent case, it asks no shape.

    What the state holds was parsed when it was declared, or is what the server has: only the rules of the
    dialect, which may be another by now, are asked again.
    """
    given = declared(news)
    is_plain = _at(given, "model_config.endpoint.scheme") == "http"
    filled: Properties = _merged(_DEFAULTS_OF_HTTP if is_plain else DEFAULTS, given)
    return filled if is_same(filled, declared(olds)) and _is_fit_for(dialect, filled) else None


def is_same(one: object, other: object) -> bool:
    """Whether two JSON values are one, numbers of another type aside."""
    if isinstance(one, dict) and isinstance(other, dict):  # the engine gives names in any order
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and one == other  # True is not 1


def _merged(default: Json, given: Json) -> Json:
    if not isinstance(default, dict) or not isinstance(given, dict):
        return given
    return default | {name: _merged(default.get(name), value) for name, value in given.items()}


def _is_fit_for(dialect: Dialect, inputs: Properties) -> bool:
    config, is_v2 = inputs["model_config"], dialect == "v2"
    return (
        config["is_compatible_with"] in PROTOCOLS + PROTOCOLS_V2 * is_v2
        and inputs["testing_for"] in PURPOSES + PURPOSES_V2 * is_v2
        and (is_v2 or all(route[:1] in ("", "/") for route in config["paths"].values()))
        and not any(_foreign(inputs, dialect))
    )


DEFAULTS: Final[Properties] = {
    "testing_for": "LLM",
    "model_name": "",
    "model_type": "text_2_text",
    "certifications": [],
    "model_config": {
        "model_version": DEFAULT_VERSION,
        "hosting_type": "External",
        "model_source": "",
        "model_provider": "",
        "system_prompt": "",
        "conversation_template": "",
        "endpoint": {"scheme": "https", "port": 443, "base_path": ""},
        "paths": {"completions": "/completions", "chat": "/chat/completions"},
        "auth_data": {"header_name": "Authorization", "header_prefix": "Bearer", "space_after_prefix": True},
        "apikeys": [],
        "metadata": {},
        "default_request_options": {},
    },
}
"""What the shapes fill in where a program says nothing; for the scheme http the port is 80."""

_DEFAULTS_OF_HTTP: Final[Properties] = _merged(DEFAULTS, {"model_config": {"endpoint": {"port": 80}}})


@functools.cache
def _shapes() -> ModuleType:
    """shapes.py, of which only what is parsed needs the time that pydantic takes to load."""
    was_enabled = gc.isenabled()
    gc.disable()  # what is imported is never garbage: the collector need not walk it, now or later
    try:
        from . import shapes

        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
    return shapes


def parse(props: Mapping[str, Json], dialect: Dialect = "v1") -> tuple[Properties, list[Problem]]:
    """The canonical form of a program's arguments, and the rules that they break.

    Where there are problems, the properties are given back as they came. Values that are not known yet stay
    in their places and break no rule.
    """
    shapes, given = _shapes(), declared(props)
    try:
        inputs = shapes.canonical(given, shapes.Mode(dialect))
    except shapes.ValidationError as error:
        return given, shapes.problems(error)
    return inputs, list(_foreign(inputs, dialect))


def doubts(inputs: Properties, dialect: Dialect) -> list[Problem]:
    """What is sent as it is though this provider does not know it: the sets that v2 leaves open."""
    config = inputs["model_config"]
    protocol = None if is_unknown(config) else config["is_compatible_with"]
    asked = (
        ("model_config.is_compatible_with", protocol, PROTOCOLS + PROTOCOLS_V2),
        ("testing_for", inputs["testing_for"], PURPOSES + PURPOSES_V2),
    )
    return [
        Problem(path, f"is none of the values known to this provider and is sent as it is{near_match(value, known)}")
        for path, value, known in asked
        if dialect == "v2" and isinstance(value, str) and not is_unknown(value) and value not in known
    ]


def _foreign(inputs: Properties, dialect: Dialect) -> Iterator[Problem]:
    for path, only in ONLY_IN.items():
        if only == dialect:
            continue
        value = _at(inputs, path)
        if value is not None and not is_unknown(value) and value != _at(DEFAULTS, path):
            yield Problem(path, f"is of dialect {only}: leave it out, or set enkrypt:dialect to {only}")


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        # A dict first: what is none takes long to tell.
        document = document.get(name) if isinstance(document, (dict, Mapping)) else None
    return document


def read(answer: Json, sent: Json = None) -> Live:
    """A registration out of an answer, in either dialect: values at the root or in `model_config`, extra and
    missing fields. Where it says what was `sent`, which was parsed already, no shape is asked.

    Raises `UnexpectedResponse` where it is no registration.
    """
    if not isinstance(answer, Mapping):
        raise UnexpectedResponse(f"expected a model, got {_KINDS.get(type(answer), 'something else')}")
    shapes = _shapes()
    placed = _in_place(answer, shapes.ROOT_NAMES, shapes.CONFIG_NAMES)
    try:
        is_echo = _says(placed, sent, shapes.ROOT_NAMES)
        inputs = sent if is_echo else shapes.canonical(placed, shapes.Mode(reading=True))
        computed = shapes.computed(answer)
    except shapes.ValidationError as error:
        problems = "; ".join(str(p) for p in shapes.problems(error)[:3])
        raise UnexpectedResponse(f"answered with a model that is not whole: {problems}") from None
    quiet = frozenset(path for path in QUIET if _at(placed, path) is None)
    return Live(inputs, computed, quiet)


def _says(placed: Properties, sent: Json, root_names: frozenset[str]) -> bool:
    """Whether an answer, the server's own fields aside, is what was sent."""
    if sent is None:
        return False
    said = {name: value for name, value in placed.items() if name in root_names or name == "model_config"}
    return is_same(said, sent)


def is_whole(item: Json) -> bool:
    """True for an item of a list that says which model it is, and everything that `get-model` would say."""
    config = item.get("model_config") if isinstance(item, Mapping) else None
    has_version = bool(_at(item, "model_version") or _at(config, "model_version"))
    return isinstance(config, Mapping) and isinstance(config.get("endpoint"), Mapping) and has_version


def from_engine(props: Mapping[str, Json]) -> Properties:
    """The inputs in what the engine hands over, canonical again: its numbers are floats, and an older version
    of this package may have written them. What is no registration is given back as it came."""
    shapes, held = _shapes(), declared(props)
    try:
        found: Properties = shapes.canonical(held, shapes.Mode(reading=True))
    except shapes.ValidationError:
        return held
    return found


def to_wire(inputs: Properties, dialect: Dialect = "v1") -> Json:
    """The body of `add-model` and `modify-model`, of canonical inputs: always the whole object."""
    body = {name: value for name, value in inputs.items() if name not in OPTIONS}
    return _to_v2(body) if dialect == "v2" else body


def _to_v2(body: Properties) -> Json:
    """As `enkryptai-sdk` 1.0.47 sends it [P]: each field that it knows, also where it is empty."""
    config = dict(body["model_config"])
    root = {k: v for k, v in body.items() if ONLY_IN.get(k) != "v1" and k != "model_config"}
    named = {"model_provider": config.pop("is_compatible_with")}
    version = config.pop("model_version")
    kept = {k: v for k, v in config.items() if k not in ("model_provider", "conversation_template")}
    return {**root, "model_version": version, "model_config": {**V2_EMPTY, **kept, **named}}


V2_EMPTY: Final[Properties] = {
    "endpoint": {},
    "model_auth_type": "apikey",
    "model_jwt_config": None,
    "tools": [],
    "input_modalities": [],
    "output_modalities": [],
    "custom_curl_command": None,
    "custom_headers": [],
    "custom_payload": {},
    "custom_response_content_type": "",
    "custom_response_format": "",
}


def _in_place(answer: Mapping[str, Json], root_names: frozenset[str], config_names: frozenset[str]) -> Properties:
    """The answer with every field where the document has it [P: v2 shows some at the root]."""
    said = {k: v for k, v in answer.items() if v is not None}
    strays = {k: said.pop(k) for k in list(said) if k in config_names}
    nested = said.pop("model_config", {} if strays else None)
    if not isinstance(nested, Mapping):
        return dict(answer)
    config = {**strays, **{k: v for k, v in nested.items() if v is not None}}
    root = {**{k: config[k] for k in config if k in root_names}, **said}
    if "is_compatible_with" not in config and "model_provider" in config:
        config["is_compatible_with"] = config.pop("model_provider")
    endpoint = config.get("endpoint")
    if endpoint == {} or (config.get("custom_curl_command") and _at(endpoint, "host") == ""):
        del config["endpoint"]  # v2 sends it empty where there is none, and a server may fill in a port
    return {**root, "model_config": config}
