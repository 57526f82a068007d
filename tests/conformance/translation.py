"""The same model as a program declares it and as a user of the official client writes it.

Written from the client's own classes, not from the provider's mapping. No test lives here.
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
"""What has one name and one place in `model_config` for both."""


def as_person(inputs: Properties) -> Json:
    """The dictionary that a user of the client writes for canonical `inputs`, as far as the client can say them."""
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
            "auth_data": sayable_auth_data(config),
            "model_provider": config["is_compatible_with"],
            "endpoint_url": _url(config["endpoint"], "" if given else paths["chat"]) if "endpoint" in config else "",
            "apikey": next(iter(config["apikeys"]), None),
        },
    }


def sayable_auth_data(config: Properties) -> Properties:
    """`auth_data` without what the client has a class for and neither sends nor reads."""
    return {name: value for name, value in config["auth_data"].items() if name not in BOXAI}


def _url(endpoint: Properties, path: str) -> str:
    return f"{endpoint['scheme']}://{endpoint['host']}:{endpoint['port']}{endpoint['base_path']}{path}"


def as_seen(inputs: Properties) -> Json:
    """What the client's own class holds of a registration of canonical `inputs`, the server's fields aside."""
    config = inputs["model_config"]
    said = {name: config[name] for name in SAME if name in config}
    return {
        **{name: inputs[name] for name in ("model_saved_name", "testing_for", "model_name", "certifications")},
        "model_version": config["model_version"],
        "model_config": {
            **NOT_SAID,
            **said,
            "model_provider": config["is_compatible_with"],
            "endpoint_url": _shown_url(config["endpoint"]) if "endpoint" in config else "https://",
            "apikey": next(iter(config["apikeys"]), None),
            "paths": {"vision": "images", "embeddings": "embeddings", **config["paths"]},
            "auth_data": {**sayable_auth_data(config), "_extra_fields": {}},
            "context": {**NO_CONTEXT, **config["context"]} if "context" in config else None,
            "rate_per_min": config.get("rate_per_min", 20),
        },
    }


NO_CONTEXT: Final = {"system_description": None, "policy_description": None}
NOT_SAID: Final[Properties] = {
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
"""What the client's class has where nothing was said."""


def _shown_url(endpoint: Properties) -> str:
    port = "" if endpoint["port"] in (80, 443) else f":{endpoint['port']}"
    path = "/" + endpoint["base_path"].strip("/") if endpoint["base_path"] else ""
    return f"{endpoint['scheme']}://{endpoint['host']}{port}{path}"


# ---- what both can say


def sayable() -> Fields:
    """Canonical inputs of v2 that the client can say too: what it cannot is a table in test_payload.py."""
    return st.builds(_narrowed, registrations("v2"), st.booleans())


def _narrowed(program: Properties, has_endpoint: bool) -> Properties:
    inputs = canonical(program, dialect="v2")
    config = {k: v for k, v in inputs["model_config"].items() if k not in ("context", "rate_per_min")}
    config["auth_data"] = sayable_auth_data(config)
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
    """All four, or the two that are the rest of a URL."""
    if {"vision", "embeddings"} & paths.keys() or base_path == "/":
        return _whole(paths)
    chat = paths["chat"].rstrip("/")
    return {"completions": chat and "/" + chat.rpartition("/")[2], "chat": chat}


def _whole(paths: Properties) -> Properties:
    return {"vision": "/v", "embeddings": "/e", **paths}
