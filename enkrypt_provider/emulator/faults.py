"""The fault dial: which calls fail, when, and how. It is kept in the database, so all processes share one dial.

This module defines faults, their notation on the command line, and when they fire; fault_effects, what they do.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from .database import Database
from .mistakes import first_mistake
from .store import Identity

CallName = Literal[
    "add_model", "get_model", "list_models", "modify_model", "delete_model", "model_health", "consumer_info",
    "add_policy", "get_policy", "list_policies", "modify_policy", "delete_policy",
    "add_deployment", "get_deployment", "list_deployments", "modify_deployment", "delete_deployment", "*",
]  # fmt: skip
Garbage = Literal["html", "empty", "wrong_types", "missing_data", "another_model", "huge", "deep", "gzip_bomb"]
MIB = 2**20
_HeaderText = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$")]
_Seconds = Annotated[_HeaderText, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


class FaultError(ValueError):
    """An invalid fault; the message names the field and its rule."""


class Fault(BaseModel):
    """Makes calls fail in one way. With no condition every call fails; several conditions must all hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: CallName = "*"
    """The API call that fails; `*` is any."""
    model: str | None = None
    """Only this model: its name, or `name/version`."""
    nth: Annotated[int | None, Field(ge=1)] = None
    """Only the nth matching call, counted from 1 across all processes."""
    first: Annotated[int | None, Field(ge=1)] = None
    """Only the first N matching calls."""
    probability: Annotated[float | None, Field(ge=0, le=1)] = None
    """Only with this probability; `seed` and the number of the call decide."""
    seed: int | None = None

    delay: Annotated[float, Field(ge=0, le=3600)] = 0
    """Seconds to wait before anything else."""
    reset: Literal["before", "after"] | None = None
    """Resets the connection before or after the work is done."""
    status: Annotated[int | None, Field(ge=200, le=599)] = None
    """Responds with this status without doing the work."""
    location: _HeaderText | None = None
    """Redirects there, with status 307 unless `status` is set."""
    retry_after: _Seconds | None = None
    """The header `Retry-After`: seconds, or a date."""
    body: str | None = None
    """The text of the response, instead of the API's error."""
    work: bool = False
    """Does the work despite `status` or `location`."""
    truncate: bool = False
    """Does the work and sends half of the response."""
    garbage: Garbage | None = None
    """Does the work and responds with something else."""
    size: Annotated[int, Field(ge=1, le=1024 * MIB)] = 64 * MIB
    """Bytes of padding in a `huge` response or an unpacked `gzip_bomb`."""
    stale: bool = False
    """Reads the state before the last write to the model (get_model) or to the account (list_models)."""
    mask_apikeys: bool = False
    """Shows xxxxx for every stored key."""
    without_details: bool = False
    """Lists models without their `model_config`."""

    @model_validator(mode="after")
    def _does_something(self) -> Fault:
        if not any(getattr(self, name) for name in _EFFECTS):
            raise ValueError(f"has no effect; set one of {', '.join(_EFFECTS)}")
        if (self.retry_after is not None or self.body is not None or self.work) and not self.is_status:
            raise ValueError("retry_after, body and work need status or location")
        return self

    @property
    def is_status(self) -> bool:
        return self.status is not None or self.location is not None

    def is_about(self, call: str, identity: Identity | None) -> bool:
        if self.call not in ("*", call):
            return False
        return self.model is None or (
            identity is not None and self.model in (identity.model_saved_name, str(identity))
        )

    def fires(self, met: int) -> bool:
        """Return whether the `met`th matching call fails; the result is deterministic."""
        if self.nth is not None and met != self.nth:
            return False
        if self.first is not None and met > self.first:
            return False
        return self.probability is None or _chance(self.seed, met) < self.probability

    def spelled(self) -> str:
        """Return the command-line notation, which `spelled_fault` parses."""
        said = self.model_dump(exclude_defaults=True, exclude={"call"})
        return f"{self.call}:" + ",".join(
            name if value is True else f"{name}={value}" for name, value in said.items()
        )


_EFFECTS = ("status", "location", "delay", "reset", "truncate", "garbage", "stale", "mask_apikeys", "without_details")
_FAULTS = TypeAdapter(list[Fault])


def _chance(seed: int | None, met: int) -> float:
    return random.Random(f"{seed}:{met}").random()  # noqa: S311 - it must be reproducible


def spelled_fault(text: str) -> Fault:
    """Parse `add_model:status=503,retry_after=2,first=3`; a name without a value is true."""
    call, _, rest = text.partition(":")
    fields: dict[str, str] = {"call": call}
    for item in filter(None, rest.split(",")):
        name, equals, value = item.partition("=")
        fields[name.strip()] = value if equals else "true"
    try:
        return Fault.model_validate_strings(fields)
    except ValidationError as error:
        raise FaultError(first_mistake(error, "")) from error


def faults_in(value: Any) -> list[Fault]:
    """Parse a JSON list of faults."""
    try:
        return _FAULTS.validate_python(value, strict=True)
    except ValidationError as error:
        raise FaultError(first_mistake(error, "the faults")) from error


class Dial:
    """The faults of one database, each with the number of calls that matched it."""

    def __init__(self, database: Database, seed: int) -> None:
        self._database = database
        self._seed = seed

    def set(self, faults: Iterable[Fault], *, anew: bool) -> None:
        """Replace all faults and reset the counts; unless `anew`, setting the same faults again keeps the counts."""
        wanted = [self._kept(fault, number) for number, fault in enumerate(faults)]
        with self._database.writing() as connection:
            rows = connection.execute("SELECT fault FROM faults ORDER BY number").fetchall()
            if anew or [row[0] for row in rows] != wanted:
                connection.execute("DELETE FROM faults")
                connection.executemany("INSERT INTO faults VALUES (?, ?, 0)", list(enumerate(wanted)))

    def _kept(self, fault: Fault, number: int) -> str:
        """Return the stored form, with a seed for each probability, so that faults of one dial fire independently."""
        if fault.probability is not None and fault.seed is None:
            fault = fault.model_copy(update={"seed": self._seed * 1000 + number})
        return fault.model_dump_json(exclude_defaults=True)

    def setting(self) -> list[tuple[Fault, int]]:
        """Return each fault with the number of calls that matched it."""
        with self._database.connection() as connection:
            rows = connection.execute("SELECT fault, met FROM faults ORDER BY number").fetchall()
        return [(_fault(text), met) for text, met in rows]

    def is_set(self) -> bool:
        with self._database.connection() as connection:
            return connection.execute("SELECT 1 FROM faults").fetchone() is not None

    def fire(self, call: str, identity: Identity | None) -> list[Fault]:
        """Count a call and return the faults that fire."""
        if not self.is_set():
            return []
        with self._database.writing() as connection:
            rows = connection.execute("SELECT number, met + 1, fault FROM faults ORDER BY number").fetchall()
            met = [row for row in rows if _fault(row[2]).is_about(call, identity)]
            connection.executemany("UPDATE faults SET met = ?2 WHERE number = ?1", [row[:2] for row in met])
        return [_fault(text) for _, count, text in met if _fault(text).fires(count)]


@lru_cache(maxsize=256)
def _fault(text: str) -> Fault:
    return Fault.model_validate_json(text)


def as_json(setting: Iterable[tuple[Fault, int]]) -> list[dict[str, Any]]:
    return [
        {"fault": fault.model_dump(exclude_defaults=True), "spelled": fault.spelled(), "met": met}
        for fault, met in setting
    ]
