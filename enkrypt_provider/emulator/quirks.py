"""Quirks: what other servers may do to a document. Those in this module change responses, not the stored document.

Without quirks, responses hold only what the official client can read. Nothing here knows HTTP or storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from .masking import MASK, is_secret

Document = dict[str, Any]
FREE_MAPS = ("metadata", "default_request_options", "custom_payload")
UNORDERED = ("input_modalities", "output_modalities", "tools", "custom_headers")


class QuirkError(ValueError):
    """An unknown quirk; the message lists the known ones."""


def _lower_host(model: Document) -> None:
    """Lowercase the host."""
    endpoint = model["model_config"]["endpoint"]
    endpoint["host"] = endpoint["host"].lower()


def _add_slash(model: Document) -> None:
    """End `base_path` and `model_source` with a slash, unless they are empty."""
    config = model["model_config"]
    for holder, name in ((config["endpoint"], "base_path"), (config, "model_source")):
        if holder[name]:
            holder[name] = holder[name].rstrip("/") + "/"


def _strip_slash(model: Document) -> None:
    """Strip final slashes from `base_path`, `paths` and `model_source`."""
    config = model["model_config"]
    config["endpoint"]["base_path"] = config["endpoint"]["base_path"].rstrip("/")
    config["model_source"] = config["model_source"].rstrip("/")
    config["paths"] = {name: path.rstrip("/") for name, path in config["paths"].items()}


def _reverse(model: Document) -> None:
    """Reverse the order of certifications, modalities, tools and headers."""
    config = model["model_config"]
    jwt = config.get("model_jwt_config", {})
    for holder, name in ((model, "certifications"), (jwt, "jwt_headers"), *((config, name) for name in UNORDERED)):
        if name in holder:
            holder[name].reverse()


def _mask(model: Document) -> None:
    """Mask every text with a secret name in each free map or, if there is none, the first text."""
    for free in _free_maps(model):
        texts = sorted(name for name, value in free.items() if isinstance(value, str))
        for name in [name for name in texts if is_secret(name)] or texts[:1]:
            free[name] = MASK


def _omit(model: Document) -> None:
    """Drop the first key of each free map."""
    for free in _free_maps(model):
        for name in sorted(free)[:1]:
            del free[name]


def _extend(model: Document) -> None:
    """Add a field of the server's own to each free map."""
    for free in _free_maps(model):
        free["set_by_the_server"] = True


def _copy_to_root(model: Document) -> None:
    """Repeat `model_provider` and `hosting_type` at the root, as in the document of v2, and add `is_deleted`."""
    config = model["model_config"]
    names = ("model_provider", "hosting_type")
    model.update({name: config[name] for name in names if name in config}, is_deleted=False)


def _say_null(model: Document) -> None:
    """Show `model_jwt_config` and `custom_headers` as null if they were not set."""
    config = model["model_config"]
    for name in ("model_jwt_config", "custom_headers"):
        config.setdefault(name, None)


def _free_maps(model: Document) -> Iterator[Document]:
    config = model["model_config"]
    return (config[name] for name in FREE_MAPS if name in config)


def _extend_envelope(payload: Document) -> None:
    """Add `error` and `request_id` beside `message` and `data`."""
    payload.update(error=None, request_id="0")


OF_MODELS: Mapping[str, Callable[[Document], None]] = {
    "host": _lower_host,
    "slash": _add_slash,
    "noslash": _strip_slash,
    "order": _reverse,
    "mask": _mask,
    "omit": _omit,
    "extra": _extend,
    "root": _copy_to_root,
    "null": _say_null,
}
OF_ENVELOPES: Mapping[str, Callable[[Document], None]] = {"envelope": _extend_envelope}
OF_OBJECTS = ("echo", "merge", "revive")
"""For policies and deployments, see policies.py: `echo` also shows detectors that were not sent; `merge` keeps fields
that a change omits; `revive` gives a new object with a deleted name the number and time of the deleted one."""
NAMES = (*OF_MODELS, *OF_ENVELOPES, *OF_OBJECTS)


def quirks_in(text: str) -> tuple[str, ...]:
    """Parse `host,slash`; return the quirks in the order in which they apply."""
    asked = {name.strip() for name in text.split(",")} - {""}
    if unknown := asked - set(NAMES):
        raise QuirkError(f"unknown quirk {min(unknown)!r}; the quirks are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in asked)


def with_quirks(quirks: tuple[str, ...], model: Document) -> Document:
    """Return a model as a server with these quirks shows it."""
    if not quirks:
        return model
    shown = deepcopy(model)
    for name in quirks:
        if change := OF_MODELS.get(name):
            change(shown)
    return shown


def enveloped(quirks: tuple[str, ...], message: str, data: Document) -> Document:
    """Build the response to a write."""
    payload: Document = {"message": message, "data": data}
    for name in quirks:
        if change := OF_ENVELOPES.get(name):
            change(payload)
    return payload
