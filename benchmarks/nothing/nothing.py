"""A dynamic provider with the same inputs and outputs that sends nothing: the cost of engine and SDK alone."""

from typing import Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

COMPUTED = {
    "model_id": 1234567890,
    "project_name": "default",
    "created_at": "2024-10-15T17:22:47.872389+00:00",
    "updated_at": "2024-10-15T17:22:47.872389+00:00",
}


class Nothing(ResourceProvider):
    serialize_as_secret_always = False

    def check(self, _olds: Any, news: Any) -> CheckResult:
        return CheckResult(news, [])

    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        return DiffResult(changes=False)

    def create(self, props: Any) -> CreateResult:
        return CreateResult(f"{props['model_saved_name']}/1", {**props, **COMPUTED})

    def read(self, id_: str, props: Any) -> ReadResult:
        return ReadResult(id_, {**props}, {k: v for k, v in props.items() if k not in COMPUTED})


class Model(Resource, module="bench", name="Model"):
    def __init__(self, name: str, props: Any) -> None:
        super().__init__(Nothing(), name, {**props, **dict.fromkeys(COMPUTED)})
