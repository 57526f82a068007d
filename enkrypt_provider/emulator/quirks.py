"""What other servers make of a document that they were sent: each quirk changes the responses, not what is stored.

Without any the responses hold what the official client can read. Nothing here knows HTTP or storage.
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
    """No such quirk; the message names those that there are."""


def _lower_host(model: Document) -> None:
    """The host in small letters."""
    endpoint = model["model_config"]["endpoint"]
    endpoint["host"] = endpoint["host"].lower()


def _add_slash(model: Document) -> None:
    """A slash at the end of `base_path` and `model_source`, where they are not empty."""
    config = model["model_config"]
    for holder, name in ((config["endpoint"], "base_path"), (config, "model_source")):
        if holder[name]:
            holder[name] = holder[name].rstrip("/") + "/"


def _strip_slash(model: Document) -> None:
    """No slash at the end of `base_path`, `paths` and `model_source`."""
    config = model["model_config"]
    config["endpoint"]["base_path"] = config["endpoint"]["base_path"].rstrip("/")
    config["model_source"] = config["model_source"].rstrip("/")
    config["paths"] = {name: path.rstrip("/") for name, path in config["paths"].items()}


def _reverse(model: Document) -> None:
    """Certifications, modalities, tools and headers the other way round."""
    config = model["model_config"]
    jwt = config.get("model_jwt_config", {})
    for holder, name in ((model, "certifications"), (jwt, "jwt_headers"), *((config, name) for name in UNORDERED)):
        if name in holder:
            holder[name].reverse()


def _mask(model: Document) -> None:
    """`xxxxx` for one text of each free map: every one whose name says that it is secret, or else the first."""
    for free in _free_maps(model):
        texts = sorted(name for name, value in free.items() if isinstance(value, str))
        for name in [name for name in texts if is_secret(name)] or texts[:1]:
            free[name] = MASK


def _omit(model: Document) -> None:
    """Each free map without its first key."""
    for free in _free_maps(model):
        for name in sorted(free)[:1]:
            del free[name]


def _extend(model: Document) -> None:
    """A field of the server's own in each free map."""
    for free in _free_maps(model):
        free["set_by_the_server"] = True


def _copy_to_root(model: Document) -> None:
    """`model_provider` and `hosting_type` at the root too, as in the document of v2, with `is_deleted`."""
    config = model["model_config"]
    names = ("model_provider", "hosting_type")
    model.update({name: config[name] for name in names if name in config}, is_deleted=False)


def _say_null(model: Document) -> None:
    """null for `model_jwt_config` and `custom_headers` that were not set."""
    config = model["model_config"]
    for name in ("model_jwt_config", "custom_headers"):
        config.setdefault(name, None)


def _free_maps(model: Document) -> Iterator[Document]:
    config = model["model_config"]
    return (config[name] for name in FREE_MAPS if name in config)


def _extend_envelope(payload: Document) -> None:
    """`error` and `request_id` beside `message` and `data`."""
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
"""Of policies and deployments, see policies.py: `echo` shows also the detectors that were not sent; `merge` keeps
what a change does not name; `revive` gives what takes a deleted name the number and time of the deleted one."""
NAMES = (*OF_MODELS, *OF_ENVELOPES, *OF_OBJECTS)


def quirks_in(text: str) -> tuple[str, ...]:
    """The quirks in `host,slash`, in the order in which they work."""
    asked = {name.strip() for name in text.split(",")} - {""}
    if unknown := asked - set(NAMES):
        raise QuirkError(f"there is no {min(unknown)!r}; there are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in asked)


def with_quirks(quirks: tuple[str, ...], model: Document) -> Document:
    """A model as a server with these quirks shows it."""
    if not quirks:
        return model
    shown = deepcopy(model)
    for name in quirks:
        if change := OF_MODELS.get(name):
            change(shown)
    return shown


def enveloped(quirks: tuple[str, ...], message: str, data: Document) -> Document:
    """The response to a write."""
    payload: Document = {"message": message, "data": data}
    for name in quirks:
        if change := OF_ENVELOPES.get(name):
            change(payload)
    return payload
