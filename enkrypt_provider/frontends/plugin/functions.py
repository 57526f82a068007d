"""The functions of the native package: registrations as they are now, read-only and without secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from ...api.client import EnkryptClient
from ...core import diff as differences
from ...errors import ConfigurationError, ModelNotFound
from ...kinds import codec
from ...kinds.kind import Json, Kind, Live, Properties
from ...kinds.model import MODEL
from ..package_names import to_package

IN_PREVIEW: Final = (
    "; if this stack registers it, let the call depend on one of its outputs that the API sets, such as modelId"
)


def get_model(client: EnkryptClient, arguments: Properties, *, preview: bool = False) -> Properties:
    """Return one registration, by `name` and `version`. Raise `ModelNotFound`, naming what comes near."""
    name, version = arguments.get("name"), arguments.get("version", "")
    if not isinstance(name, str) or not name or not isinstance(version, str):
        raise ConfigurationError("getModel: name is required, a string; version is a string")
    try:
        return shown(MODEL, client.registered(MODEL.identity_from(f"{name}/{version}")))
    except ModelNotFound as error:
        raise ModelNotFound(f"{error}{IN_PREVIEW if preview else ''}", status=404) from None


def list_models(client: EnkryptClient, arguments: Properties, *, preview: bool = False) -> Properties:  # noqa: ARG001
    """Return the registrations whose name matches the pattern `name`, in the order of their names."""
    pattern = arguments.get("name") or "*"
    if not isinstance(pattern, str):
        raise ConfigurationError("listModels: name is a string, a pattern with * and ?")
    found = [_read(client, item) for item in client.list_models() if isinstance(item, dict)]
    matching = [live for live in found if fnmatchcase(live.identity.name, pattern)]
    return {"models": [shown(MODEL, live) for live in sorted(matching, key=lambda live: str(live.identity))]}


FUNCTIONS: Final[Mapping[str, Callable[..., Properties]]] = {
    "enkrypt:index:getModel": get_model,
    "enkrypt:index:listModels": list_models,
}


def _read(client: EnkryptClient, item: Json) -> Live:
    return codec.read(MODEL, item) if codec.is_whole(MODEL, item) else client.get_model(MODEL.identity_in(item))


def shown(kind: Kind, live: Live) -> Properties:
    """A registration in the package's names, without what is secret."""
    found: dict[str, Any] = {**differences.without_secrets(live.inputs, kind), **live.computed}
    return to_package(kind, found)
