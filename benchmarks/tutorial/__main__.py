"""A dynamic provider as in Pulumi's documentation: in the program, one client per call, a read after each write."""

import sys
from typing import Any

import httpx
import pulumi
from document import document
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

ENDPOINT = pulumi.Config("enkrypt").require("endpoint")
KEY = "stand-in-account-key"


def headers(id_: str) -> dict[str, str]:
    name, version = id_.split("/")
    return {"apikey": KEY, "X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}


def body(props: Any) -> Any:
    return {k: v for k, v in props.items() if k in NAMES} | {"model_config": whole(props["model_config"])}


def whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: whole(v) for k, v in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


NAMES = ("model_saved_name", "testing_for", "model_name", "model_type", "certifications", "model_config")


class Tutorial(ResourceProvider):
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        return DiffResult(changes=any(_olds.get(k) != _news.get(k) for k in NAMES))

    def create(self, props: Any) -> CreateResult:
        id_ = f"{props['model_saved_name']}/{props['model_config']['model_version']}"
        with httpx.Client(base_url=ENDPOINT) as client:
            client.post("/models/add-model", json=body(props), headers={"apikey": KEY}).raise_for_status()
        return CreateResult(id_, self.read(id_, props).outs)

    def read(self, id_: str, _props: Any) -> ReadResult:
        with httpx.Client(base_url=ENDPOINT) as client:
            found = client.get("/models/get-model", headers=headers(id_))
        found.raise_for_status()
        return ReadResult(id_, found.json())

    def delete(self, _id: str, _props: Any) -> None:
        with httpx.Client(base_url=ENDPOINT) as client:
            client.delete("/models/delete-model", headers=headers(_id)).raise_for_status()


# Not in the documentation: the SDK pickles each model one call deeper than the last; about 180 exceed Python's limit.
sys.setrecursionlimit(10_000)


class Model(Resource):
    def __init__(self, name: str, props: Any) -> None:
        super().__init__(Tutorial(), name, {**props, "model_id": None})


for number in range(pulumi.Config().require_int("models")):
    Model(f"model-{number}", document(number, pulumi.Output.secret("stand-in-key")))
