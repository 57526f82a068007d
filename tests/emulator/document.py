"""The least that each dialect takes, and the headers that name a model; imports little, for tests' own processes."""

from typing import Any

IDENTITY = {"X-Enkrypt-Model": "Test_Model", "X-Enkrypt-Model-Version": "1"}


def v1(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """The least that dialect v1 takes, and what the test adds to its model_config."""
    least = {"is_compatible_with": "openai", "model_version": "1", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_config": {**least, **config}}


def v2(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """The least that dialect v2 takes, and what the test adds to its model_config."""
    least = {"model_provider": "openai", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_version": "1", "model_config": {**least, **config}}


def called(name: str, version: str = "1") -> dict[str, str]:
    return {"X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}
