"""The calls for guardrails policies and deployments, written from the official client alone.

This module defines the headers, body and response of each call. Storage is in objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .objects import Object, Scope
from .responses import ApiError, Payload
from .store import Document
from .validation import Check, Default, Field, boolean, list_of, object_with, one_of, saved_name, text, text_up_to

if TYPE_CHECKING:
    from .calls import Call

_object = partial(object_with, dialect=None)
_ENABLED = {"enabled": Field(boolean, False)}
_BLOCKING = {**_ENABLED, "block_message": Field(text, Default.ABSENT)}
_RULE = _object(
    {
        "id": Field(text, ""),
        "display_text": Field(text, ""),
        "text": Field(text, ""),
        "risk_category": Field(text, ""),
        "applicability": Field(one_of("", "assistant", "user", "user_assistant"), ""),
        "severity": Field(one_of("", "critical", "high", "medium", "low"), ""),
        "frameworks": Field(list_of(text), []),
        "mappings": Field(list_of(_object({"framework": Field(text, ""), "clause": Field(text, "")})), []),
        "source": Field(text, ""),
        "suggested": Field(boolean, False),
    }
)
DETECTORS: Mapping[str, Check] = {
    "topic_detector": _object({**_BLOCKING, "topic": Field(list_of(text), [])}),
    "nsfw": _object(_BLOCKING),
    "toxicity": _object(_BLOCKING),
    "pii": _object({**_ENABLED, "entities": Field(list_of(text), [])}),
    "injection_attack": _object({**_BLOCKING, "need_explanation": Field(boolean, Default.ABSENT)}),
    "keyword_detector": _object({**_ENABLED, "banned_keywords": Field(list_of(text), [])}),
    "policy_violation": _object(
        {
            **_BLOCKING,
            "policy_text": Field(text, Default.ABSENT),
            "need_explanation": Field(boolean, False),  # [G] the default: the client says both
            "coc_policy_name": Field(text, Default.ABSENT),
            "rules": Field(list_of(_RULE), Default.ABSENT),
        }
    ),
    "bias": _object(_ENABLED),
    "copyright_ip": _object(_BLOCKING),
    "system_prompt": _object({**_BLOCKING, "index": Field(text, "system")}),
    "sponge_attack": _object(_BLOCKING),
}
POLICY = _object(
    {
        "name": Field(saved_name),
        "description": Field(text_up_to(128), ""),
        "detectors": Field(_object({name: Field(check, Default.ABSENT) for name, check in DETECTORS.items()})),
    }
)


def _policy_used(block: tuple[str, ...], *additional: str) -> Field:
    """Build the field for a policy of a deployment. An empty name means none [P]: the official client sends it so."""
    fields = {
        "policy_name": Field(text_up_to(32), ""),
        **_ENABLED,
        "block": Field(list_of(one_of(*block)), []),
        "additional_config": Field(_object({name: Field(boolean, False) for name in additional}), {}),
    }
    used = _object(fields)
    return Field(lambda value: None if value is None else used(value), None)


OF_OUTPUT = ("hallucination", "adherence", "relevancy")
DEPLOYMENT = _object(
    {
        "name": Field(saved_name),
        "model_saved_name": Field(saved_name),
        "model_version": Field(lambda value: text(value) or "v1", "v1"),  # [G] what the client's "" means
        "input_guardrails_policy": _policy_used((*DETECTORS,), "pii_redaction"),
        "output_guardrails_policy": _policy_used((*DETECTORS, *OF_OUTPUT), *OF_OUTPUT),
    }
)


@dataclass(frozen=True)
class Kind:
    """One kind of object: its calls are under `base`, and `in_lists` are the fields that a list shows."""

    noun: str
    plural: str
    base: str
    header: str
    body: Check
    in_lists: tuple[str, ...]
    is_unique_in_account: bool = False

    @property
    def number(self) -> str:
        return f"{self.noun}_id"

    def scope(self, call: Call) -> Scope:
        owner = call.account.partition("/")[0] if self.is_unique_in_account else call.account
        return Scope(self.noun, owner, call.project)

    def named(self, call: Call) -> str:
        """Return the name in the header."""
        if not (name := call.request.headers.get(self.header)):
            raise ApiError(400, f"the header {self.header} is required")
        return name


def shown(kind: Kind, call: Call, it: Object) -> Payload:
    document = {**it.document}
    if "echo" in call.settings.quirks and "detectors" in document:
        document["detectors"] = {
            name: document["detectors"].get(name) or check({}) for name, check in DETECTORS.items()
        }
    return {**document, **_set_by_the_server(kind, call, it)}


def _set_by_the_server(kind: Kind, call: Call, it: Object) -> Payload:
    return {
        "created_at": it.created_at,
        "updated_at": it.updated_at,
        "created_by": call.account,  # [G] its form
        "updated_by": call.account,
        "project_name": it.project_name,
        kind.number: it.number,
    }


def add(kind: Kind, call: Call) -> Payload:
    document = kind.body(call.request.json)
    made = call.objects.add(kind.scope(call), document, revives="revive" in call.settings.quirks)
    return call.wrote("added", shown(kind, call, made), kind.noun.capitalize())


def get(kind: Kind, call: Call) -> Payload:
    """Return the bare object."""
    return shown(kind, call, call.objects.find(kind.scope(call), kind.named(call)))


def list_all(kind: Kind, call: Call) -> Payload:
    """List the objects, without detectors and policies [P]."""
    return {kind.plural: [_summary(kind, call, it) for it in call.objects.all(kind.scope(call))]}


def _summary(kind: Kind, call: Call, it: Object) -> Payload:
    said = {name: it.document[name] for name in kind.in_lists}
    return {**said, **_set_by_the_server(kind, call, it)}


def modify(kind: Kind, call: Call) -> Payload:
    """Replace the whole object [G], or with the quirk `merge` the fields in the body; the header has the old name."""
    body = call.request.json
    merges = "merge" in call.settings.quirks
    if not merges:
        kind.body(body)
    it = call.objects.modify(
        kind.scope(call), kind.named(call), lambda before: kind.body(_merged(before, body) if merges else body)
    )
    return call.wrote("updated", shown(kind, call, it), kind.noun.capitalize())


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


def delete(kind: Kind, call: Call) -> Payload:
    gone = call.objects.delete(kind.scope(call), kind.named(call))
    data: Document = {kind.number: gone.number, "project_name": gone.project_name}
    return call.wrote("deleted", data, kind.noun.capitalize())


KINDS = (
    Kind("policy", "policies", "/guardrails", "X-Enkrypt-Policy", POLICY, ("name", "description")),
    Kind(
        "deployment", "deployments", "/deployments", "X-Enkrypt-Deployment", DEPLOYMENT,
        ("name", "model_saved_name", "model_version"), is_unique_in_account=True,
    ),
)  # fmt: skip


def calls_of(kind: Kind) -> dict[str, tuple[str, str, Callable[[Call], Payload]]]:
    """Return the entries of `calls.CALLS` for a kind."""
    named = {
        f"add_{kind.noun}": ("POST", add),
        f"get_{kind.noun}": ("GET", get),
        f"list_{kind.plural}": ("GET", list_all),
        f"modify_{kind.noun}": ("PATCH", modify),
        f"delete_{kind.noun}": ("DELETE", delete),
    }
    return {
        name: (method, f"{kind.base}/{name.replace('_', '-')}", partial(call, kind))
        for name, (method, call) in named.items()
    }
