"""Checks whether a stack's state and its account agree: registrations, endpoints, keys and providers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ..core.controller import ACCOUNT, shown_account
from ..errors import ConfigurationError, plain
from ..frontends.package_names import PROVIDER_TYPES
from ..kinds.kind import Json, Kind, at
from ..kinds.registry import KINDS
from ..settings import Settings
from .findings import Finding, fingerprint, some
from .native import plugin
from .registrations import Key, counted, joined, totals
from .sources import Sources
from .stack import PROVIDER_KEY, Resource, revealed

API_KEY: Final = "enkrypt:apiKey"


@dataclass(frozen=True)
class Account:
    """The configured account: its name as a state records it, and the items of its lists."""

    name: str
    registered: Mapping[Kind, Sequence[Mapping[str, Json]]] = field(repr=False)

    @cached_property
    def numbers(self) -> dict[Key | None, Any]:
        """The API's own id of each registration, or None if the list does not include it."""
        return {
            (kind, kind.identity_in(item)): at(item, kind.number)
            for kind, items in self.registered.items()
            for item in items
        }


def examine_state(sources: Sources, account: Account | None) -> Iterator[Finding]:
    """Check the state, and compare it with the registrations in `account` if that is known."""
    if sources.stack is None:
        return
    try:
        resources = sources.stack.resources()
    except ConfigurationError as error:
        yield Finding("state", str(error), ok=False)
        return
    managed = [resource for resource in resources if resource.kind and not resource.is_external]
    providers = {one.urn: one for one in resources if one.type in PROVIDER_TYPES}
    here = [one for one in managed if _is_here(one, account, providers)]
    yield from _state(managed, here, account)
    yield from _elsewhere(sources, managed, providers, account)
    if account:
        yield from _dangling(here, account)
    for urn in dict.fromkeys(_provider_urn(resource) for resource in managed):
        if provider := providers.get(urn):
            yield _provider(sources, provider)
    if by_value := [resource for resource in managed if not resource.is_native and not _is_by_reference(resource)]:
        yield _by_value(by_value)
    yield from plugin(sources.stack, resources)


# ---- registrations


def _state(managed: Sequence[Resource], here: Sequence[Resource], account: Account | None) -> Iterator[Finding]:
    """Yield a finding for each kind that the state holds."""
    if not managed:
        yield Finding("state", "no registrations")
    for kind in KINDS:
        if held := [resource for resource in managed if resource.kind is kind]:
            yield _state_of(kind, held, [resource for resource in here if resource.kind is kind], account)


def _state_of(kind: Kind, held: Sequence[Resource], here: Sequence[Resource], account: Account | None) -> Finding:
    count = counted(len(held), kind)
    if account is None:
        return Finding("state", count)
    numbers = account.numbers
    if gone := [one.id for one in here if one.key not in numbers]:
        says = f"not in this account: {len(gone)} of {count} in the state ({some(gone)})"
        do = "run `pulumi refresh`, unless the key now belongs to another project"
        return Finding("state", says, ok=False, do=do)
    if anew := [one.id for one in here if _is_another(numbers[one.key], _held(one, kind.number))]:
        says = f"registered again by somebody else: {len(anew)} of {count} in the state ({some(anew)})"
        return Finding("state", says, ok=False, do="run `pulumi refresh`, then look at `pulumi preview`")
    return Finding("state", f"{count}; registered in this account: {len(here)}")


def _is_another(number: Json, held: Json) -> bool:
    return None not in (number, held) and number != held


def _is_here(resource: Resource, account: Account | None, providers: Mapping[str, Resource]) -> bool:
    """Whether a registration belongs to `account`: as its state records, or else if its provider is the default."""
    held = _held(resource, ACCOUNT)
    is_default = providers[urn].is_default if (urn := _provider_urn(resource)) in providers else True
    return account is not None and (held == account.name if held else is_default)


def _held(resource: Resource, name: str) -> Json:
    return revealed(resource.outputs.get(name))


def _dangling(here: Iterable[Resource], account: Account) -> Iterator[Finding]:
    """Yield references to missing registrations, in the account's lists and in the state, which has more fields."""
    documents = [
        *(
            (kind, str(kind.identity_in(item)), dict(item))
            for kind, items in account.registered.items()
            for item in items
        ),
        *((one.kind, one.id, one.outputs) for one in here if one.kind),
    ]
    missing: dict[tuple[Kind, str], dict[str, None]] = {}
    for kind, name, document in documents:
        for reference, other in kind.named(document):
            if other.name and (reference.kind, other) not in account.numbers:
                missing.setdefault((kind, name), {})[f"the {reference.kind.noun} {plain(other, 80)}"] = None
    for (kind, name), others in missing.items():
        says = f"{kind.noun} {plain(name, 80)} refers to {joined(list(others))}: not registered in this account"
        yield Finding("names", says, ok=False, do=f"register it, or change the {kind.noun} to use another")


# ---- accounts


def _elsewhere(
    sources: Sources, managed: Sequence[Resource], providers: Mapping[str, Resource], account: Account | None
) -> Iterator[Finding]:
    """Yield the registrations that belong to a different account than their provider now uses."""
    moved = defaultdict(list)
    for resource in managed:
        held, provider = _held(resource, ACCOUNT), providers.get(_provider_urn(resource))
        is_default = provider is None or provider.is_default
        now = (account.name if account else "") if is_default else _account_of(sources, provider)
        if held and now and held != now:
            moved[str(held), now].append(resource)
    for (held, now), found in moved.items():
        ids = some([resource.id for resource in found])
        says = f"{_totals(found)} registered at {shown_account(held)}, not at {shown_account(now)} ({ids})"
        them = "it" if len(found) == 1 else "them"
        yield Finding("account", says, ok=False, do=f"`pulumi up` moves {them}; to keep {them}, restore the endpoint")


def _account_of(sources: Sources, provider: Resource | None) -> str:
    """Return the account that an explicit provider uses, or "" if it is unknown."""
    inputs = provider.inputs if provider else {}
    try:
        settings = Settings.from_config(lambda name: revealed(inputs.get(name)), sources.environ)
        return "" if settings.database and not settings.database.is_file() else settings.account
    except ConfigurationError:
        return ""


# ---- providers


def _totals(found: Iterable[Resource]) -> str:
    return totals(resource.kind for resource in found if resource.kind)


def _provider_urn(resource: Resource) -> str:
    return resource.provider.rpartition("::")[0]


def _provider(sources: Sources, provider: Resource) -> Finding:
    held = str(revealed(provider.inputs.get(API_KEY)) or "")
    shown = f"its key's fingerprint is {fingerprint(held)}" if held else "it holds no key"
    if not provider.is_default:
        return Finding("provider", f"{provider.name}: {shown}")
    if sources.stack and held == sources.stack.get(API_KEY):
        return Finding("provider", "the state holds the configuration's key" if held else "the state holds no key")
    says = (
        f"the state holds a different key than the configuration: {shown}; `refresh` and `destroy` would use it"
        if held
        else "the state holds no key, unlike the configuration; `refresh` and `destroy` would use none"
    )
    return Finding(
        "provider",
        says,
        ok=False,
        do="run `pulumi up`, or run them with --run-program",
    )


def _is_by_reference(resource: Resource) -> bool:
    from .import_file import pickled_provider  # loads pulumi, which a native stack does not need

    expected = resource.kind and pickled_provider(resource.kind)
    return all(revealed(held.get(PROVIDER_KEY)) == expected for held in (resource.inputs, resource.outputs))


def _by_value(found: Sequence[Resource]) -> Finding:
    size = max(len(str(_held(resource, PROVIDER_KEY))) for resource in found)
    names = some([resource.name for resource in found])
    held = f"{_totals(found)} with a pickled provider other than this package's, {size} characters long"
    return Finding(
        "pickle",
        f"{held} ({names}): a change to its code or to the Python version may break it",
        ok=False,
        do="`pulumi state delete URN` for each, then import it again",
    )
