"""The calls of the API, one function each, in the order of a model's life cycle.

This module defines the headers, body and response of each call. The rules for bodies are in model_rules, the dialects
in dialects, storage in store.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import flask
from werkzeug.datastructures import Headers

from . import model_rules, policies
from .dialects import identity_of, to_body, to_document, to_summary
from .masking import masked
from .objects import Objects
from .quirks import enveloped, with_quirks
from .responses import ApiError, Payload, json_in
from .store import PROJECT, Identity, Model, Store, Unknown
from .validation import DEFAULT_VERSION, Dialect


@dataclass(frozen=True)
class Settings:
    dialect: Dialect = "v1"
    mask_apikeys: bool = False
    cache_reads: bool = False
    list_details: bool = True
    stale: bool = False
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """A request before authentication and validation."""

    method: str
    path: str
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, request: flask.Request, body: bytes | None = None) -> Request:
        """Build from Flask's request; `body` replaces its own body."""
        return cls(
            request.method, request.path, request.headers, request.get_data(cache=False) if body is None else body
        )

    @cached_property
    def json(self) -> Any:
        return json_in(self.body)

    @cached_property
    def json_or_none(self) -> Any:
        try:
            return self.json
        except (ApiError, RecursionError):
            return None

    @property
    def masked(self) -> Any:
        try:
            return masked(self.json)
        except (ApiError, RecursionError):
            return None

    def about(self, call: str) -> Identity | None:
        """Return the model that the request is about, if that can be determined."""
        if call == "add_model":
            return _identity_within(self.json_or_none)
        name = self.headers.get("X-Enkrypt-Model")
        return self.identity() if name and call not in ("list_models", "consumer_info") else None

    def subject(self, call: str) -> tuple[str, str] | tuple[None, None]:
        """Return the kind and name of the registration that the request is about, if they can be determined."""
        if model := self.about(call):
            return "model", model.model_saved_name
        kind = next((kind for kind in policies.KINDS if call.endswith(f"_{kind.noun}")), None)
        named = kind and (_name_within(self.json_or_none) if "add" in call else self.headers.get(kind.header))
        return (kind.noun, named) if kind and named else (None, None)

    def identity(self) -> Identity:
        """Return the identity in the headers; a missing version is the official client's default."""
        if not (name := self.headers.get("X-Enkrypt-Model")):
            raise ApiError(400, "the header X-Enkrypt-Model is required")
        return Identity(name, self.headers.get("X-Enkrypt-Model-Version") or DEFAULT_VERSION)


def _name_within(body: Any) -> str | None:
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) else None


def _identity_within(body: Any) -> Identity | None:
    """Find the identity in an unchecked body of either dialect."""
    if not isinstance(body, dict) or not isinstance(name := body.get("model_saved_name"), str):
        return None
    config = body.get("model_config")
    inner = config.get("model_version") if isinstance(config, dict) else None
    version = body.get("model_version") or inner or DEFAULT_VERSION
    return Identity(name, version) if isinstance(version, str) else None


@dataclass(frozen=True)
class Call:
    """An authenticated request, as the call functions see it."""

    request: Request
    account: str
    store: Store
    settings: Settings
    objects: Objects

    @property
    def project(self) -> str:
        """The part of the account after the slash: a key of the account `acme/prod` belongs to the project `prod`."""
        return self.account.partition("/")[2] or PROJECT

    def identity(self) -> Identity:
        """Return the identity in the headers, in the project of the key."""
        return replace(self.request.identity(), project_name=self.project)

    def identity_in(self, body: Payload) -> Identity:
        return replace(identity_of(self.dialect, body), project_name=self.project)

    @property
    def dialect(self) -> Dialect:
        return self.settings.dialect

    def model(self) -> Payload:
        """Return the validated body, with defaults filled in."""
        checked: Payload = model_rules.BODY[self.dialect](self.request.json)
        return checked

    def shown(self, model: Model) -> Payload:
        shown = to_body(self.dialect, model, mask_apikeys=self.settings.mask_apikeys)
        return with_quirks(self.settings.quirks, shown)

    def wrote(self, what: str, data: Payload, noun: str = "Model") -> Payload:
        """Build the response to a write."""
        return enveloped(self.settings.quirks, f"{noun} details {what} successfully", data)

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
        refresh = self.request.headers.get("X-Enkrypt-Refresh-Cache", "").lower() == "true"
        return self.store.cached(self.account, question, read, refresh=refresh)


def add_model(call: Call) -> Payload:
    body = call.model()
    model = call.store.add(call.account, call.identity_in(body), to_document(call.dialect, body))
    return call.wrote("added", call.shown(model))


def get_model(call: Call) -> Payload:
    """Return the bare object. That the cache also keeps misses is a guess [G]."""
    return call.shown(call.find(call.identity()))


def list_models(call: Call) -> Payload:
    show = call.shown if call.settings.list_details else to_summary
    return {"models": [show(model) for model in call.models()]}


def modify_model(call: Call) -> Payload:
    """Replace the whole object [G]; the headers have the old identity, the body the new one."""
    old, body = call.identity(), call.model()
    change = partial(to_document, call.dialect, body)
    model = call.store.modify(call.account, old, call.identity_in(body), change)
    return call.wrote("updated", call.shown(model))


def delete_model(call: Call) -> Payload:
    """The contents of `data` are a guess [G]."""
    gone = call.store.delete(call.account, call.identity())
    data = {"model_saved_name": gone.model_saved_name, "model_version": gone.model_version}
    return call.wrote("deleted", data)


def model_health(call: Call) -> Payload:
    """Report every registered model as healthy. The body is a guess [G]."""
    call.find(call.identity())
    return {"status": "healthy", "message": "Model is healthy", "data": {}}


def consumer_info(call: Call) -> Payload:
    """Return the account and project of the key. The form of the values is a guess [G]."""
    organization, _, project = call.account.partition("/")
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, call.account)),
        "username": call.account,
        "custom_id": f"member|{organization}|limits|limits|{project}" if project else organization,
        "project_name": call.project,
        "is_project_user": bool(project),
    }


CALLS: Mapping[str, tuple[str, str, Callable[[Call], Payload]]] = {
    "add_model": ("POST", "/models/add-model", add_model),
    "get_model": ("GET", "/models/get-model", get_model),
    "list_models": ("GET", "/models/list-models", list_models),
    "modify_model": ("PATCH", "/models/modify-model", modify_model),
    "delete_model": ("DELETE", "/models/delete-model", delete_model),
    "model_health": ("POST", "/rt/model/model-health", model_health),
    "consumer_info": ("GET", "/consumer-info", consumer_info),
    **{name: call for kind in policies.KINDS for name, call in policies.calls_of(kind).items()},
}
