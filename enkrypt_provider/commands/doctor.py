"""What a person needs to know who asks why it does not work: findings, one after the other, each with what to do.

A key is never shown: where it comes from, and four hexadecimal digits of its hash, by which two can be told apart.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .. import __version__
from ..api.client import EnkryptClient
from ..api.retry import RetryPolicy
from ..errors import ConfigurationError, EnkryptError, counted, plain
from ..kinds import codec
from ..kinds.model import MODEL
from ..settings import Settings
from .import_file import pickled_provider
from .sources import Sources
from .stack import PROVIDER_TYPE, TYPE, Resource, revealed, run

PYTHON: Final = "3.10"
SDK: Final = "3.216"
"""The first whose ReadResult takes inputs."""
ENGINE: Final = "3.254"
"""The first whose `pulumi import --file` takes inputs and outputs."""
HOST: Final = "3.79"
"""The oldest language host that this package was tested with."""

API_KEY: Final = "enkrypt:apiKey"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found and, where that is a problem, what to do."""

    topic: str
    says: str
    ok: bool = True
    do: str = ""


def examine(sources: Sources) -> Iterator[Finding]:
    """Everything that can be found out, from the nearest to the farthest."""
    yield from _versions()
    yield from _engine()
    try:
        yield from _configuration(sources)
    except ConfigurationError as error:
        yield Finding("stack", str(error), ok=False)
        return
    try:
        yield from _access(sources.settings)
    except ConfigurationError as error:
        yield Finding("settings", str(error), ok=False)
    yield from _state(sources)


# ---- versions


def _versions() -> Iterator[Finding]:
    yield _version("python", platform.python_version(), PYTHON)
    yield Finding("package", f"enkrypt-provider {__version__}")
    yield _version("sdk", importlib.metadata.version("pulumi"), SDK)


def _engine() -> Iterator[Finding]:
    try:
        about = json.loads(run("about", "--json"))
    except ConfigurationError as error:
        yield Finding("engine", str(error), ok=False)
        return
    yield _version("engine", about["cliAbout"]["version"], ENGINE)
    for plugin in about["plugins"] or []:
        if plugin["kind"] == "language" and plugin["name"] == "python":
            yield _version("host", plugin["version"], HOST)


def _version(topic: str, found: str, needed: str) -> Finding:
    if _numbers(found) >= _numbers(needed):
        return Finding(topic, f"{found} ({needed} or later is needed)")
    return Finding(topic, f"{found} is too old", ok=False, do=f"install {needed} or later")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


# ---- settings


def _configuration(sources: Sources) -> Iterator[Finding]:
    if sources.stack is None:
        yield Finding("stack", "none: with --stack NAME its configuration and its state are looked at too")
    else:
        yield Finding("stack", f"{sources.stack.name}, {len(sources.stack.config)} values in its configuration")
    yield _setting(sources, "endpoint", Settings.endpoint)
    yield _setting(sources, "dialect", Settings.dialect)
    yield _key(sources)


def _setting(sources: Sources, name: str, default: str) -> Finding:
    value, origin = sources.value(name) or default, sources.origin(name) or "the default"
    # An endpoint that settings.py will refuse may hold a password.
    shown = re.sub(r"//[^/]*@|[?#].*", "***", plain(value))
    return Finding(name, f"{shown}, from {origin}{_unused(sources, name)}")


def _key(sources: Sources) -> Finding:
    key, origin = sources.value("apiKey"), sources.origin("apiKey")
    if not key:
        return Finding("key", "none is set")
    says = f"from {origin}, fingerprint {fingerprint(key)}{_unused(sources, 'apiKey')}"
    if sources.stack and sources.stack.get(API_KEY) and not sources.stack.config[API_KEY].is_secret:
        do = "get a new one, then `pulumi config set --secret enkrypt:apiKey`"
        return Finding("key", f"{says}: it stands there in the clear", ok=False, do=do)
    return Finding("key", says)


def _unused(sources: Sources, name: str) -> str:
    found = " and ".join(sources.unused(name))
    return f"; {found} in the environment is not used" if found else ""


def fingerprint(key: str) -> str:
    """Four digits by which two keys can be told apart, and nothing else."""
    return hashlib.sha256(key.encode()).hexdigest()[:4]


# ---- the API


def _access(settings: Settings) -> Iterator[Finding]:
    if settings.database and importlib.util.find_spec("flask") is None:
        yield Finding("access", "the embedded emulator is not installed", ok=False, do="install the extra `emulator`")
        return
    client = EnkryptClient(replace(settings, max_retries=0), retry=RetryPolicy(0))
    try:
        models = client.list_all(MODEL)
    except EnkryptError as error:
        yield Finding("access", str(error), ok=False)
        return
    yield Finding("access", f"the key works: {counted(len(models), 'registration')}")
    if project := client.consumer_info().get("project_name"):
        yield Finding("project", f"the key belongs to the project {plain(project, 60)}")
    spoken = next(filter(None, map(_dialect, models)), settings.dialect)
    if spoken != settings.dialect:
        do = f"pulumi config set enkrypt:dialect {spoken}"
        yield Finding("answers", f"they look like dialect {spoken}, not {settings.dialect}", ok=False, do=do)


def _dialect(item: Any) -> str:
    """The dialect of an item of the list, or "" where it does not show."""
    if not codec.is_whole(MODEL, item):
        return ""
    return "v1" if "is_compatible_with" in item["model_config"] else "v2"


# ---- the state


def _state(sources: Sources) -> Iterator[Finding]:
    if sources.stack is None:
        return
    try:
        resources = sources.stack.resources()
    except ConfigurationError as error:
        yield Finding("state", str(error), ok=False)
        return
    ours = [resource for resource in resources if resource.type == TYPE]
    yield Finding("state", counted(len(ours), "model"))
    used = {resource.provider.rpartition("::")[0] for resource in ours}
    for provider in resources:
        if provider.type == PROVIDER_TYPE and provider.urn in used:
            yield _provider(sources, provider)
    if by_value := [resource for resource in ours if not _is_by_reference(resource)]:
        yield _by_value(by_value)


def _provider(sources: Sources, provider: Resource) -> Finding:
    held = str(revealed(provider.inputs.get(API_KEY)) or "")
    shown = f"its key's fingerprint is {fingerprint(held)}" if held else "it holds no key"
    if not provider.name.startswith("default"):
        return Finding("provider", f"{provider.name}: {shown}")
    if sources.stack and held == sources.stack.get(API_KEY):
        return Finding("provider", "the state holds the configuration's key" if held else "the state holds no key")
    return Finding(
        "provider",
        f"the state holds another key than the configuration: {shown}; `refresh` and `destroy` would use that",
        ok=False,
        do="run `pulumi up`, or give them --run-program",
    )


def _is_by_reference(resource: Resource) -> bool:
    ours = pickled_provider()
    return all(revealed(held.get("__provider")) == ours for held in (resource.inputs, resource.outputs))


def _by_value(found: Sequence[Resource]) -> Finding:
    size = max(len(str(revealed(resource.outputs.get("__provider")))) for resource in found)
    names = ", ".join(resource.name for resource in found[:3]) + " …" * (len(found) > 3)
    held = f"{counted(len(found), 'model')} with another provider than this package's, {size} characters of it"
    return Finding(
        "pickle",
        f"{held} ({names}): a change of its code, or of Python's version, may break it",
        ok=False,
        do="`pulumi state delete URN` for each, then import it again",
    )
