"""Whether a stack's state and its account agree: the models, the accounts they belong to, keys and providers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi.dynamic.dynamic import PROVIDER_KEY

from ..core.controller import ACCOUNT
from ..errors import ConfigurationError, counted, plain
from ..kinds.kind import Json, at
from ..kinds.model import MODEL
from ..settings import Settings
from .findings import Finding, fingerprint, some
from .import_file import pickled_provider
from .sources import Sources
from .stack import PROVIDER_TYPE, TYPE, Resource, revealed

API_KEY: Final = "enkrypt:apiKey"


@dataclass(frozen=True)
class Account:
    """The account of the settings: its name in a state, its address, and the items of its list."""

    name: str
    shown: str
    registered: Sequence[Mapping[str, Json]] = field(repr=False)

    @property
    def numbers(self) -> dict[str, Any]:
        """The API's own number of each registration, or None where the list does not tell it, by its id."""
        return {str(MODEL.identity_in(item)): at(item, MODEL.number) for item in self.registered}


def examine_state(sources: Sources, account: Account | None) -> Iterator[Finding]:
    """Yield what the state says, beside what is registered in `account`, where that is known."""
    if sources.stack is None:
        return
    try:
        resources = sources.stack.resources()
    except ConfigurationError as error:
        yield Finding("state", str(error), ok=False)
        return
    models = [resource for resource in resources if resource.type == TYPE and not resource.is_external]
    providers = {one.urn: one for one in resources if one.type == PROVIDER_TYPE}
    yield _state(models, [one for one in models if _is_here(one, account, providers)], account)
    yield from _elsewhere(sources, models, providers, account)
    for urn in dict.fromkeys(_provider_urn(model) for model in models):
        if provider := providers.get(urn):
            yield _provider(sources, provider)
    if by_value := [model for model in models if not _is_by_reference(model)]:
        yield _by_value(by_value)


# ---- is what the state holds registered?


def _state(models: Sequence[Resource], here: Sequence[Resource], account: Account | None) -> Finding:
    count = counted(len(models), "model")
    if account is None:
        return Finding("state", count)
    if gone := [model.id for model in here if model.id not in account.numbers]:
        says = f"not in this account: {len(gone)} of {count} of the state ({some(gone)})"
        do = "run `pulumi refresh`, unless the key is of another project than before"
        return Finding("state", says, ok=False, do=do)
    if anew := [model.id for model in here if _is_another(account.numbers[model.id], _held(model, MODEL.number))]:
        says = f"registered anew by somebody else: {len(anew)} of {count} of the state ({some(anew)})"
        return Finding("state", says, ok=False, do="run `pulumi refresh`, then look at `pulumi preview`")
    return Finding("state", f"{count}; registered in this account: {len(here)}" if models else count)


def _is_another(number: Json, held: Json) -> bool:
    return None not in (number, held) and number != held


def _is_here(model: Resource, account: Account | None, providers: Mapping[str, Resource]) -> bool:
    """Whether a model is to be found in the account: it says so, or its default provider does."""
    held = _held(model, ACCOUNT)
    is_default = providers[urn].is_default if (urn := _provider_urn(model)) in providers else True
    return account is not None and (held == account.name if held else is_default)


def _held(model: Resource, name: str) -> Json:
    return revealed(model.outputs.get(name))


# ---- the account that the state says


def _elsewhere(
    sources: Sources, models: Sequence[Resource], providers: Mapping[str, Resource], account: Account | None
) -> Iterator[Finding]:
    """Yield the accounts to which models belong, where their providers reach another."""
    moved = defaultdict(list)
    for model in models:
        held, provider = _held(model, ACCOUNT), providers.get(_provider_urn(model))
        is_default = provider is None or provider.is_default
        now = (account.name if account else "") if is_default else _account_of(sources, provider)
        if held and now and held != now:
            moved[str(held), now].append(model.id)
    for (held, now), ids in moved.items():
        says = f"{counted(len(ids), 'model')} registered at {_shown(held)}, not at {_shown(now)} ({some(ids)})"
        yield Finding("account", says, ok=False, do="`pulumi up` moves them; to leave them, set the endpoint back")


def _account_of(sources: Sources, provider: Resource | None) -> str:
    """Return the account that an explicit provider reaches, or "" where that is not known."""
    inputs = provider.inputs if provider else {}
    try:
        settings = Settings.from_config(lambda name: revealed(inputs.get(name)), sources.environ)
        return "" if settings.database and not settings.database.is_file() else settings.account
    except ConfigurationError:
        return ""


def _shown(account: str) -> str:
    return "another emulator" if account.startswith("emulator:") else plain(account)


# ---- providers


def _provider_urn(model: Resource) -> str:
    return model.provider.rpartition("::")[0]


def _provider(sources: Sources, provider: Resource) -> Finding:
    held = str(revealed(provider.inputs.get(API_KEY)) or "")
    shown = f"its key's fingerprint is {fingerprint(held)}" if held else "it holds no key"
    if not provider.is_default:
        return Finding("provider", f"{provider.name}: {shown}")
    if sources.stack and held == sources.stack.get(API_KEY):
        return Finding("provider", "the state holds the configuration's key" if held else "the state holds no key")
    return Finding(
        "provider",
        f"the state holds another key than the configuration: {shown}; `refresh` and `destroy` would use that",
        ok=False,
        do="run `pulumi up`, or give them --run-program",
    )


def _is_by_reference(model: Resource) -> bool:
    return all(revealed(held.get(PROVIDER_KEY)) == pickled_provider() for held in (model.inputs, model.outputs))


def _by_value(found: Sequence[Resource]) -> Finding:
    size = max(len(str(_held(model, PROVIDER_KEY))) for model in found)
    names = some([model.name for model in found])
    held = f"{counted(len(found), 'model')} with another provider than this package's, {size} characters of it"
    return Finding(
        "pickle",
        f"{held} ({names}): a change of its code, or of Python's version, may break it",
        ok=False,
        do="`pulumi state delete URN` for each, then import it again",
    )
