"""Minimal bodies of each dialect, and identity headers. Imports little, because subprocesses import it too."""

from typing import Any

IDENTITY = {"X-Enkrypt-Model": "Test_Model", "X-Enkrypt-Model-Version": "1"}


def v1(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """Return a minimal body of v1, with `config` added to its model_config."""
    least = {"is_compatible_with": "openai", "model_version": "1", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_config": {**least, **config}}


def v2(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """Return a minimal body of v2, with `config` added to its model_config."""
    least = {"model_provider": "openai", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_version": "1", "model_config": {**least, **config}}


def called(name: str, version: str = "1") -> dict[str, str]:
    return {"X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}


SECRETS: list[tuple[str, Any]] = [
    ("v1", v1(apikeys=["sk-SECRET", "me"], system_prompt="sk-SECRET is for me")),
    ("v1", v1(apikeys="sk-SECRET")),
    ("v1", v1(apikey="sk-SECRET")),
    ("v1", {**v1(), "api_key": {"deeper": ["sk-SECRET"]}}),
    ("v1", {**v1(), "model_config": {"apikeys": "sk-SECRET"}}),
    ("v1", v1(metadata={"aws_secret": "sk-SECRET", "session": {"Token": ["sk-SECRET"]}, "password": "sk-SECRET"})),
    ("v1", v1(default_request_options={"extra_headers": {"Authorization": "Bearer SECRET"}})),
    ("v1", [v1(apikeys=["sk-SECRET"])]),
    (
        "v1",
        {**v1(apikeys=["sk-SECRET"], endpoint={"host": "h", "base_path": "/sk-SECRET"}), "model_name": "sk-SECRET"},
    ),
    ("v2", v2("b", custom_headers=[{"key": "X-Key", "value": "sk-SECRET"}])),
    ("v2", v2("b", custom_curl_command="curl -H 'Authorization: sk-SECRET'")),
    ("v2", v2("b", model_jwt_config={"jwt_body": "SECRET", "jwt_headers": [{"key": "a", "value": "SECRET"}]})),
    ("v2", v2("b", custom_payload={"password": "SECRET"})),
]
"""Bodies of each dialect with a secret in its own field, pasted elsewhere, or in a wrong field."""
