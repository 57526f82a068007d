"""Translates a model from what a program declares to what a user of the official client writes.

Written from the client's own classes, not from the provider's mapping. There are no tests here.
"""

from __future__ import annotations

from typing import Any, Final

from documents import BOXAI, Fields, canonical, registrations
from hypothesis import strategies as st

from enkrypt_provider.kinds.kind import Properties

Json = Any

SAME: Final = (
    "hosting_type", "model_source", "system_prompt", "auth_data", "metadata", "default_request_options",
    "model_auth_type", "model_jwt_config", "tools", "input_modalities", "output_modalities", "custom_headers",
    "custom_payload", "custom_curl_command", "custom_response_format", "custom_response_content_type",
)  # fmt: skip
"""Fields that have the same name and place in `model_config` for both."""


def as_written(inputs: Properties) -> Json:
    """Return the dictionary that a user of the client writes for canonical `inputs`, as far as the client allows."""
    config = inputs["model_config"]
    paths = config["paths"]
    said = {name: config[name] for name in SAME if name in config}
    given = {"paths": paths} if "vision" in paths else {}
    return {
        **{name: inputs[name] for name in ("model_saved_name", "testing_for", "model_name", "certifications")},
        "model_version": config["model_version"],
        "model_config": {
            **said,
            **given,
            "auth_data": without_box_ai(config),
            "model_provider": config["is_compatible_with"],
            "endpoint_url": _url(config["endpoint"], "" if given else paths["chat"]) if "endpoint" in config else "",
            "apikey": next(iter(config["apikeys"]), None),
        },
    }


def without_box_ai(config: Properties) -> Properties:
    """Return `auth_data` without the Box AI fields, for which the client has a class that it never sends or reads."""
    return {name: value for name, value in config["auth_data"].items() if name not in BOXAI}


def _url(endpoint: Properties, path: str) -> str:
    return f"{endpoint['scheme']}://{endpoint['host']}:{endpoint['port']}{endpoint['base_path']}{path}"


def as_shown(inputs: Properties) -> Json:
    """Return the client's own object for a registration of canonical `inputs`, without the server's fields."""
    config = inputs["model_config"]
    said = {name: config[name] for name in SAME if name in config}
    return {
        **{name: inputs[name] for name in ("model_saved_name", "testing_for", "model_name", "certifications")},
        "model_version": config["model_version"],
        "model_config": {
            **DEFAULTS,
            **said,
            "model_provider": config["is_compatible_with"],
            "endpoint_url": _shown_url(config["endpoint"]) if "endpoint" in config else "https://",
            "apikey": next(iter(config["apikeys"]), None),
            "paths": {"vision": "images", "embeddings": "embeddings", **config["paths"]},
            "auth_data": {**without_box_ai(config), "_extra_fields": {}},
            "context": {**NO_CONTEXT, **config["context"]} if "context" in config else None,
            "rate_per_min": config.get("rate_per_min", 20),
        },
    }


NO_CONTEXT: Final = {"system_description": None, "policy_description": None}
DEFAULTS: Final[Properties] = {
    "tools": [],
    "model_jwt_config": None,
    "model_auth_type": "apikey",
    "input_modalities": [],
    "output_modalities": [],
    "custom_curl_command": None,
    "custom_headers": [],
    "custom_payload": {},
    "custom_response_content_type": "",
    "custom_response_format": "",
}
"""The defaults of the client's class."""


def _shown_url(endpoint: Properties) -> str:
    port = "" if endpoint["port"] in (80, 443) else f":{endpoint['port']}"
    path = "/" + endpoint["base_path"].strip("/") if endpoint["base_path"] else ""
    return f"{endpoint['scheme']}://{endpoint['host']}{port}{path}"


# ---- inputs that both can express


def expressible() -> Fields:
    """Generate canonical inputs of v2 that the client can express too; test_payload.py lists those that it cannot."""
    return st.builds(_narrowed, registrations("v2"), st.booleans())


def _narrowed(program: Properties, has_endpoint: bool) -> Properties:
    inputs = canonical(program, dialect="v2")
    config = {k: v for k, v in inputs["model_config"].items() if k not in ("context", "rate_per_min")}
    config["auth_data"] = without_box_ai(config)
    if has_endpoint or not config.get("custom_curl_command"):
        config["endpoint"] = {**config["endpoint"], "base_path": _first(config["endpoint"]["base_path"])}
        config["paths"] = _paths(config["paths"], config["endpoint"]["base_path"])
    else:
        del config["endpoint"]
        config["paths"] = _whole(config["paths"])
    return {**inputs, "model_config": {**config, "apikeys": config["apikeys"][:1], "model_provider": ""}}


def _first(path: str) -> str:
    return "/" + path.strip("/").split("/")[0]


def _paths(paths: Properties, base_path: str) -> Properties:
    """Return all four paths, or the two that are the end of a URL."""
    if {"vision", "embeddings"} & paths.keys() or base_path == "/":
        return _whole(paths)
    chat = paths["chat"].rstrip("/")
    return {"completions": chat and "/" + chat.rpartition("/")[2], "chat": chat}


def _whole(paths: Properties) -> Properties:
    return {"vision": "/v", "embeddings": "/e", **paths}
