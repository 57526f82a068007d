"""Errors as the engine shows them, in one line; a registration that exists but is not usable yet is kept."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from ...errors import EnkryptError
from ..package_names import TYPES, problem_in_package

T = TypeVar("T")
Context: TypeAlias = Any
"""`grpc.ServicerContext`; the library has no types."""


class InitFailed(EnkryptError):
    """A registration exists but is not usable yet."""

    def __init__(self, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__("; ".join(detail.reasons))
        self.detail = detail


def one_line(call: Callable[[Any, Any, Context], T]) -> Callable[[Any, Any, Context], T]:
    """Show an expected error as one line, in the package's names; a bug keeps its traceback."""

    @functools.wraps(call)
    def wrapped(plugin: Any, request: Any, context: Context) -> T:
        try:
            return call(plugin, request, context)
        except EnkryptError as error:
            kind = TYPES.get(getattr(request, "type", ""))
            message = problem_in_package(kind, str(error)) if kind else str(error)
            detail = error.detail if isinstance(error, InitFailed) else None
        except Exception:  # noqa: BLE001 - gRPC would show only the last line
            message, detail = traceback.format_exc(), None
        _abort(context, message, detail)

    return wrapped


def _abort(context: Context, message: str, detail: provider_pb2.ErrorResourceInitFailed | None) -> NoReturn:
    if detail is not None:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort has raised")
