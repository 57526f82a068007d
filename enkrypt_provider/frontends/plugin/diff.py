"""The core's changes as the engine shows them: property paths, each with the kind of change."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from pulumi.runtime.proto import provider_pb2

from ...core.diff import Change, Rule
from ...core.requests import DiffResult
from ...kinds.kind import Kind, Properties
from ...kinds.markers import ABSENT
from ...kinds.secrets import Path
from ..package_names import package_steps, property_path

PropertyDiff = provider_pb2.PropertyDiff


def diff_response(kind: Kind, result: DiffResult, old: Properties, new: Properties) -> provider_pb2.DiffResponse:
    """Return the response for changes between two documents with the API's names."""
    changes = result.changes
    if not changes:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
    detailed: dict[str, Any] = {}
    names: dict[str, bool] = {}
    for change in changes:
        path = steps(change.path, old, new)
        shown = package_steps(kind, path)
        detailed[property_path(shown)] = PropertyDiff(kind=_kind(change, path, old, new), inputDiff=True)
        names[str(shown[0])] = change.rule is Rule.REPLACE or names.get(str(shown[0]), False)
    identity = kind.known_identity(new)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME,
        diffs=list(names),
        replaces=[name for name, replaces in names.items() if replaces],
        detailedDiff=detailed,
        hasDetailedDiff=True,
        # A replacement for any other reason, such as `replaceOnChanges`, would conflict with the old registration.
        deleteBeforeReplace=result.deletes_first
        or (identity is not None and not any(change.rule is Rule.REPLACE for change in changes)),
    )


def _kind(change: Change, path: Path, old: Properties, new: Properties) -> Any:
    if change.rule is Rule.REPLACE:
        return PropertyDiff.UPDATE_REPLACE  # an identity always has a value; the API's id changes to another
    is_absent = _at(old, path) is ABSENT, _at(new, path) is ABSENT
    return {(True, False): PropertyDiff.ADD, (False, True): PropertyDiff.DELETE}.get(is_absent, PropertyDiff.UPDATE)


def steps(path: str, *documents: Properties) -> Path:
    """Split a dotted path into names; in a map that takes any name, a name may itself contain dots."""
    return next(chain.from_iterable(_splits(path, document) for document in documents), tuple(path.split(".")))


def _splits(path: str, document: Any) -> Iterator[Path]:
    if not isinstance(document, dict):
        return
    if path in document:
        yield (path,)
    for name, value in document.items():
        if path.startswith(f"{name}."):
            yield from ((name, *rest) for rest in _splits(path[len(name) + 1 :], value))


def _at(document: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return ABSENT
        document = document[name]
    return document
