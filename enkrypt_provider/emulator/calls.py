"""The calls of the API, one function each, in the order of a model's life.

Here: which headers and bodies a call takes, what it answers. Not here: HTTP's way in and out (app), what a body may
hold (rules), what the dialects call it (dialects), how it is kept (store).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from werkzeug.datastructures import Headers

from . import rules
from .answers import Payload, Problem, json_in
from .dialects import identity_of, to_document, to_summary, to_wire
from .journal import masked
from .quirks import enveloped, with_quirks
from .rules import Dialect
from .store import PROJECT, Identity, Model, Store, Unknown


@dataclass(frozen=True)
class Settings:
    dialect: Dialect = "v1"
    mask_apikeys: bool = False
    cache_reads: bool = False
    list_details: bool = True
    stale: bool = False
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Incoming:
    """A request before anyone has judged it."""

    method: str
    path: str
    headers: Headers
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json_in(self.body)

    @cached_property
    def json_or_none(self) -> Any:
        try:
            return self.json
        except (Problem, RecursionError):
            return None

    @property
    def masked(self) -> Any:
        try:
            return masked(self.json)
        except (Problem, RecursionError):
            return None

    def about(self, call: str) -> Identity | None:
        """The model that it is about, as far as that can be told."""
        if call == "add_model":
            return _identity_within(self.json_or_none)
        name = self.headers.get("X-Enkrypt-Model")
        return self.identity() if name and call not in ("list_models", "consumer_info") else None

    def identity(self) -> Identity:
        """The model that the headers name; the version is the official client's default where there is none."""
        if not (name := self.headers.get("X-Enkrypt-Model")):
            raise Problem(400, "the header X-Enkrypt-Model is required")
        return Identity(name, self.headers.get("X-Enkrypt-Model-Version") or rules.DEFAULT_VERSION)


def _identity_within(body: Any) -> Identity | None:
    """In a body of either dialect that may be anything."""
    if not isinstance(body, dict) or not isinstance(name := body.get("model_saved_name"), str):
        return None
    config = body.get("model_config")
    inner = config.get("model_version") if isinstance(config, dict) else None
    version = body.get("model_version") or inner or rules.DEFAULT_VERSION
    return Identity(name, version) if isinstance(version, str) else None


@dataclass(frozen=True)
class Ask:
    """A request of a known account, as the calls see it."""

    incoming: Incoming
    account: str
    store: Store
    settings: Settings

    @property
    def project(self) -> str:
        """The part of the account behind a slash: a key of the account `acme/prod` is one of the project `prod`."""
        return self.account.partition("/")[2] or PROJECT

    def identity(self) -> Identity:
        """The model that the headers name."""
        return replace(self.incoming.identity(), project_name=self.project)

    def identity_in(self, body: Payload) -> Identity:
        return replace(identity_of(self.dialect, body), project_name=self.project)

    @property
    def dialect(self) -> Dialect:
        return self.settings.dialect

    def model(self) -> Payload:
        """The body, checked, with its defaults."""
        checked: Payload = rules.BODY[self.dialect](self.incoming.json)
        return checked

    def shown(self, model: Model) -> Payload:
        shown = to_wire(self.dialect, model, mask_apikeys=self.settings.mask_apikeys)
        return with_quirks(self.settings.quirks, shown)

    def wrote(self, what: str, data: Payload) -> Payload:
        """The envelope around what a write answers."""
        return enveloped(self.settings.quirks, f"Model details {what} successfully", data)

    def find(self, identity: Identity) -> Model:
        if self.settings.stale:
            found = self.store.find_before(self.account, identity)
        else:
            found = self._read(
                f"{identity.model_saved_name}\n{identity.model_version}",
                lambda: self.store.find(self.account, identity),
            )
        if not found:
            raise Unknown(str(identity))
        return found[0]

    def models(self) -> list[Model]:
        if self.settings.stale:
            return self.store.models_before(self.account)
        return self._read("", lambda: self.store.models(self.account))

    def _read(self, question: str, read: Callable[[], list[Model]]) -> list[Model]:
        if not self.settings.cache_reads:
            return read()
        refresh = self.incoming.headers.get("X-Enkrypt-Refresh-Cache", "").lower() == "true"
        return self.store.cached(self.account, question, read, refresh=refresh)


def add_model(ask: Ask) -> Payload:
    body = ask.model()
    model = ask.store.add(ask.account, ask.identity_in(body), to_document(ask.dialect, body))
    return ask.wrote("added", ask.shown(model))


def get_model(ask: Ask) -> Payload:
    """Answers the bare object. That the cache also remembers what was not there is a guess [G]."""
    return ask.shown(ask.find(ask.identity()))


def list_models(ask: Ask) -> Payload:
    show = ask.shown if ask.settings.list_details else to_summary
    return {"models": [show(model) for model in ask.models()]}


def modify_model(ask: Ask) -> Payload:
    """Replaces the whole object [G]; the headers name the old identity, the body the new."""
    old, body = ask.identity(), ask.model()
    change = partial(to_document, ask.dialect, body)
    model = ask.store.modify(ask.account, old, ask.identity_in(body), change)
    return ask.wrote("updated", ask.shown(model))


def delete_model(ask: Ask) -> Payload:
    """The shape of `data` is a guess [G]."""
    gone = ask.store.delete(ask.account, ask.identity())
    data = {"model_saved_name": gone.model_saved_name, "model_version": gone.model_version}
    return ask.wrote("deleted", data)


def model_health(ask: Ask) -> Payload:
    """Every registered model is well. The body is a guess [G]."""
    ask.find(ask.identity())
    return {"status": "healthy", "message": "Model is healthy", "data": {}}


def consumer_info(ask: Ask) -> Payload:
    """Whose key it is, and of which project. What the values look like is a guess [G]."""
    organization, _, project = ask.account.partition("/")
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, ask.account)),
        "username": ask.account,
        "custom_id": f"member|{organization}|limits|limits|{project}" if project else organization,
        "project_name": ask.project,
        "is_project_user": bool(project),
    }


CALLS: Mapping[str, tuple[str, str, Callable[[Ask], Payload]]] = {
    "add_model": ("POST", "/models/add-model", add_model),
    "get_model": ("GET", "/models/get-model", get_model),
    "list_models": ("GET", "/models/list-models", list_models),
    "modify_model": ("PATCH", "/models/modify-model", modify_model),
    "delete_model": ("DELETE", "/models/delete-model", delete_model),
    "model_health": ("POST", "/rt/model/model-health", model_health),
    "consumer_info": ("GET", "/consumer-info", consumer_info),
}
