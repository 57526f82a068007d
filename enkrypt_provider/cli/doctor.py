"""The checks of `doctor`: versions, settings, access to the API, and the stack's state."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from .. import __version__
from ..api.client import EnkryptClient
from ..api.retry import RetryPolicy
from ..errors import ConfigurationError, EnkryptError, counted, plain
from ..kinds.kind import Kind
from ..kinds.registry import KINDS, misspelt
from ..kinds.secrets import without_secret_texts
from ..settings import EMBEDDED, Settings
from . import engine
from .doctor_state import API_KEY, Account, examine_state
from .findings import Finding, fingerprint
from .registrations import dialect_of, items, totals
from .sources import Sources, no_database

PYTHON: Final = "3.10"
SDK: Final = "3.216"
"""The first version whose ReadResult takes inputs."""
ENGINE: Final = "3.254"
"""The first version whose `pulumi import --file` takes inputs and outputs."""
HOST: Final = "3.79"
"""The oldest language host that this package was tested with."""


def examine(sources: Sources) -> Iterator[Finding]:
    """Run every check whose requirements are met."""
    yield from _versions()
    yield from _engine()
    try:
        yield from _configuration(sources)
    except ConfigurationError as error:
        yield Finding("stack", str(error), ok=False)
        return
    account = None
    try:
        account = yield from _access(sources.settings)
    except ConfigurationError as error:
        yield Finding("settings", str(error), ok=False)
    yield from examine_state(sources, account)


# ---- versions


def _versions() -> Iterator[Finding]:
    yield _version("python", platform.python_version(), PYTHON)
    yield Finding("package", f"enkrypt-provider {__version__}")
    yield _version("sdk", importlib.metadata.version("pulumi"), SDK)


def _engine() -> Iterator[Finding]:
    try:
        about = engine.read("about", "--json")
    except ConfigurationError as error:
        yield Finding("engine", str(error), ok=False)
        return
    found = _version("engine", str((about.get("cliAbout") or {}).get("version") or ""), ENGINE)
    if command := engine.path_command():
        found = replace(found, says=f"{found.says}; it is not on PATH", do=found.do or command)
    yield found
    for plugin in about.get("plugins") or []:
        if (plugin.get("kind"), plugin.get("name")) == ("language", "python"):
            yield _version("host", str(plugin.get("version") or ""), HOST)


def _version(topic: str, found: str, needed: str) -> Finding:
    if not _numbers(found):
        return Finding(topic, f"version unknown ({needed} or later is needed)")
    if _numbers(found) >= _numbers(needed):
        return Finding(topic, f"{found} ({needed} or later is needed)")
    return Finding(topic, f"{found} is too old", ok=False, do=f"install {needed} or later")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


# ---- settings


def _configuration(sources: Sources) -> Iterator[Finding]:
    if sources.stack is None:
        yield Finding("stack", "none: use --stack NAME to check its configuration and state too")
    else:
        count = counted(len(sources.stack.config), "value")
        yield Finding("stack", f"{sources.stack.name}, {count} in its configuration")
        yield from (Finding("settings", line) for line in misspelt(sources.stack.values))
    yield _setting(sources, "endpoint", Settings.endpoint)
    yield _setting(sources, "dialect", Settings.dialect)
    yield _key(sources)


def _setting(sources: Sources, name: str, default: str) -> Finding:
    value, origin = sources.value(name) or default, sources.origin(name) or "the default"
    # An endpoint that settings.py rejects may contain a password, or be a key set under the wrong name.
    shown = without_secret_texts(re.sub(r"//[^/]*@|[?#].*", "***", plain(value)))
    if sources.stack and name in sources.stack.secrets:
        shown = "***"
    return Finding(name, f"{shown}, from {origin}{_unused(sources, name)}")


def _key(sources: Sources) -> Finding:
    if sources.value("endpoint").partition(":")[0] == EMBEDDED:
        return Finding("key", "not needed: the embedded emulator accepts any")
    key, origin = sources.value("apiKey"), sources.origin("apiKey")
    if not key:
        return Finding("key", "not set")
    says = f"from {origin}, fingerprint {fingerprint(key)}{_unused(sources, 'apiKey')}"
    if sources.stack and sources.stack.get(API_KEY) and not sources.stack.config[API_KEY].is_secret:
        do = f"get a new one, then `pulumi config set --secret {API_KEY}`"
        return Finding("key", f"{says}: it is stored there in the clear", ok=False, do=do)
    return Finding("key", says)


def _unused(sources: Sources, name: str) -> str:
    found = sources.unused(name)
    return f"; {' and '.join(found)} in the environment {'are' if found[1:] else 'is'} not used" if found else ""


# ---- the API


def _access(settings: Settings) -> Generator[Finding, None, Account | None]:
    """Check access to the API. Return the account's registrations if it lists them."""
    if settings.database and not settings.database.is_file():
        yield Finding("access", no_database(settings))
        return None
    client = EnkryptClient(replace(settings, max_retries=0), retry=RetryPolicy(0))
    try:
        registered = {kind: items(client, kind) for kind in KINDS}
    except EnkryptError as error:
        yield Finding("access", str(error), ok=False)
        return None
    works = "the emulator works" if settings.database else "the key works"
    yield Finding("access", f"{works}: {totals(kind for kind, found in registered.items() for _ in found)}")
    if project := None if settings.database else client.consumer_info().get("project_name"):
        yield Finding("project", f"the key belongs to the project {plain(project, 60)}")
    for kind in KINDS:
        yield from _dialects(kind, registered[kind], settings.dialect)
    return Account(settings.account, registered)


def _dialects(kind: Kind, registered: Sequence[Mapping[str, Any]], configured: str) -> Iterator[Finding]:
    """Yield the dialect in which the registrations are written, if it can be told."""
    spoken = [dialect for item in registered if (dialect := dialect_of(kind, item))]
    counts = {dialect: spoken.count(dialect) for dialect in sorted(set(spoken))}
    if not counts:
        return
    says = " and ".join(f"{totals([kind] * count)} written in dialect {dialect}" for dialect, count in counts.items())
    if configured in counts:
        yield Finding("written", says)
    else:
        do = f"pulumi config set enkrypt:dialect {max(counts, key=lambda dialect: counts[dialect])}"
        yield Finding("written", f"{says}, but enkrypt:dialect is {configured}", ok=False, do=do)
