"""Programs that several tests share, and their arguments.

A program takes its models' key from the environment and does not mark it as a secret: the provider has to do that.
"""

from __future__ import annotations

from typing import Any, Final

MODEL_KEY: Final = "MODEL_KEY"
"""The environment variable that holds the key of a program's models."""

DECLARED: Final = """
import json
import os
from pathlib import Path

from enkrypt_provider import EnkryptModel

for name, model in json.loads(Path("models.json").read_text()).items():
    model["model_config"].setdefault("apikeys", [os.environ["MODEL_KEY"]])
    EnkryptModel(name, **model)
"""
"""Registers the models in `models.json`, by name."""


def model(name: str, **config: Any) -> dict[str, Any]:
    """The arguments of a small model."""
    reached = {"is_compatible_with": "openai", "endpoint": {"host": f"{name}.example.com"}}
    return {"model_saved_name": name, "model_config": {**reached, **config}}
