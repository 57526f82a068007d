"""The catalogue: registrations declared in a stack's configuration, so that one program serves every stack.

Reads and validates `enkrypt:models`, `enkrypt:policies` and `enkrypt:deployments` before anything is declared.
Secrets do not belong in it: anywhere in an entry, `{secret: NAME}` stands for the secret configuration value
`enkrypt:NAME`, and `{config: NAME}` for the plain one, so that one catalogue in Pulumi.yaml can serve every stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.runtime import is_config_secret
from pulumi.runtime.config import CONFIG

from ..errors import ConfigurationError, Problem, counted, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Kind, Properties, holder_of
from ..kinds.markers import Dialect
from ..kinds.plain import UNKNOWN, Plain, dotted
from ..kinds.registry import SECTIONS, Section, kind_named, misspelt
from ..kinds.secrets import place_of
from ..settings import Settings
from . import resource
from .errors import one_line
from .placeholders import SECRET, VALUE, mapped, meant, name_in, named_in
from .registered import Registered
from .resource import EnkryptDeployment, EnkryptGuardrailsPolicy, EnkryptModel

MODELS: Final = "models"


@dataclass(frozen=True)
class Catalogue:
    """The resources that a catalogue declares, by entry name."""

    models: dict[str, EnkryptModel]
    policies: dict[str, EnkryptGuardrailsPolicy]
    deployments: dict[str, EnkryptDeployment]


def declare(
    config: pulumi.Config | None = None, *, opts: pulumi.ResourceOptions | None = None, package: Any = None
) -> Catalogue:
    """Declare every entry of this stack's catalogue; `package=enkrypt_provider.native` makes them native resources.

    A deployment that names a model or a policy in the catalogue takes the name from that resource's output, so it is
    registered after that resource and deleted before it. Raises the same errors as `load`.
    """
    config = config or pulumi.Config("enkrypt")
    made: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    declared: dict[tuple[Kind, Identifier | None], Registered] = {}
    for entry in _entries(config):
        arguments = _resolved(entry.given, config)
        for reference, identity in entry.kind.named(entry.inputs):
            if other := declared.get((reference.kind, identity)):
                _put(arguments, reference.paths[0], getattr(other, next(iter(reference.kind.identity))))
        found = getattr(package or resource, entry.kind.name)(entry.name, **arguments, opts=opts)
        made[entry.kind.calls.listed][entry.name] = found
        declared[entry.kind, entry.identity] = found
    return Catalogue(**made)


@one_line
def load(config: pulumi.Config | None = None, section: Section = "models") -> dict[str, dict[str, Any]]:
    """Return the arguments of each entry in one section of this stack's catalogue, by entry name.

    Checks the whole catalogue. Raises `pulumi.RunError` with one line per problem: the entry, the field, the rule
    and what to do, but never a value. Raises `ConfigurationError` if there is no such section.
    """
    config = config or pulumi.Config("enkrypt")
    kind = kind_named(section)
    return {entry.name: _resolved(entry.given, config) for entry in _entries(config) if entry.kind is kind}


def _put(arguments: Properties, path: str, value: Any) -> None:
    if (holder := holder_of(arguments, path)) is not None:
        holder[path.rpartition(".")[2]] = value


# ---- reading and checking


@dataclass(frozen=True)
class _Entry:
    """One entry: as `given`, with placeholders, and its canonical `inputs` as far as they are known."""

    kind: Kind
    name: str
    given: Any
    inputs: Properties
    problems: list[Problem]

    @property
    def path(self) -> str:
        return f"{self.kind.calls.listed}.{plain(self.name, 60)}"

    @property
    def identity(self) -> Identifier | None:
        return None if self.problems else self.kind.known_identity(self.inputs)


def _entries(config: pulumi.Config) -> list[_Entry]:
    """Return the entries of all sections. Raise `pulumi.RunError` if anything is wrong."""
    dialect: Dialect = "v2" if config.get("dialect") == "v2" else "v1"
    given = [(kind, name, entry) for section, kind in SECTIONS.items() for name, entry in _section(config, section)]
    entries = [_Entry(kind, name, entry, *_parsed(kind, entry, config, dialect)) for kind, name, entry in given]
    _warn_of_misspelt_names(entries, config)
    _warn_of_open_secrets(entries, config)
    _warn_of_dates(entries)
    problems = [
        *_settings_problems(config),
        *_secret_problems(config, entries),
        *_value_problems(config, entries),
        *_entry_problems(entries),
    ]
    if problems:
        count = counted(len(problems), "problem")
        lines = "\n  ".join(problems)
        raise pulumi.RunError(f"{count} in the configuration of stack {pulumi.get_stack()}:\n  {lines}")
    return entries


def _warn_of_misspelt_names(entries: list[_Entry], config: pulumi.Config) -> None:
    """Warn about names that nothing reads: everything in a misspelt section would be deleted."""
    used = {name for kind in (SECRET, VALUE) for name, _ in _users(entries, kind)}
    keys = (key.partition(":") for key in CONFIG.get())
    for line in misspelt(name for namespace, _, name in keys if namespace == config.name and name not in used):
        pulumi.log.warn(line)


def _warn_of_open_secrets(entries: list[_Entry], config: pulumi.Config) -> None:
    """Warn about plain-text secrets in the stack's file, which others may read."""
    for entry in entries:
        found = _open_secrets(entry)
        if found and not is_config_secret(config.full_key(entry.kind.calls.listed)):
            pulumi.log.warn(
                f"{entry.path}: in the clear in the configuration: {', '.join(found)}. Write {{secret: NAME}} "
                f"instead, and run `pulumi config set --secret {_setting('NAME')}`"
            )


def _open_secrets(entry: _Entry) -> list[str]:
    found: list[str] = []
    entry.kind.with_secret_texts(entry.inputs, lambda path, _text: found.append(dotted(path)))
    return found


def _warn_of_dates(entries: list[_Entry]) -> None:
    """Warn about dates in free maps, where any text is valid: the engine adds a time to a date without quotes."""
    for entry in entries:
        for path in Plain.of(entry.given).dates:
            if place_of(path) not in entry.kind.fields:
                pulumi.log.warn(f"{entry.path}.{dotted(path)}: is sent as a date with a time: in YAML, quote it")


def _section(config: pulumi.Config, section: str) -> Iterator[tuple[str, Any]]:
    try:
        found = config.get_object(section)
    except pulumi.ConfigTypeError:  # its message shows the value
        found = ""
    if not isinstance(found, dict | None):
        raise pulumi.RunError(
            f"{config.full_key(section)} must be an object that maps the name of each {SECTIONS[section].noun} to "
            "its arguments"
        )
    if "" in (found or {}):
        raise pulumi.RunError(f"{config.full_key(section)}: each {SECTIONS[section].noun} must have a name")
    yield from (found or {}).items()


def _parsed(kind: Kind, entry: Any, config: pulumi.Config, dialect: Dialect) -> tuple[Properties, list[Problem]]:
    if not isinstance(entry, dict) or name_in(entry, SECRET) or name_in(entry, VALUE):
        return {}, [Problem("", "must be an object")]
    inputs, problems = codec.parse(kind, _known(entry, config), dialect)
    set_by_server = [Problem(name, "is set by the server: leave it out") for name in kind.computed if name in entry]
    return inputs, [*problems, *set_by_server]


def _entry_problems(entries: list[_Entry]) -> Iterator[str]:
    seen: dict[tuple[Kind, Identifier], _Entry] = {}
    for entry in entries:
        yield from (f"{entry.path}{'.' if problem.path else ': '}{problem}" for problem in entry.problems)
        if entry.identity and (other := seen.setdefault((entry.kind, entry.identity), entry)) is not entry:
            same = " and ".join(("name", "version")[: len(entry.kind.identity)])
            yield f"{entry.path}: declares the same {same} as {other.path}"


def _settings_problems(config: pulumi.Config) -> Iterator[str]:
    try:
        Settings.from_config(lambda key: config.get(key.partition(":")[2]))
    except ConfigurationError as error:
        yield str(error).replace("--secret enkrypt:apiKey", f"--secret enkrypt:apiKey --stack {pulumi.get_stack()}")


def _secret_problems(config: pulumi.Config, entries: list[_Entry]) -> Iterator[str]:
    for name, users in _users(entries, SECRET):
        if not config.get(name):
            yield f"the secret used by {users} is not set: run `pulumi config set --secret {_setting(name)}`"


def _value_problems(config: pulumi.Config, entries: list[_Entry]) -> Iterator[str]:
    for name, users in _users(entries, VALUE):
        if is_config_secret(config.full_key(name)):
            yield f"the value used by {users} is secret: write {{secret: {plain(name, 60)}}} instead of {{config: …}}"
        elif config.get(name) is None:
            yield f"the value used by {users} is not set: run `pulumi config set {_setting(name)}`"


def _setting(name: str) -> str:
    return f"enkrypt:{plain(name, 60)} --stack {pulumi.get_stack()}"


def _users(entries: list[_Entry], kind: str) -> Iterator[tuple[str, str]]:
    """Yield each name used in a placeholder of this kind, with the entries that use it."""
    wanted: dict[str, list[str]] = {}
    for entry in entries:
        for name in named_in(entry.given, kind):
            wanted.setdefault(name, []).append(entry.path)
    yield from ((name, ", ".join(dict.fromkeys(users))) for name, users in wanted.items())


def _known(entry: Any, config: pulumi.Config) -> Any:
    def value(name: str) -> Any:
        found = None if is_config_secret(config.full_key(name)) else config.get(name)
        return UNKNOWN if found is None else meant(found)

    return mapped(mapped(entry, VALUE, value), SECRET, lambda _name: UNKNOWN)


def _resolved(entry: Any, config: pulumi.Config) -> Any:
    return mapped(mapped(entry, VALUE, lambda name: meant(config.require(name))), SECRET, config.require_secret)
