"""The base class of every document, and the properties of each declared field."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .markers import ABSENT, Option, ReadAs, RequiredUnless, Secret, ServerSet
from .plain import whole

M = TypeVar("M")


class Document(BaseModel):
    """An object of the API. The docstring below a field documents it: `make generate` reads it, because pydantic's
    `use_attribute_docstrings` would cost each command 65 ms. A field whose default is None is absent unless set.

    pydantic reserves the API's own name `model_config`, so it is the alias of the field `config`.
    """

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        # Printing a ValidationError must not print a key.
        hide_input_in_errors=True,
        defer_build=True,
    )


@dataclass(frozen=True, eq=False)
class FieldOf:
    """One field of a document, by its dotted path from the root; a field of a list's items has the list's path."""

    path: str
    info: FieldInfo
    parent: FieldOf | None = None

    @cached_property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @cached_property
    def document(self) -> type[Document] | None:
        """The class of the object, or of the list's items; None for any other value."""
        return _document_in(self.info.annotation)

    @cached_property
    def is_list(self) -> bool:
        return any(get_origin(kind) is list for kind, _ in _alternatives(self.info.annotation))

    @cached_property
    def is_map(self) -> bool:
        """Whether it accepts fields with any name."""
        document = self.document
        is_open = document is not None and document.model_config.get("extra") == "allow"
        return is_open or any(get_origin(kind) is dict for kind, _ in _alternatives(self.info.annotation))

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The allowed strings, if they are a closed set."""
        kinds = _value_types(self.info.annotation)
        return tuple(text for kind in kinds if get_origin(kind) is Literal for text in get_args(kind))

    @property
    def constraints(self) -> tuple[Any, ...]:
        """The metadata of its type annotation."""
        return (*self.info.metadata, *(one for _, data in _alternatives(self.info.annotation) for one in data))

    def constraint(self, kind: type[M]) -> M | None:
        """Return the outermost constraint of that class, or None."""
        return next((found for found in reversed(self.constraints) if isinstance(found, kind)), None)

    @property
    def bounds(self) -> str:
        """The range of a number, such as `from 1 to 65535` or `1 or more`; empty if it has none."""
        lowest, highest = self.constraint(Ge), self.constraint(Le)
        if lowest and highest:
            return f"from {lowest.ge} to {highest.le}"
        return f"{lowest.ge} or more" if lowest else ""

    @property
    def value_type(self) -> type:
        """The type of its value, or of its list's items."""
        kind: type = next(_value_types(self.info.annotation))
        return {Literal: str, dict: dict}.get(get_origin(kind), kind)

    @cached_property
    def default(self) -> Any:
        """Its default; ABSENT if it has none, or one that depends on other fields."""
        if self.info.default is not PydanticUndefined:
            return ABSENT if self.info.default is None else self.info.default
        if self.document is None or self.info.is_required():
            return ABSENT
        return self.document().model_dump(by_alias=True, exclude_none=True)

    @property
    def is_required(self) -> bool:
        """Whether a program must set it if it sets the object that contains it."""
        return self.info.is_required() or self.marker(RequiredUnless) is not None

    @property
    def is_argument(self) -> bool:
        return self.marker(ServerSet) is None

    def marker(self, kind: type[M]) -> M | None:
        """Return the field's own marker of that class, or None."""
        return self._markers.get(kind)

    @cached_property
    def _markers(self) -> dict[type, Any]:
        return {type(marker): marker for marker in self.info.metadata}

    @cached_property
    def is_secret(self) -> bool:
        """Whether it is declared as a secret, or is inside one."""
        return self.marker(Secret) is not None or (self.parent is not None and self.parent.is_secret)


def fields(document: type[Document], parent: FieldOf | None = None) -> Iterator[FieldOf]:
    """Yield every field, each before the fields of its own document."""
    for name, info in in_order(document):
        path = f"{parent.path}." if parent else ""
        field = FieldOf(f"{path}{info.alias or name}", info, parent)
        yield field
        if field.document:
            yield from fields(field.document, field)


def in_order(document: type[Document]) -> list[tuple[str, FieldInfo]]:
    """Return the fields of one document with their names: arguments, then options, then outputs of the server."""
    return sorted(document.model_fields.items(), key=lambda field: _place(field[1]))


def _place(info: FieldInfo) -> int:
    return max((1 + _LAST.index(type(one)) for one in info.metadata if type(one) in _LAST), default=0)


_LAST: Final = (Option, ServerSet)


def _alternatives(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield each alternative type of a union, with its metadata."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        for part in inner:
            yield from _alternatives(part, metadata)
    elif origin is Annotated:
        yield from _alternatives(inner[0], (*metadata, *inner[1:]))
    else:
        yield annotation, metadata


def _value_types(annotation: Any) -> Iterator[Any]:
    """Yield each type that a value, or an item of its list, may have."""
    for kind, _ in _alternatives(annotation):
        if get_origin(kind) is list:
            yield from _value_types(get_args(kind)[0])
        elif kind is not type(None):
            yield kind


def _document_in(annotation: Any) -> type[Document] | None:
    found = (kind for kind in _value_types(annotation) if isinstance(kind, type) and issubclass(kind, Document))
    return next(found, None)


# ---- reading responses


@functools.cache
def tolerant(document: type[Document]) -> type[BaseModel]:
    """Return the document with only the types of its fields checked: unknown values and new fields are accepted."""
    extra: Literal["allow", "ignore"] = "allow" if document.model_config.get("extra") == "allow" else "ignore"
    found: dict[str, Any] = {name: _tolerant(info) for name, info in document.model_fields.items()}
    if extra == "allow":
        found = {name: (Annotated[kind, WrapValidator(_as_it_is)], field) for name, (kind, field) in found.items()}
    config = ConfigDict(extra=extra, protected_namespaces=(), hide_input_in_errors=True, defer_build=True)
    return create_model(f"{document.__name__}Response", __config__=config, **found)


def _tolerant(info: FieldInfo) -> tuple[Any, Any]:
    kind, inner = _loosened(info.annotation), _document_in(info.annotation)
    if factory := info.default_factory:
        return kind, Field(default_factory=tolerant(inner) if inner else factory, alias=info.alias)
    read_as = next((marker.value for marker in info.metadata if isinstance(marker, ReadAs)), info.default)
    if any(isinstance(marker, ServerSet) for marker in info.metadata):
        kind = Annotated[kind, WrapValidator(_or_absent)]
    return kind, Field(read_as, alias=info.alias)


def _or_absent(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Tolerate an output of an unexpected type: read a number as a string, and drop anything else.

    A large whole number is rounded to a double, as the engine will store it.
    """
    for given in (value, str(value) if isinstance(value, int | float) else None):
        with contextlib.suppress(ValidationError, OverflowError):
            found = validate(given)
            return int(float(found)) if isinstance(found, int) else found
    return None


def _as_it_is(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Tolerate a value of an unexpected type under a known name of an open map, which may hold any value."""
    try:
        return validate(value)
    except ValidationError as error:
        is_text = type(value) in (int, float) and error.errors()[0]["type"] == "string_type"
        if is_text or value in ("", [], {}):  # only spelt differently: `_mend` corrects it
            raise
        return value


def _loosened(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _loosened(inner[0])
    if origin is Literal:
        return str
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, map(_loosened, inner))
    if annotation is float:
        return Annotated[float, AfterValidator(whole)]
    if origin is list:
        return list[_loosened(inner[0])]  # type: ignore[misc]  # a type made at run time
    return tolerant(annotation) if isinstance(annotation, type) and issubclass(annotation, Document) else annotation
