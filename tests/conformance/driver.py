"""Runs the official client in its own process: one JSON request per line in, one JSON answer per line out.

It runs in the client's own environment (client.py). The client is unmodified; nothing here knows the provider or
asserts anything.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from enkryptai_sdk import DeploymentClient, GuardrailsClient, ModelClient, ModelProviders
from enkryptai_sdk.config import GuardrailsConfig
from enkryptai_sdk.dto import common, deployments, guardrails, models

Json = Any


def release() -> Json:
    """Return the version of the client, and its files whose hashes differ from its wheel's."""
    distribution = importlib.metadata.distribution("enkryptai-sdk")
    wanted = {file: file.hash.value for file in distribution.files or () if file.hash}
    changed = [str(file) for file, digest in wanted.items() if _digest(Path(file.locate())) != digest]
    return {"version": distribution.version, "files": len(wanted), "changed": changed}


def _digest(file: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()


def vocabulary() -> Json:
    """Return the client's closed sets and the fields of its classes."""
    sets = (ModelProviders, models.InputModality, models.OutputModality, common.ModelAuthTypeEnum)
    classes = (
        models.ModelConfig,
        models.ModelConfigDetails,
        models.PathsConfig,
        models.BoxAIAuthData,
        models.ModelContext,
    )
    return {
        **{kind.__name__: [str(item.value) for item in kind] for kind in (*sets, common.ModelJwtMethodEnum)},
        **{cls.__name__: [it.name for it in dataclasses.fields(cls)] for cls in (*classes, common.ModelJwtConfig)},
    }


def payload(config: Json) -> Json:
    """Return the payload that the client builds from a user's dictionary."""
    return ModelClient.prepare_model_payload(config)


def add_model(url: str, key: str, config: Json) -> Json:
    return ModelClient(key, url).add_model(_sendable(config)).to_dict()


def get_model(url: str, key: str, name: str, version: str) -> Json:
    return ModelClient(key, url).get_model(name, version).to_dict()


def list_models(url: str, key: str) -> Json:
    """Return the collection, or what the client returns instead if it fails."""
    found = ModelClient(key, url).get_model_list()
    return found if isinstance(found, dict) else found.to_dict()


def table_of_models(url: str, key: str) -> Json:
    """Return the collection as the client's table."""
    frame = ModelClient(key, url).get_model_list().to_dataframe()
    return {"columns": list(frame.columns), "names": list(frame["model_saved_name"])}


def modify_model(url: str, key: str, config: Json, **old: str) -> Json:
    return ModelClient(key, url).modify_model(_sendable(config), **old).to_dict()


def delete_model(url: str, key: str, name: str, version: str) -> Json:
    return ModelClient(key, url).delete_model(name, version).to_dict()


def _sendable(config: Json) -> Any:
    # The client cannot send its own object for JWT: a user must put the dictionary back.
    jwt = config["model_config"].get("model_jwt_config")
    model = models.ModelConfig.from_dict(config)
    model.model_config.model_jwt_config = jwt
    return model


# ---- guardrails policies and deployments


def detectors(detectors: Json) -> Json:
    """Return detectors as the client's classes send them."""
    return guardrails.GuardrailDetectors.from_dict(detectors).to_dict()


def preset(name: str) -> Json:
    """Return the detectors of one of the client's presets."""
    return getattr(GuardrailsConfig, name)().as_dict()


def deployment(config: Json) -> Json:
    """Return the payload that the client builds from a user's dictionary."""
    return deployments.DeploymentInput.from_dict(config).to_dict()


def blocks() -> Json:
    """Return what the client lets a deployment block, in requests and in responses."""
    return [
        [str(it.value) for it in kind]
        for kind in (deployments.InputGuardrailBlockType, deployments.OutputGuardrailBlockType)
    ]


def policy_life(url: str, key: str, step: str, **arguments: Json) -> Json:
    """Call `add`, `get`, `list`, `modify` or `delete` for a policy."""
    call = "get_policy_list" if step == "list" else f"{step}_policy"
    found = getattr(GuardrailsClient(key, url), call)(**arguments)
    # Its `to_dict` of a deletion fails: it reads a field that the class does not have.
    return {"message": found.message, "data": vars(found.data)} if step == "delete" else found.to_dict()


def deployment_life(url: str, key: str, step: str, **arguments: Json) -> Json:
    """The same for a deployment."""
    call = "list_deployments" if step == "list" else f"{step}_deployment"
    return getattr(DeploymentClient(key, url), call)(**arguments).to_dict()


CALLS: Mapping[str, Callable[..., Json]] = {
    call.__name__: call
    for call in (
        release, vocabulary, payload, add_model, get_model, list_models, table_of_models,
        modify_model, delete_model, detectors, preset, deployment, blocks, policy_life, deployment_life,
    )
}  # fmt: skip


def answer(request: Json) -> Json:
    """Return `{"ok": …}`, or `{"kind": …, "message": …}` for an exception of the client."""
    try:
        return {"ok": CALLS[request.pop("call")](**request)}
    except Exception as error:  # noqa: BLE001 - the client may raise anything; the tests check what
        return {"kind": type(error).__name__, "message": str(error)}


def main() -> None:
    """Answer requests until the last one."""
    out, sys.stdout = sys.stdout, sys.stderr  # the client's own output is not an answer
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=lambda found: found.to_dict()), file=out, flush=True)


if __name__ == "__main__":
    main()
